#include "server/commands/support/arguments.h"

#include <climits>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::commands {

std::string_view c_text(std::string_view arg) {
  const size_t end = arg.find('\0');
  return end == std::string_view::npos ? arg : arg.substr(0, end);
}

bool token_is(std::string_view arg, std::string_view upper_case_token) {
  const size_t n = upper_case_token.size();
  if (arg.size() < n || (arg.size() > n && arg[n] != '\0')) return false;
  return text::iequals(arg.substr(0, n), upper_case_token);
}

bool read_int64(std::string_view arg, resp::Writer& reply, int64_t& out, const char* error) {
  const auto value = text::parse_int64(arg);
  if (!value) {
    reply.error(error);
    return false;
  }
  out = *value;
  return true;
}

bool read_int32(std::string_view arg, resp::Writer& reply, int& out) {
  int64_t value = 0;
  if (!read_int64(arg, reply, value)) return false;
  if (value < INT_MIN || value > INT_MAX) {
    reply.errorf("ERR value is out of range, value must between %d and %d", INT_MIN, INT_MAX);
    return false;
  }
  out = static_cast<int>(value);
  return true;
}

void syntax_error(resp::Writer& reply) {
  reply.error("ERR syntax error");
}

const char* full_name(const registry::CommandRow& row) {
  return row.full_name ? row.full_name : row.name;
}

void wrong_arity(const registry::CommandRow& row, resp::Writer& reply) {
  reply.errorf("ERR wrong number of arguments for '%s' command", full_name(row));
}

void invalid_expire_time(const registry::CommandRow& row, resp::Writer& reply) {
  reply.errorf("ERR invalid expire time in '%s' command", full_name(row));
}

}  // namespace tessera::commands
