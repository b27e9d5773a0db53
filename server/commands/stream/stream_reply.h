// Role: entries of streams as replies. Thread: the shard's.
#pragma once

#include "common/resp/writer.h"
#include "server/store/types/stream.h"

namespace tessera::commands {

// [id, [field, value, ...]]
void reply_stream_entry(const store::StreamEntryRef& entry, store::StreamFields fields, resp::Writer& reply);
// The list of entries from `start` to `end`, at most `count` (0: any). Returns how many.
size_t reply_stream_range(const store::Stream& stream, store::StreamId start, store::StreamId end,
                          uint64_t count, bool backwards, resp::Writer& reply);

}  // namespace tessera::commands
