// Role: strings of several keys at once: MGET, MSET, MSETNX, MSETEX. Thread: the shard's, or the
// coordinator's. Effects: MSET and MSETNX as they came; MSETEX as one SET a key, which every replica knows.
#include <climits>

#include "common/text/integers.h"
#include "server/commands/string/set_options.h"
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

void mget(Ctx& ctx, const Args& args, Writer& reply) {
  reply.array(static_cast<int64_t>(args.size()) - 1);
  for (size_t i = 1; i < args.size(); ++i) {
    const Entry* entry = ctx.read(ctx.key(args[i]));
    if (entry == nullptr || entry->type() != Type::kString) {
      reply.null();
    } else {
      reply_string(*entry, reply);
    }
  }
}

// Sets the pairs from argument 1 on. The command itself is the effect, noted once.
void set_pairs(Ctx& ctx, const Args& args) {
  for (size_t i = 1; i < args.size(); i += 2) {
    const Key key = ctx.key(args[i]);
    store_argument(ctx, key, args, i + 1, store::kNoExpire, ctx.peek(key) != nullptr);
    if (i == 1) {
      ctx.changed_verbatim(key, shard::kEventString, "set");
    } else {
      ctx.changed_silently(key, shard::kEventString, "set");
    }
  }
}

void mset(Ctx& ctx, const Args& args, Writer& reply) {
  if (args.size() % 2 == 0) {
    wrong_arity(ctx.row(), reply);
    return;
  }
  set_pairs(ctx, args);
  reply.ok();
}

void msetnx(Ctx& ctx, const Args& args, Writer& reply) {
  if (args.size() % 2 == 0) {
    wrong_arity(ctx.row(), reply);
    return;
  }
  for (size_t i = 1; i < args.size(); i += 2) {
    if (ctx.write(ctx.key(args[i])) != nullptr) {
      reply.integer(0);
      return;
    }
  }
  set_pairs(ctx, args);
  reply.integer(1);
}

struct MsetexCall {
  size_t pairs_end = 0;  // behind the last value
  Existence existence = Existence::kAny;
  ExpiryOption expiry;
};

bool read_msetex(const Args& args, Writer& reply, MsetexCall& call) {
  const auto count = text::parse_int64(args[1]);
  if (!count || *count < 1 || *count > INT_MAX) {
    reply.error("ERR invalid numkeys value");
    return false;
  }
  call.pairs_end = 2 + 2 * static_cast<size_t>(*count);
  if (call.pairs_end > args.size()) {
    reply.error("ERR wrong number of key-value pairs");
    return false;
  }
  for (size_t i = call.pairs_end; i < args.size(); ++i) {
    if (take_existence(args[i], call.existence)) continue;
    if (take_expiry_option(args, i, ExpiryExtra::kKeepTtl, call.expiry)) continue;
    syntax_error(reply);
    return false;
  }
  return true;
}

void msetex(Ctx& ctx, const Args& args, Writer& reply) {
  MsetexCall call;
  if (!read_msetex(args, reply, call)) return;
  int64_t expire_ms = call.expiry.kind == ExpiryKind::kKeepTtl ? store::kKeepExpire : store::kNoExpire;
  if (call.expiry.has_time() && !expiry_time_ms(call.expiry, args, ctx.now(), ctx.row(), reply, expire_ms)) {
    return;
  }
  if (call.existence != Existence::kAny) {
    const bool wanted = call.existence == Existence::kMustExist;
    for (size_t i = 2; i < call.pairs_end; i += 2) {
      if ((ctx.write(ctx.key(args[i])) != nullptr) != wanted) {
        reply.integer(0);
        return;
      }
    }
  }
  for (size_t i = 2; i < call.pairs_end; i += 2) {
    const Key key = ctx.key(args[i]);
    store_argument(ctx, key, args, i + 1, expire_ms, ctx.peek(key) != nullptr);
    ctx.changed(key, shard::kEventString, "set", [&](shard::EffectArgs& effect) {
      effect.add("SET").add(key.bytes).add(args[i + 1]);
      if (expire_ms >= 0) effect.add("PXAT").add_int(expire_ms);
      if (expire_ms == store::kKeepExpire) effect.add("KEEPTTL");
    });
    if (expire_ms >= 0) ctx.notify(ctx.db(), key, shard::kEventGeneric, "expire");
  }
  reply.integer(1);
}

constexpr CommandRow kRows[] = {
    {.name = "mget",
     .arity = -2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatString,
     .keys = all_keys(registry::kKeyRO | registry::kKeyAccess),
     .split = registry::Split::kPerKey,
     .group = "string",
     .since = "1.0.0",
     .summary = "The strings stored at several keys, null where there is none.",
     .complexity = "O(N), N being the number of keys.",
     .tips = "request_policy:multi_shard",
     .arguments = "key:key@0*",
     .run = mget},
    {.name = "mset",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatString,
     .keys = registry::keys_range(1, -1, 2, registry::kKeyOW | registry::kKeyUpdate),
     .group = "string",
     .since = "1.0.1",
     .summary = "Stores strings at several keys at once.",
     .complexity = "O(N), N being the number of keys.",
     .tips = "request_policy:multi_shard response_policy:all_succeeded",
     .arguments = "data:block(key:key@0 value:string)*",
     .run = mset},
    {.name = "msetnx",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatString,
     .keys = registry::keys_range(1, -1, 2, registry::kKeyOW | registry::kKeyInsert),
     .group = "string",
     .since = "1.0.1",
     .summary = "Stores strings at several keys if none of them exists.",
     .complexity = "O(N), N being the number of keys.",
     .arguments = "data:block(key:key@0 value:string)*",
     .run = msetnx},
    {.name = "msetex",
     .arity = -4,
     .flags = registry::kWrite | registry::kDenyOom | registry::kMovableKeys,
     .acl = registry::kCatString,
     .keys = registry::keys_counted(1, 0, 1, 2, registry::kKeyOW | registry::kKeyUpdate),
     .group = "string",
     .since = "9.1.0",
     .summary = "Stores strings at several keys at once, with one expiry and on a condition.",
     .complexity = "O(N), N being the number of keys.",
     .tips = "request_policy:multi_shard response_policy:all_succeeded",
     .arguments = "numkeys:integer data:block(key:key@0 value:string)* condition:oneof(nx=NX xx=XX)? "
                  "expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
                  "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT keepttl=KEEPTTL)?",
     .run = msetex},
};

}  // namespace

RowTable multi_key_rows() {
  return kRows;
}

}  // namespace tessera::commands
