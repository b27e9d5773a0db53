// Role: the writer of streams; see encode.h.
#pragma once

#include <memory>

#include "server/persist/rdb/encode.h"
#include "server/store/types/stream.h"

namespace tessera::rdb {

std::unique_ptr<EntryWriter> make_stream_writer(const store::Stream& stream, const WriteOptions& options);

}  // namespace tessera::rdb
