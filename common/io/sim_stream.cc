// Role: the faces of the simulated network that code above io holds. Thread: the simulator's.
// Invariants: a stream whose host crashed has no endpoint any more; all its calls then do nothing.
#include "common/io/sim_net.h"

namespace tessera::io {

namespace {

bool is_wildcard(const std::string& ip) {
  return ip.empty() || ip == "*" || ip == "0.0.0.0" || ip == "::" || ip == "::*";
}

bool is_loopback(const std::string& ip) {
  return ip == "127.0.0.1" || ip == "::1";
}

}  // namespace

SimListener::SimListener(SimNet& net, SimLoop& loop, const ListenOptions& options, int port,
                         ListenHandler* handler)
    : net_(net),
      loop_(loop),
      host_(&loop.host()),
      ip_(is_wildcard(options.host) ? "" : options.host),
      port_(port),
      reuse_port_(options.reuse_port || options.claim_port),
      handler_(handler) {}

bool SimListener::collides(const SimEnv& host, const ListenOptions& options, int port) const {
  const bool joins = reuse_port_ && options.reuse_port && !options.claim_port;
  if (host_ != &host || port_ != port || joins) return false;
  return ip_.empty() || is_wildcard(options.host) || ip_ == options.host;
}

bool SimListener::takes(const SimEnv& host, const Address& to) const {
  return host_ == &host && port_ == to.port && (ip_.empty() || ip_ == to.ip);
}

void SimStream::set_handler(StreamHandler* handler) {
  if (Endpoint* endpoint = net_.find(id_)) endpoint->handler = handler;
}

void SimStream::read_start() {
  Endpoint* endpoint = net_.find(id_);
  if (endpoint == nullptr || endpoint->reading) return;
  endpoint->reading = true;
  net_.queue_service(*endpoint);
}

void SimStream::read_stop() {
  if (Endpoint* endpoint = net_.find(id_)) endpoint->reading = false;
}

size_t SimStream::try_write(std::span<const Slice> slices) {
  Endpoint* endpoint = net_.find(id_);
  return endpoint == nullptr ? 0 : net_.write(*endpoint, slices);
}

void SimStream::want_drained() {
  Endpoint* endpoint = net_.find(id_);
  if (endpoint == nullptr || endpoint->want_drained || endpoint->error_told) return;
  endpoint->want_drained = true;
  net_.queue_service(*endpoint);
}

void SimStream::shutdown_write() {
  if (Endpoint* endpoint = net_.find(id_)) net_.finish(*endpoint);
}

Address SimStream::peer() const {
  const Endpoint* endpoint = net_.find(id_);
  return endpoint == nullptr ? Address{} : endpoint->remote;
}

Address SimStream::local() const {
  const Endpoint* endpoint = net_.find(id_);
  return endpoint == nullptr ? Address{} : endpoint->local;
}

// ---- making them

Result<std::unique_ptr<Listener>> SimNet::listen(SimLoop& loop, const ListenOptions& options,
                                                 ListenHandler* handler) {
  SimEnv& host = loop.host();
  if (!options.unix_path.empty())
    return Error{options.unix_path + ": the simulator has no Unix sockets", EOPNOTSUPP};
  auto error = [&](const char* what, int code) {
    return Error{(options.host.empty() ? "*" : options.host) + ":" + std::to_string(options.port) + what,
                 code};
  };
  if (!host.alive()) return error(": socket: Input/output error", EIO);
  if (!is_wildcard(options.host) && !is_loopback(options.host) && options.host != host.ip())
    return error(": bind: Cannot assign requested address", EADDRNOTAVAIL);
  int port = options.port;
  for (bool free = false; !free;) {
    if (options.port == 0) port = host.next_port_ = host.next_port_ % 60000 + 1024;
    free = true;
    for (const SimListener* other : listeners_) {
      if (other->collides(host, options, port)) free = false;
    }
    if (!free && options.port != 0) return error(": bind: Address already in use", EADDRINUSE);
  }
  auto listener = std::make_unique<SimListener>(*this, loop, options, port, handler);
  listeners_.push_back(listener.get());
  return Result<std::unique_ptr<Listener>>(std::move(listener));
}

Result<std::unique_ptr<Stream>> SimNet::connect(SimLoop& loop, const Address& to, const std::string& bind_ip,
                                                StreamHandler* handler) {
  SimEnv& host = loop.host();
  if (!host.alive()) return Error{to.text() + ": socket: Input/output error", EIO};
  const bool is_address = !to.is_unix && to.port >= 0 && to.port <= 65535 &&
                          to.ip.find(' ') == std::string::npos &&
                          to.ip.find_first_of(".:") != std::string::npos;
  if (!is_address) return Error{to.text() + ": not a valid address", EINVAL};
  Endpoint& endpoint = new_endpoint(&host, &loop);
  endpoint.connecting = true;
  endpoint.remote = to;
  endpoint.handler = handler;
  endpoint.local.ip = !bind_ip.empty() ? bind_ip : is_loopback(to.ip) ? to.ip : host.ip();
  endpoint.local.port = host.next_port_ = host.next_port_ % 60000 + 1024;
  endpoint.peer_host = is_loopback(to.ip) ? &host : host_of(host, to.ip);
  const uint64_t id = endpoint.id;
  auto stream = std::make_unique<SimStream>(*this, id);
  send_syn(id, seconds(1));
  return Result<std::unique_ptr<Stream>>(std::move(stream));
}

}  // namespace tessera::io
