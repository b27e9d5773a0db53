// Role: configuration text into lines of words, includes and their patterns. Thread: any.
#include "common/conf/reader.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::conf {

namespace {

bool is_pattern(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

// The '/' only between the two, and none for the parts that stand for the root and the working directory.
std::string join_path(const std::string& dir, const std::string& name) {
  if (dir.empty() || dir.back() == '/') return dir + name;
  return dir + "/" + name;
}

Result<void> add_lines(std::vector<Line> lines, const Source& source, int depth, std::vector<Line>& out);

Result<void> add_file(const std::string& path, const Line& includer, const Source& source, int depth,
                      std::vector<Line>& out) {
  if (depth > kMaxIncludeDepth)
    return line_error(includer, 1, "include files are nested too deeply; is it a loop?");
  Result<std::string> text = source.read(path);
  if (!text) {
    return line_error(includer, 1,
                      "Fatal error, can't open config file '" + path + "': " + text.error().message);
  }
  Result<std::vector<Line>> lines = parse(*text, path);
  if (!lines) return lines.error();
  return add_lines(std::move(*lines), source, depth, out);
}

Result<void> add_lines(std::vector<Line> lines, const Source& source, int depth, std::vector<Line>& out) {
  for (Line& line : lines) {
    if (line.is_note || line.words[0] != "include") {
      out.push_back(std::move(line));
      continue;
    }
    if (line.words.size() != 2)
      return line_error(line, line.words.size() > 2 ? 2 : 0, "Bad directive or wrong number of arguments");
    const std::string& path = line.words[1];
    const std::vector<std::string> files =
        is_pattern(path) ? expand_pattern(path, source) : std::vector<std::string>{path};
    for (const std::string& file : files) {
      Result<void> added = add_file(file, line, source, depth + 1, out);
      if (!added) return added;
    }
  }
  return {};
}

// The word of a line with unbalanced quotes where they open: what follows the longest beginning of the line
// that can be read.
std::string unbalanced_word(std::string_view line) {
  std::string_view rest = line;
  for (size_t at = 0; at < line.size(); ++at) {
    if (text::is_space(line[at]) && text::split_args(line.substr(0, at))) rest = text::trim(line.substr(at));
  }
  const auto end = std::find_if(rest.begin(), rest.end(), [](char c) { return text::is_space(c); });
  return std::string(rest.begin(), end);
}

}  // namespace

std::vector<std::string> note_words(std::string_view line) {
  if (!line.starts_with(kNoteMark)) return {};
  auto words = text::split_args(line.substr(kNoteMark.size()));
  if (!words || words->empty()) return {};
  (*words)[0] = text::to_lower((*words)[0]);
  return std::move(*words);
}

Result<std::vector<Line>> parse(std::string_view text, std::string_view file) {
  std::vector<Line> lines;
  int number = 0;
  for (std::string_view raw : text::split(text, '\n')) {
    ++number;
    const std::string_view trimmed = text::trim(raw);
    if (trimmed.empty()) continue;
    Line line{std::string(file), number, std::string(trimmed), {}, false};
    if (trimmed[0] == '#') {
      line.words = note_words(trimmed);
      line.is_note = true;
      if (!line.words.empty()) lines.push_back(std::move(line));
      continue;
    }
    auto words = text::split_args(trimmed);
    if (!words) {
      line.words = {unbalanced_word(trimmed)};
      return line_error(line, 0, "Unbalanced quotes in configuration line");
    }
    if (words->empty()) continue;  // blanks that are not cut, such as a form feed
    line.words = std::move(*words);
    line.words[0] = text::to_lower(line.words[0]);
    lines.push_back(std::move(line));
  }
  return lines;
}

Result<std::vector<Line>> parse_with_includes(std::string_view text, std::string_view file,
                                              const Source& source) {
  Result<std::vector<Line>> lines = parse(text, file);
  if (!lines) return lines;
  std::vector<Line> all;
  Result<void> added = add_lines(std::move(*lines), source, 0, all);
  if (!added) return added.error();
  return all;
}

Error line_error(const Line& line, size_t word, std::string_view reason) {
  std::string message = "Reading the configuration file " + line.file + ", at line " +
                        text::to_text(line.number) + "\n>>> '" + line.text + "'\n";
  if (word < line.words.size()) message += "at the word '" + line.words[word] + "': ";
  message += reason;
  return Error{std::move(message), 0};
}

CommandLine parse_command_line(const std::vector<std::string>& args) {
  CommandLine command;
  size_t i = 0;
  if (!args.empty() && !args[0].empty() && args[0][0] != '-') command.config_file = args[i++];
  // A word that starts with "--" is a name only when the name before it got its value, so that values such as
  // `--requirepass --secret` work.
  bool expects_value = false;
  for (; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "-" && (i == 0 || i + 1 == args.size())) {
      command.from_stdin = true;
      continue;
    }
    if (expects_value || !arg.starts_with("--")) {
      text::append_repr(command.options, arg);
      command.options += ' ';
      expects_value = false;
      continue;
    }
    if (!command.options.empty()) command.options += '\n';
    command.options.append(arg, 2);
    command.options += ' ';
    const auto words = text::split_args(arg);
    expects_value = words && words->size() == 1;  // "--port 6380" in one argument brings its value along
    const bool no_value_follows = i + 1 == args.size() || args[i + 1].starts_with("--");
    if (expects_value && no_value_follows && text::iequals(arg, "--save")) {
      command.options += "\"\"";
      expects_value = false;
    } else if (expects_value && no_value_follows && text::iequals(arg, "--sentinel")) {
      expects_value = false;
    }
  }
  return command;
}

Result<std::vector<Line>> read_config(const CommandLine& command, std::string_view stdin_text,
                                      const Source& source) {
  std::vector<Line> all;
  if (!command.config_file.empty()) {
    Result<std::string> text = source.read(command.config_file);
    if (!text) {
      return Error{
          "Fatal error, can't open config file '" + command.config_file + "': " + text.error().message,
          text.error().code};
    }
    Result<std::vector<Line>> lines = parse_with_includes(*text, command.config_file, source);
    if (!lines) return lines;
    all = std::move(*lines);
  }
  const std::pair<std::string_view, std::string_view> texts[] = {
      {command.from_stdin ? stdin_text : std::string_view(), kStdin}, {command.options, kCommandLine}};
  for (const auto& [text, name] : texts) {
    Result<std::vector<Line>> lines = parse_with_includes(text, name, source);
    if (!lines) return lines;
    std::move(lines->begin(), lines->end(), std::back_inserter(all));
  }
  return all;
}

std::vector<std::string> expand_pattern(const std::string& pattern, const Source& source) {
  // Component by component; `found` holds the paths that match what was read so far.
  std::vector<std::string> found{pattern.starts_with('/') ? "/" : ""};
  const std::vector<std::string_view> parts = text::split(pattern, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    const std::string part(parts[i]);
    std::vector<std::string> next;
    for (const std::string& dir : found) {
      // Plain parts are listed too at the end of the path: what a pattern names has to exist.
      if (!is_pattern(part) && i + 1 < parts.size()) {
        next.push_back(join_path(dir, part));
        continue;
      }
      Result<std::vector<std::string>> names = source.list(dir.empty() ? "." : dir);
      if (!names) continue;
      std::sort(names->begin(), names->end());
      for (const std::string& name : *names) {
        if (name == "." || name == "..") continue;
        if (fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) next.push_back(join_path(dir, name));
      }
    }
    found = std::move(next);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace tessera::conf
