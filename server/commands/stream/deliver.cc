// Role: see deliver.h. Effects are made after the fact, from what the stream holds then: nothing is
// remembered for listeners that are not there.
#include "server/commands/stream/deliver.h"

#include <string>

#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/stream_reply.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Key;
using store::Stream;
using store::StreamConsumer;
using store::StreamCursor;
using store::StreamEdit;
using store::StreamGroup;
using store::StreamId;
using store::StreamPending;

// The group has read up to this entry.
void note_read(const Stream& stream, StreamGroup& group, StreamId id) {
  if (group.entries_read != StreamGroup::kUnknownRead && !stream.has_deleted_since(id)) {
    // A count that was set near the end of its range goes round.
    group.entries_read = static_cast<int64_t>(static_cast<uint64_t>(group.entries_read) + 1);
  } else if (stream.entries_added() != 0) {
    group.entries_read = stream.entries_added_up_to(id);
  }
  group.last_id = id;
}

struct Delivered {
  size_t count = 0;
  StreamId first, last;
};

Delivered deliver_new(Stream& stream, StreamGroup& group, StreamConsumer& consumer, const Delivery& delivery,
                      int64_t now_ms, Writer& reply) {
  Delivered done;
  resp::Chunk* const place = reply.deferred();
  StreamCursor cursor(stream, delivery.after.next(), StreamId::max(), false);
  while ((delivery.count == 0 || done.count < delivery.count) && cursor.next()) {
    const StreamId id = cursor.entry().id;
    note_read(stream, group, id);
    reply_stream_entry(cursor.entry(), cursor.fields(), reply);
    if (done.count++ == 0) done.first = id;
    done.last = id;
    if (delivery.no_ack) continue;
    bool is_new = false;
    StreamPending* pending = group.assign(id, &consumer, &is_new);
    pending->delivered_ms = now_ms;
    pending->delivery_count = 1;
  }
  reply.finish_array(place, static_cast<int64_t>(done.count));
  return done;
}

// Pending entries that left the stream meanwhile are replied without fields, and not delivered again.
void deliver_history(const Stream& stream, StreamGroup& group, StreamConsumer& consumer,
                     const Delivery& delivery, int64_t now_ms, Writer& reply) {
  resp::Chunk* const place = reply.deferred();
  uint64_t count = 0;
  for (auto at = consumer.pending.at_least(delivery.after.next()); at; at.next()) {
    if (delivery.count != 0 && count == delivery.count) break;
    ++count;
    StreamCursor cursor(stream, *at, *at, false);
    if (cursor.next()) {
      reply_stream_entry(cursor.entry(), cursor.fields(), reply);
      StreamPending* pending = group.find_pending(*at);
      pending->delivered_ms = now_ms;
      pending->count_delivery();
    } else {
      reply.array(2);
      reply_stream_id(*at, reply);
      reply.null_array();
    }
  }
  reply.finish_array(place, static_cast<int64_t>(count));
}

const Stream& stream_at(Ctx& ctx, const Key& key) {
  return store::stream_of(*ctx.keyspace(key).find(ctx.db(), key));
}

// All entries of one delivery have one time and count: one claim for all of them.
void add_delivery_effect(EffectArgs& effect, EffectIds& ids, const Key& key, const Stream& stream,
                         const Delivery& delivery, const Delivered& done, int64_t now_ms) {
  effect.add("XCLAIM").add(key.bytes).add(delivery.group).add(delivery.consumer).add("0");
  StreamCursor cursor(stream, done.first, done.last, false);
  while (cursor.next()) effect.add(ids(cursor.entry().id));
  effect.add("TIME").add_int(now_ms).add("RETRYCOUNT").add("1").add("FORCE").add("JUSTID");
}

void note_new(Ctx& ctx, const Key& key, const Delivery& delivery, const Delivered& done) {
  EffectIds ids;
  if (!delivery.no_ack) {
    ctx.changed(key, shard::kEventStream, nullptr, [&](EffectArgs& effect) {
      add_delivery_effect(effect, ids, key, stream_at(ctx, key), delivery, done, ctx.now().ms);
    });
  }
  const auto read = [&](EffectArgs& effect) {
    const StreamGroup* group = stream_at(ctx, key).find_group(delivery.group);
    effect.add("XGROUP").add("SETID").add(key.bytes).add(delivery.group);
    effect.add(ids(group->last_id)).add("ENTRIESREAD").add_int(told_entries_read(group->entries_read));
  };
  ctx.changed(key, shard::kEventStream, nullptr, read);
  if (!delivery.no_ack) ctx.add_dirty(-1);
}

// Each one has a count of its own.
void note_history(Ctx& ctx, const Key& key, const Delivery& delivery) {
  const Stream& stream = stream_at(ctx, key);
  const StreamGroup* group = stream.find_group(delivery.group);
  const StreamConsumer* consumer = group->find_consumer(delivery.consumer);
  uint64_t count = 0;
  for (auto at = consumer->pending.at_least(delivery.after.next()); at; at.next()) {
    if (delivery.count != 0 && count++ == delivery.count) break;
    if (!stream.contains(*at)) continue;
    EffectIds ids;
    ctx.changed(key, shard::kEventStream, nullptr, [&](EffectArgs& effect) {
      add_claim_effect(effect, ids, key, *group, delivery.consumer, *group->find_pending(*at));
    });
    ctx.add_dirty(-1);
  }
  ctx.add_dirty(1);
}

}  // namespace

void add_claim_effect(EffectArgs& effect, EffectIds& ids, const Key& key, const StreamGroup& group,
                      std::string_view consumer, const StreamPending& pending) {
  effect.add("XCLAIM").add(key.bytes).add(group.name()).add(consumer).add("0");
  effect.add(ids(pending.id)).add("TIME").add_int(pending.delivered_ms);
  effect.add("RETRYCOUNT").add_int(static_cast<int64_t>(pending.delivery_count));
  effect.add("FORCE").add("JUSTID");
}

void deliver(Ctx& ctx, const Key& key, const Delivery& delivery, Writer& reply) {
  const int64_t now_ms = ctx.now().ms;
  bool made = false;
  Delivered done;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    StreamGroup& group = *edit->find_group(delivery.group);
    StreamConsumer* consumer = group.find_consumer(delivery.consumer);
    made = consumer == nullptr;
    if (made) consumer = group.make_consumer(delivery.consumer, now_ms);
    consumer->seen_ms = now_ms;
    if (delivery.history) {
      deliver_history(*edit, group, *consumer, delivery, now_ms, reply);
    } else {
      done = deliver_new(*edit, group, *consumer, delivery, now_ms, reply);
      if (done.count > 0 && !delivery.no_ack) consumer->active_ms = now_ms;
    }
  }
  if (made) {
    ctx.changed(key, shard::kEventStream, "xgroup-createconsumer", [&](EffectArgs& effect) {
      effect.add("XGROUP").add("CREATECONSUMER").add(key.bytes).add(delivery.group).add(delivery.consumer);
    });
  }
  if (delivery.history) {
    note_history(ctx, key, delivery);
  } else {
    note_new(ctx, key, delivery, done);
  }
}

void no_group_in_read(std::string_view key, std::string_view group, Writer& reply) {
  reply.error("NOGROUP No such key '" + std::string(c_text(key)) + "' or consumer group '" +
              std::string(c_text(group)) + "' in XREADGROUP with GROUP option");
}

}  // namespace tessera::commands
