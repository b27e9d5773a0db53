// Role: giving entries of a stream to a consumer of a group, as XREADGROUP does. Thread: the shard's, or the
// coordinator's.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/resp/writer.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/shard/ctx.h"
#include "server/store/types/stream.h"

namespace tessera::commands {

struct Delivery {
  std::string_view group, consumer;
  store::StreamId after;  // new ones: the group's last id
  uint64_t count = 0;     // 0: any
  bool history = false;   // what is pending for the consumer already
  bool no_ack = false;    // nothing becomes pending
};

// Replies the list of entries. A consumer that is not there is made. REQUIRES: stream and group are there
void deliver(shard::Ctx& ctx, const store::Key& key, const Delivery& delivery, resp::Writer& reply);

// What an effect may say of a group's count: one that overflowed is not known any more.
inline int64_t told_entries_read(int64_t entries_read) {
  return entries_read < 0 ? store::StreamGroup::kUnknownRead : entries_read;
}

void no_group_in_read(std::string_view key, std::string_view group, resp::Writer& reply);

// The effect that makes one pending entry what it is now.
void add_claim_effect(shard::EffectArgs& effect, EffectIds& ids, const store::Key& key,
                      const store::StreamGroup& group, std::string_view consumer,
                      const store::StreamPending& pending);

}  // namespace tessera::commands
