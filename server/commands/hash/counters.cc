// Role: fields as numbers: HINCRBY, HINCRBYFLOAT. Thread: the shard's.
// Effects: HINCRBY as it came; where a field has a time, and for HINCRBYFLOAT always, the result: HSET, or
// HSETEX with the field's time.
#include <cmath>

#include "common/text/floats.h"
#include "common/text/integers.h"
#include "server/commands/hash/access.h"
#include "server/commands/hash/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::HashEditor;
using store::Key;

// Stores the sum and tells it.
void put_sum(Ctx& ctx, const Args& args, HashEditor& hash, const Key& key, std::string_view sum,
             int64_t expire_ms, bool verbatim, const char* event) {
  const bool existed = hash.size() > 0;
  const bool as_it_came = verbatim && !hash.has_times();
  const bool expired = hash.put(args[2], sum, expire_ms) == HashEditor::Put::kReplacedExpired;
  finish_put(ctx, key, hash, existed);
  if (expired) ctx.expired_fields(key, 1);
  if (as_it_came) {
    ctx.changed_verbatim(key, shard::kEventHash, event);
    return;
  }
  ctx.changed(key, shard::kEventHash, event, [&](EffectArgs& effect) {
    if (expire_ms < 0) {
      effect.add("HSET").add(key.bytes).add(args[2]).add(sum);
    } else {
      effect.add("HSETEX").add(key.bytes).add("PXAT").add_int(expire_ms);
      effect.add("FIELDS").add("1").add(args[2]).add(sum);
    }
  });
}

void hincrby(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t by = 0;
  if (!read_int64(args[3], reply, by)) return;
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return;
  store::HashValue old;
  int64_t value = 0;
  if (hash->get(args[2], old)) {
    const auto number = text::parse_int64(old.text);
    if (!number) {
      hash->finish();
      reply.error(kNotAHashInteger);
      return;
    }
    value = *number;
  }
  if (__builtin_add_overflow(value, by, &value)) {
    hash->finish();
    reply.error("ERR increment or decrement would overflow");
    return;
  }
  char digits[text::kInt64Chars];
  const char* end = text::write_int64(digits, value);
  put_sum(ctx, args, *hash, key, {digits, static_cast<size_t>(end - digits)}, old.expire_ms, true, "hincrby");
  reply.integer(value);
}

// The sum's text; empty: an error was replied.
std::string float_sum(const HashEditor& hash, std::string_view field, long double by, store::HashValue& old,
                      Writer& reply) {
  long double value = 0;
  if (hash.get(field, old)) {
    const auto number = text::parse_long_double(old.text);
    if (!number) {
      reply.error(kNotAHashFloat);
      return {};
    }
    value = *number;
  }
  const long double sum = value + by;
  if (std::isnan(sum) || std::isinf(sum)) {
    reply.error("ERR increment would produce NaN or Infinity");
    return {};
  }
  return text::human_long_double(sum);
}

void hincrbyfloat(Ctx& ctx, const Args& args, Writer& reply) {
  const auto by = text::parse_long_double(args[3]);
  if (!by) {
    reply.error(kNotAFloat);
    return;
  }
  if (std::isnan(*by) || std::isinf(*by)) {
    reply.error("ERR value is NaN or Infinity");
    return;
  }
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return;
  store::HashValue old;
  const std::string sum = float_sum(*hash, args[2], *by, old, reply);
  if (sum.empty()) {
    hash->finish();
    return;
  }
  put_sum(ctx, args, *hash, key, sum, old.expire_ms, false, "hincrbyfloat");
  reply.bulk(sum);
}

constexpr uint32_t kFlags = registry::kWrite | registry::kDenyOom | registry::kFast;
constexpr auto kOneKey = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate);

constexpr CommandRow kRows[] = {
    {.name = "hincrby",
     .arity = 4,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "2.0.0",
     .summary = "Adds a number to the integer in a field of a hash; an absent field counts as 0.",
     .complexity = "O(1)",
     .arguments = "key:key@0 field:string increment:integer",
     .run = hincrby,
     .member_at = 2},
    {.name = "hincrbyfloat",
     .arity = 4,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "2.6.0",
     .summary =
         "Adds a floating point number to the number in a field of a hash; an absent field counts as 0.",
     .complexity = "O(1)",
     .arguments = "key:key@0 field:string increment:double",
     .run = hincrbyfloat,
     .member_at = 2},
};

}  // namespace

RowTable hash_counter_rows() {
  return kRows;
}

}  // namespace tessera::commands
