// Role: time in types, so that a wall clock is never compared with a monotonic one. Thread: any.
#pragma once

#include <compare>
#include <cstdint>

namespace tessera {

// A span of time. Negative spans are allowed.
struct Micros {
  int64_t us = 0;
  constexpr auto operator<=>(const Micros&) const = default;
  constexpr Micros operator+(Micros o) const { return {us + o.us}; }
  constexpr Micros operator-(Micros o) const { return {us - o.us}; }
  constexpr int64_t ms() const { return us / 1000; }
};
constexpr Micros millis(int64_t ms) {
  return {ms * 1000};
}
constexpr Micros seconds(int64_t s) {
  return {s * 1000000};
}

// A point on a clock that never jumps back; its zero means nothing.
struct MonoTime {
  int64_t us = 0;
  constexpr auto operator<=>(const MonoTime&) const = default;
  constexpr Micros operator-(MonoTime o) const { return {us - o.us}; }
  constexpr MonoTime operator+(Micros d) const { return {us + d.us}; }
};

// Milliseconds since 1970 by the wall clock: what expiry and replies use. May jump.
struct WallMs {
  int64_t ms = 0;
  constexpr auto operator<=>(const WallMs&) const = default;
};

}  // namespace tessera
