// Role: see manifest.h.
#include "server/persist/aof/manifest.h"

#include <algorithm>
#include <cstdlib>

#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::aof {

namespace {

constexpr size_t kLongestLine = 1024;
constexpr std::string_view kIncrementEnding = ".incr.aof";
constexpr const char* kFormat = "Invalid AOF manifest file format";

void add_line(std::string& out, const ManifestFile& file, char type) {
  bool plain = !file.name.empty();
  for (char c : file.name) plain &= text::is_print(c) && c != ' ' && c != '"' && c != '\\' && c != '\'';
  out += "file ";
  if (plain) {
    out += file.name;
  } else {
    text::append_repr(out, file.name);
  }
  out += " seq " + text::to_text(file.sequence) + " type ";
  out += type;
  out += '\n';
}

}  // namespace

Result<Manifest> Manifest::parse(std::string_view bytes, ManifestError* where) {
  Manifest manifest;
  int64_t past_increment = 0, past_base = 0;
  int number = 0;
  std::string_view line;
  const auto wrong = [&](const char* what) {
    if (where != nullptr) *where = {what, number, std::string(text::trim(line))};
    return Error{number == 0 ? std::string(what) : std::string(what) + ", at line " + text::to_text(number)};
  };
  if (bytes.empty()) return wrong("Found an empty AOF manifest");
  while (!bytes.empty()) {
    ++number;
    const size_t end = bytes.find('\n');
    line = bytes.substr(0, end);
    if (line.size() >= kLongestLine || (end == std::string_view::npos && line[0] != '#')) {
      return wrong("The AOF manifest file contains too long line");
    }
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (!line.empty() && line[0] == '#') continue;
    const auto words = text::split_args(text::trim(line));
    if (!words || words->size() < 6 || words->size() % 2 != 0) return wrong(kFormat);
    ManifestFile file;
    char type = 0;
    for (size_t i = 0; i < words->size(); i += 2) {
      const std::string& key = (*words)[i];
      const std::string& value = (*words)[i + 1];
      if (text::iequals(key, "file")) {
        file.name = value;
        if (value.find('/') != std::string::npos) return wrong("File can't be a path, just a filename");
      } else if (text::iequals(key, "seq")) {
        file.sequence = std::strtoll(value.c_str(), nullptr, 10);
      } else if (text::iequals(key, "type")) {
        type = value.empty() ? '\0' : value[0];
      }
    }
    if (file.name.empty() || file.sequence == 0 || type == 0) return wrong(kFormat);
    if (type == 'b') {
      if (manifest.base) return wrong("Found duplicate base file information");
      manifest.base_sequence = file.sequence;
      manifest.base = std::move(file);
    } else if (type == 'h') {
      int64_t& past = std::string_view(file.name).ends_with(kIncrementEnding) ? past_increment : past_base;
      past = std::max(past, file.sequence);
      manifest.history.push_back(std::move(file));
    } else if (type == 'i') {
      if (file.sequence <= manifest.increment_sequence) return wrong("Found a non-monotonic sequence number");
      manifest.increment_sequence = file.sequence;
      manifest.increments.push_back(std::move(file));
    } else {
      return wrong("Unknown AOF file type");
    }
  }
  // What is about to be removed keeps its name for itself.
  manifest.increment_sequence = std::max(manifest.increment_sequence, past_increment);
  manifest.base_sequence = std::max(manifest.base_sequence, past_base);
  return manifest;
}

std::string Manifest::text() const {
  std::string out;
  if (base) add_line(out, *base, 'b');
  for (const ManifestFile& file : history) add_line(out, file, 'h');
  for (const ManifestFile& file : increments) add_line(out, file, 'i');
  return out;
}

ManifestFile Manifest::next_base(const std::string& file_name, bool snapshot) {
  ++base_sequence;
  return {file_name + "." + text::to_text(base_sequence) + (snapshot ? ".base.rdb" : ".base.aof"),
          base_sequence};
}

ManifestFile Manifest::next_increment(const std::string& file_name) {
  ++increment_sequence;
  return {file_name + "." + text::to_text(increment_sequence) + std::string(kIncrementEnding),
          increment_sequence};
}

void Manifest::base_to_history() {
  if (!base) return;
  history.insert(history.begin(), std::move(*base));
  base.reset();
}

void Manifest::increments_to_history(size_t count) {
  for (size_t i = 0; i < count; ++i) history.insert(history.begin(), std::move(increments[i]));
  increments.erase(increments.begin(), increments.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace tessera::aof
