// Role: counts whole replies in a byte stream, so that the load side costs less than what it measures.
// Thread: one owner. Invariants: no allocation but for a header line or an error that arrives in parts; bytes
// of values are skipped, not looked at; pushes of RESP3 are not replies.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tessera::benchmark {

class ReplyCounter {
 public:
  // Returns how many replies ended in these bytes.
  int feed(std::string_view bytes);
  // The first error reply, without '-'. Errors inside arrays do not count.
  const std::string& error() const { return error_; }
  bool has_error() const { return has_error_; }
  // From here on MOVED, ASK and TRYAGAIN (and CLUSTERDOWN) are counted apart and are not errors.
  void tell_redirections_apart() { apart_ = true; }
  // Since it was last asked: how many there were, and whether one was CLUSTERDOWN.
  struct Redirections {
    int count = 0;
    bool cluster_down = false;
    std::string last;  // its text
  };
  Redirections take_redirections() { return std::exchange(redirections_, {}); }
  // The bytes were no replies; nothing is counted any more.
  bool broken() const { return broken_; }

 private:
  void error_line(std::string_view text);
  bool header(std::string_view line);  // without line end; true: the element ends with it
  bool element_done();                 // true: so does the whole reply

  int64_t open_ = 0;  // elements of the reply that are still to come; 0: between replies
  int64_t skip_ = 0;  // bytes of a value, with its line end
  bool is_push_ = false;
  bool has_error_ = false;
  bool broken_ = false;
  bool apart_ = false;
  Redirections redirections_;
  std::string partial_;  // a line whose end has not come
  std::string error_;
};

}  // namespace tessera::benchmark
