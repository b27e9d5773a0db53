// Role: see serialized.h.
#include "server/persist/serialized.h"

#include <string>

#include "server/persist/rdb/encode.h"

namespace tessera::persist {

size_t serialized_bytes(const store::Entry& entry, bool compress) {
  constexpr size_t kPieceBytes = 64 * 1024;
  const auto writer = rdb::make_writer(entry, {.compress = compress});
  size_t bytes = 0;
  std::string piece;
  for (bool complete = false; !complete;) {
    piece.clear();
    complete = writer->write_some(piece, kPieceBytes);
    bytes += piece.size();
  }
  return bytes;
}

}  // namespace tessera::persist
