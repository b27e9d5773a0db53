// Role: XCLAIM and XAUTOCLAIM. Thread: the shard's.
// Effects: each claimed entry as XCLAIM with its absolute time and count, forced; entries that are gone as
// XACK.
#include <limits>
#include <string>
#include <vector>

#include "server/commands/stream/deliver.h"
#include "server/commands/stream/group_lookup.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/stream_reply.h"
#include "server/commands/stream/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Entry;
using store::Key;
using store::Stream;
using store::StreamConsumer;
using store::StreamCursor;
using store::StreamEdit;
using store::StreamGroup;
using store::StreamId;
using store::StreamPending;
using store::Type;

constexpr int64_t kNotGiven = -1;

// Differences of times of any size: they wrap as redis-server's do.
int64_t minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

struct ClaimOptions {
  int64_t min_idle_ms = 0;
  int64_t delivered_ms = kNotGiven;
  int64_t retry_count = kNotGiven;
  bool force = false;
  bool just_id = false;
  StreamId last_id;
};

bool read_min_idle(std::string_view arg, const char* error, Writer& reply, int64_t& out) {
  if (!read_int64(arg, reply, out, error)) return false;
  if (out < 0) out = 0;
  return true;
}

// From argument `i` on.
bool read_claim_options(const Args& args, size_t i, int64_t now_ms, Writer& reply, ClaimOptions& out) {
  for (; i < args.size(); ++i) {
    const bool has_value = i + 1 < args.size();
    if (token_is(args[i], "FORCE")) {
      out.force = true;
    } else if (token_is(args[i], "JUSTID")) {
      out.just_id = true;
    } else if (token_is(args[i], "IDLE") && has_value) {
      int64_t idle_ms = 0;
      if (!read_int64(args[++i], reply, idle_ms, "ERR Invalid IDLE option argument for XCLAIM")) return false;
      out.delivered_ms = minus(now_ms, idle_ms);
    } else if (token_is(args[i], "TIME") && has_value) {
      if (!read_int64(args[++i], reply, out.delivered_ms, "ERR Invalid TIME option argument for XCLAIM"))
        return false;
    } else if (token_is(args[i], "RETRYCOUNT") && has_value) {
      if (!read_int64(args[++i], reply, out.retry_count,
                      "ERR Invalid RETRYCOUNT option argument for XCLAIM")) {
        return false;
      }
    } else if (token_is(args[i], "LASTID") && has_value) {
      if (!read_stream_id(args[++i], 0, reply, out.last_id)) return false;
    } else {
      reply.error("ERR Unrecognized XCLAIM option '" + std::string(c_text(args[i])) + "'");
      return false;
    }
  }
  // A time that cannot be is now: clients compute it by their own clocks.
  if (out.delivered_ms == kNotGiven || out.delivered_ms < 0 || out.delivered_ms > now_ms)
    out.delivered_ms = now_ms;
  return true;
}

// Claims one entry after the other, and remembers what the effects need.
class Claimer {
 public:
  Claimer(Ctx& ctx, const Key& key, std::string_view group, std::string_view consumer, bool just_id,
          Writer& reply)
      : ctx_(ctx),
        key_(key),
        group_name_(group),
        consumer_name_(consumer),
        just_id_(just_id),
        reply_(reply) {}

  // The entry is the consumer's now, and replied.
  void claim(StreamGroup& group, StreamCursor& entry, int64_t delivered_ms, int64_t retry_count) {
    StreamConsumer& consumer = find_consumer(group);
    const StreamId id = entry.entry().id;
    bool is_new = false;
    StreamPending* pending = group.assign(id, &consumer, &is_new);
    if (is_new) pending->delivery_count = 1;
    pending->delivered_ms = delivered_ms;
    if (retry_count >= 0) pending->delivery_count = static_cast<uint64_t>(retry_count);
    if (retry_count < 0 && !just_id_) pending->count_delivery();
    if (just_id_) {
      reply_stream_id(id, reply_);
    } else {
      reply_stream_entry(entry.entry(), entry.fields(), reply_);
    }
    consumer.active_ms = ctx_.now().ms;
    ++claimed_;
    note_claim(group, *pending);
  }

