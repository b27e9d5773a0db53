// Role: the simulated loop and what hangs on it; not for others. Thread: the simulator's.
// Invariants: events wait in pending_ until the loop's owner polls, then run in order; handlers therefore run
// inside poll() here too. Delivered bytes are kept until the next dispatch and freed then, so that the
// address sanitizer sees whoever looks at them later.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/io/sim_world.h"

namespace tessera::io {

class SimSignals;

class SimLoop final : public Loop {
 public:
  explicit SimLoop(SimEnv& host);
  ~SimLoop() override;

  const Clock& clock() const override { return host_.clock(); }
  void poll(Micros max_wait) override;
  void hold_reads(bool) override {}
  void wait_inbox(Micros max_wait) override;
  void wake() override { woken_ = true; }
  Mailbox& inbox() override { return inbox_; }
  std::unique_ptr<Timer> make_timer(std::function<void()> fire) override;
  Result<std::unique_ptr<SignalWatcher>> watch_signals(const std::vector<int>& signals,
                                                       std::function<void(int)> fire) override;
  Result<std::unique_ptr<Listener>> listen(const ListenOptions& options, ListenHandler* handler) override;
  Result<void> try_listen(const ListenOptions& options) override;
  Result<std::unique_ptr<Stream>> connect(const Address& to, const std::string& bind_ip,
                                          StreamHandler* handler) override;
  void resolve(const std::string& host, std::function<void(Result<std::vector<std::string>>)> done) override;

  SimEnv& host() { return host_; }
  SimScheduler& scheduler() { return host_.world_.scheduler_; }
  SimNet& net() { return *host_.world_.net_; }
  void push(std::function<void()> event) { pending_.push_back(std::move(event)); }
  // Runs what is pending. False when there was nothing.
  bool dispatch();
  bool has_events() const { return !pending_.empty() || woken_; }
  bool woken() const { return woken_; }
  bool inbox_empty() const { return inbox_.empty(); }
  void clear_woken() { woken_ = false; }
  // Keeps the bytes until the next dispatch.
  std::string_view keep(std::string bytes) {
    delivered_.push_back(std::move(bytes));
    return delivered_.back();
  }
  void raise(int number);

 private:
  friend class SimSignals;

  SimEnv& host_;
  Mailbox inbox_;
  std::vector<std::function<void()>> pending_;
  std::deque<std::string> delivered_;
  std::vector<SimSignals*> signals_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool woken_ = false;
};

class SimSignals final : public SignalWatcher {
 public:
  SimSignals(SimLoop& loop, std::vector<int> numbers, std::function<void(int)> fire)
      : loop_(loop), numbers_(std::move(numbers)), fire_(std::move(fire)) {
    loop_.signals_.push_back(this);
  }
  ~SimSignals() override { std::erase(loop_.signals_, this); }
  bool wants(int number) const;
  void fire(int number) { fire_(number); }

 private:
  SimLoop& loop_;
  std::vector<int> numbers_;
  std::function<void(int)> fire_;
};

}  // namespace tessera::io
