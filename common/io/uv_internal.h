// Role: what the *_uv.cc files share; not for others. Names of libuv are only declared here, so that uv.h
// stays inside. Thread: the loop's own, save Wakeup. Invariants: a libuv handle lives in a block of its own
// which is freed by its close callback; the object in front of it (stream, timer ...) may be destroyed at any
// time, inside its own callback too, and merely detaches from the block.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/io/env.h"
#include "common/io/loop.h"
#include "common/io/read_arena.h"

struct uv_idle_s;
struct uv_loop_s;

namespace tessera::io {

class UvLoop;
class UvStream;
class ShortWait;

// A descriptor of the system, closed with it.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

Error errno_error(const std::string& what, int code);  // "what: text of code"
std::string errno_text(int code);

// Socket addresses. `length` 0 means that the text is no address.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};
// Numeric only. IPv6 with a scope ("fe80::1%eth0") is understood.
SocketAddress parse_socket_address(const std::string& ip, int port);
SocketAddress unix_socket_address(const std::string& path);
Address describe(const SocketAddress& address);
Address local_address(int fd);

// Lets a caller on the stack see that its object was destroyed below it, by a handler for instance. The
// object keeps `bool* destroyed_ = nullptr` and its destructor sets what that points to.
class DestroyGuard {
 public:
  explicit DestroyGuard(bool** slot);  // not inline: gcc takes the pointer for one that is left dangling
  ~DestroyGuard() {
    if (!destroyed_) {
      *slot_ = outer_;
    } else if (outer_ != nullptr) {
      *outer_ = true;
    }
  }
  bool destroyed() const { return destroyed_; }

 private:
  bool destroyed_ = false;
  bool** slot_;
  bool* outer_;
};

// Calls its owner when a descriptor is ready (level-triggered). Closing does not close the descriptor.
class FdWatcher {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // `failed`: an error waits on the descriptor (then the watcher is disarmed). May destroy the watcher.
    virtual void on_ready(bool readable, bool writable, bool failed) = 0;
  };

  FdWatcher(UvLoop& loop, int fd, Owner* owner);
  ~FdWatcher();
  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;
  // Two system calls when the set changes, none else.
  void arm(bool read, bool write);
  int armed() const;  // bits: 1 read, 2 write
  bool valid() const { return handle_ != nullptr; }

 private:
  struct Handle;
  Handle* handle_;
};

// What other threads may touch of a loop: it lives as long as one of them may still use it.
struct Wakeup {
  Wakeup();
  OwnedFd event;
  void signal();  // any thread
  // True when signal() was called since the last drain.
  bool drain();

  // Answers of look-ups, run inside a poll of the loop while `open`.
  std::mutex mutex;
  bool open = true;
  std::vector<std::function<void()>> answers;
  std::atomic<bool> has_answers{false};
};

// Threads for the resolver alone: it may need half a minute for one name and cannot be interrupted, and who
// writes a file in the pool must not wait for that. Made when they are needed, a few at most; who hangs at
// the end is left behind.
class LookUps {
 public:
  LookUps();
  ~LookUps();  // what waits is dropped
  LookUps(const LookUps&) = delete;
  LookUps& operator=(const LookUps&) = delete;
  // Any thread. The job owns all that it uses.
  void submit(std::function<void()> job);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

class UvLoop final : public Loop, public FdWatcher::Owner {
 public:
  UvLoop(const Clock& clock, LookUps& look_ups);
  ~UvLoop() override;

