// Role: the product's loop over libuv: descriptors, timers, signals, the sleep and wake protocol. Thread: the
// owner's; wake() from any. Invariants: the inbox says "asleep" only from just before the kernel is entered
// until the first callback, so a sender pays for a wake-up call only when it is needed. Wake-ups go through
// an eventfd of our own (not uv_async), since a parked loop has to wait for it without reading its streams.
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "common/base/check.h"
#include "common/io/uv_internal.h"

namespace tessera::io {

// ---- descriptors

struct FdWatcher::Handle {
  uv_poll_t uv;
  UvLoop* loop;
  Owner* owner;
  int armed = 0;

  static void ready(uv_poll_t* uv, int status, int events) {
    auto* self = static_cast<Handle*>(uv->data);
    if (self->owner == nullptr) return;
    self->loop->note_awake();
    if (status < 0) {
      self->armed = 0;  // libuv stopped it
      self->owner->on_ready(false, false, true);
    } else {
      self->owner->on_ready((events & UV_READABLE) != 0, (events & UV_WRITABLE) != 0, false);
    }
  }
};

FdWatcher::FdWatcher(UvLoop& loop, int fd, Owner* owner) : handle_(new Handle{{}, &loop, owner}) {
  if (uv_poll_init(loop.raw(), &handle_->uv, fd) != 0) {
    delete handle_;
    handle_ = nullptr;
    return;
  }
  handle_->uv.data = handle_;
}

FdWatcher::~FdWatcher() {
  if (handle_ == nullptr) return;
  handle_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->uv),
           [](uv_handle_t* uv) { delete static_cast<Handle*>(uv->data); });
}

void FdWatcher::arm(bool read, bool write) {
  const int wanted = (read ? 1 : 0) | (write ? 2 : 0);
  if (wanted == handle_->armed) return;
  handle_->armed = wanted;
  const int events = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0);
  if (events == 0) {
    uv_poll_stop(&handle_->uv);
  } else {
    uv_poll_start(&handle_->uv, events, Handle::ready);
  }
}

int FdWatcher::armed() const {
  return handle_->armed;
}

// ---- waking

Wakeup::Wakeup() : event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  TESSERA_CHECK(event);
}

