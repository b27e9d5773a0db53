// Role: finds where an object ends without looking at what is in it, resuming wherever its bytes stop: the
// interpreter of the grammars of format.h. Thread: any; one Skipper by one thread.
// Invariant: takes no memory for what an object says about itself; counts are only counted down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tessera::rdb {

class Skipper {
 public:
  enum class State : uint8_t { kDone, kMore, kBad };

  void start(const char* grammar) {
    at_ = grammar;
    depth_ = 0;
    to_skip_ = 0;
  }
  // Goes on in `bytes` from `pos` on, which moves behind what is understood. kMore: at least `need` bytes
  // more than there are would help. kBad: `what` says why.
  State run(std::string_view bytes, size_t& pos, uint64_t& need);
  const char* what() const { return what_; }

 private:
  struct Loop {
    const char* body;
    uint64_t left;
  };
  static constexpr int kMaxDepth = 4;

  State step(std::string_view bytes, size_t& pos, uint64_t& need);
  State string(std::string_view bytes, size_t& pos, uint64_t& need);
  State length(std::string_view bytes, size_t& pos, uint64_t& need, uint64_t* value);
  State module_mark(std::string_view bytes, size_t& pos, uint64_t& need);
  State want(uint64_t n);
  State bad(const char* what) {
    what_ = what;
    return State::kBad;
  }

  const char* at_ = "";
  Loop loops_[kMaxDepth];
  int depth_ = 0;
  uint64_t to_skip_ = 0;  // bytes of no interest
  const char* what_ = "";
};

// A length at `pos`, or the form of a string (`is_form`). 0: it is not all there; negative: none. Else its
// bytes.
int read_length(std::string_view bytes, size_t pos, uint64_t* value, bool* is_form);

}  // namespace tessera::rdb
