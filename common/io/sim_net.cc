// Role: see sim_net.h: segments, their way, and what endpoints make of them. Thread: the simulator's.
#include "common/io/sim_net.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/check.h"

namespace tessera::io {

namespace {

constexpr size_t kReadBytes = 64 << 10;           // at most in one on_data
constexpr size_t kSmallWriteBytes = 4096;         // taken whole, as a kernel with an empty buffer does
constexpr Micros kConnectTimeOut = seconds(127);  // seven SYNs, each time waiting twice as long

std::string error_text(int code) {
  char text[128];
  return strerror_r(code, text, sizeof text);
}

}  // namespace

SimNet::SimNet(SimWorld& world, const SimOptions& options)
    : world_(world),
      scheduler_(world.scheduler_),
      min_latency_(options.min_latency),
      max_latency_(options.max_latency),
      buffer_bytes_(options.socket_buffer_bytes),
      give_up_(options.give_up) {}

SimNet::~SimNet() = default;

Endpoint* SimNet::find(uint64_t id) {
  auto found = endpoints_.find(id);
  return found == endpoints_.end() ? nullptr : &found->second;
}

Endpoint& SimNet::new_endpoint(SimEnv* host, SimLoop* loop) {
  const uint64_t id = next_id_++;
  Endpoint& endpoint = endpoints_[id];
  endpoint.id = id;
  endpoint.host = host;
  endpoint.loop = loop;
  return endpoint;
}

std::vector<std::string> SimNet::look_up(const std::string& name) const {
  auto found = names_.find(name);
  return found == names_.end() ? std::vector<std::string>() : found->second;
}

SimEnv* SimNet::host_of(const SimEnv& from, const std::string& ip) const {
  (void)from;
  for (const auto& host : world_.hosts_) {
    if (host->ip() == ip) return host.get();
  }
  return nullptr;
}

bool SimNet::open_way(const SimEnv& from, const SimEnv& to) const {
  return to.powered_ && blocked_.find({&from, &to}) == blocked_.end();
}

// ---- the way of a segment

void SimNet::transmit(Segment segment) {
  if (!segment.from->powered_) return;
  if (open_way(*segment.from, *segment.to)) {
    schedule(std::move(segment));
    return;
  }
  if (segment.kind == SegmentKind::kSyn || segment.kind == SegmentKind::kRefuse)
    return;  // SYNs are tried again
  const uint64_t sender = segment.from_endpoint;
  auto from_sender = [sender](const Segment& other) { return other.from_endpoint == sender; };
  const bool first = std::none_of(held_.begin(), held_.end(), from_sender);
  held_.push_back(std::move(segment));
  if (!first) return;
  scheduler_.after(give_up_, [this, sender, from_sender] {
    if (std::none_of(held_.begin(), held_.end(), from_sender)) return;
    std::erase_if(held_, from_sender);
    if (Endpoint* endpoint = find(sender)) fail(*endpoint, ETIMEDOUT);
  });
}

void SimNet::schedule(Segment segment) {
  const bool local = segment.from == segment.to;
  Micros latency = local ? scheduler_.between({5}, {60}) : scheduler_.between(min_latency_, max_latency_);
  if (!local && scheduler_.random().one_in(64)) latency.us *= 10;  // lost once and sent again
  MonoTime arrival = scheduler_.now() + latency;
  if (Endpoint* to = find(segment.to_endpoint)) {
    arrival = std::max(arrival, to->last_arrival);
    to->last_arrival = arrival;
  }
  auto shared = std::make_shared<Segment>(std::move(segment));
  scheduler_.at(arrival, [this, shared] { arrive(std::move(*shared)); });
}

void SimNet::answer_reset(const Segment& segment) {
  transmit({SegmentKind::kReset,
            segment.to_endpoint,
            segment.from_endpoint,
            segment.to,
            segment.from,
            "",
            0,
            {},
            {}});
}

void SimNet::arrive(Segment segment) {
  scheduler_.fold(static_cast<uint64_t>(segment.kind) << 56 ^ segment.from_endpoint << 28 ^
                  segment.to_endpoint);
  scheduler_.fold_bytes(segment.bytes);
  if (!segment.to->powered_) {
    // The power went while it was on its way.
    if (segment.kind != SegmentKind::kSyn) transmit(std::move(segment));
    return;
  }
  if (segment.kind == SegmentKind::kSyn) {
    arrive_syn(segment);
    return;
  }
  Endpoint* endpoint = find(segment.to_endpoint);
  if (endpoint == nullptr) {
    if (segment.kind == SegmentKind::kData || segment.kind == SegmentKind::kSynAck) answer_reset(segment);
    return;
  }
  switch (segment.kind) {
    case SegmentKind::kSynAck:
      arrive_syn_ack(segment);
      break;
    case SegmentKind::kRefuse:
      if (endpoint->connecting) connect_failed(endpoint->id, ECONNREFUSED);
      break;
    case SegmentKind::kData:
      if (endpoint->error != 0) break;
      endpoint->received += segment.bytes;
      queue_service(*endpoint);
      break;
    case SegmentKind::kFin:
      endpoint->peer_finished = true;
      queue_service(*endpoint);
      break;
    case SegmentKind::kReset:
      fail(*endpoint, ECONNRESET);
      break;
    case SegmentKind::kWindow:
      endpoint->unconsumed -= std::min(endpoint->unconsumed, segment.count);
      if (endpoint->want_drained) queue_service(*endpoint);
      break;
    case SegmentKind::kSyn:
      break;
  }
}

// ---- connecting

void SimNet::send_syn(uint64_t id, Micros retry_delay) {
  Endpoint* endpoint = find(id);
  if (endpoint == nullptr || !endpoint->connecting) return;
  if (retry_delay > kConnectTimeOut) {
    connect_failed(id, ETIMEDOUT);
    return;
  }
  if (endpoint->peer_host != nullptr) {
    transmit({SegmentKind::kSyn, id, 0, endpoint->host, endpoint->peer_host, "", 0, endpoint->local,
              endpoint->remote});
  }
  scheduler_.after(retry_delay, [this, id, retry_delay] { send_syn(id, {retry_delay.us * 2}); });
}

void SimNet::arrive_syn(const Segment& segment) {
  for (const auto& [id, endpoint] : endpoints_) {
    if (endpoint.peer == segment.from_endpoint) return;  // sent again, but we have it
  }
  std::vector<SimListener*> takers;
  for (SimListener* listener : listeners_) {
    if (listener->takes(*segment.to, segment.to_address)) takers.push_back(listener);
  }
  if (takers.empty()) {
    transmit({SegmentKind::kRefuse, 0, segment.from_endpoint, segment.to, segment.from, "", 0, {}, {}});
    return;
  }
  SimListener* listener = takers[scheduler_.random().below(takers.size())];
  Endpoint& endpoint = new_endpoint(segment.to, &listener->loop_);
  endpoint.peer = segment.from_endpoint;
  endpoint.peer_host = segment.from;
  endpoint.local = segment.to_address;
  endpoint.remote = segment.from_address;
  endpoint.listener = listener;
  const uint64_t id = endpoint.id;
  transmit({SegmentKind::kSynAck, id, segment.from_endpoint, segment.to, segment.from, "", 0, {}, {}});
  listener->loop_.push([this, id] { accept(id); });
}

void SimNet::accept(uint64_t id) {
  Endpoint* endpoint = find(id);
  if (endpoint == nullptr || endpoint->listener == nullptr) return;
  SimListener* listener = std::exchange(endpoint->listener, nullptr);
  listener->handler_->on_accept(*listener, std::make_unique<SimStream>(*this, id));
}

void SimNet::arrive_syn_ack(const Segment& segment) {
  Endpoint* endpoint = find(segment.to_endpoint);
  if (!endpoint->connecting) {
    if (endpoint->peer != segment.from_endpoint) answer_reset(segment);  // we gave up meanwhile
    return;
  }
  endpoint->connecting = false;
  endpoint->peer = segment.from_endpoint;
  const uint64_t id = endpoint->id;
  endpoint->loop->push([this, id] {
    Endpoint* connected = find(id);
    if (connected == nullptr) return;
    if (connected->handler != nullptr) connected->handler->on_connected(*connected->stream, Result<void>());
    if ((connected = find(id)) != nullptr) queue_service(*connected);
  });
}

void SimNet::connect_failed(uint64_t id, int code) {
  Endpoint* endpoint = find(id);
  endpoint->connecting = false;
  endpoint->error = code;
  endpoint->error_told = true;
  endpoint->loop->push([this, id, code] {
    Endpoint* failed = find(id);
    if (failed == nullptr || failed->handler == nullptr) return;
    failed->handler->on_connected(*failed->stream, Result<void>(Error{error_text(code), code}));
  });
}

// ---- endpoints

size_t SimNet::window(const Endpoint& endpoint) const {
  return endpoint.unconsumed >= buffer_bytes_ ? 0 : buffer_bytes_ - endpoint.unconsumed;
}

size_t SimNet::write(Endpoint& endpoint, std::span<const Slice> slices) {
  if (endpoint.connecting) return 0;
  if (endpoint.error != 0 || endpoint.finished) {
    if (endpoint.error == 0) endpoint.error = EPIPE;
    endpoint.error_found = true;
    queue_service(endpoint);
    return 0;
  }
  std::string bytes;
  const size_t room = window(endpoint);
  for (const Slice& slice : slices) {
    bytes.append(slice.data, std::min(slice.size, room - bytes.size()));
    if (bytes.size() == room) break;
  }
  if (bytes.empty()) return 0;
  Random& random = scheduler_.random();
  if (bytes.size() > kSmallWriteBytes && random.one_in(8)) bytes.resize(1 + random.below(bytes.size()));
  const size_t taken = bytes.size();
  endpoint.unconsumed += taken;
  if (world_.tap_ && endpoint.host->alive()) {
    world_.tap_(*endpoint.host, *endpoint.peer_host, endpoint.id, bytes);
  }
  // Streams have no borders: now and then the other side sees this in two parts.
  const size_t cut = taken > 1 && random.one_in(8) ? 1 + random.below(taken - 1) : taken;
  auto send = [&](std::string part) {
    transmit({SegmentKind::kData,
              endpoint.id,
              endpoint.peer,
              endpoint.host,
              endpoint.peer_host,
              std::move(part),
              0,
              {},
              {}});
  };
  send(bytes.substr(0, cut));
  if (cut < taken) send(bytes.substr(cut));
  return taken;
}

void SimNet::finish(Endpoint& endpoint) {
  if (endpoint.connecting || endpoint.error != 0 || std::exchange(endpoint.finished, true)) return;
  transmit({SegmentKind::kFin, endpoint.id, endpoint.peer, endpoint.host, endpoint.peer_host, "", 0, {}, {}});
}

void SimNet::close(uint64_t id) {
  Endpoint* endpoint = find(id);
  if (endpoint == nullptr) return;
  if (!endpoint->connecting && endpoint->error == 0 && endpoint->peer != 0) {
    // Closing with unread bytes resets the connection, as kernels do.
    const bool unread = !endpoint->received.empty();
    if (unread || !endpoint->finished) {
      transmit({unread ? SegmentKind::kReset : SegmentKind::kFin,
                id,
                endpoint->peer,
                endpoint->host,
                endpoint->peer_host,
                "",
                0,
                {},
                {}});
    }
  }
  endpoints_.erase(id);
}

void SimNet::fail(Endpoint& endpoint, int code) {
  if (endpoint.error != 0) return;
  if (endpoint.connecting) {
    connect_failed(endpoint.id, code);
    return;
  }
  endpoint.error = code;
  queue_service(endpoint);
}

void SimNet::queue_service(Endpoint& endpoint) {
  if (endpoint.queued || endpoint.stream == nullptr || endpoint.connecting) return;
  const bool useful = endpoint.reading || endpoint.want_drained || endpoint.error_found;
  if (!useful) return;
  endpoint.queued = true;
  endpoint.loop->push([this, id = endpoint.id] { service(id); });
}

// Delivers bytes. False when the endpoint is gone or there is nothing more to say about it.
bool SimNet::service_data(uint64_t id) {
  Endpoint* endpoint = find(id);
  Random& random = scheduler_.random();
  size_t count = std::min(endpoint->received.size(), kReadBytes);
  if (count > 1 && random.one_in(8)) count = 1 + random.below(count);
  std::string bytes = endpoint->received.substr(0, count);
  endpoint->received.erase(0, count);
  if (endpoint->peer_host != nullptr && endpoint->error == 0) {
    transmit(
        {SegmentKind::kWindow, id, endpoint->peer, endpoint->host, endpoint->peer_host, "", count, {}, {}});
  }
  const std::string_view view = endpoint->loop->keep(std::move(bytes));
  if (endpoint->handler != nullptr) endpoint->handler->on_data(*endpoint->stream, view);
  return find(id) != nullptr;
}

void SimNet::service(uint64_t id) {
  Endpoint* endpoint = find(id);
  if (endpoint == nullptr) return;
  endpoint->queued = false;
  if (endpoint->reading && !endpoint->received.empty()) {
    if (!service_data(id)) return;
    endpoint = find(id);
    if (endpoint->reading && !endpoint->received.empty()) {
      queue_service(*endpoint);
      return;
    }
  }
  const bool drained = endpoint->received.empty();
  if (endpoint->reading && drained && endpoint->peer_finished && !std::exchange(endpoint->end_told, true)) {
    if (endpoint->handler != nullptr) endpoint->handler->on_end(*endpoint->stream, Error{});
    endpoint = find(id);
    if (endpoint == nullptr) return;
  }
  const bool notices = (endpoint->reading && drained) || endpoint->want_drained || endpoint->error_found;
  if (endpoint->error != 0 && notices) {
    if (std::exchange(endpoint->error_told, true)) return;
    const int code = endpoint->error;
    if (endpoint->handler != nullptr)
      endpoint->handler->on_end(*endpoint->stream, Error{error_text(code), code});
    return;
  }
  if (endpoint->want_drained && endpoint->error == 0 && window(*endpoint) > 0) {
    endpoint->want_drained = false;
    if (endpoint->handler != nullptr) endpoint->handler->on_drained(*endpoint->stream);
  }
}

void SimNet::forget(SimListener* listener) {
  std::erase(listeners_, listener);
  std::vector<uint64_t> waiting;
  for (const auto& [id, endpoint] : endpoints_) {
    if (endpoint.listener == listener) waiting.push_back(id);
  }
  for (uint64_t id : waiting) {
    const Endpoint& endpoint = endpoints_[id];
    transmit({SegmentKind::kReset, id, endpoint.peer, endpoint.host, endpoint.peer_host, "", 0, {}, {}});
    endpoints_.erase(id);
  }
}

// ---- what the world does to it

void SimNet::set_blocked(const SimEnv& from, const SimEnv& to, bool blocked) {
  if (blocked) {
    blocked_.insert({&from, &to});
  } else {
    blocked_.erase({&from, &to});
    release_held();
  }
}

void SimNet::heal_all() {
  blocked_.clear();
  release_held();
}

void SimNet::set_latency(Micros low, Micros high) {
  min_latency_ = low;
  max_latency_ = high;
}

void SimNet::release_held() {
  std::vector<Segment> waiting;
  waiting.swap(held_);
  for (auto& segment : waiting) transmit(std::move(segment));
}

void SimNet::reset_connections(const SimEnv& a, const SimEnv& b) {
  for (auto& [id, endpoint] : endpoints_) {
    const bool between = (endpoint.host == &a && endpoint.peer_host == &b) ||
                         (endpoint.host == &b && endpoint.peer_host == &a);
    if (between) fail(endpoint, ECONNRESET);
  }
}

void SimNet::drop_host(SimEnv& host, bool tell_peers) {
  std::vector<uint64_t> ids;
  for (const auto& [id, endpoint] : endpoints_) {
    if (endpoint.host == &host) ids.push_back(id);
  }
  for (uint64_t id : ids) {
    if (tell_peers) {
      close(id);
    } else {
      endpoints_.erase(id);
    }
  }
  std::erase_if(listeners_, [&host](const SimListener* listener) { return listener->host_ == &host; });
  // Without power nobody sends again what was not delivered.
  if (!tell_peers) std::erase_if(held_, [&host](const Segment& segment) { return segment.from == &host; });
}

}  // namespace tessera::io
