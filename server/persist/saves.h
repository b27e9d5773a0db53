// Role: snapshot files: SAVE, BGSAVE, save points, SHUTDOWN's last one; what INFO and the gates know of them.
// Thread: control. Invariants: one file at a time; what it holds is one moment of the node.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/persist/snapshot.h"

namespace tessera::config {
class Config;
}

namespace tessera::persist {

class Saves {
 public:
  explicit Saves(dispatch::NodeShared& node);

  using Done = std::function<void(const Result<CutInfo>&)>;
  // REQUIRES: !in_progress()
  // `at_cut`: on a shard's thread, while all are parked; not if it is given up before.
  void begin(bool in_background, Done done = nullptr, std::function<void()> at_cut = nullptr);
  bool in_progress() const { return request_ != 0; }
  // False: none is under way, or it cannot be given up any more.
  bool cancel(const std::string& why);
  // As soon as nothing else is written.
  void schedule() { scheduled_ = true; }
  bool unschedule() { return std::exchange(scheduled_, false); }
  // About ten times a second: save points, what was scheduled, what FLUSHALL asks for.
  void cron();
  // `config` is about to be published: whether writes are refused because of a failed save.
  void judge_writes(const config::Config& config);

  // SHUTDOWN: holds writes, saves, answers all who asked meanwhile. On failure writes go on.
  void save_to_stop(Done done);
  static constexpr int kAborted = -1;  // what those who asked get then
  bool abort_stop();                   // false: there is none to abort

 private:
  void over(bool in_background, bool cancelled, const Result<CutInfo>& result);
  void begin_to_stop();
  void answer_stops(const Result<CutInfo>& result);
  void hold_writes(bool hold);

  dispatch::NodeShared& node_;
  uint64_t request_ = 0;
  bool scheduled_ = false;
  bool cancelled_ = false;
  bool stopping_ = false;
  bool writes_are_held_ = false;  // by all threads, for a SHUTDOWN whose file has not begun
  uint64_t stop_round_ = 0;
  std::vector<Done> stops_;  // who waits for the end
  MonoTime last_try_;
  int64_t flushes_ = 0;  // FLUSHALLs that are known
  int64_t flushes_at_begin_ = 0;  // of the last save
};

}  // namespace tessera::persist
