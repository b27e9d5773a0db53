// Role: ids of stream entries: two 64-bit numbers, milliseconds and sequence. Thread: any, pure.
#pragma once

#include <cstdint>
#include <limits>

namespace tessera::store {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  static constexpr StreamId max() {
    return {std::numeric_limits<uint64_t>::max(), std::numeric_limits<uint64_t>::max()};
  }
  bool is_zero() const { return ms == 0 && seq == 0; }
  bool is_max() const { return *this == max(); }
  // The neighbours. The id behind the last one is 0-0, the one before the first is the last one.
  StreamId next() const {
    StreamId id = {ms, seq + 1};
    if (id.seq == 0) ++id.ms;
    return id;
  }
  StreamId previous() const {
    StreamId id = {ms, seq - 1};
    if (seq == 0) --id.ms;
    return id;
  }

  friend bool operator==(const StreamId& a, const StreamId& b) { return a.ms == b.ms && a.seq == b.seq; }
  friend bool operator!=(const StreamId& a, const StreamId& b) { return !(a == b); }
  friend bool operator<(const StreamId& a, const StreamId& b) {
    return a.ms != b.ms ? a.ms < b.ms : a.seq < b.seq;
  }
  friend bool operator>(const StreamId& a, const StreamId& b) { return b < a; }
  friend bool operator<=(const StreamId& a, const StreamId& b) { return !(b < a); }
  friend bool operator>=(const StreamId& a, const StreamId& b) { return !(a < b); }
};

}  // namespace tessera::store
