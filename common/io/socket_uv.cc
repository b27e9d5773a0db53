// Role: descriptors and socket addresses for the *_uv.cc files; connecting and looking names up. Thread: any,
// save UvLoop's functions.
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "common/io/uv_internal.h"

namespace tessera::io {

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

DestroyGuard::DestroyGuard(bool** slot) : slot_(slot), outer_(*slot) {
  *slot = &destroyed_;
}

std::string errno_text(int code) {
  char text[128];
  return strerror_r(code, text, sizeof text);
}

Error errno_error(const std::string& what, int code) {
  return {what + ": " + errno_text(code), code};
}

SocketAddress parse_socket_address(const std::string& ip, int port) {
  SocketAddress out;
  if (port < 0 || port > 65535) return out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (inet_pton(AF_INET, ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    out.length = sizeof *v4;
    return out;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  std::string address = ip;
  uint32_t scope = 0;
  if (const size_t percent = ip.find('%'); percent != std::string::npos) {
    address.resize(percent);
    scope = if_nametoindex(ip.c_str() + percent + 1);
    if (scope == 0) return out;
  }
  if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    v6->sin6_scope_id = scope;
    out.length = sizeof *v6;
  }
  return out;
}

SocketAddress unix_socket_address(const std::string& path) {
  SocketAddress out;
  auto* name = reinterpret_cast<sockaddr_un*>(&out.storage);
  if (path.empty() || path.size() >= sizeof name->sun_path) return out;
  name->sun_family = AF_UNIX;
  std::memcpy(name->sun_path, path.c_str(), path.size() + 1);
  out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return out;
}

Address describe(const SocketAddress& address) {
  Address out;
  char text[INET6_ADDRSTRLEN];
  if (address.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    out.ip = inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    out.port = ntohs(v4->sin_port);
  } else if (address.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    out.ip = inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    out.port = ntohs(v6->sin6_port);
  } else if (address.storage.ss_family == AF_UNIX) {
    const auto* name = reinterpret_cast<const sockaddr_un*>(&address.storage);
    const size_t header = offsetof(sockaddr_un, sun_path);
    out.is_unix = true;
    if (address.length > header)
      out.ip.assign(name->sun_path, strnlen(name->sun_path, address.length - header));
  }
  return out;
}

Address local_address(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return {};
  return describe(address);
}

Result<std::unique_ptr<Stream>> UvLoop::connect(const Address& to, const std::string& bind_ip,
                                                StreamHandler* handler) {
  const SocketAddress target = to.is_unix ? unix_socket_address(to.ip) : parse_socket_address(to.ip, to.port);
  if (target.length == 0) return Error{to.text() + ": not a valid address", EINVAL};
  OwnedFd fd(socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error(to.text() + ": socket", errno);
  if (!bind_ip.empty() && !to.is_unix) {
    const SocketAddress from = parse_socket_address(bind_ip, 0);
    if (from.length == 0) return Error{bind_ip + ": not a valid address", EINVAL};
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&from.storage), from.length) != 0)
      return errno_error(bind_ip + ": bind", errno);
  }
  int code = 0;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&target.storage), target.length) != 0)
    code = errno;
  auto stream =
      std::make_unique<UvStream>(*this, std::move(fd), to.is_unix, to.is_unix ? to.ip : std::string());
  if (!stream->valid()) return Error{to.text() + ": the loop does not take the socket", EINVAL};
  stream->set_handler(handler);
  stream->start_connecting(code);
  return Result<std::unique_ptr<Stream>>(std::move(stream));
}

namespace {

Result<std::vector<std::string>> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0) return Error{host + ": " + gai_strerror(code), code == EAI_SYSTEM ? errno : 0};
  std::vector<std::string> addresses;
  std::unordered_set<std::string> seen;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    SocketAddress address;
    if (at->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.length = at->ai_addrlen;
    std::string ip = describe(address).ip;
    if (!ip.empty() && seen.insert(ip).second) addresses.push_back(std::move(ip));
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace

void UvLoop::resolve(const std::string& host, std::function<void(Result<std::vector<std::string>>)> done) {
  look_ups_.submit([wakeup = wakeup_, host, done = std::move(done)] {
    auto found = look_up(host);
    {
      std::lock_guard lock(wakeup->mutex);
      if (!wakeup->open) return;  // the loop is gone, and with it who asked
      wakeup->answers.emplace_back([found = std::move(found), done] { done(found); });
      wakeup->has_answers.store(true, std::memory_order_release);
    }
    wakeup->signal();
  });
}

}  // namespace tessera::io