void Wakeup::signal() {
  const uint64_t one = 1;
  // The only possible failure is a full counter, and then the reader is awake anyway.
  while (write(event.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

bool Wakeup::drain() {
  uint64_t count;
  return read(event.get(), &count, sizeof count) == sizeof count;
}

// ---- timers

namespace {

class UvTimer final : public Timer {
 public:
  UvTimer(UvLoop& loop, std::function<void()> fire) : block_(new Block{{}, &loop, std::move(fire), this}) {
    uv_timer_init(loop.raw(), &block_->uv);
    block_->uv.data = block_;
  }
  ~UvTimer() override {
    block_->owner = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&block_->uv),
             [](uv_handle_t* uv) { delete static_cast<Block*>(uv->data); });
  }
  void start(Micros delay, Micros repeat) override {
    // libuv counts from its cached millisecond. Rounding the due time itself up means it never fires early.
    const int64_t now_us = block_->loop->clock().mono().us;
    const int64_t due_ms = (now_us + std::max<int64_t>(delay.us, 0) + 999) / 1000;
    const auto cached_ms = static_cast<int64_t>(uv_now(block_->loop->raw()));
    uv_timer_start(&block_->uv, fired, static_cast<uint64_t>(std::max<int64_t>(due_ms - cached_ms, 0)),
                   static_cast<uint64_t>((repeat.us + 999) / 1000));
  }
  void stop() override { uv_timer_stop(&block_->uv); }

 private:
  struct Block {
    uv_timer_t uv;
    UvLoop* loop;
    std::function<void()> fire;
    UvTimer* owner;
  };
  static void fired(uv_timer_t* uv) {
    auto* block = static_cast<Block*>(uv->data);
    block->loop->note_awake();
    block->loop->stay_awake();
    // The block, and so the function, outlives a timer that is destroyed by what it calls.
    if (block->owner != nullptr && block->fire) block->fire();
  }
  Block* block_;
};

// ---- signals

class UvSignals final : public SignalWatcher {
 public:
  UvSignals(UvLoop& loop, std::function<void(int)> fire) : loop_(loop), shared_(std::make_shared<Shared>()) {
    shared_->fire = std::move(fire);
  }
  ~UvSignals() override {
    shared_->open = false;
    for (Block* block : blocks_) {
      uv_close(reinterpret_cast<uv_handle_t*>(&block->uv),
               [](uv_handle_t* uv) { delete static_cast<Block*>(uv->data); });
    }
  }
  Result<void> add(int number) {
    auto* block = new Block{{}, &loop_, shared_};
    uv_signal_init(loop_.raw(), &block->uv);
    block->uv.data = block;
    blocks_.push_back(block);
    const int code = uv_signal_start(&block->uv, fired, number);
    if (code != 0) return errno_error("signal " + std::to_string(number), -code);
    return {};
  }

 private:
  struct Shared {
    std::function<void(int)> fire;
    bool open = true;
  };
  struct Block {
    uv_signal_t uv;
    UvLoop* loop;
    std::shared_ptr<Shared> shared;
  };
  static void fired(uv_signal_t* uv, int number) {
    auto* block = static_cast<Block*>(uv->data);
    block->loop->note_awake();
    const std::shared_ptr<Shared> shared = block->shared;
    if (shared->open) shared->fire(number);
  }
  UvLoop& loop_;
  std::shared_ptr<Shared> shared_;
  std::vector<Block*> blocks_;
};

// libuv counts whole milliseconds.
constexpr Micros kShortWait = millis(1);

// How long a parked shard looks at its inbox before it asks the kernel to wake it: about the price of a sleep
// and a wake-up. Without a second processor nobody could fill the inbox meanwhile.
Micros spin_time() {
  return {std::thread::hardware_concurrency() > 1 ? 30 : 0};
}

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

// Ends one wait of less than kShortWait, to the microsecond.
class ShortWait final : public FdWatcher::Owner {
 public:
  explicit ShortWait(UvLoop& loop)
      : loop_(loop), timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    if (!timer_) return;  // no descriptor is left: libuv's milliseconds, then
    watcher_ = std::make_unique<FdWatcher>(loop, timer_.get(), this);
    if (watcher_->valid()) watcher_->arm(true, false);
  }
  bool start(Micros wait) { return timer_ && watcher_->valid() && set(wait.us); }
  void stop() { set(0); }  // what has fired meanwhile is forgotten

 private:
  bool set(int64_t us) {
    itimerspec when{};
    when.it_value.tv_nsec = us * 1000;
    return timerfd_settime(timer_.get(), 0, &when, nullptr) == 0;
  }
  void on_ready(bool, bool, bool) override {
    loop_.note_awake();
    uint64_t count;
    while (read(timer_.get(), &count, sizeof count) < 0 && errno == EINTR) {
    }
  }

  UvLoop& loop_;
  OwnedFd timer_;
  std::unique_ptr<FdWatcher> watcher_;
};

// ---- the loop

UvLoop::UvLoop(const Clock& clock, LookUps& look_ups)
    : clock_(clock),
      look_ups_(look_ups),
      uv_(std::make_unique<uv_loop_s>()),
      wakeup_(std::make_shared<Wakeup>()),
      spin_(spin_time()) {
  TESSERA_CHECK(uv_loop_init(uv_.get()) == 0);
  wake_watcher_ = std::make_unique<FdWatcher>(*this, wakeup_->event.get(), this);
  TESSERA_CHECK(wake_watcher_->valid());
  wake_watcher_->arm(true, false);
  wait_timer_ = std::make_unique<UvTimer>(*this, [] {});
  idle_ = new uv_idle_t;
  TESSERA_CHECK(uv_idle_init(uv_.get(), idle_) == 0);
}

UvLoop::~UvLoop() {
  {
    std::lock_guard lock(wakeup_->mutex);
    wakeup_->open = false;
    wakeup_->answers.clear();
  }
  wake_watcher_.reset();
  wait_timer_.reset();
  short_wait_.reset();
  uv_close(reinterpret_cast<uv_handle_t*>(idle_),
           [](uv_handle_t* uv) { delete reinterpret_cast<uv_idle_t*>(uv); });
  while (uv_run(uv_.get(), UV_RUN_NOWAIT) != 0) {
    // Only handles that are closing may be left, and each turn finishes those: anything else outlived its
    // loop.
    bool outlived = false;
    uv_walk(
        uv_.get(),
        [](uv_handle_t* handle, void* found) {
          if (uv_is_closing(handle) == 0) *static_cast<bool*>(found) = true;
        },
        &outlived);
    TESSERA_CHECK(!outlived);
  }
  TESSERA_CHECK(uv_loop_close(uv_.get()) == 0);
}

void UvLoop::poll(Micros max_wait) {
  arena_.restart();
  if (!deferred_.empty()) {
    run_deferred();
    max_wait = {0};
  }
  if (wakeup_->has_answers.load(std::memory_order_acquire)) {
    run_answers();
    max_wait = {0};
  }
  if (max_wait.us == 0 || !inbox_.prepare_sleep()) {
    uv_run(uv_.get(), UV_RUN_NOWAIT);
    may_sleep_again();
    return;
  }
  asleep_ = true;
  const bool is_short = max_wait.us > 0 && max_wait < kShortWait;
  if (is_short && short_wait_ == nullptr) short_wait_ = std::make_unique<ShortWait>(*this);
  if (is_short && short_wait_->start(max_wait)) {
    uv_run(uv_.get(), UV_RUN_ONCE);
    short_wait_->stop();
  } else if (max_wait.us > 0) {
    wait_timer_->start(max_wait, {0});
    uv_run(uv_.get(), UV_RUN_ONCE);
    wait_timer_->stop();
  } else {
    uv_run(uv_.get(), UV_RUN_ONCE);
  }
  note_awake();
  may_sleep_again();
}

// libuv runs timers that are due first and then waits all the same, for ever when they were the last: also
// when it is the timer of this very wait, and the thread had no processor for that long.
void UvLoop::stay_awake() {
  if (stays_awake_) return;
  stays_awake_ = true;
  uv_idle_start(idle_, [](uv_idle_t*) {});
}

void UvLoop::may_sleep_again() {
  if (!stays_awake_) return;
  stays_awake_ = false;
  uv_idle_stop(idle_);
}

void UvLoop::wait_inbox(Micros max_wait) {
  if (!inbox_.empty() || max_wait.us == 0) return;
  const MonoTime begin = clock_.mono();
  const Micros spin = max_wait.us > 0 ? std::min(max_wait, spin_) : spin_;
  Micros spent{0};
  while (spent < spin) {
    for (int i = 0; i < 16; ++i) {
      if (!inbox_.empty()) return;
      relax();
    }
    spent = clock_.mono() - begin;
  }
  if (max_wait.us > 0 && spent >= max_wait) return;
  if (!inbox_.prepare_sleep()) return;
  pollfd waiting{wakeup_->event.get(), POLLIN, 0};
  timespec timeout{};
  if (max_wait.us > 0) {
    const int64_t left_us = max_wait.us - spent.us;
    timeout = {static_cast<time_t>(left_us / 1000000), static_cast<long>(left_us % 1000000 * 1000)};
  }
  if (ppoll(&waiting, 1, max_wait.us > 0 ? &timeout : nullptr, nullptr) > 0) wakeup_->drain();
  inbox_.finish_sleep();
}

void UvLoop::on_ready(bool, bool, bool) {
  wakeup_->drain();
  if (wakeup_->has_answers.load(std::memory_order_acquire)) run_answers();
}

void UvLoop::run_answers() {
  std::vector<std::function<void()>> answers;
  {
    std::lock_guard lock(wakeup_->mutex);
    answers.swap(wakeup_->answers);
    wakeup_->has_answers.store(false, std::memory_order_relaxed);
  }
  for (auto& answer : answers) answer();
}

void UvLoop::run_deferred() {
  running_deferred_.swap(deferred_);
  for (size_t i = 0; i < running_deferred_.size(); ++i) {
    if (running_deferred_[i] != nullptr) running_deferred_[i]->run_deferred();
  }
  running_deferred_.clear();
}

void UvLoop::forget(UvStream* stream) {
  // Streams destroy each other while running_deferred_ is walked: holes keep the walk's place.
  std::replace(running_deferred_.begin(), running_deferred_.end(), stream, static_cast<UvStream*>(nullptr));
  std::erase(deferred_, stream);
}

std::unique_ptr<Timer> UvLoop::make_timer(std::function<void()> fire) {
  return std::make_unique<UvTimer>(*this, std::move(fire));
}

Result<std::unique_ptr<SignalWatcher>> UvLoop::watch_signals(const std::vector<int>& signals,
                                                             std::function<void(int)> fire) {
  auto watcher = std::make_unique<UvSignals>(*this, std::move(fire));
  for (int number : signals) {
    if (auto added = watcher->add(number); !added) return added.error();
  }
  return Result<std::unique_ptr<SignalWatcher>>(std::move(watcher));
}

Result<std::unique_ptr<Listener>> UvLoop::listen(const ListenOptions& options, ListenHandler* handler) {
  return make_uv_listener(*this, options, handler);
}

Result<void> UvLoop::try_listen(const ListenOptions& options) {
  return try_uv_listen(options);
}

}  // namespace tessera::io
