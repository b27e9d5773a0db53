// Role: a command whose work is more than one tick may hold: what its handler hands to its engine instead of
// doing it (Ctx::block with BlockRequest::work). Thread: whoever has the shards of its keys in reach.
// Invariants: nothing of it is seen before the last step, which publishes the result as one change with one
// effect; what it reads is as it was when the result is published: keys that it reads are held, and when one
// has changed all the same (FLUSHALL, expiry, a script's undeclared key) it begins anew.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/resp/writer.h"
#include "server/registry/args.h"

namespace tessera::shard {

class Ctx;

// What a long work keeps others from changing.
struct Hold {
  struct Key {
    int db;
    int slot;
    std::string name;
    bool is_read;  // else it is only written
  };
  std::vector<Key> keys;
  int owner = 0;                     // the shard whose thread drives the work
  std::atomic<bool> changed{false};  // a key that is read was changed by somebody else
  bool over = false;                 // the owner's
  uint64_t seen = 0;                 // which values the keys that are read had at the last step; 0: none yet
};
using HoldRef = std::shared_ptr<Hold>;

class LongWork {
 public:
  virtual ~LongWork() = default;

  const HoldRef& hold() const { return hold_; }

  // Does about `elements` more of it. True: it is done, replied, and has told what it changed.
  virtual bool step(Ctx& ctx, const registry::Args& args, uint64_t elements, resp::Writer& reply) = 0;
  // Gives up what it has made so far; the next step begins anew, or none comes.
  virtual void give_up(Ctx& ctx, const registry::Args& args) = 0;

 protected:
  void reads(int db, int slot, std::string_view key) {
    hold_->keys.push_back({db, slot, std::string(key), true});
  }
  void writes(int db, int slot, std::string_view key) {
    hold_->keys.push_back({db, slot, std::string(key), false});
  }

 private:
  HoldRef hold_ = std::make_shared<Hold>();
};

}  // namespace tessera::shard
