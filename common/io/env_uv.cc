// Role: the product's environment: clock, entropy, threads, pool. Thread: any.
// Invariants: threads started here are named, have an 8 MB stack whatever the shell's limit says, and are
// joined before the environment goes; but for those that ask the resolver, which own all they use.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <thread>

#include "common/base/check.h"
#include "common/io/uv_internal.h"
#include "common/io/watched_files.h"

namespace tessera::io {

namespace {

constexpr size_t kStackBytes = size_t{8} << 20;

class SystemClock final : public Clock {
 public:
  MonoTime mono() const override { return {read_us(CLOCK_MONOTONIC)}; }
  WallMs wall_ms() const override { return {read_us(CLOCK_REALTIME) / 1000}; }
  int64_t wall_us() const override { return read_us(CLOCK_REALTIME); }
  Micros thread_cpu() const override { return {read_us(CLOCK_THREAD_CPUTIME_ID)}; }

 private:
  static int64_t read_us(clockid_t which) {
    timespec now;
    clock_gettime(which, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
  }
};

// Numbers beyond what the system can have are left out; false: none is left, or the system refused.
bool pin_thread(pthread_t thread, const std::vector<int>& cpus) {
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  for (const int cpu : cpus) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &wanted);
  }
  return CPU_COUNT(&wanted) > 0 && pthread_setaffinity_np(thread, sizeof wanted, &wanted) == 0;
}

// A joinable thread of the system with our stack size.
class SystemThread {
 public:
  SystemThread(const std::string& name, std::function<void()> body)
      : body_(std::move(body)), name_(name.substr(0, 15)) {
    pthread_attr_t attributes;
    TESSERA_CHECK(pthread_attr_init(&attributes) == 0);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    const int code = pthread_create(&thread_, &attributes, run, this);
    pthread_attr_destroy(&attributes);
    TESSERA_CHECK(code == 0);
  }
  ~SystemThread() { join(); }
  SystemThread(const SystemThread&) = delete;
  SystemThread& operator=(const SystemThread&) = delete;
  void join() {
    {
      std::lock_guard lock(ending_);
      if (std::exchange(joined_, true)) return;
    }
    pthread_join(thread_, nullptr);
  }
  void interrupt(int signal) {
    std::lock_guard lock(ending_);
    if (!joined_) (void)pthread_kill(thread_, signal);
  }
  pthread_t handle() const { return thread_; }

 private:
  static void* run(void* raw) {
    auto* self = static_cast<SystemThread*>(raw);
    pthread_setname_np(pthread_self(), self->name_.c_str());
    self->body_();
    return nullptr;
  }
  std::function<void()> body_;
  std::string name_;
  pthread_t thread_{};
  std::mutex ending_;  // what is joined, or about to be, has no handle any more
  bool joined_ = false;
};

class UvThread final : public Thread {
 public:
  UvThread(const Clock& clock, LookUps& look_ups, const std::string& name, Actor& actor,
           const std::vector<int>& cpus)
      : loop_(clock, look_ups), thread_(name, [this, &actor, cpus] { run(actor, cpus); }) {}
  Loop& loop() override { return loop_; }
  void join() override { thread_.join(); }
  void interrupt(int signal) override { thread_.interrupt(signal); }

 private:
  void run(Actor& actor, const std::vector<int>& cpus) {
    // Not allowed (a container's cpuset) or no such processor: the scheduler's choice is good enough.
    if (!cpus.empty()) (void)pin_thread(pthread_self(), cpus);
    actor.start(loop_);
    for (Micros wait{0}; wait != Actor::kDone; wait = actor.tick(loop_)) {
      if (wait == Actor::kInboxOnly) {
        loop_.wait_inbox({-1});
      } else {
        loop_.poll(wait);
      }
    }
    actor.finish(loop_);
  }

  UvLoop loop_;
  SystemThread thread_;  // last: it uses the loop as soon as it exists
};

class ThreadPool final : public Pool {
 public:
  explicit ThreadPool(int thread_count) {
    for (int i = 0; i < thread_count; ++i) {
      threads_.push_back(std::make_unique<SystemThread>("pool-" + std::to_string(i), [this] { run(); }));
    }
  }
  // Runs what was submitted, then ends.
  ~ThreadPool() override {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    threads_.clear();
  }
  void submit(std::function<void()> job) override {
    {
      std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
  }
  void drain() override {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return jobs_.empty() && running_ == 0; });
  }
  bool pin(const std::vector<int>& cpus) override {
    bool done = true;
    for (const auto& thread : threads_) done = pin_thread(thread->handle(), cpus) && done;
    return done;
  }

