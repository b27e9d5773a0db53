// Role: XACK and XPENDING. Thread: the shard's.
#include <vector>

#include "server/commands/stream/group_lookup.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::StreamConsumer;
using store::StreamEdit;
using store::StreamGroup;
using store::StreamId;
using store::StreamPending;
using store::Type;

void xack(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.read(key);
  if (entry != nullptr && !Ctx::check_type(*entry, Type::kStream, reply)) return;
  if (entry == nullptr || store::stream_of(*entry).find_group(args[2]) == nullptr) {
    reply.integer(0);
    return;
  }
  // All or nothing: no id is looked at before all are read.
  StreamId id;
  for (size_t i = 3; i < args.size(); ++i) {
    if (!read_stream_id(args[i], 0, reply, id)) return;
  }
  int64_t acknowledged = 0;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    StreamGroup* group = edit->find_group(args[2]);
    for (size_t i = 3; i < args.size(); ++i) {
      (void)parse_stream_id(args[i], 0, id);
      acknowledged += group->erase_pending(id);
    }
  }
  if (acknowledged > 0) {
    ctx.changed_verbatim(key, shard::kEventStream, nullptr);
    ctx.add_dirty(acknowledged - 1);
  }
  reply.integer(acknowledged);
}

// ---- XPENDING

struct PendingOptions {
  bool summary = true;
  int64_t min_idle_ms = 0;
  int64_t count = 0;
  StreamId start, end;
  size_t consumer_at = 0;
};

bool read_pending_options(const Args& args, Writer& reply, PendingOptions& out) {
  out.summary = args.size() == 3;
  if (out.summary) return true;
  if (args.size() < 6 || args.size() > 9) {
    syntax_error(reply);
    return false;
  }
  size_t at = 3;
  if (token_is(args[3], "IDLE")) {
    if (!read_int64(args[4], reply, out.min_idle_ms)) return false;
    if (args.size() < 8) {
      syntax_error(reply);
      return false;
    }
    at = 5;
  }
  if (!read_int64(args[at + 2], reply, out.count)) return false;
  if (!read_range_start(args[at], reply, out.start) || !read_range_end(args[at + 1], reply, out.end))
    return false;
  if (at + 3 < args.size()) out.consumer_at = at + 3;
  return true;
}

void reply_summary(const StreamGroup& group, Writer& reply) {
  reply.array(4);
  reply.integer(static_cast<int64_t>(group.pending().size()));
  if (group.pending().empty()) {
    reply.null();
    reply.null();
    reply.null_array();
    return;
  }
  reply_stream_id(group.pending().first()->id, reply);
  reply_stream_id(group.pending().last()->id, reply);
  resp::Chunk* const place = reply.deferred();
  int64_t count = 0;
  for (auto at = group.consumers().first(); at; at.next()) {
    const StreamConsumer& consumer = **at;
    if (consumer.pending.empty()) continue;
    reply.array(2);
    reply.bulk(consumer.name());
    reply.bulk_int(static_cast<int64_t>(consumer.pending.size()));
    ++count;
  }
  reply.finish_array(place, count);
}

class PendingReply {
 public:
  PendingReply(const PendingOptions& options, int64_t now_ms, Writer& reply)
      : options_(options), now_ms_(now_ms), reply_(reply), place_(reply.deferred()) {}

  // False: no more are wanted.
  bool add(const StreamPending& pending) {
    if (count_ >= options_.count || pending.id > options_.end) return false;
    // What nobody owns is idle for ever.
    const bool released = pending.consumer == nullptr;
    const auto idle_ms =
        static_cast<int64_t>(static_cast<uint64_t>(now_ms_) - static_cast<uint64_t>(pending.delivered_ms));
    if (options_.min_idle_ms != 0 && !released && idle_ms < options_.min_idle_ms) return true;
    reply_.array(4);
    reply_stream_id(pending.id, reply_);
    reply_.bulk(released ? std::string_view() : pending.consumer->name());
    reply_.integer(released ? -1 : idle_ms < 0 ? 0 : idle_ms);
    reply_.integer(static_cast<int64_t>(pending.delivery_count));
    ++count_;
    return true;
  }
  void finish() { reply_.finish_array(place_, count_); }

 private:
  const PendingOptions& options_;
  int64_t now_ms_;
  Writer& reply_;
  resp::Chunk* place_;
  int64_t count_ = 0;
};

void xpending(Ctx& ctx, const Args& args, Writer& reply) {
  PendingOptions options;
  if (!read_pending_options(args, reply, options)) return;
  const StreamGroup* group = read_group(ctx, ctx.key(args[1]), args[2], reply);
  if (group == nullptr) return;
  if (options.summary) {
    reply_summary(*group, reply);
    return;
  }
  if (options.consumer_at != 0) {
    const StreamConsumer* consumer = group->find_consumer(args[options.consumer_at]);
    if (consumer == nullptr) {
      reply.array(0);
      return;
    }
    PendingReply out(options, ctx.now().ms, reply);
    for (auto at = consumer->pending.at_least(options.start); at; at.next()) {
      if (!out.add(*group->find_pending(*at))) break;
    }
    out.finish();
    return;
  }
  PendingReply out(options, ctx.now().ms, reply);
  for (auto at = group->pending().at_least(options.start); at; at.next()) {
    if (!out.add(*at)) break;
  }
  out.finish();
}

constexpr CommandRow kRows[] = {
    {.name = "xack",
     .arity = -4,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Tells a consumer group that entries are done with; says how many were pending.",
     .complexity = "O(log(N)) for each id, N being what is pending.",
     .arguments = "key:key@0 group:string id:string*",
     .run = xack},
    {.name = "xpending",
     .arity = -3,
     .flags = registry::kReadonly,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "stream",
     .since = "5.0.0",
     .summary = "What is pending in a consumer group: a summary, or entries of a range.",
     .complexity =
         "O(log(N)+M), N being what is pending and M what is looked at; the summary O(C) consumers.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 group:string filters:block(min-idle-time:integer=IDLE? start:string end:string "
                  "count:integer consumer:string?)?",
     .run = xpending,
     .history = "6.2.0\tAdded the `IDLE` option and exclusive range intervals."},
};

}  // namespace

RowTable stream_acknowledge_rows() {
  return kRows;
}

}  // namespace tessera::commands
