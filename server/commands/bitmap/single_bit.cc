// Role: SETBIT and GETBIT. Thread: the shard's.
#include <algorithm>

#include "server/commands/bitmap/bit_argument.h"
#include "server/commands/bitmap/tables.h"
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

bool read_bit(std::string_view arg, Writer& reply, bool& bit) {
  constexpr const char* kError = "ERR bit is not an integer or out of range";
  int64_t value = 0;
  if (!read_int64(arg, reply, value, kError)) return false;
  if (value != 0 && value != 1) {
    reply.error(kError);
    return false;
  }
  bit = value == 1;
  return true;
}

void setbit(Ctx& ctx, const Args& args, Writer& reply) {
  uint64_t offset = 0;
  bool bit = false;
  if (!read_bit_offset(args[2], 0, ctx.max_bulk_bytes(), reply, offset)) return;
  if (!read_bit(args[3], reply, bit)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  const bool existed = entry != nullptr;
  if (existed && !Ctx::check_type(*entry, Type::kString, reply)) return;

  const size_t at = offset >> 3;
  const auto mask = static_cast<unsigned char>(0x80 >> (offset & 7));
  size_t size = 0;
  unsigned char byte = 0;
  bool is_raw = false;
  if (existed) {
    const StringRef value(*entry);
    size = value.size();
    if (at < size) byte = value.byte(at);
    is_raw = entry->encoding() == store::Encoding::kRaw;
  }
  const bool old_bit = byte & mask;
  const bool changes = at >= size || old_bit != bit;
  if (changes || !is_raw) {  // a value becomes raw even if its bits stay, as in redis-server
    byte = static_cast<unsigned char>(bit ? byte | mask : byte & ~mask);
    const char written = static_cast<char>(byte);
    Entry* result = ctx.keyspace(key).write_range(ctx.db(), key, std::max(size, at + 1), at, {&written, 1});
    note_new_key(ctx, key, result, existed);
  }
  if (changes) ctx.changed_verbatim(key, shard::kEventString, "setbit");
  reply.integer(old_bit);
}

void getbit(Ctx& ctx, const Args& args, Writer& reply) {
  uint64_t offset = 0;
  if (!read_bit_offset(args[2], 0, ctx.max_bulk_bytes(), reply, offset)) return;
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {
    reply.integer(0);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kString, reply)) return;
  const StringRef value(*entry);
  const size_t at = offset >> 3;
  reply.integer(at < value.size() && (value.byte(at) & (0x80 >> (offset & 7))));
}

constexpr CommandRow kRows[] = {
    {.name = "setbit",
     .arity = 4,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatBitmap,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate),
     .group = "bitmap",
     .since = "2.2.0",
     .summary = "Sets or clears one bit of a string, which grows as needed.",
     .complexity = "O(1)",
     .arguments = "key:key@0 offset:integer value:integer",
     .run = setbit},
    {.name = "getbit",
     .arity = 3,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatBitmap,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "bitmap",
     .since = "2.2.0",
     .summary = "One bit of a string; 0 behind its end.",
     .complexity = "O(1)",
     .arguments = "key:key@0 offset:integer",
     .run = getbit},
};

}  // namespace

RowTable single_bit_rows() {
  return kRows;
}

}  // namespace tessera::commands
