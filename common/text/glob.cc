// Role: glob patterns. Thread: any, pure.
// Every part of a pattern but '*' takes exactly one byte, so after a mismatch only the last '*' can help: it
// takes one byte more, and what stands before it is never tried again. That bounds the work by pattern times
// text.
#include "common/text/glob.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "common/text/strings.h"

namespace tessera::text {

namespace {

// `at` is the '['. Sets `end` to the position behind the class and returns whether it takes `c`.
bool class_takes(std::string_view pattern, size_t at, char c, bool ignore_case, size_t* end) {
  const size_t size = pattern.size();
  size_t p = at + 1;
  const bool negated = p < size && pattern[p] == '^';
  if (negated) ++p;
  bool hit = false;
  for (; p < size && pattern[p] != ']'; ++p) {
    if (pattern[p] == '\\' && size - p >= 2) {
      ++p;
      hit |= pattern[p] == c;  // an escaped byte in a class is compared with its case, as Redis does
    } else if (size - p >= 3 && pattern[p + 1] == '-') {
      int low = pattern[p];
      int high = pattern[p + 2];
      int byte = c;
      if (low > high) std::swap(low, high);
      if (ignore_case) {
        low = lower(static_cast<char>(low));
        high = lower(static_cast<char>(high));
        byte = lower(c);
      }
      hit |= low <= byte && byte <= high;
      p += 2;
    } else {
      hit |= ignore_case ? lower(pattern[p]) == lower(c) : pattern[p] == c;
    }
  }
  *end = p < size ? p + 1 : size;
  return hit != negated;
}

// Whether the part of the pattern at `at` (not a '*') takes `c`; `end` is the position behind the part.
bool part_takes(std::string_view pattern, size_t at, char c, bool ignore_case, size_t* end) {
  char wanted = pattern[at];
  *end = at + 1;
  if (wanted == '?') return true;
  if (wanted == '[') return class_takes(pattern, at, c, ignore_case, end);
  if (wanted == '\\' && at + 1 < pattern.size()) {
    wanted = pattern[at + 1];
    *end = at + 2;
  }
  return ignore_case ? lower(wanted) == lower(c) : wanted == c;
}

bool is_special(char c) {
  return c == '*' || c == '?' || c == '[' || c == '\\';
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case) {
  if (text.empty()) return pattern.empty();  // not even "*" matches the empty text in Redis
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0, t = 0;
  size_t after_star = kNone;  // position in the pattern behind the last '*'
  size_t star_text = 0;       // where in the text its rest is being tried
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      while (p < pattern.size() && pattern[p] == '*') ++p;
      if (p == pattern.size()) return true;
      after_star = p;
      star_text = t;
    }
    size_t next = 0;
    if (p < pattern.size() && part_takes(pattern, p, text[t], ignore_case, &next)) {
      p = next;
      ++t;
      continue;
    }
    if (after_star == kNone) return false;
    ++star_text;
    // The rest starts with a plain byte most of the time: jump to where it occurs.
    if (!ignore_case && !is_special(pattern[after_star]) && star_text < text.size()) {
      const void* hit = std::memchr(text.data() + star_text, pattern[after_star], text.size() - star_text);
      if (hit == nullptr) return false;
      star_text = static_cast<size_t>(static_cast<const char*>(hit) - text.data());
    }
    t = star_text;
    p = after_star;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string_view glob_prefix(std::string_view pattern) {
  size_t n = 0;
  while (n < pattern.size() && !is_special(pattern[n])) ++n;
  return pattern.substr(0, n);
}

bool is_literal(std::string_view pattern) {
  return glob_prefix(pattern).size() == pattern.size();
}

}  // namespace tessera::text
