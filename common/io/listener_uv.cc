// Role: listening sockets of the product's loop. Thread: the loop's.
// Invariants: connections are accepted until none waits, at most so many a poll as the options say. Without
// descriptors the listener pauses instead of spinning.
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/io/uv_internal.h"

namespace tessera::io {

namespace {

constexpr int kAcceptsPerPollShared = 1;  // the other loops get theirs
constexpr Micros kPauseWithoutDescriptors = millis(100);

class UvListener final : public Listener, private FdWatcher::Owner {
 public:
  UvListener(UvLoop& loop, OwnedFd fd, ListenHandler* handler, std::string unix_path, bool owns_path,
             int accepts_per_poll)
      : accepts_per_poll_(unix_path.empty() ? accepts_per_poll : kAcceptsPerPollShared),
        loop_(loop),
        fd_(std::move(fd)),
        watcher_(loop, fd_.get(), this),
        handler_(handler),
        unix_path_(std::move(unix_path)),
        owns_path_(owns_path) {
    if (!watcher_.valid()) return;
    port_ = local_address(fd_.get()).port;
    pause_ = loop.make_timer([this] {
      paused_ = false;
      watcher_.arm(true, false);
    });
    watcher_.arm(true, false);
    if (!unix_path_.empty() && stat(unix_path_.c_str(), &identity_) != 0) identity_ = {};
  }
  ~UvListener() override {
    if (destroyed_ != nullptr) *destroyed_ = true;
    // Only our own: a later server may have put its socket in the same place.
    struct stat now {};
    if (owns_path_ && stat(unix_path_.c_str(), &now) == 0 && now.st_ino == identity_.st_ino &&
        now.st_dev == identity_.st_dev)
      unlink(unix_path_.c_str());
  }
  int port() const override { return port_; }
  void set_accepts_per_poll(int count) override {
    if (unix_path_.empty()) accepts_per_poll_ = count;
  }
  bool valid() const { return watcher_.valid(); }
  OwnedFd duplicate() const { return OwnedFd(fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0)); }

 private:
  void on_ready(bool, bool, bool) override {
    DestroyGuard guard(&destroyed_);
    for (int accepted = 0; !guard.destroyed() && accepted < accepts_per_poll_; ++accepted) {
      OwnedFd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        refuse(errno);
        break;
      }
      auto stream = std::make_unique<UvStream>(loop_, std::move(fd), !unix_path_.empty(), unix_path_);
      if (stream->valid()) handler_->on_accept(*this, std::move(stream));
    }
    if (!guard.destroyed() && !paused_) watcher_.arm(true, false);
  }

  void refuse(int code) {
    if (code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM) {
      watcher_.arm(false, false);
      pause_->start(kPauseWithoutDescriptors, {0});
      paused_ = true;
    }
    handler_->on_accept_error(*this, errno_error("accept", code));
  }

  int accepts_per_poll_;
  UvLoop& loop_;
  OwnedFd fd_;
  FdWatcher watcher_;
  ListenHandler* handler_;
  std::string unix_path_;
  bool owns_path_;  // unlinks it
  struct stat identity_ {};
  std::unique_ptr<Timer> pause_;
  int port_ = 0;
  bool paused_ = false;
  bool* destroyed_ = nullptr;
};

std::string where_text(const ListenOptions& options) {
  if (!options.unix_path.empty()) return options.unix_path;
  return (options.host.empty() ? "*" : options.host) + ":" + std::to_string(options.port);
}

enum class Depth { kBind, kListen };

