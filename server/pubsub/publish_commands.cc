// Role: PUBLISH, SPUBLISH and PUBSUB. Thread: PUBLISH on any shard, that of a script or transaction it is
// part of too: it needs no key, and reads the audiences of all threads. PUBSUB on the connection's thread, or
// all.
#include <set>

#include "common/text/glob.h"
#include "server/pubsub/subscribers.h"
#include "server/pubsub/tables.h"
#include "server/registry/help.h"
#include "server/shard/shard.h"

namespace tessera::pubsub {

namespace {

using dispatch::ConnCtx;
using dispatch::ThreadCtx;
using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;

void publish(shard::Ctx& ctx, const Args& args, Writer& reply) {
  reply.integer(shard::CtxSetup::publish(ctx, args[1], args[2], args.owner(2), false));
}

void spublish(shard::Ctx& ctx, const Args& args, Writer& reply) {
  reply.integer(shard::CtxSetup::publish(ctx, args[1], args[2], args.owner(2), true));
}

// ---- PUBSUB

// A second argument too many is found by the handler itself, with a text of its own.
bool too_many(const Args& args, Part& part) {
  if (args.size() <= 3) return false;
  part.error = "ERR unknown subcommand or wrong number of arguments for '" + std::string(args[1]) +
               "'. Try PUBSUB HELP.";
  return true;
}

void names_part(ThreadCtx& ctx, const Args& args, Part& part, Scope scope) {
  if (too_many(args, part)) return;
  Subscribers::of(ctx.engine()).for_each_name(scope, [&](std::string_view name) {
    if (args.size() == 2 || text::glob_match(args[2], name)) part.items.emplace_back(name);
  });
}

void channels_part(ThreadCtx& ctx, const Args& args, Part& part) {
  names_part(ctx, args, part, Scope::kChannel);
}

void shard_channels_part(ThreadCtx& ctx, const Args& args, Part& part) {
  names_part(ctx, args, part, Scope::kShard);
}

// Clients of several threads may listen to the same one.
void names_merge(std::span<Part> parts, const Args&, Writer& reply) {
  std::set<std::string_view> names;
  for (const Part& part : parts) names.insert(part.items.begin(), part.items.end());
  reply.array(static_cast<int64_t>(names.size()));
  for (std::string_view name : names) reply.bulk(name);
}

void counts(ConnCtx& ctx, const Args& args, Writer& reply, bool sharded) {
  reply.array(2 * static_cast<int64_t>(args.size() - 2));
  for (size_t i = 2; i < args.size(); ++i) {
    reply.bulk(args[i]);
    reply.integer(ctx.node().feed->subscribers(args[i], sharded));
  }
}

void numsub(ConnCtx& ctx, const Args& args, Writer& reply) {
  counts(ctx, args, reply, false);
}

void shardnumsub(ConnCtx& ctx, const Args& args, Writer& reply) {
  counts(ctx, args, reply, true);
}

void numpat(ConnCtx& ctx, const Args&, Writer& reply) {
  reply.integer(ctx.node().feed->pattern_count());
}

constexpr const char* kHelp[] = {
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
};

void help(ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("PUBSUB", kHelp, reply);
}

constexpr uint32_t kFlags = registry::kPubsub | registry::kLoading | registry::kStale;

constexpr CommandRow kPubsubRows[] = {
    {.name = "channels",
     .arity = -2,
     .flags = kFlags,
     .route = Route::kThreads,
     .group = "pubsub",
     .since = "2.8.0",
     .summary = "Names of channels that somebody listens to.",
     .complexity = "O(N), N being the number of channels.",
     .arguments = "pattern:pattern?",
     .part_threads = channels_part,
     .merge = names_merge,
     .full_name = "pubsub|channels"},
    {.name = "numpat",
     .arity = 2,
     .flags = kFlags,
     .route = Route::kConn,
     .group = "pubsub",
     .since = "2.8.0",
     .summary = "How many patterns somebody listens to.",
     .complexity = "O(N), N being the number of patterns; O(1) with one shard.",
     .run_conn = numpat,
     .full_name = "pubsub|numpat"},
    {.name = "numsub",
     .arity = -2,
     .flags = kFlags,
     .route = Route::kConn,
     .group = "pubsub",
     .since = "2.8.0",
     .summary = "How many clients listen to each channel.",
     .complexity = "O(N), N being the number of channels.",
     .arguments = "channel:string?*",
     .run_conn = numsub,
     .full_name = "pubsub|numsub"},
    {.name = "shardchannels",
     .arity = -2,
     .flags = kFlags,
     .route = Route::kThreads,
     .group = "pubsub",
     .since = "7.0.0",
     .summary = "Names of shard channels that somebody listens to.",
     .complexity = "O(N), N being the number of shard channels.",
     .arguments = "pattern:pattern?",
     .part_threads = shard_channels_part,
     .merge = names_merge,
     .full_name = "pubsub|shardchannels"},
    {.name = "shardnumsub",
     .arity = -2,
     .flags = kFlags,
     .route = Route::kConn,
     .group = "pubsub",
     .since = "7.0.0",
     .summary = "How many clients listen to each shard channel.",
     .complexity = "O(N), N being the number of shard channels.",
     .arguments = "shardchannel:string?*",
     .run_conn = shardnumsub,
     .full_name = "pubsub|shardnumsub"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .route = Route::kConn,
     .group = "pubsub",
     .since = "6.2.0",
     .summary = "What PUBSUB can do.",
     .complexity = "O(1)",
     .run_conn = help,
     .full_name = "pubsub|help"},
};

constexpr CommandRow kRows[] = {
    {.name = "publish",
     .arity = 3,
     .flags = registry::kPubsub | registry::kLoading | registry::kStale | registry::kFast |
              registry::kMayReplicate,
     .route = Route::kShard,
     .group = "pubsub",
     .since = "2.0.0",
     .summary = "Sends a message to who listens to a channel.",
     .complexity = "O(N+M), N being the number of clients that listen to the channel and M the number of "
                   "patterns.",
     .arguments = "channel:string message:string",
     .run = publish,
     .channels = registry::Channels::kFirst},
    {.name = "spublish",
     .arity = 3,
     .flags = registry::kPubsub | registry::kLoading | registry::kStale | registry::kFast |
              registry::kMayReplicate,
     .keys = registry::keys_range(1, 0, 1, registry::kKeyNotKey),
     .route = Route::kShard,
     .group = "pubsub",
     .since = "7.0.0",
     .summary = "Sends a message to who listens to a shard channel.",
     .complexity = "O(N), N being the number of clients that listen to the channel.",
     .arguments = "shardchannel:string message:string",
     .run = spublish,
     .channels = registry::Channels::kFirst},
    {.name = "pubsub",
     .arity = -2,
     .group = "pubsub",
     .since = "2.8.0",
     .summary = "Commands that speak of channels.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kPubsubRows},
};

}  // namespace

RowTable publish_rows() {
  return kRows;
}

}  // namespace tessera::pubsub
