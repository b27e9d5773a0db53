// Role: the keys of one shard that long works hold. Thread: the shard's, or the coordinator's that holds it
// parked. Invariants: commands that write such a key wait, if they can tell before they begin; whatever
// changes a key that is read is noted with its hold. Cost while nothing is held: one test a change.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/shard/long_work.h"

namespace tessera::shard {

class HeldKeys {
 public:
  bool empty() const { return spots_.empty(); }

  void add(const HoldRef& hold, const Hold::Key& key);
  void remove(const HoldRef& hold, const Hold::Key& key);
  // Who holds the key; nullptr: nobody.
  HoldRef find(int db, std::string_view key) const;
  // Whether something is not held any more since the last call.
  bool take_released() { return std::exchange(released_, false); }

  // A key was made, changed or removed; all of a database were (-1: of all).
  void touched(int db, std::string_view key);
  void all_touched(int db);

 private:
  struct Spot {
    HoldRef hold;
    int db;
    bool is_read;
  };
  static std::string name_of(int db, std::string_view key);

  std::unordered_map<std::string, std::vector<Spot>> spots_;
  bool released_ = false;
};

}  // namespace tessera::shard
