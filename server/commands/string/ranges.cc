// Role: parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE, SUBSTR. Thread: the shard's.
// Cost: only the touched pieces of large values are copied.
#include <algorithm>

#include "server/commands/string/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::StringRef;
using store::Type;

void append(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  size_t size = args[2].size();
  if (entry == nullptr) {
    store_argument(ctx, key, args, 2, store::kNoExpire, false);
  } else {
    if (!Ctx::check_type(*entry, Type::kString, reply)) return;
    const size_t old_size = StringRef(*entry).size();
    if (!check_string_size(ctx, old_size, size, reply)) return;
    size += old_size;
    ctx.init_access(ctx.keyspace(key).append(ctx.db(), key, args[2]));
  }
  ctx.changed_verbatim(key, shard::kEventString, "append");
  reply.integer(static_cast<int64_t>(size));
}

void strlen(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {
    reply.integer(0);
  } else if (Ctx::check_type(*entry, Type::kString, reply)) {
    reply.integer(static_cast<int64_t>(StringRef(*entry).size()));
  }
}

void setrange(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t offset = 0;
  if (!read_int64(args[2], reply, offset)) return;
  if (offset < 0) {
    reply.error("ERR offset is out of range");
    return;
  }
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  const bool existed = entry != nullptr;
  if (existed && !Ctx::check_type(*entry, Type::kString, reply)) return;
  const size_t old_size = existed ? StringRef(*entry).size() : 0;
  const std::string_view bytes = args[3];
  if (bytes.empty()) {  // not even a key is made of it
    reply.integer(static_cast<int64_t>(old_size));
    return;
  }
  if (!check_string_size(ctx, static_cast<size_t>(offset), bytes.size(), reply)) return;
  const size_t end = static_cast<size_t>(offset) + bytes.size();
  const size_t size = std::max(end, old_size);
  note_new_key(ctx, key,
               ctx.keyspace(key).write_range(ctx.db(), key, size, static_cast<size_t>(offset), bytes),
               existed);
  ctx.changed_verbatim(key, shard::kEventString, "setrange");
  reply.integer(static_cast<int64_t>(size));
}

void getrange(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t start = 0;
  int64_t end = 0;
  if (!read_int64(args[2], reply, start) || !read_int64(args[3], reply, end)) return;
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {
    reply.bulk("");
    return;
  }
  if (!Ctx::check_type(*entry, Type::kString, reply)) return;
  const StringRef value(*entry);
  const auto size = static_cast<int64_t>(value.size());
  const bool reversed_from_end = start < 0 && end < 0 && start > end;
  // Positions in front of the first byte mean the first byte, for both ends.
  if (start < 0) start = std::max<int64_t>(start + size, 0);
  if (end < 0) end = std::max<int64_t>(end + size, 0);
  end = std::min(end, size - 1);
  if (reversed_from_end || start > end) {
    reply.bulk("");
    return;
  }
  reply_string_part(value, static_cast<size_t>(start), static_cast<size_t>(end - start + 1), reply);
}

constexpr CommandRow kRows[] = {
    {.name = "append",
     .arity = 3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRW | registry::kKeyInsert),
     .group = "string",
     .since = "2.0.0",
     .summary = "Adds bytes to the end of the string stored at a key.",
     .complexity = "O(1), counted over many calls.",
     .arguments = "key:key@0 value:string",
     .run = append},
    {.name = "strlen",
     .arity = 2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRO),
     .group = "string",
     .since = "2.2.0",
     .summary = "The length of the string stored at a key, in bytes.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = strlen},
    {.name = "setrange",
     .arity = 4,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "string",
     .since = "2.2.0",
     .summary = "Overwrites a string from an offset on, filling a gap with zero bytes.",
     .complexity = "O(N), N being the bytes written and the gap that is filled.",
     .arguments = "key:key@0 offset:integer value:string",
     .run = setrange},
    {.name = "getrange",
     .arity = 4,
     .flags = registry::kReadonly,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "string",
     .since = "2.4.0",
     .summary = "A part of the string stored at a key.",
     .complexity = "O(N), N being the bytes returned.",
     .arguments = "key:key@0 start:integer end:integer",
     .run = getrange},
    {.name = "substr",
     .arity = 4,
     .flags = registry::kReadonly,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "string",
     .since = "1.0.0",
     .summary = "The older name of GETRANGE.",
     .complexity = "O(N), N being the bytes returned.",
     .arguments = "key:key@0 start:integer end:integer",
     .run = getrange,
     .deprecated_since = "2.0.0",
     .replaced_by = "`GETRANGE`",
     .doc_flags = "deprecated"},
};

}  // namespace

RowTable range_rows() {
  return kRows;
}

}  // namespace tessera::commands
