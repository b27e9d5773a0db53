// Role: GET, SET and the older forms of setting. Thread: the shard's.
// Effects: SET with an absolute time; conditions are gone, since they held.
#include "server/commands/string/set_options.h"
#include "server/commands/string/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"
#include "server/registry/key_hooks.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::Type;

// Replies with the value or null. False: the key holds another type, which was replied.
bool reply_current(const Entry* entry, Writer& reply) {
  if (entry == nullptr) {
    reply.null();
    return true;
  }
  if (!Ctx::check_type(*entry, Type::kString, reply)) return false;
  reply_string(*entry, reply);
  return true;
}

void get(Ctx& ctx, const Args& args, Writer& reply) {
  reply_current(ctx.read(ctx.key(args[1])), reply);
}

// The write itself, with everything that hangs on it. `expire_ms` as in Keyspace::set_string.
void set_and_note(Ctx& ctx, const Key& key, const Args& args, size_t value_at, int64_t expire_ms,
                  bool existed) {
  store_argument(ctx, key, args, value_at, expire_ms, existed);
  ctx.changed(key, shard::kEventString, "set", [&](shard::EffectArgs& effect) {
    effect.add("SET").add(key.bytes).add(args[value_at]);
    if (expire_ms >= 0) effect.add("PXAT").add_int(expire_ms);
    if (expire_ms == store::kKeepExpire) effect.add("KEEPTTL");
  });
  if (expire_ms >= 0) ctx.notify(ctx.db(), key, shard::kEventGeneric, "expire");
}

// Conditions of SET. False: not to be set; without GET the null was replied, or an error.
bool may_set(const SetOptions& options, const Args& args, const Entry* entry, Writer& reply) {
  const bool exists = entry != nullptr;
  bool holds = true;
  if (options.existence == Existence::kMustNotExist) holds = !exists;
  if (options.existence == Existence::kMustExist) holds = exists;
  if (options.comparison.kind != ComparisonKind::kNone) {
    holds =
        exists ? comparison_holds(options.comparison, args, *entry) : options.comparison.holds_for_absent();
  }
  if (!holds && !options.get) reply.null();
  return holds;
}

void set(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  if (args.size() == 3) {  // the usual call, with one look-up less
    set_and_note(ctx, key, args, 2, store::kNoExpire, ctx.peek(key) != nullptr);
    reply.ok();
    return;
  }
  SetOptions options;
  if (!read_set_options(args, 3, reply, options)) return;
  int64_t expire_ms = options.expiry.kind == ExpiryKind::kKeepTtl ? store::kKeepExpire : store::kNoExpire;
  if (options.expiry.has_time() &&
      !expiry_time_ms(options.expiry, args, ctx.now(), ctx.row(), reply, expire_ms)) {
    return;
  }
  const Entry* entry = options.get ? ctx.read(key) : ctx.write(key);
  if (options.comparison.kind != ComparisonKind::kNone && entry != nullptr) {
    if (!Ctx::check_type(*entry, Type::kString, reply)) return;
    if (!check_digest_argument(options.comparison, args, reply)) return;
  }
  if (options.get && !reply_current(entry, reply)) return;
  if (!may_set(options, args, entry, reply)) return;
  set_and_note(ctx, key, args, 2, expire_ms, entry != nullptr);
  if (!options.get) reply.ok();
}

void setnx(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  if (ctx.write(key) != nullptr) {
    reply.integer(0);
    return;
  }
  set_and_note(ctx, key, args, 2, store::kNoExpire, false);
  reply.integer(1);
}

void set_with_time(Ctx& ctx, const Args& args, ExpiryKind kind, Writer& reply) {
  int64_t expire_ms = 0;
  if (!expiry_time_ms({kind, 2}, args, ctx.now(), ctx.row(), reply, expire_ms)) return;
  const Key key = ctx.key(args[1]);
  set_and_note(ctx, key, args, 3, expire_ms, ctx.write(key) != nullptr);
  reply.ok();
}

void setex(Ctx& ctx, const Args& args, Writer& reply) {
  set_with_time(ctx, args, ExpiryKind::kEx, reply);
}

void psetex(Ctx& ctx, const Args& args, Writer& reply) {
  set_with_time(ctx, args, ExpiryKind::kPx, reply);
}

void getset(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.read(key);
  if (!reply_current(entry, reply)) return;
  set_and_note(ctx, key, args, 2, store::kNoExpire, entry != nullptr);
}

constexpr CommandRow kRows[] = {
    {.name = "get",
     .arity = 2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "string",
     .since = "1.0.0",
     .summary = "The string stored at a key.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = get},
    {.name = "set",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate |
                       registry::kKeyVariableFlags),
     .group = "string",
     .since = "1.0.0",
     .summary = "Stores a string at a key, whatever the key held before.",
     .complexity = "O(1)",
     .arguments = "key:key@0 value:string "
                  "condition:oneof(nx=NX xx=XX comparison-value:string=IFEQ ifne-value:string=IFNE "
                  "ifdeq-digest:string=IFDEQ ifdne-digest:string=IFDNE)? get=GET? "
                  "expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
                  "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT keepttl=KEEPTTL)?",
     .run = set,
     .key_flags_hook = registry::set_key_flags},
    {.name = "setnx",
     .arity = 3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyOW | registry::kKeyInsert),
     .group = "string",
     .since = "1.0.0",
     .summary = "Stores a string at a key that does not exist yet.",
     .complexity = "O(1)",
     .arguments = "key:key@0 value:string",
     .run = setnx,
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `NX` argument",
     .doc_flags = "deprecated"},
    {.name = "setex",
     .arity = 4,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyOW | registry::kKeyUpdate),
     .group = "string",
     .since = "2.0.0",
     .summary = "Stores a string that expires after some seconds.",
     .complexity = "O(1)",
     .arguments = "key:key@0 seconds:integer value:string",
     .run = setex,
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `EX` argument",
     .doc_flags = "deprecated"},
    {.name = "psetex",
     .arity = 4,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyOW | registry::kKeyUpdate),
     .group = "string",
     .since = "2.6.0",
     .summary = "Stores a string that expires after some milliseconds.",
     .complexity = "O(1)",
     .arguments = "key:key@0 milliseconds:integer value:string",
     .run = psetex,
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `PX` argument",
     .doc_flags = "deprecated"},
    {.name = "getset",
     .arity = 3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate),
     .group = "string",
     .since = "1.0.0",
     .summary = "Stores a string and replies with the one it replaces.",
     .complexity = "O(1)",
     .arguments = "key:key@0 value:string",
     .run = getset,
     .deprecated_since = "6.2.0",
     .replaced_by = "`SET` with the `!GET` argument",
     .doc_flags = "deprecated"},
};

}  // namespace

RowTable get_set_rows() {
  return kRows;
}

}  // namespace tessera::commands
