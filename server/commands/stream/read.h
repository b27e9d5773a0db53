// Role: XREAD and XREADGROUP without waiting, for those two and for whoever serves clients that wait. Thread:
// the shard's, or the coordinator's.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/shard/ctx.h"
#include "server/store/types/stream.h"

namespace tessera::commands {

struct StreamReadOptions {
  static constexpr int64_t kNoBlock = -1;

  int64_t block_ms = kNoBlock;  // 0: without end
  uint64_t count = 0;           // 0: any
  bool is_group = false;        // XREADGROUP
  bool no_ack = false;
  std::string_view group, consumer;
  size_t keys_at = 0;  // first key among the arguments
  size_t key_count = 0;
  // One per key: entries behind this one; kNew: what nobody of the group has got (">").
  static constexpr store::StreamId kNew = store::StreamId::max();
  std::vector<store::StreamId> ids;
};

// Reads the arguments; "$" becomes the last id as it is now. False: an error was replied.
bool read_stream_read_options(shard::Ctx& ctx, const registry::Args& args, resp::Writer& reply,
                              StreamReadOptions& out);
// Replies what there is for these keys, with what that changes in groups. False: there is nothing (and
// nothing was replied).
bool serve_stream_read(shard::Ctx& ctx, const registry::Args& args, const StreamReadOptions& options,
                       resp::Writer& reply);

}  // namespace tessera::commands
