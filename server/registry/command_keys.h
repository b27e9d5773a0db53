// Role: which arguments of a call are keys, and what the command does with each: for routing, ACL, COMMAND
// GETKEYS. Thread: any, pure. Cost: a few ns for one key; allocates only above KeyPositions::kInline keys
// (kept for the next call). The quick way: CommandRow::first_key_at, when > 0, is the position of the only
// key; no call is needed then.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "server/registry/command_row.h"

namespace tessera::registry {

struct KeyPosition {
  int32_t at = 0;      // index of the argument
  uint16_t flags = 0;  // KeyFlag of this key in this call, without kKeyVariableFlags
};

// Positions of keys in the order of the specifications. Reuse one object: it keeps what it allocated.
class KeyPositions {
 public:
  static constexpr size_t kInline = 8;
  KeyPositions() = default;
  KeyPositions(const KeyPositions&) = delete;
  KeyPositions& operator=(const KeyPositions&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const KeyPosition& operator[](size_t i) const { return data()[i]; }
  const KeyPosition* begin() const { return data(); }
  const KeyPosition* end() const { return data() + size_; }
  void clear() { size_ = 0; }
  void add(int at, uint16_t flags) {
    if (__builtin_expect(size_ == capacity_, 0)) grow(size_ + 1);
    data()[size_++] = {at, flags};
  }
  void reserve(size_t n) {
    if (n > capacity_) grow(n);
  }

 private:
  const KeyPosition* data() const { return heap_ ? heap_.get() : inline_; }
  KeyPosition* data() { return heap_ ? heap_.get() : inline_; }
  void grow(size_t at_least);

  size_t size_ = 0;
  size_t capacity_ = kInline;
  std::unique_ptr<KeyPosition[]> heap_;
  KeyPosition inline_[kInline];
};

enum class FakeKeys : uint8_t {
  kSkip,
  kInclude,  // arguments that are no keys but decide the slot (channels of SPUBLISH): routing asks for them
};

// Replaces the contents of `out`. False: the arguments make no sense (a count of keys beyond the arguments
// ...); `out` is empty then, and the handler finds the error itself. REQUIRES: the arity fits.
bool get_keys(const CommandRow& row, const Args& args, KeyPositions& out, FakeKeys fake = FakeKeys::kSkip);
// The keys of the specifications that fit; for routing a call that the handler may take all the same (PFMERGE
// of one key).
void get_fitting_keys(const CommandRow& row, const Args& args, KeyPositions& out);

// True when the command may have keys at all.
bool has_keys(const CommandRow& row, FakeKeys fake = FakeKeys::kSkip);

// What CommandRow::first_key_at says: > 0 the only key, 0 never a key, -1 depends on the call.
int single_key_of_specs(const CommandRow& row);

}  // namespace tessera::registry
