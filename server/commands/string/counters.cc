// Role: strings as numbers: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT. Thread: the shard's.
// Effects: integers as they came; INCRBYFLOAT as SET of the result, since the last digit depends on the
// machine.
#include <cmath>
#include <limits>

#include "common/text/floats.h"
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
using store::Type;

void add_integer(Ctx& ctx, const Args& args, int64_t by, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  const bool existed = entry != nullptr;
  int64_t value = 0;
  if (existed) {
    if (!Ctx::check_type(*entry, Type::kString, reply)) return;
    const auto current = integer_of(*entry);
    if (!current) {
      reply.error(kNotAnInteger);
      return;
    }
    value = *current;
  }
  if (__builtin_add_overflow(value, by, &value)) {
    reply.error("ERR increment or decrement would overflow");
    return;
  }
  note_new_key(ctx, key, ctx.keyspace(key).set_int(ctx.db(), key, value, store::kKeepExpire), existed);
  ctx.changed_verbatim(key, shard::kEventString, "incrby");
  reply.integer(value);
}

void incr(Ctx& ctx, const Args& args, Writer& reply) {
  add_integer(ctx, args, 1, reply);
}

void decr(Ctx& ctx, const Args& args, Writer& reply) {
  add_integer(ctx, args, -1, reply);
}

void incrby(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t by = 0;
  if (read_int64(args[2], reply, by)) add_integer(ctx, args, by, reply);
}

void decrby(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t by = 0;
  if (!read_int64(args[2], reply, by)) return;
  if (by == std::numeric_limits<int64_t>::min()) {  // has no opposite
    reply.error("ERR decrement would overflow");
    return;
  }
  add_integer(ctx, args, -by, reply);
}

void incrbyfloat(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  const bool existed = entry != nullptr;
  if (existed && !Ctx::check_type(*entry, Type::kString, reply)) return;
  const std::optional<long double> value = existed ? float_of(*entry) : 0.0L;
  const std::optional<long double> by = text::parse_long_double(args[2]);
  if (!value || !by) {
    reply.error(kNotAFloat);
    return;
  }
  const long double sum = *value + *by;
  if (std::isnan(sum) || std::isinf(sum)) {
    reply.error("ERR increment would produce NaN or Infinity");
    return;
  }
  const std::string result = text::human_long_double(sum);
  note_new_key(ctx, key, ctx.keyspace(key).set_text(ctx.db(), key, result, store::kKeepExpire), existed);
  ctx.changed(key, shard::kEventString, "incrbyfloat", [&](shard::EffectArgs& effect) {
    effect.add("SET").add(key.bytes).add(result).add("KEEPTTL");
  });
  reply.bulk(result);
}

constexpr uint32_t kFlags = registry::kWrite | registry::kDenyOom | registry::kFast;
constexpr auto kOneKey = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate);

constexpr CommandRow kRows[] = {
    {.name = "incr",
     .arity = 2,
     .flags = kFlags,
     .acl = registry::kCatString,
     .keys = kOneKey,
     .group = "string",
     .since = "1.0.0",
     .summary = "Adds one to the integer stored at a key; an absent key counts as 0.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = incr},
    {.name = "decr",
     .arity = 2,
     .flags = kFlags,
     .acl = registry::kCatString,
     .keys = kOneKey,
     .group = "string",
     .since = "1.0.0",
     .summary = "Takes one from the integer stored at a key; an absent key counts as 0.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = decr},
    {.name = "incrby",
     .arity = 3,
     .flags = kFlags,
     .acl = registry::kCatString,
     .keys = kOneKey,
     .group = "string",
     .since = "1.0.0",
     .summary = "Adds a number to the integer stored at a key; an absent key counts as 0.",
     .complexity = "O(1)",
     .arguments = "key:key@0 increment:integer",
     .run = incrby},
    {.name = "decrby",
     .arity = 3,
     .flags = kFlags,
     .acl = registry::kCatString,
     .keys = kOneKey,
     .group = "string",
     .since = "1.0.0",
     .summary = "Takes a number from the integer stored at a key; an absent key counts as 0.",
     .complexity = "O(1)",
     .arguments = "key:key@0 decrement:integer",
     .run = decrby},
    {.name = "incrbyfloat",
     .arity = 3,
     .flags = kFlags,
     .acl = registry::kCatString,
     .keys = kOneKey,
     .group = "string",
     .since = "2.6.0",
     .summary = "Adds a floating point number to the number stored at a key; an absent key counts as 0.",
     .complexity = "O(1)",
     .arguments = "key:key@0 increment:double",
     .run = incrbyfloat},
};

}  // namespace

RowTable counter_rows() {
  return kRows;
}

}  // namespace tessera::commands
