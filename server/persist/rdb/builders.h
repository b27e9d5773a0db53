// Role: what the decoders of several types share: a container that is being made. Thread: as decode.h.
#pragma once

#include <cstddef>
#include <utility>

#include "server/persist/rdb/decode.h"
#include "server/store/container.h"

namespace tessera::rdb::detail {

// Packed values above that become tables, whatever the limits of their elements say: they are copied as a
// whole by each change.
constexpr size_t kMostPackedBytes = 256 * 1024;

template <typename T>
class Built {
 public:
  explicit Built(const DecodeOptions& options)
      : made_(store::Container::make<T>(*options.memory, options.hash_seed)) {}
  ~Built() {
    if (made_ != nullptr) store::Container::destroy(made_);
  }
  Built(const Built&) = delete;
  Built& operator=(const Built&) = delete;
  T* operator->() { return made_; }
  T& operator*() { return *made_; }
  T* take() { return std::exchange(made_, nullptr); }

 private:
  T* made_;
};

}  // namespace tessera::rdb::detail
