// Role: a large value that is copied in steps, into the memory of the shard of its new key. Thread: whoever
// has both shards in reach. Invariant: what is copied does not change between the first step and put().
#pragma once

#include "server/shard/ctx.h"
#include "server/store/unstored.h"

namespace tessera::commands {

class Copying {
 public:
  // In elements; 0: at once.
  static uint64_t cost_of(const store::Entry& entry) {
    if (entry.type() == store::Type::kString || store::Keyspace::is_packed(entry)) return 0;
    return store::Keyspace::container(entry).element_count();
  }

  // About `elements` more of `entry`; true: all is copied.
  bool step(shard::Ctx& ctx, const store::Entry& entry, const store::Key& to, uint64_t elements);
  // Under its key, whatever that held. REQUIRES: step() said so
  store::Entry* put(shard::Ctx& ctx, int db, const store::Key& to, const store::Entry& entry);
  void give_up(shard::Ctx& ctx, const store::Key& to);

 private:
  store::Unstored copy_;
  store::CopyPlace place_;
};

}  // namespace tessera::commands
