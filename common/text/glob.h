// Role: glob patterns of KEYS, SCAN, PSUBSCRIBE, CONFIG GET, ACL. Thread: any, pure, no allocation.
// Matches bytes exactly as Redis: '*', '?', '[a-z]', '[^a]', '\' escapes; an open '[' ends with the pattern;
// a range is compared as signed bytes, either way round.
#pragma once

#include <string_view>

namespace tessera::text {

// Cost: at most pattern.size() * text.size() steps, whatever the pattern.
bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case = false);

// True for the pattern that lets everything pass, the empty text too (callers test it before walking keys).
inline bool matches_all(std::string_view pattern) {
  return pattern == "*";
}

// The literal bytes every match has to start with ("" when the pattern starts with a wildcard or an escape).
std::string_view glob_prefix(std::string_view pattern);

// True when the pattern has no special character: it matches only itself.
bool is_literal(std::string_view pattern);

}  // namespace tessera::text
