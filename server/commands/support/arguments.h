// Role: arguments of commands into values, with the error texts of redis-server 7.0.15. Thread: any.
// Convention: a reader that fails has written the error reply and returns false.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/resp/writer.h"
#include "server/registry/command_row.h"

namespace tessera::commands {

// Compares an option's name, whatever its case. A zero byte ends the argument, as it does in redis-server.
bool token_is(std::string_view arg, std::string_view upper_case_token);

// The bytes in front of the first zero byte: what redis-server sees where it treats an argument as a C
// string.
std::string_view c_text(std::string_view arg);

inline constexpr const char* kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr const char* kNotAFloat = "ERR value is not a valid float";

bool read_int64(std::string_view arg, resp::Writer& reply, int64_t& out, const char* error = kNotAnInteger);
// A C int; outside of it an error that names the range.
bool read_int32(std::string_view arg, resp::Writer& reply, int& out);

void syntax_error(resp::Writer& reply);
// The name with its container: "object|encoding".
const char* full_name(const registry::CommandRow& row);
void wrong_arity(const registry::CommandRow& row, resp::Writer& reply);
// "invalid expire time in 'set' command"
void invalid_expire_time(const registry::CommandRow& row, resp::Writer& reply);

}  // namespace tessera::commands
