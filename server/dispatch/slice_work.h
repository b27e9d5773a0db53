// Role: long work of a feature on a shard, done in slices between commands. Thread: the shard's.
#pragma once

namespace tessera::dispatch {

class Engine;

class SliceWork {
 public:
  enum class Next {
    kAgain,  // in the next tick, which follows at once
    kWait,   // when the loop is woken
    kOver,   // it is deleted
  };
  virtual ~SliceWork() = default;
  // Once in every tick, behind the tick's commands: some 300 us at most.
  virtual Next slice(Engine& engine) = 0;
};

}  // namespace tessera::dispatch
