// Role: see sim_world.h: hosts, their threads and pools, faults. Thread: one.
#include "common/io/sim_world.h"

#include <algorithm>
#include <deque>

#include "common/base/check.h"
#include "common/io/sim_net.h"

namespace tessera::io {

namespace {
// A day in 2024; the simulator's wall clock starts there.
constexpr int64_t kFirstWallUs = int64_t{1717200000} * 1000000;
constexpr int kPoolWorkers = 2;
}  // namespace

class SimEnv::HostClock final : public Clock {
 public:
  explicit HostClock(SimEnv& host) : host_(host) {}
  MonoTime mono() const override { return host_.world_.scheduler_.read_clock(); }
  WallMs wall_ms() const override { return {wall_us() / 1000}; }
  int64_t wall_us() const override { return kFirstWallUs + mono().us + host_.wall_offset_.us; }
  Micros thread_cpu() const override {
    return {host_.world_.now().us};
  }  // when it is read is no matter of the seed

 private:
  SimEnv& host_;
};

// Jobs run one at a time on each of two workers; which of the waiting ones is the seed's choice.
class SimEnv::HostPool final : public Pool {
 public:
  explicit HostPool(SimEnv& host) : host_(host) {
    for (auto& worker : workers_) {
      worker.pool = this;
      scheduler().add(&worker);
    }
  }
  ~HostPool() override {
    for (auto& worker : workers_) scheduler().remove(&worker);
  }
  void submit(std::function<void()> job) override {
    if (host_.alive_) jobs_.push_back(std::move(job));
  }
  void drain() override {
    const uint64_t life = host_.life_;
    while (host_.may_run(life) && (!jobs_.empty() || running_ > 0)) TESSERA_CHECK(scheduler().step(kNever));
  }
  void clear() { jobs_.clear(); }

 private:
  struct Worker final : SimTask {
    bool runnable(MonoTime) const override {
      return !pool->jobs_.empty() && pool->host_.may_run(pool->host_.life_);
    }
    MonoTime next_wake() const override { return kNever; }
    void run() override { pool->run_one(); }
    HostPool* pool = nullptr;
  };
  SimScheduler& scheduler() { return host_.world_.scheduler_; }
  void run_one() {
    const size_t at = scheduler().random().below(std::min<size_t>(jobs_.size(), 4));
    std::function<void()> job = std::move(jobs_[at]);
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(at));
    ++running_;
    job();
    --running_;
  }

  SimEnv& host_;
  std::deque<std::function<void()>> jobs_;
  int running_ = 0;
  Worker workers_[kPoolWorkers];
};

// An actor's turns as a task.
class SimThread final : public Thread, public SimTask {
 public:
  SimThread(SimEnv& host, Actor& actor) : host_(host), actor_(actor), loop_(host), life_(host.life_) {
    scheduler().add(this);
  }
  ~SimThread() override {
    join();
    scheduler().remove(this);
  }
  Loop& loop() override { return loop_; }
  void join() override {
    // Nothing left to run and the actor not done: it waits for something that can never come.
    while (!done_ && host_.may_run(life_)) TESSERA_CHECK(scheduler().step(kNever));
  }

  bool runnable(MonoTime now) const override {
    if (done_ || !host_.may_run(life_)) return false;
    if (!started_ || wait_.us == 0 || !loop_.inbox_empty() || loop_.woken()) return true;
    return wait_ != Actor::kInboxOnly && (loop_.has_events() || now >= wake_at_);
  }
  MonoTime next_wake() const override {
    return done_ || !host_.may_run(life_) || wait_ == Actor::kInboxOnly ? kNever : wake_at_;
  }
  void run() override {
    if (!started_) {
      started_ = true;
      actor_.start(loop_);
    } else {
      if (wait_ == Actor::kInboxOnly) {
        loop_.clear_woken();
      } else {
        loop_.dispatch();
      }
      if (!host_.may_run(life_)) return;
      wait_ = actor_.tick(loop_);
    }
    // After a crash from inside the turn nothing follows.
    if (life_ != host_.life_ || !host_.alive_) return;
    if (wait_ == Actor::kDone) {
      actor_.finish(loop_);
      done_ = true;
      return;
    }
    // Waits have a resolution of 1 ms, rounded up, as with the other twin.
    wake_at_ = wait_.us < 0 ? kNever : MonoTime{(scheduler().now().us + wait_.us + 999) / 1000 * 1000};
  }

 private:
  SimScheduler& scheduler() { return host_.world_.scheduler_; }
  SimEnv& host_;
  Actor& actor_;
  SimLoop loop_;
  uint64_t life_;
  Micros wait_{0};
  MonoTime wake_at_{0};
  bool started_ = false;
  bool done_ = false;
};

// ---- hosts

