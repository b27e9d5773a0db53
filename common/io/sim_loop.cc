// Role: see sim_loop.h. Thread: the simulator's.
#include "common/io/sim_loop.h"

#include <arpa/inet.h>
#include <cerrno>

#include <algorithm>

#include "common/base/check.h"
#include "common/io/sim_net.h"

namespace tessera::io {

namespace {

class SimTimer final : public Timer {
 public:
  SimTimer(SimLoop& loop, std::function<void()> fire) : state_(std::make_shared<State>()) {
    state_->loop = &loop;
    state_->fire = std::move(fire);
  }
  ~SimTimer() override {
    ++state_->generation;
    state_->loop = nullptr;
  }
  void start(Micros delay, Micros repeat) override {
    state_->repeat = {round_up(repeat.us)};
    ++state_->generation;
    arm(state_, {std::max<int64_t>(delay.us, 0)});
  }
  void stop() override { ++state_->generation; }

 private:
  struct State {
    SimLoop* loop;
    std::function<void()> fire;
    Micros repeat{0};
    uint64_t generation = 0;
  };
  static int64_t round_up(int64_t us) { return (us + 999) / 1000 * 1000; }

  static void arm(const std::shared_ptr<State>& state, Micros delay) {
    SimScheduler& scheduler = state->loop->scheduler();
    const MonoTime due{round_up(scheduler.now().us + delay.us)};
    scheduler.at(due, [state, generation = state->generation] {
      if (state->generation != generation) return;
      state->loop->push([state, generation] { expire(state, generation); });
    });
  }
  static void expire(const std::shared_ptr<State>& state, uint64_t generation) {
    if (state->generation != generation) return;
    if (state->repeat.us > 0) arm(state, state->repeat);
    const std::shared_ptr<State> kept = state;  // the timer may be destroyed by what it calls
    kept->fire();
  }

  std::shared_ptr<State> state_;
};

bool is_numeric(const std::string& host) {
  unsigned char address[16];
  return inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

}  // namespace

bool SimSignals::wants(int number) const {
  return std::find(numbers_.begin(), numbers_.end(), number) != numbers_.end();
}

SimLoop::SimLoop(SimEnv& host) : host_(host) {
  host_.loops_.push_back(this);
}

SimLoop::~SimLoop() {
  *alive_ = false;
  std::erase(host_.loops_, this);
}

bool SimLoop::dispatch() {
  delivered_.clear();
  const bool was_woken = std::exchange(woken_, false);
  if (pending_.empty()) return was_woken;
  std::vector<std::function<void()>> batch;
  batch.swap(pending_);
  for (auto& event : batch) event();
  return true;
}

void SimLoop::poll(Micros max_wait) {
  SimScheduler& world = scheduler();
  const uint64_t life = host_.life_;
  const MonoTime limit = max_wait.us < 0 ? kNever : world.now() + max_wait;
  world.charge();
  if (!host_.alive_) return;
  world.run_due_events();
  if (dispatch() || !inbox_.empty()) return;
  if (max_wait.us == 0) {
    world.step(world.now());
    dispatch();
    return;
  }
  // The owner of this loop waits here, everything else goes on.
  while (!has_events() && inbox_.empty() && world.now() < limit && host_.may_run(life)) {
    if (!world.step(limit)) TESSERA_CHECK(limit != kNever || has_events() || !inbox_.empty());
  }
  dispatch();
}

void SimLoop::wait_inbox(Micros max_wait) {
  SimScheduler& world = scheduler();
  const uint64_t life = host_.life_;
  const MonoTime limit = max_wait.us < 0 ? kNever : world.now() + max_wait;
  world.charge();
  while (!woken_ && inbox_.empty() && world.now() < limit && host_.may_run(life)) {
    if (!world.step(limit)) TESSERA_CHECK(limit != kNever || woken_ || !inbox_.empty());
  }
  woken_ = false;
}

std::unique_ptr<Timer> SimLoop::make_timer(std::function<void()> fire) {
  return std::make_unique<SimTimer>(*this, std::move(fire));
}

Result<std::unique_ptr<SignalWatcher>> SimLoop::watch_signals(const std::vector<int>& signals,
                                                              std::function<void(int)> fire) {
  return Result<std::unique_ptr<SignalWatcher>>(
      std::make_unique<SimSignals>(*this, signals, std::move(fire)));
}

void SimLoop::raise(int number) {
  push([this, number] {
    const std::vector<SimSignals*> watchers = signals_;
    for (SimSignals* watcher : watchers) {
      const bool there = std::find(signals_.begin(), signals_.end(), watcher) != signals_.end();
      if (there && watcher->wants(number)) watcher->fire(number);
    }
  });
}

Result<std::unique_ptr<Listener>> SimLoop::listen(const ListenOptions& options, ListenHandler* handler) {
  if (options.share != nullptr) return Error{"listeners are not shared in the simulator", ENOTSUP};
  return net().listen(*this, options, handler);
}

// No time passes and no segment travels between the two.
Result<void> SimLoop::try_listen(const ListenOptions& options) {
  const auto listener = net().listen(*this, options, nullptr);
  if (!listener) return listener.error();
  return {};
}

Result<std::unique_ptr<Stream>> SimLoop::connect(const Address& to, const std::string& bind_ip,
                                                 StreamHandler* handler) {
  return net().connect(*this, to, bind_ip, handler);
}

void SimLoop::resolve(const std::string& host, std::function<void(Result<std::vector<std::string>>)> done) {
  std::vector<std::string> found = is_numeric(host) ? std::vector<std::string>{host} : net().look_up(host);
  scheduler().after(scheduler().between({200}, millis(5)),
                    [this, alive = alive_, host, found = std::move(found), done = std::move(done)] {
                      if (!*alive) return;
                      push([host, found, done] {
                        if (found.empty()) {
                          done(Error{host + ": Name or service not known", 0});
                        } else {
                          done(found);
                        }
                      });
                    });
}

}  // namespace tessera::io