  // The entry is not in the stream any more, and so not pending.
  void drop(StreamGroup& group, StreamId id) {
    group.erase_pending(id);
    EffectIds ids;
    ctx_.changed(key_, shard::kEventStream, nullptr, [&](EffectArgs& effect) {
      effect.add("XACK").add(key_.bytes).add(group_name_).add(ids(id));
    });
  }

  int64_t claimed() const { return claimed_; }

 private:
  // Only who claims something is made, and was seen.
  StreamConsumer& find_consumer(StreamGroup& group) {
    if (consumer_ == nullptr) {
      bool made = false;
      consumer_ = see_consumer(group, consumer_name_, ctx_.now().ms, made);
      if (made) note_consumer_made(ctx_, key_, group_name_, consumer_name_);
    }
    return *consumer_;
  }
  void note_claim(const StreamGroup& group, const StreamPending& pending) {
    EffectIds ids;
    ctx_.changed(key_, shard::kEventStream, nullptr, [&](EffectArgs& effect) {
      add_claim_effect(effect, ids, key_, group, consumer_name_, pending);
    });
  }

  Ctx& ctx_;
  const Key& key_;
  std::string_view group_name_, consumer_name_;
  bool just_id_;
  Writer& reply_;
  StreamConsumer* consumer_ = nullptr;
  int64_t claimed_ = 0;
};

// ---- XCLAIM

void claim_ids(Ctx& ctx, const Args& args, size_t ids_end, const ClaimOptions& options, const Key& key,
               Writer& reply) {
  StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
  StreamGroup& group = *edit->find_group(args[2]);
  Claimer claimer(ctx, key, args[2], args[3], options.just_id, reply);
  resp::Chunk* const place = reply.deferred();
  for (size_t i = 5; i < ids_end; ++i) {
    StreamId id;
    (void)parse_stream_id(args[i], 0, id);
    const StreamPending* pending = group.find_pending(id);
    StreamCursor entry(*edit, id, id, false);
    if (!entry.next()) {
      if (pending != nullptr) claimer.drop(group, id);
      continue;
    }
    if (pending == nullptr && !options.force) continue;
    if (pending != nullptr && pending->consumer != nullptr && options.min_idle_ms != 0 &&
        minus(ctx.now().ms, pending->delivered_ms) < options.min_idle_ms) {
      continue;
    }
    claimer.claim(group, entry, options.delivered_ms, options.retry_count);
  }
  reply.finish_array(place, claimer.claimed());
}

// LASTID; true: the group's last id moved.
bool move_last_id(Ctx& ctx, const Key& key, std::string_view group_name, StreamId last_id) {
  StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
  StreamGroup* group = edit->find_group(group_name);
  if (last_id <= group->last_id) return false;
  group->last_id = last_id;
  return true;
}

void xclaim(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const StreamGroup* group = read_group(ctx, key, args[2], reply);
  if (group == nullptr) return;
  ClaimOptions options;
  if (!read_min_idle(args[4], "ERR Invalid min-idle-time argument for XCLAIM", reply, options.min_idle_ms))
    return;
  size_t ids_end = 5;
  StreamId id;
  while (ids_end < args.size() && parse_stream_id(args[ids_end], 0, id)) ++ids_end;
  if (!read_claim_options(args, ids_end, ctx.now().ms, reply, options)) return;
  if (move_last_id(ctx, key, args[2], options.last_id)) {
    const int64_t entries_read = group->entries_read;
    EffectIds ids;
    ctx.changed(key, shard::kEventStream, nullptr, [&](EffectArgs& effect) {
      effect.add("XGROUP").add("SETID").add(key.bytes).add(args[2]).add(ids(options.last_id));
      effect.add("ENTRIESREAD").add_int(told_entries_read(entries_read));
    });
  }
  claim_ids(ctx, args, ids_end, options, key, reply);
}

// ---- XAUTOCLAIM

struct AutoClaimOptions {
  int64_t min_idle_ms = 0;
  int64_t count = 100;
  bool just_id = false;
  StreamId start;
};