Result<OwnedFd> open_socket(const ListenOptions& options, Depth depth, const sockaddr* address,
                            socklen_t length) {
  const std::string where = where_text(options);
  const int protocol = options.multipath && address->sa_family != AF_UNIX ? IPPROTO_MPTCP : 0;
  OwnedFd fd(socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd) return errno_error(where + ": socket", errno);
  if (options.mark != 0 && address->sa_family != AF_UNIX &&
      setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &options.mark, sizeof options.mark) != 0)
    return errno_error(where + ": setsockopt SO_MARK", errno);
  const int on = 1;
  if (address->sa_family != AF_UNIX) {
    if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
      return errno_error(where + ": setsockopt SO_REUSEADDR", errno);
    if (options.reuse_port && !options.claim_port &&
        setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
      return errno_error(where + ": setsockopt SO_REUSEPORT", errno);
  }
  if (address->sa_family == AF_INET6) {
    const int only = options.ipv6_only ? 1 : 0;
    if (setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0)
      return errno_error(where + ": setsockopt IPV6_V6ONLY", errno);
  }
  if (bind(fd.get(), address, length) != 0) return errno_error(where + ": bind", errno);
  if (depth == Depth::kBind) return fd;
  if (listen(fd.get(), options.backlog) != 0) return errno_error(where + ": listen", errno);
  // Only now, when nobody else can have the port: from here on ours may join.
  if (options.claim_port && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    return errno_error(where + ": setsockopt SO_REUSEPORT", errno);
  return fd;
}

Result<OwnedFd> open_unix(const ListenOptions& options) {
  const SocketAddress address = unix_socket_address(options.unix_path);
  if (address.length == 0) return errno_error(options.unix_path + ": bind", ENAMETOOLONG);
  // A socket that a former life left behind, as Redis does; anything else in its place makes bind fail.
  struct stat found {};
  if (lstat(options.unix_path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode))
    unlink(options.unix_path.c_str());
  auto fd = open_socket(options, Depth::kListen, reinterpret_cast<const sockaddr*>(&address.storage),
                        address.length);
  if (fd && options.unix_mode != 0 &&
      chmod(options.unix_path.c_str(), static_cast<mode_t>(options.unix_mode)) != 0)
    return errno_error(options.unix_path + ": chmod", errno);
  return fd;
}

Result<OwnedFd> open_tcp(const ListenOptions& options, Depth depth) {
  std::string host = options.host;
  if (host.empty() || host == "*") host = "0.0.0.0";
  if (host == "::*") host = "::";
  SocketAddress numeric = parse_socket_address(host, options.port);
  if (numeric.length != 0)
    return open_socket(options, depth, reinterpret_cast<const sockaddr*>(&numeric.storage), numeric.length);
  // A name in `bind`: looked up at once, as Redis does; servers listen before they serve.
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), std::to_string(options.port).c_str(), &hints, &found);
  if (code != 0) return Error{where_text(options) + ": " + gai_strerror(code), 0};
  Result<OwnedFd> fd = Error{where_text(options) + ": unable to bind", 0};
  for (const addrinfo* at = found; at != nullptr && !fd; at = at->ai_next)
    fd = open_socket(options, depth, at->ai_addr, at->ai_addrlen);
  freeaddrinfo(found);
  return fd;
}

}  // namespace

Result<std::unique_ptr<Listener>> make_uv_listener(UvLoop& loop, const ListenOptions& options,
                                                   ListenHandler* handler) {
  Result<OwnedFd> fd = OwnedFd();
  if (options.share != nullptr) {
    fd = static_cast<const UvListener*>(options.share)->duplicate();
    if (!*fd) return errno_error(where_text(options) + ": dup", errno);
  } else {
    fd = options.unix_path.empty() ? open_tcp(options, Depth::kListen) : open_unix(options);
    if (!fd) return fd.error();
  }
  auto listener = std::make_unique<UvListener>(loop, std::move(*fd), handler, options.unix_path,
                                               options.share == nullptr && !options.unix_path.empty(),
                                               options.accepts_per_poll);
  if (!listener->valid()) return Error{where_text(options) + ": the loop does not take the socket", EINVAL};
  return Result<std::unique_ptr<Listener>>(std::move(listener));
}

// A socket that is bound and does not listen collides with every listener that listen() would collide with.
Result<void> try_uv_listen(const ListenOptions& options) {
  const Result<OwnedFd> fd = open_tcp(options, Depth::kBind);
  if (!fd) return fd.error();
  return {};
}

}  // namespace tessera::io