  const Clock& clock() const override { return clock_; }
  void poll(Micros max_wait) override;
  void hold_reads(bool hold) override { arena_.hold(hold); }
  void wait_inbox(Micros max_wait) override;
  void wake() override { wakeup_->signal(); }
  Mailbox& inbox() override { return inbox_; }
  std::unique_ptr<Timer> make_timer(std::function<void()> fire) override;
  Result<std::unique_ptr<SignalWatcher>> watch_signals(const std::vector<int>& signals,
                                                       std::function<void(int)> fire) override;
  Result<std::unique_ptr<Listener>> listen(const ListenOptions& options, ListenHandler* handler) override;
  Result<void> try_listen(const ListenOptions& options) override;
  Result<std::unique_ptr<Stream>> connect(const Address& to, const std::string& bind_ip,
                                          StreamHandler* handler) override;
  void resolve(const std::string& host, std::function<void(Result<std::vector<std::string>>)> done) override;

  // A timer has fired: the wait that is about to begin would not know of it.
  void stay_awake();

  // For streams. What is deferred runs at the start of the next poll, which then does not wait.
  ReadArena& arena() { return arena_; }
  void defer(UvStream* stream) { deferred_.push_back(stream); }
  void forget(UvStream* stream);

  uv_loop_s* raw() { return uv_.get(); }
  // The receiver is awake from the first callback on: senders need not wake it any more.
  void note_awake() {
    if (!asleep_) return;
    asleep_ = false;
    inbox_.finish_sleep();
  }

 private:
  void on_ready(bool readable, bool writable, bool failed) override;
  void run_answers();
  void run_deferred();

  const Clock& clock_;
  LookUps& look_ups_;
  std::unique_ptr<uv_loop_s> uv_;
  Mailbox inbox_;
  ReadArena arena_;
  void may_sleep_again();

  std::vector<UvStream*> deferred_;
  std::vector<UvStream*> running_deferred_;
  std::shared_ptr<Wakeup> wakeup_;
  std::unique_ptr<FdWatcher> wake_watcher_;
  std::unique_ptr<Timer> wait_timer_;
  std::unique_ptr<ShortWait> short_wait_;  // once there was one
  Micros spin_{0};
  bool asleep_ = false;
  bool stays_awake_ = false;
  uv_idle_s* idle_ = nullptr;  // active: a wait of libuv ends at once
};

class UvStream final : public Stream, public FdWatcher::Owner {
 public:
  // `unix_path`: what peer() and local() answer for a Unix socket, whose clients have no name.
  UvStream(UvLoop& loop, OwnedFd fd, bool is_unix, std::string unix_path);
  ~UvStream() override;

  void set_handler(StreamHandler* handler) override { handler_ = handler; }
  void read_start() override;
  void read_stop() override { reading_ = false; }
  size_t try_write(std::span<const Slice> slices) override;
  void want_drained() override;
  void shutdown_write() override;
  Address peer() const override;
  Address local() const override;
  Result<void> set_no_delay(bool on) override;
  Result<void> set_keepalive(int idle_s) override;
  int fd_for_display() const override { return fd_.get(); }

  // Waits for connect() to finish; `code` is what it said at once: EINPROGRESS, 0 or an error.
  void start_connecting(int code);
  void run_deferred();
  bool valid() const { return watcher_.valid(); }

 private:
  void on_ready(bool readable, bool writable, bool failed) override;
  void read_some();
  void finish_connect();
  void fail(int code);
  void rearm();
  void defer();

  UvLoop& loop_;
  OwnedFd fd_;
  FdWatcher watcher_;
  StreamHandler* handler_ = nullptr;
  bool* destroyed_ = nullptr;  // set while a callback of ours is on the stack
  std::string unix_path_;
  int error_ = 0;  // told, or to be told by run_deferred()
  bool is_unix_;
  bool connecting_ = false;
  bool reading_ = false;
  bool want_drained_ = false;
  bool ended_ = false;  // the peer's end was seen
  bool deferred_ = false;
};

Result<std::unique_ptr<Listener>> make_uv_listener(UvLoop& loop, const ListenOptions& options,
                                                   ListenHandler* handler);
Result<void> try_uv_listen(const ListenOptions& options);
std::unique_ptr<Files> make_posix_files();
std::unique_ptr<Pool> make_thread_pool(int thread_count);

}  // namespace tessera::io
