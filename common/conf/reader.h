// Role: configuration text into lines of words, with `include`. Thread: any; pure but for the caller's
// Source. Format: redis.conf of Redis 7.0: one directive a line, words as text::split_args; a line whose
// first character is '#' is a comment (a '#' further on is part of a word); the first word is compared in
// lower case. A comment that begins with kNoteMark is a note.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tessera::conf {

struct Line {
  std::string file;                // path as it was asked for, or what stands for it: kStdin, kCommandLine
  int number = 0;                  // from 1
  std::string text;                // without blanks at the ends
  std::vector<std::string> words;  // at least one; words[0] in lower case
  bool is_note = false;            // stood behind kNoteMark
};

// What begins a note: a line for Tessera alone, since every other server takes it for a comment. Whether the
// words of one mean something is for the caller to say; what cannot be split into words is no note.
inline constexpr std::string_view kNoteMark = "# tessera:";

inline constexpr std::string_view kStdin = "(standard input)";
inline constexpr std::string_view kCommandLine = "(command line)";

// How files are read. `list` gives the names in a folder, in any order; needed for includes with patterns
// only.
struct Source {
  std::function<Result<std::string>(const std::string& path)> read;
  std::function<Result<std::vector<std::string>>(const std::string& dir)> list;
};

// The words of a note, the first in lower case; none for any other line. `line` has no blanks at its ends.
std::vector<std::string> note_words(std::string_view line);

// The lines of one text, notes among them; `include` lines stay lines. Fails on unbalanced quotes.
Result<std::vector<Line>> parse(std::string_view text, std::string_view file);

// As parse(), with every `include <path>` replaced by what it names. A pattern (* ? [) names all matching
// files in sorted order, or none; a plain path has to exist. Includes nest up to kMaxIncludeDepth; deeper is
// taken for a loop.
inline constexpr int kMaxIncludeDepth = 32;
Result<std::vector<Line>> parse_with_includes(std::string_view text, std::string_view file,
                                              const Source& source);

// The error for one line, for a person: file, line number, the line, the word it is about (index into
// line.words; past the end when the line as a whole is meant), the reason. Several lines of text, the reason
// last.
Error line_error(const Line& line, size_t word, std::string_view reason);

// What a server was started with: `program [file|-] [--name value ... | "--name value"] ... [-]`.
struct CommandLine {
  std::string config_file;  // empty: none given
  bool from_stdin = false;  // a lone '-' stood first or last
  std::string options;      // configuration text to be read after the file and stdin
};

// `args` without the program's name. Every "--name" starts a line; other words are quoted and added to it.
// A `--save` (or `--sentinel`) without value is an empty one. Cannot fail: parse() of the options does.
CommandLine parse_command_line(const std::vector<std::string>& args);

// All of it, in the order in which later lines win: file, stdin's text, options.
// `stdin_text` is used when command.from_stdin.
Result<std::vector<Line>> read_config(const CommandLine& command, std::string_view stdin_text,
                                      const Source& source);

// Names that match `pattern` (patterns in any component of the path), sorted; names that start with '.' only
// where the pattern says so.
std::vector<std::string> expand_pattern(const std::string& pattern, const Source& source);

}  // namespace tessera::conf
