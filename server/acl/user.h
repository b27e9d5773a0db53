// Role: a user and what it may do, as data. Thread: changed by the control thread only on copies; a published
// user is immutable and read by all threads. Invariants: command bits are indexed by the ids of one
// CommandTable; `unrestricted` says exactly that the root selector allows everything, so that a check is one
// test for such a user.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tessera::acl {

// Which commands are allowed, by row id. `future` stands for commands that do not exist yet: set by +@all.
class CommandSet {
 public:
  CommandSet() = default;
  explicit CommandSet(size_t command_count) : words_((command_count + 63) / 64), count_(command_count) {}

  bool has(uint16_t id) const { return words_[id >> 6] >> (id & 63) & 1; }
  void set(uint16_t id, bool on) {
    const uint64_t bit = uint64_t{1} << (id & 63);
    words_[id >> 6] = on ? words_[id >> 6] | bit : words_[id >> 6] & ~bit;
  }
  void set_all(bool on) {
    for (size_t id = 0; id < count_; ++id) set(static_cast<uint16_t>(id), on);
    future_ = on;
  }
  bool future() const { return future_; }
  bool has_all() const {
    if (!future_) return false;
    for (size_t id = 0; id < count_; ++id) {
      if (!has(static_cast<uint16_t>(id))) return false;
    }
    return true;
  }
  size_t count() const { return count_; }
  bool operator==(const CommandSet&) const = default;

 private:
  std::vector<uint64_t> words_;
  size_t count_ = 0;
  bool future_ = false;
};

struct KeyPattern {
  std::string glob;
  bool read = true;
  bool write = true;
};

// One set of permissions; a call is allowed when a single selector of the user allows all of it.
struct Selector {
  CommandSet commands;
  // First arguments a command is allowed with although its bit is off: +select|1.
  std::map<uint16_t, std::vector<std::string>> first_args;
  bool all_keys = false;
  std::vector<KeyPattern> keys;  // empty when all_keys
  bool all_channels = false;
  std::vector<std::string> channels;  // empty when all_channels
};

enum class Payload : uint8_t { kUnsaid, kSanitize, kSkip };

struct User {
  std::string name;
  bool enabled = false;
  bool no_password = false;  // any password will do
  Payload payload = Payload::kUnsaid;
  std::vector<std::string> password_hashes;  // SHA-256, 64 lower case hexadecimal digits
  Selector root;
  std::vector<Selector> selectors;  // in parentheses, in the order they were added
  bool unrestricted = false;

  void refresh() { unrestricted = root.all_keys && root.all_channels && root.commands.has_all(); }
};

// Stays valid after the user changed or left; who holds one of an old view has to look it up again in the new
// one.
using UserRef = std::shared_ptr<const User>;

}  // namespace tessera::acl
