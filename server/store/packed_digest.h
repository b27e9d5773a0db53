// Role: digests of small collections from their packed bytes. Thread: any. Each is what the container of the
// same elements gives (Container::digest); see digest.h.
#pragma once

#include <string_view>

#include "server/store/digest.h"

namespace tessera::store {

void digest_intset(Digest& digest, std::string_view bytes);
void digest_packed_list(Digest& digest, std::string_view bytes);
void digest_packed_set(Digest& digest, std::string_view bytes);
void digest_packed_zset(Digest& digest, std::string_view bytes);
void digest_packed_hash(Digest& digest, std::string_view bytes);

// What one element gives, so that containers need not know how: see packed_digest.cc.
void digest_pair(Digest& digest, std::string_view field, std::string_view value);  // of a hash
void digest_scored(Digest& digest, std::string_view member, double score);         // of a sorted set

}  // namespace tessera::store
