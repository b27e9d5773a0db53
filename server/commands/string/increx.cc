// Role: INCREX, the counter with bounds and an expiry of Redis 8.8. Thread: the shard's.
// Effects: SET of the result, with its time, or DEL when that time has passed.
#include <cmath>
#include <string>

#include "common/text/floats.h"
#include "common/text/integers.h"
#include "server/commands/string/increx_options.h"
#include "server/commands/string/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Entry;
using store::Key;
using store::Type;

// What becomes of the key's expiry.
struct NewExpiry {
  int64_t expire_ms = store::kKeepExpire;  // as Keyspace::set_string takes it
  const char* event = nullptr;
};

NewExpiry new_expiry(const IncrexCall& call, int64_t time_ms, bool had_expiry) {
  if (call.expiry.has_time() && !(call.only_without_expiry && had_expiry)) return {time_ms, "expire"};
  if (call.expiry.kind == ExpiryKind::kPersist) return {store::kNoExpire, had_expiry ? "persist" : nullptr};
  return {};
}

// Stores the result (an integer where `integer` is given) and notes the change.
void store_result(Ctx& ctx, const Key& key, std::string_view result, const int64_t* integer,
                  const NewExpiry& expiry, bool existed) {
  store::Keyspace& keys = ctx.keyspace(key);
  if (expiry.event != nullptr && *expiry.event == 'e' && is_past(ctx, expiry.expire_ms)) {
    ctx.remove(key);
    return;
  }
  Entry* entry = integer ? keys.set_int(ctx.db(), key, *integer, expiry.expire_ms)
                         : keys.set_text(ctx.db(), key, result, expiry.expire_ms);
  note_new_key(ctx, key, entry, existed);
  ctx.changed(key, shard::kEventString, integer ? "incrby" : "incrbyfloat", [&](EffectArgs& effect) {
    effect.add("SET").add(key.bytes).add(result);
    if (expiry.expire_ms >= 0) effect.add("PXAT").add_int(expiry.expire_ms);
    if (expiry.expire_ms == store::kKeepExpire) effect.add("KEEPTTL");
  });
  if (expiry.event) ctx.notify(ctx.db(), key, shard::kEventGeneric, expiry.event);
}

void reply_overflow(Writer& reply) {
  reply.error("ERR applied increment would overflow");
}

void add_integer(Ctx& ctx, const Key& key, const Entry* entry, const IncrexCall& call, int64_t time_ms,
                 Writer& reply) {
  const auto current = entry ? integer_of(*entry) : 0;
  if (!current) {
    reply.error(kNotAnInteger);
    return;
  }
  int64_t value = *current;
  int64_t applied = 0;
  const IncrexVerdict verdict = increx_integer(call, value, applied);
  if (verdict == IncrexVerdict::kOverflow) {
    reply_overflow(reply);
    return;
  }
  if (verdict == IncrexVerdict::kApply) {
    const NewExpiry expiry = new_expiry(call, time_ms, entry && entry->has_expire());
    store_result(ctx, key, text::to_text(value), &value, expiry, entry != nullptr);
  }
  reply.array(2);
  reply.integer(value);
  reply.integer(applied);
}

void add_float(Ctx& ctx, const Key& key, const Entry* entry, const IncrexCall& call, int64_t time_ms,
               Writer& reply) {
  const auto current = entry ? float_of(*entry) : 0.0L;
  if (!current) {
    reply.error(kNotAFloat);
    return;
  }
  if (std::isinf(*current)) {
    reply.error("ERR value cannot be Infinity");
    return;
  }
  long double value = *current;
  long double applied = 0;
  const IncrexVerdict verdict = increx_float(call, value, applied);
  if (verdict == IncrexVerdict::kOverflow) {
    reply_overflow(reply);
    return;
  }
  if (verdict == IncrexVerdict::kApply) {
    const NewExpiry expiry = new_expiry(call, time_ms, entry && entry->has_expire());
    store_result(ctx, key, text::human_long_double(value), nullptr, expiry, entry != nullptr);
  }
  reply.array(2);
  reply.human_double(value);
  reply.human_double(applied);
}

void increx(Ctx& ctx, const Args& args, Writer& reply) {
  IncrexCall call;
  if (!read_increx(args, reply, call)) return;
  int64_t time_ms = 0;
  if (call.expiry.has_time() && !expiry_time_ms(call.expiry, args, ctx.now(), ctx.row(), reply, time_ms))
    return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry != nullptr && !Ctx::check_type(*entry, Type::kString, reply)) return;
  if (call.by_float) {
    add_float(ctx, key, entry, call, time_ms, reply);
  } else {
    add_integer(ctx, key, entry, call, time_ms, reply);
  }
}

constexpr CommandRow kRows[] = {
    {.name = "increx",
     .arity = -2,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate),
     .group = "string",
     .since = "8.8.0",
     .summary = "Adds to the number stored at a key within bounds, and sets the key's expiry.",
     .complexity = "O(1)",
     .arguments = "key:key@0 increment:oneof(float:double=BYFLOAT integer:integer=BYINT)? saturate=SATURATE? "
                  "lowerbound:string=LBOUND? upperbound:string=UBOUND? "
                  "expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
                  "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT persist=PERSIST)? "
                  "enx=ENX?",
     .run = increx},
};

}  // namespace

RowTable increx_rows() {
  return kRows;
}

}  // namespace tessera::commands