bool read_autoclaim_options(const Args& args, Writer& reply, AutoClaimOptions& out) {
  constexpr int64_t kMostCount = std::numeric_limits<int64_t>::max() / 16;
  if (!read_min_idle(args[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM", reply, out.min_idle_ms)) {
    return false;
  }
  if (!read_range_start(args[5], reply, out.start)) return false;
  for (size_t i = 6; i < args.size(); ++i) {
    if (token_is(args[i], "COUNT") && i + 1 < args.size()) {
      if (!read_int64(args[++i], reply, out.count, "ERR COUNT must be > 0")) return false;
      if (out.count < 1 || out.count > kMostCount) {
        reply.error("ERR COUNT must be > 0");
        return false;
      }
    } else if (token_is(args[i], "JUSTID")) {
      out.just_id = true;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

// Returns where the next call begins, 0-0 at the end.
StreamId claim_idle(Ctx& ctx, const Args& args, const AutoClaimOptions& options, const Key& key,
                    std::vector<StreamId>& gone, Writer& reply) {
  StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
  StreamGroup& group = *edit->find_group(args[2]);
  Claimer claimer(ctx, key, args[2], args[3], options.just_id, reply);
  resp::Chunk* const place = reply.deferred();
  // Entries that are not idle enough are looked at ten times as many as were asked for.
  int64_t left = options.count, attempts = options.count * 10;
  auto at = group.pending().at_least(options.start);
  while (left > 0 && attempts-- > 0 && at) {
    const StreamPending pending = *at;
    StreamCursor entry(*edit, pending.id, pending.id, false);
    if (!entry.next()) {
      claimer.drop(group, pending.id);
      gone.push_back(pending.id);
      at = group.pending().at_least(pending.id);
      --left;
      continue;
    }
    if (pending.consumer == nullptr || options.min_idle_ms == 0 ||
        minus(ctx.now().ms, pending.delivered_ms) >= options.min_idle_ms) {
      // The group's list stays as it is: only who owns the entry changes.
      claimer.claim(group, entry, ctx.now().ms, kNotGiven);
      --left;
    }
    at.next();
  }
  reply.finish_array(place, claimer.claimed());
  return at ? at->id : StreamId{};
}

void xautoclaim(Ctx& ctx, const Args& args, Writer& reply) {
  AutoClaimOptions options;
  if (!read_autoclaim_options(args, reply, options)) return;
  const Key key = ctx.key(args[1]);
  if (read_group(ctx, key, args[2], reply) == nullptr) return;
  reply.array(3);
  // Where to go on is told first and known last.
  resp::Chunk* const place = reply.deferred();
  std::vector<StreamId> gone;
  const StreamId next = claim_idle(ctx, args, options, key, gone, reply);
  const StreamIdText text(next);
  const std::string bulk =
      "$" + std::to_string(text.view().size()) + "\r\n" + std::string(text.view()) + "\r\n";
  reply.out().fill(place, bulk);
  reply.array(static_cast<int64_t>(gone.size()));
  for (const StreamId id : gone) reply_stream_id(id, reply);
}

constexpr CommandRow kRows[] = {
    {.name = "xclaim",
     .arity = -6,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Makes pending entries those of another consumer, as if it had got them.",
     .complexity = "O(log(N)) for each id, N being what is pending.",
     .tips = "nondeterministic_output",
     .arguments =
         "key:key@0 group:string consumer:string min-idle-time:string id:string* ms:integer=IDLE? "
         "unix-time-milliseconds:unix-time=TIME? count:integer=RETRYCOUNT? force=FORCE? justid=JUSTID? "
         "lastid:string=LASTID?",
     .run = xclaim},
    {.name = "xautoclaim",
     .arity = -6,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "stream",
     .since = "6.2.0",
     .summary = "Makes entries that have been pending for long those of another consumer.",
     .complexity = "O(M), M being COUNT.",
     .tips = "nondeterministic_output",
     .arguments =
         "key:key@0 group:string consumer:string min-idle-time:string start:string count:integer=COUNT? "
         "justid=JUSTID?",
     .run = xautoclaim,
     .history =
         "7.0.0\tAdded an element to the reply array, containing deleted entries the command cleared from "
         "the PEL"},
};

}  // namespace

RowTable stream_claim_rows() {
  return kRows;
}

}  // namespace tessera::commands