SimEnv::SimEnv(SimWorld& world, std::string name, std::string ip, uint64_t seed)
    : world_(world),
      name_(std::move(name)),
      ip_(std::move(ip)),
      random_(seed),
      next_port_(20000 + static_cast<int>(random_.below(20000))),
      clock_(std::make_unique<HostClock>(*this)),
      disk_(std::make_unique<SimDisk>(
          world.scheduler_, random_.next(), [this] { return clock_->wall_ms().ms; },
          [this] { world_.crash(*this); })),
      pool_(std::make_unique<HostPool>(*this)) {}

SimEnv::~SimEnv() {
  TESSERA_CHECK(loops_.empty());
}

const Clock& SimEnv::clock() const {
  return *clock_;
}

Pool& SimEnv::pool() {
  return *pool_;
}

void SimEnv::random_bytes(std::span<unsigned char> out) {
  for (auto& byte : out) byte = static_cast<unsigned char>(random_.next() >> 32);
}

// A hundredth of it at most, down to nothing much: what is little there is a lot here, where no time passes
// within a turn.
size_t SimEnv::slice_of(size_t most) {
  constexpr uint64_t kLeastShift = 7, kShifts = 13;
  return std::max<size_t>(most >> (kLeastShift + random_.below(kShifts)), 1);
}

std::unique_ptr<Thread> SimEnv::start_thread(const std::string&, Actor& actor, const std::vector<int>&) {
  return std::make_unique<SimThread>(*this, actor);
}

std::unique_ptr<Loop> SimEnv::make_loop() {
  return std::make_unique<SimLoop>(*this);
}

void SimEnv::end_life() {
  alive_ = false;
  paused_ = false;
  ++life_;
  pool_->clear();
  if (on_end_) on_end_();
}

// ---- the world

SimWorld::SimWorld(const SimOptions& options)
    : options_(options),
      scheduler_(options.seed, options.max_task_cost),
      net_(std::make_unique<SimNet>(*this, options)) {}

SimWorld::~SimWorld() = default;

SimEnv& SimWorld::add_host(const std::string& name, const std::string& ip) {
  // Seeds of a host's own, so that what one host draws does not shift what others get.
  const uint64_t seed = Random(options_.seed * 1000003 + hosts_.size()).next();
  hosts_.push_back(std::make_unique<SimEnv>(*this, name, ip, seed));
  net_->set_name(name, {ip});
  return *hosts_.back();
}

void SimWorld::set_name(const std::string& name, std::vector<std::string> addresses) {
  net_->set_name(name, std::move(addresses));
}

void SimWorld::run_for(Micros duration) {
  const MonoTime end = now() + duration;
  while (now() < end && scheduler_.step(end)) {
  }
}

bool SimWorld::run_until(const std::function<bool()>& done, Micros at_most) {
  return scheduler_.run_until(done, now() + at_most);
}

void SimWorld::block(const SimEnv& from, const SimEnv& to) {
  net_->set_blocked(from, to, true);
}
void SimWorld::unblock(const SimEnv& from, const SimEnv& to) {
  net_->set_blocked(from, to, false);
}

void SimWorld::partition(const SimEnv& a, const SimEnv& b) {
  block(a, b);
  block(b, a);
}

void SimWorld::heal(const SimEnv& a, const SimEnv& b) {
  unblock(a, b);
  unblock(b, a);
}

void SimWorld::heal_all() {
  net_->heal_all();
}
void SimWorld::set_latency(Micros low, Micros high) {
  net_->set_latency(low, high);
}
void SimWorld::reset_connections(const SimEnv& a, const SimEnv& b) {
  net_->reset_connections(a, b);
}

void SimWorld::crash(SimEnv& host) {
  if (!host.alive_) return;
  scheduler_.fold(0xc7a54);
  host.powered_ = false;
  host.end_life();
  net_->drop_host(host, false);
  host.disk_->lose_power();
}

void SimWorld::kill(SimEnv& host) {
  if (!host.alive_) return;
  scheduler_.fold(0x5161f);
  host.end_life();
  net_->drop_host(host, true);
  host.disk_->end_life();
}

void SimWorld::restart(SimEnv& host) {
  TESSERA_CHECK(!host.alive_ && host.loops_.empty());
  scheduler_.fold(0x2e5ca);
  host.alive_ = true;
  host.powered_ = true;
  host.disk_->begin_life();
  net_->release_held();
}

void SimWorld::pause(SimEnv& host) {
  host.paused_ = true;
}
void SimWorld::resume(SimEnv& host) {
  host.paused_ = false;
}

void SimWorld::raise_signal(SimEnv& host, int number) {
  for (SimLoop* loop : host.loops_) loop->raise(number);
}

void SimWorld::jump_wall_clock(SimEnv& host, Micros by) {
  host.wall_offset_ = host.wall_offset_ + by;
}

}  // namespace tessera::io
