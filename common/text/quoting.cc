// Role: words and quotes. Thread: any, pure.
#include "common/text/quoting.h"

#include <cstddef>
#include <utility>

#include "common/text/strings.h"

namespace tessera::text {

namespace {

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// `i` is behind the opening quote; on success it is behind the closing one.
bool read_double_quoted(std::string_view line, size_t& i, std::string& word) {
  while (i < line.size()) {
    const char c = line[i];
    if (c == '"') {
      ++i;
      return i == line.size() || is_space(line[i]);
    }
    if (c != '\\' || i + 1 == line.size()) {
      word += c;
      ++i;
    } else if (i + 3 < line.size() && line[i + 1] == 'x' && hex_value(line[i + 2]) >= 0 &&
               hex_value(line[i + 3]) >= 0) {
      word += static_cast<char>(hex_value(line[i + 2]) * 16 + hex_value(line[i + 3]));
      i += 4;
    } else {
      word += unescaped(line[i + 1]);
      i += 2;
    }
  }
  return false;
}

bool read_single_quoted(std::string_view line, size_t& i, std::string& word) {
  while (i < line.size()) {
    const char c = line[i];
    if (c == '\'') {
      ++i;
      return i == line.size() || is_space(line[i]);
    }
    const bool escaped_quote = c == '\\' && i + 1 < line.size() && line[i + 1] == '\'';
    word += escaped_quote ? '\'' : c;
    i += escaped_quote ? 2 : 1;
  }
  return false;
}

}  // namespace

std::optional<std::vector<std::string>> split_args(std::string_view line) {
  line = line.substr(0, line.find('\0'));
  std::vector<std::string> words;
  size_t i = 0;
  for (;;) {
    while (i < line.size() && is_space(line[i])) ++i;
    if (i == line.size()) return words;
    std::string word;
    while (i < line.size() && line[i] != ' ' && line[i] != '\n' && line[i] != '\r' && line[i] != '\t') {
      const char c = line[i++];
      if (c == '"') {
        if (!read_double_quoted(line, i, word)) return std::nullopt;
        break;
      }
      if (c == '\'') {
        if (!read_single_quoted(line, i, word)) return std::nullopt;
        break;
      }
      word += c;
    }
    words.push_back(std::move(word));
  }
}

void append_repr(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    switch (c) {
      case '\\':
      case '"':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (is_print(c)) {
          out += c;
        } else {
          out += "\\x";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        }
    }
  }
  out += '"';
}

std::string repr(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_repr(out, text);
  return out;
}

bool needs_quotes(std::string_view word) {
  if (word.empty() || word[0] == '#') return true;
  for (char c : word) {
    if (!is_print(c) || c == ' ' || c == '"' || c == '\'') return true;
  }
  return false;
}

}  // namespace tessera::text
