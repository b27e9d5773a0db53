#include "server/commands/hash/field_options.h"

#include "server/commands/support/arguments.h"

namespace tessera::commands {

void wrong_field_count(resp::Writer& reply) {
  reply.error("ERR numfields should be greater than 0 and match the provided number of fields");
}

bool find_fields(const registry::Args& args, size_t from, FieldsClause& out) {
  for (size_t i = from; i + 1 < args.size(); ++i) {
    if (!token_is(args[i], "FIELDS")) continue;
    out = {i, i + 2};
    return true;
  }
  return false;
}

bool check_fields(const registry::Args& args, const FieldsClause& fields, size_t step, resp::Writer& reply) {
  int64_t count = 0;
  if (!read_int64(args[fields.at + 1], reply, count)) return false;
  const size_t there = args.size() - fields.first;
  if (count <= 0 || there % step != 0 || static_cast<uint64_t>(count) != there / step) {
    wrong_field_count(reply);
    return false;
  }
  return true;
}

bool read_fields_at(const registry::Args& args, size_t at, resp::Writer& reply,
                    void (*count_error)(resp::Writer&), FieldsClause& out) {
  if (!token_is(args[at], "FIELDS")) {
    syntax_error(reply);
    return false;
  }
  out = {at, at + 2};
  int64_t count = 0;
  if (!read_int64(args[at + 1], reply, count)) return false;
  if (count > 0 && static_cast<uint64_t>(count) == args.size() - out.first) return true;
  count_error(reply);
  return false;
}

bool read_field_time(std::string_view arg, bool in_seconds, int64_t base_ms, const registry::CommandRow& row,
                     resp::Writer& reply, int64_t& out_ms) {
  int64_t value = 0;
  if (!read_int64(arg, reply, value)) return false;
  bool fits = value >= 0;
  if (fits && in_seconds) fits = !__builtin_mul_overflow(value, int64_t{1000}, &value);
  if (fits) fits = !__builtin_add_overflow(value, base_ms, &value);
  if (!fits) {
    invalid_expire_time(row, reply);
    return false;
  }
  out_ms = value;
  return true;
}

}  // namespace tessera::commands
