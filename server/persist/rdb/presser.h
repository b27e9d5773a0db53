// Role: presses the strings of an object that was written without compression: what a shard writes quickly, a
// thread with time makes short. Thread: any; one Presser by one thread.
// Invariant: the result is what would have been written with compression in the first place.
#pragma once

#include <string_view>

#include "server/persist/rdb/output.h"

namespace tessera::rdb {

class Presser {
 public:
  void start(const char* grammar);  // format.h
  // Whole items of the grammar. REQUIRES: they are sound, being our own.
  void run(std::string_view bytes, Output& out);

 private:
  struct Loop {
    const char* body;
    uint64_t left;
  };
  static constexpr int kMaxDepth = 4;

  const char* at_ = "";
  Loop loops_[kMaxDepth];
  int depth_ = 0;
};

}  // namespace tessera::rdb
