// Role: words and quotes of inline commands, configuration lines and the command line client. Thread: any,
// pure. Invariant: split_args(repr(x)) == {x} for every x without a zero byte (repr prints that as \x00, so
// for all x).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::text {

// Words separated by blanks. "..." knows \n \r \t \b \a \xHH and \<other>; '...' knows \' only; a closing
// quote must be followed by a blank or the end. A zero byte ends the text. Nothing when a quote is not closed
// or is followed by text.
std::optional<std::vector<std::string>> split_args(std::string_view line);

// The text in double quotes, with \\ \" \n \r \t \a \b and \xHH for what is not printable ASCII.
std::string repr(std::string_view text);
void append_repr(std::string& out, std::string_view text);

// True when a word must be quoted in a configuration file to be read back as it is.
bool needs_quotes(std::string_view word);

}  // namespace tessera::text
