// Role: the name of a node, as a value of fixed size: 40 characters of 0-9a-z, or none. Thread: any.
// Invariants: nothing is allocated; all bytes of none are zero, as on the wire. Most peers make names of
// hexadecimal digits, but all of a-z are taken, so that they do not fit 20 bytes.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

namespace tessera::cluster::bus {

constexpr size_t kNodeIdBytes = 40;

// 40 characters of 0-9a-z: what nodes take for an id.
bool is_node_id(std::string_view text);

class NodeId {
  template <typename Text>
  using IfText =
      std::enable_if_t<std::is_convertible_v<const Text&, std::string_view> && !std::is_same_v<Text, NodeId>>;

 public:
  constexpr NodeId() = default;
  // Of any other length than kNodeIdBytes: none.
  template <typename Text, typename = IfText<Text>>
  NodeId(const Text& text) {  // NOLINT: a name is a text
    const std::string_view from = text;
    if (from.size() == kNodeIdBytes) std::memcpy(bytes_.data(), from.data(), kNodeIdBytes);
  }

  bool empty() const { return bytes_[0] == 0; }
  void clear() { bytes_ = {}; }
  std::string_view view() const { return {bytes_.data(), empty() ? 0 : kNodeIdBytes}; }
  std::string str() const { return std::string(view()); }
  operator std::string_view() const { return view(); }  // NOLINT
  operator std::string() const { return str(); }        // NOLINT

  // Cheap; `seed` keeps who makes names up from making them meet.
  uint64_t hash(uint64_t seed) const {
    constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
    uint64_t mixed = seed;
    for (size_t at = 0; at < kNodeIdBytes; at += sizeof(uint64_t)) {
      uint64_t word;
      std::memcpy(&word, bytes_.data() + at, sizeof(word));
      mixed = (mixed ^ word) * kOdd;
      mixed ^= mixed >> 32;
    }
    // Names that differ in their last characters alone differ in the upper half of a word.
    mixed *= kOdd;
    return mixed ^ (mixed >> 32);
  }

  friend bool operator==(const NodeId& a, const NodeId& b) { return a.bytes_ == b.bytes_; }
  template <typename Text, typename = IfText<Text>>
  friend bool operator==(const NodeId& a, const Text& b) {
    return a.view() == std::string_view(b);
  }
  friend std::strong_ordering operator<=>(const NodeId& a, const NodeId& b) {
    return std::memcmp(a.bytes_.data(), b.bytes_.data(), kNodeIdBytes) <=> 0;
  }

 private:
  std::array<char, kNodeIdBytes> bytes_{};
};

inline std::string operator+(std::string text, const NodeId& id) {
  return std::move(text.append(id.view()));
}
inline std::string operator+(const NodeId& id, std::string_view text) {
  return id.str().append(text);
}

}  // namespace tessera::cluster::bus

template <>
struct std::hash<tessera::cluster::bus::NodeId> {
  size_t operator()(const tessera::cluster::bus::NodeId& id) const { return static_cast<size_t>(id.hash(0)); }
};
