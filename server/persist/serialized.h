// Role: how long a value is in an RDB file, for DEBUG OBJECT. Thread: the owner's of the entry.
#pragma once

#include <cstddef>

#include "server/store/entry.h"

namespace tessera::persist {

// Without its type byte. Cost: as saving it, in pieces: none of it is kept.
size_t serialized_bytes(const store::Entry& entry, bool compress);

}  // namespace tessera::persist
