// Role: what the commands for times of fields share in their arguments: the FIELDS clause, and times. Error
// texts are Valkey 9.1's. Thread: any; pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/registry/command_row.h"

namespace tessera::commands {

struct FieldsClause {
  size_t at = 0;     // argument of the word FIELDS; options end in front of it
  size_t first = 0;  // of the first field
};

// Looks for FIELDS from argument `from` on. False: it is not there (or the last word).
bool find_fields(const registry::Args& args, size_t from, FieldsClause& out);
// Its number, which must be what follows: `step` arguments each. False: an error was replied.
bool check_fields(const registry::Args& args, const FieldsClause& fields, size_t step, resp::Writer& reply);
void wrong_field_count(resp::Writer& reply);
// FIELDS directly at argument `at`, with its number. False: an error was replied; `count_error` replies the
// one for a wrong number.
bool read_fields_at(const registry::Args& args, size_t at, resp::Writer& reply,
                    void (*count_error)(resp::Writer&), FieldsClause& out);

// A time that is not negative, in milliseconds since 1970: `base_ms` is added. False: an error was replied.
bool read_field_time(std::string_view arg, bool in_seconds, int64_t base_ms, const registry::CommandRow& row,
                     resp::Writer& reply, int64_t& out_ms);

}  // namespace tessera::commands
