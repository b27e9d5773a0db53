// Role: a connected socket of the product's loop. Thread: the loop's.
// Invariants: reads and writes go straight to the descriptor, one system call each; libuv only says when it
// is ready. What is armed may be more than what is wanted (read_stop() is lazy), never less. After every call
// of the handler `destroyed` is tested, since the handler may have destroyed the stream.
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "common/base/check.h"
#include "common/io/uv_internal.h"

namespace tessera::io {

namespace {

// A stream that always fills its piece may go on a few times before the others get their turn.
constexpr int kReadsPerPoll = 4;

static_assert(sizeof(Slice) == sizeof(iovec) && offsetof(Slice, data) == offsetof(iovec, iov_base) &&
                  offsetof(Slice, size) == offsetof(iovec, iov_len),
              "slices are handed to the kernel as they are");

}  // namespace

UvStream::UvStream(UvLoop& loop, OwnedFd fd, bool is_unix, std::string unix_path)
    : loop_(loop),
      fd_(std::move(fd)),
      watcher_(loop, fd_.get(), this),
      unix_path_(std::move(unix_path)),
      is_unix_(is_unix) {}

UvStream::~UvStream() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  if (deferred_) loop_.forget(this);
}

void UvStream::rearm() {
  watcher_.arm(reading_ && !ended_ && error_ == 0, (want_drained_ && error_ == 0) || connecting_);
}

void UvStream::read_start() {
  if (reading_ || ended_ || error_ != 0) {
    reading_ = true;
    return;
  }
  reading_ = true;
  if ((watcher_.armed() & 1) == 0 && !connecting_) rearm();
}

size_t UvStream::try_write(std::span<const Slice> slices) {
  if (error_ != 0 || connecting_ || slices.empty()) return 0;
  ssize_t wrote;
  do {
    if (slices.size() == 1) {
      wrote = send(fd_.get(), slices[0].data, slices[0].size, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
      msghdr message{};
      message.msg_iov = reinterpret_cast<iovec*>(const_cast<Slice*>(slices.data()));
      message.msg_iovlen = std::min<size_t>(slices.size(), IOV_MAX);
      wrote = sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  } while (wrote < 0 && errno == EINTR);
  if (wrote >= 0) return static_cast<size_t>(wrote);
  if (errno != EAGAIN && errno != EWOULDBLOCK) {
    error_ = errno;
    defer();
  }
  return 0;
}

void UvStream::want_drained() {
  if (want_drained_ || error_ != 0) return;
  want_drained_ = true;
  if (!connecting_) rearm();
}

void UvStream::shutdown_write() {
  if (!connecting_) shutdown(fd_.get(), SHUT_WR);
}

void UvStream::defer() {
  if (deferred_) return;
  deferred_ = true;
  loop_.defer(this);
}

void UvStream::run_deferred() {
  deferred_ = false;
  if (connecting_) {
    finish_connect();
  } else if (error_ != 0) {
    fail(error_);
  } else if (reading_ && !ended_) {
    DestroyGuard guard(&destroyed_);
    read_some();  // the arena was full
    if (!guard.destroyed()) rearm();
  }
}

void UvStream::fail(int code) {
  error_ = code;
  want_drained_ = false;
  rearm();
  if (handler_ != nullptr) handler_->on_end(*this, Error{errno_text(code), code});
}

void UvStream::start_connecting(int code) {
  connecting_ = true;
  if (code == EINPROGRESS) {
    rearm();
  } else {
    error_ = code;
    defer();  // told in the next poll, like any other outcome
  }
}

void UvStream::finish_connect() {
  int code = error_;
  socklen_t length = sizeof code;
  if (code == 0) getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &code, &length);
  connecting_ = false;
  error_ = code;
  DestroyGuard guard(&destroyed_);
  if (handler_ != nullptr)
    handler_->on_connected(*this, code == 0 ? Result<void>() : Result<void>(Error{errno_text(code), code}));
  if (!guard.destroyed()) rearm();
}

void UvStream::on_ready(bool readable, bool writable, bool failed) {
  if (connecting_) {
    finish_connect();
    return;
  }
  DestroyGuard guard(&destroyed_);
  if ((readable || failed) && reading_ && !ended_ && error_ == 0) {
    read_some();
    if (guard.destroyed()) return;
  }
  if (failed && error_ == 0) {
    int code = 0;
    socklen_t length = sizeof code;
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &code, &length);
    if (code != 0) {
      fail(code);
      return;
    }
  }
  if (writable && want_drained_ && error_ == 0) {
    want_drained_ = false;
    if (handler_ != nullptr) handler_->on_drained(*this);
    if (guard.destroyed()) return;
  }
  rearm();
}

void UvStream::read_some() {
  bool* const destroyed = destroyed_;  // the caller's guard
  for (int reads = 0; reads < kReadsPerPoll; ++reads) {
    const ReadArena::Piece piece = loop_.arena().next();
    if (piece.size == 0) {
      defer();
      return;
    }
    ssize_t got;
    do {
      got = recv(fd_.get(), piece.data, piece.size, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) fail(errno);
      return;
    }
    if (got == 0) {
      ended_ = true;
      if (handler_ != nullptr) handler_->on_end(*this, Error{});
      return;
    }
    loop_.arena().commit(static_cast<size_t>(got));
    if (handler_ != nullptr) handler_->on_data(*this, {piece.data, static_cast<size_t>(got)});
    // Less than was asked for: the socket is empty, and asking again would cost a call that says EAGAIN.
    if (*destroyed || static_cast<size_t>(got) < piece.size || !reading_) return;
  }
}

Address UvStream::peer() const {
  if (is_unix_) return {unix_path_, 0, true};
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return {};
  return describe(address);
}

Address UvStream::local() const {
  if (is_unix_) return {unix_path_, 0, true};
  return local_address(fd_.get());
}

Result<void> UvStream::set_no_delay(bool on) {
  if (is_unix_) return {};
  const int value = on ? 1 : 0;
  if (setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) != 0)
    return errno_error("setsockopt TCP_NODELAY", errno);
  return {};
}

Result<void> UvStream::set_keepalive(int idle_s) {
  if (is_unix_) return {};
  const int on = idle_s > 0 ? 1 : 0;
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0)
    return errno_error("setsockopt SO_KEEPALIVE", errno);
  if (on == 0) return {};
  // The peer counts as gone after three unanswered probes, a third of the idle time apart: twice the idle
  // time in all.
  const int interval_s = std::max(idle_s / 3, 1);
  const int probe_count = 3;
  if (setsockopt(fd_.get(), IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s) != 0 ||
      setsockopt(fd_.get(), IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s) != 0 ||
      setsockopt(fd_.get(), IPPROTO_TCP, TCP_KEEPCNT, &probe_count, sizeof probe_count) != 0)
    return errno_error("setsockopt TCP_KEEPIDLE", errno);
  return {};
}

}  // namespace tessera::io
