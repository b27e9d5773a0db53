// Role: what Redis before 7.0 held small collections in: ziplists and zipmaps, read only. Thread: any, pure.
// Invariants: bytes may come from anywhere; nothing beyond them is read; what is not well-formed to its last
// byte (lengths both ways, tail, count, end) is refused, perhaps after some elements were seen.
#pragma once

#include <functional>
#include <string_view>

#include "server/store/encodings/listpack.h"

namespace tessera::rdb {

// f sees elements in order and may stop by returning false. False: not a ziplist, or stopped.
bool for_each_of_ziplist(std::string_view bytes, const std::function<bool(const store::ListpackElement&)>& f);
// Fields and values.
bool for_each_of_zipmap(std::string_view bytes,
                        const std::function<bool(std::string_view field, std::string_view value)>& f);

}  // namespace tessera::rdb