 private:
  void run() {
    for (;;) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
        ++running_;
      }
      job();
      job = nullptr;  // what it holds goes before the job counts as done
      std::lock_guard lock(mutex_);
      if (--running_ == 0 && jobs_.empty()) idle_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable idle_;
  int running_ = 0;
  std::deque<std::function<void()>> jobs_;
  bool ending_ = false;
  std::vector<std::unique_ptr<SystemThread>> threads_;
};

class UvEnv final : public Env {
 public:
  UvEnv() : files_(watch_if_asked(make_posix_files())) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    pool_ = make_thread_pool(std::clamp(cores, 2, 4));
  }
  const Clock& clock() const override { return clock_; }
  Files& files() override { return *files_; }
  Pool& pool() override { return *pool_; }
  void random_bytes(std::span<unsigned char> out) override {
    for (size_t have = 0; have < out.size();) {
      const ssize_t got = getrandom(out.data() + have, out.size() - have, 0);
      TESSERA_CHECK(got >= 0 || errno == EINTR);
      if (got > 0) have += static_cast<size_t>(got);
    }
  }
  std::unique_ptr<Thread> start_thread(const std::string& name, Actor& actor,
                                       const std::vector<int>& cpus) override {
    return std::make_unique<UvThread>(clock_, look_ups_, name, actor, cpus);
  }
  std::unique_ptr<Loop> make_loop() override { return std::make_unique<UvLoop>(clock_, look_ups_); }

 private:
  SystemClock clock_;
  std::unique_ptr<Files> files_;
  std::unique_ptr<Pool> pool_;
  LookUps look_ups_;
};

}  // namespace

// ---- look-ups

struct LookUps::Shared {
  static constexpr int kMostThreads = 4;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> jobs;
  int threads = 0, idle = 0;
  bool ending = false;

  void run() {
    std::unique_lock lock(mutex);
    while (!ending) {
      if (jobs.empty()) {
        ++idle;
        changed.wait(lock);
        --idle;
        continue;
      }
      std::function<void()> job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }
};

LookUps::LookUps() : shared_(std::make_shared<Shared>()) {}

LookUps::~LookUps() {
  std::deque<std::function<void()>> dropped;  // what they own goes outside the lock
  std::lock_guard lock(shared_->mutex);
  shared_->ending = true;
  dropped.swap(shared_->jobs);
  shared_->changed.notify_all();
}

void LookUps::submit(std::function<void()> job) {
  std::lock_guard lock(shared_->mutex);
  shared_->jobs.push_back(std::move(job));
  shared_->changed.notify_one();
  if (static_cast<size_t>(shared_->idle) >= shared_->jobs.size()) return;
  if (shared_->threads == Shared::kMostThreads) return;
  ++shared_->threads;
  pthread_attr_t attributes;
  TESSERA_CHECK(pthread_attr_init(&attributes) == 0);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  auto mine = std::make_unique<std::shared_ptr<Shared>>(shared_);
  pthread_t thread;
  const auto body = [](void* raw) -> void* {
    const std::unique_ptr<std::shared_ptr<Shared>> shared(static_cast<std::shared_ptr<Shared>*>(raw));
    pthread_setname_np(pthread_self(), "look-up");
    (*shared)->run();
    return nullptr;
  };
  if (pthread_create(&thread, &attributes, body, mine.get()) == 0) {
    (void)mine.release();
  } else {
    --shared_->threads;  // those that are there come to it
    TESSERA_CHECK(shared_->threads > 0);
  }
  pthread_attr_destroy(&attributes);
}

std::unique_ptr<Pool> make_thread_pool(int thread_count) {
  return std::make_unique<ThreadPool>(thread_count);
}

std::unique_ptr<Env> make_uv_env() {
  return std::make_unique<UvEnv>();
}

}  // namespace tessera::io
