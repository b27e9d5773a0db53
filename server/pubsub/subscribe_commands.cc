// Role: SUBSCRIBE and its kin: what a connection listens to. Thread: the connection's.
// Replies are pushes: one for each channel, and they are sent even when CLIENT REPLY is off.
#include "server/dispatch/gates.h"
#include "server/pubsub/subscribers.h"
#include "server/pubsub/tables.h"

namespace tessera::pubsub {

namespace {

using dispatch::ConnCtx;
using dispatch::Session;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

int64_t count_of(const Session& session, Scope scope) {
  return scope == Scope::kShard ? session.shard_channels : int64_t{session.channels} + session.patterns;
}

// `name`: nullptr when there was nothing to unsubscribe from.
void write_change(Writer& reply, const char* word, const std::string_view* name, int64_t count) {
  reply.push(3);
  reply.bulk(word);
  if (name != nullptr) {
    reply.bulk(*name);
  } else {
    reply.null();
  }
  reply.integer(count);
}

template <typename F>
void with_push_writer(ConnCtx& ctx, Writer& reply, F&& write) {
  if (!ctx.pipeline().muted()) {
    write(reply);
    return;
  }
  Writer direct(ctx.pipeline().push_chain(), reply.proto());
  write(direct);
}

void subscribe_all(ConnCtx& ctx, const Args& args, Writer& reply, Scope scope, const char* word) {
  with_push_writer(ctx, reply, [&](Writer& push) {
    for (size_t i = 1; i < args.size(); ++i) {
      Subscribers::of(ctx.engine()).subscribe(ctx.session(), ctx.pipeline(), scope, args[i]);
      const std::string_view name = args[i];
      write_change(push, word, &name, count_of(ctx.session(), scope));
    }
  });
}

void unsubscribe_all(ConnCtx& ctx, const Args& args, Writer& reply, Scope scope, const char* word) {
  Subscribers& subscribers = Subscribers::of(ctx.engine());
  const auto leave = [&](Writer& push, std::string_view name) {
    subscribers.unsubscribe(ctx.session(), scope, name);
    write_change(push, word, &name, count_of(ctx.session(), scope));
  };
  with_push_writer(ctx, reply, [&](Writer& push) {
    for (size_t i = 1; i < args.size(); ++i) leave(push, args[i]);
    if (args.size() > 1) return;
    const std::vector<std::string> names = subscribers.names(ctx.session(), scope);
    for (const std::string& each : names) leave(push, each);
    if (names.empty()) write_change(push, word, nullptr, count_of(ctx.session(), scope));
  });
}

// In a cluster shard channels belong to the nodes of their slot.
bool check_slots(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (!ctx.settings().cluster_enabled || args.size() < 2) return true;
  const store::Keyspace& keys = ctx.engine().shard().keyspace();
  dispatch::CommandView command{&ctx.row(), args, {}};
  dispatch::KeysOfCommand slots{keys.make_key(args[1]).slot, args.size() > 2, false};
  for (size_t i = 2; i < args.size(); ++i) slots.cross_slot |= keys.make_key(args[i]).slot != slots.slot;
  const dispatch::GateResult gate = dispatch::check_slot(ctx.engine(), ctx.session(), command, slots);
  if (gate.open) return true;
  reply.error(gate.error);
  ctx.engine().stats().rejected(ctx.row().id);
  return false;
}

void subscribe(ConnCtx& ctx, const Args& args, Writer& reply) {
  subscribe_all(ctx, args, reply, Scope::kChannel, "subscribe");
}

void unsubscribe(ConnCtx& ctx, const Args& args, Writer& reply) {
  unsubscribe_all(ctx, args, reply, Scope::kChannel, "unsubscribe");
}

void psubscribe(ConnCtx& ctx, const Args& args, Writer& reply) {
  subscribe_all(ctx, args, reply, Scope::kPattern, "psubscribe");
}

void punsubscribe(ConnCtx& ctx, const Args& args, Writer& reply) {
  unsubscribe_all(ctx, args, reply, Scope::kPattern, "punsubscribe");
}

void ssubscribe(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (check_slots(ctx, args, reply)) subscribe_all(ctx, args, reply, Scope::kShard, "ssubscribe");
}

void sunsubscribe(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (check_slots(ctx, args, reply)) unsubscribe_all(ctx, args, reply, Scope::kShard, "sunsubscribe");
}

void monitor(ConnCtx& ctx, const Args&, Writer& reply) {
  // Those who listen are told twice nothing: a second MONITOR has no reply, as redis-server.
  if (ctx.session().has(dispatch::kMonitor)) return;
  Subscribers::of(ctx.engine()).monitor(ctx.session(), ctx.pipeline());
  reply.ok();
}

constexpr uint32_t kFlags = registry::kPubsub | registry::kNoscript | registry::kLoading | registry::kStale;

constexpr CommandRow kRows[] = {
    {.name = "subscribe",
     .arity = -2,
     .flags = kFlags,
     .route = Route::kConn,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Listens to channels.",
     .complexity = "O(N), N being the number of channels.",
     .arguments = "channel:string*",
     .run_conn = subscribe,
     .channels = registry::Channels::kAll},
    {.name = "unsubscribe",
     .arity = -1,
     .flags = kFlags,
     .route = Route::kConn,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Listens to channels no more.",
     .complexity = "O(N), N being the number of channels.",
     .arguments = "channel:string?*",
     .run_conn = unsubscribe},
    {.name = "psubscribe",
     .arity = -2,
     .flags = kFlags,
     .route = Route::kConn,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Listens to all channels that patterns catch.",
     .complexity = "O(N), N being the number of patterns.",
     .arguments = "pattern:pattern*",
     .run_conn = psubscribe,
     .channels = registry::Channels::kAllPatterns},
    {.name = "punsubscribe",
     .arity = -1,
     .flags = kFlags,
     .route = Route::kConn,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Listens to patterns no more.",
     .complexity = "O(N), N being the number of patterns.",
     .arguments = "pattern:pattern?*",
     .run_conn = punsubscribe},
    {.name = "ssubscribe",
     .arity = -2,
     .flags = kFlags,
     .keys = registry::keys_range(1, -1, 1, registry::kKeyNotKey),
     .route = Route::kConn,
     .group = "pubsub",
     .since = "7.0.0",
     .summary = "Listens to shard channels.",
     .complexity = "O(N), N being the number of channels.",
     .arguments = "shardchannel:string*",
     .run_conn = ssubscribe,
     .channels = registry::Channels::kAll},
    {.name = "sunsubscribe",
     .arity = -1,
     .flags = kFlags,
     .keys = registry::keys_range(1, -1, 1, registry::kKeyNotKey),
     .route = Route::kConn,
     .group = "pubsub",
     .since = "7.0.0",
     .summary = "Listens to shard channels no more.",
     .complexity = "O(N), N being the number of channels.",
     .arguments = "shardchannel:string?*",
     .run_conn = sunsubscribe},
    {.name = "monitor",
     .arity = 1,
     .flags = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale,
     .route = Route::kConn,
     .group = "server",
     .since = "1.0.0",
     .summary = "Shows every command that the server runs.",
     .complexity = "",
     .run_conn = monitor},
};

}  // namespace

RowTable subscribe_rows() {
  return kRows;
}

}  // namespace tessera::pubsub
