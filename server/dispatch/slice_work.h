// Role: long work of a feature on a shard, done in slices between commands. Thread: the shard's.
#pragma once

namespace tessera::dispatch {

class Engine;

class SliceWork {
 public:
  enum class Next {
    kAgain,   // in a later tick, soon: at once when no clients are served
    kAtOnce,  // in the next tick: it is behind, and what it keeps costs memory
    kWait,    // when the loop is woken
    kOver,    // it is deleted
  };
  virtual ~SliceWork() = default;
  // Behind a tick's replies: some 300 us at most. While clients are served a third of the time.
  virtual Next slice(Engine& engine) = 0;
};

}  // namespace tessera::dispatch
