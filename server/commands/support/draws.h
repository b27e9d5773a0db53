// Role: how many elements a command may draw with repetitions (negative counts of SRANDMEMBER and its kin):
// such a reply is as long as its asker wishes, not as the value is. Thread: any.
#pragma once

#include <cstdint>

#include "common/resp/writer.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

// A reply beyond any string's limit is refused before it is made. True: the error was replied.
inline bool refuse_many_draws(const shard::Ctx& ctx, int64_t count, resp::Writer& reply) {
  constexpr int64_t kLeastReplyBytes = 7;
  if (count >= 0 || count >= -(ctx.max_bulk_bytes() / kLeastReplyBytes)) return false;
  reply.error("ERR value is out of range");
  return true;
}

}  // namespace tessera::commands
