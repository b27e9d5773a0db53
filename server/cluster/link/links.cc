// Role: links as a whole: opening, ending, limits. See links.h; what comes and goes is in traffic.cc.
#include "server/cluster/link/links.h"

#include <algorithm>
#include <cerrno>

#include "common/base/check.h"
#include "server/cluster/link/link.h"

namespace tessera::cluster::link {

namespace {

constexpr Micros kComplainEvery = seconds(1);
constexpr Micros kCheckEvery = millis(500);

CloseReason reason_of_connect(int code) {
  if (code == ECONNREFUSED) return CloseReason::kRefused;
  return code == ETIMEDOUT ? CloseReason::kTimeout : CloseReason::kUnreachable;
}

bool is_address_missing(int code) {
  return code == EADDRNOTAVAIL || code == EAFNOSUPPORT || code == EPROTONOSUPPORT || code == ENOPROTOOPT;
}

}  // namespace

Links::Links(io::Loop& loop, const LinkOptions& options, LinkHandler& handler, Log* log)
    : loop_(loop), options_(options), handler_(handler), log_(log) {}

Links::~Links() = default;

Result<void> Links::listen(const std::vector<std::string>& hosts, int port) {
  for (std::string host : hosts) {
    const bool optional = !host.empty() && host[0] == '-';
    if (optional) host.erase(0, 1);
    io::ListenOptions options;
    options.host = host == "*" ? "0.0.0.0" : host == "::*" ? "::" : host;
    options.port = port;
    options.multipath = options_.multipath;
    options.mark = options_.mark;
    auto listener = loop_.listen(options, this);
    if (!listener) {
      if (optional && is_address_missing(listener.error().code)) continue;
      listeners_.clear();
      return Error{
          "Failed listening on port " + std::to_string(port) + " (cluster): " + listener.error().message,
          listener.error().code};
    }
    port = (*listener)->port();
    listeners_.push_back(std::move(*listener));
  }
  if (listeners_.empty()) {
    return Error{"Failed listening on port " + std::to_string(port) + " (cluster): no address could be bound",
                 EADDRNOTAVAIL};
  }
  port_ = port;
  return {};
}

Link* Links::find(LinkId id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second.get();
}

void Links::on_accept(io::Listener&, std::unique_ptr<io::Stream> stream) {
  const LinkId id = next_inbound_++;
  auto link = std::make_unique<Link>(*this, id, loop_.clock().mono(), loop_.clock().wall_ms());
  link->remote_ip = stream->peer().ip;
  link->local_ip = stream->local().ip;
  link->connected = true;
  (void)stream->set_no_delay(true).ok();
  (void)stream->set_keepalive(options_.keepalive_s).ok();
  stream->set_handler(link.get());
  stream->read_start();
  link->stream = std::move(stream);
  count_stranger(*link, true);
  links_.emplace(id, std::move(link));
  make_room();
}

void Links::on_accept_error(io::Listener&, const Error& error) {
  const MonoTime now = loop_.clock().mono();
  if (log_ == nullptr || now < next_complaint_) return;
  next_complaint_ = now + kComplainEvery;
  log_->warning("Error accepting cluster node: %s", error.message.c_str());
}

void Links::connect(LinkId id, const std::string& ip, int port, const std::string& hostname) {
  auto link = std::make_unique<Link>(*this, id, loop_.clock().mono(), loop_.clock().wall_ms());
  link->remote_ip = ip;
  const bool fresh = links_.emplace(id, std::move(link)).second;
  TESSERA_CHECK(fresh && !state::is_inbound(id));
  // One at a time for each name: they may hang longer than their links live.
  if (hostname.empty() || !looked_up_.insert(hostname).second) return start_connect(id, ip, port);
  loop_.resolve(hostname, [this, alive = std::weak_ptr<bool>(alive_), hostname, id, ip,
                           port](const Result<std::vector<std::string>>& addresses) {
    if (alive.expired()) return;
    looked_up_.erase(hostname);
    std::string chosen = ip;
    // Where the name still says the address that we know, there is nothing better.
    if (addresses && !addresses->empty() &&
        std::find(addresses->begin(), addresses->end(), ip) == addresses->end()) {
      chosen = addresses->front();
    }
    start_connect(id, chosen, port);
  });
}

void Links::start_connect(LinkId id, const std::string& ip, int port) {
  Link* link = find(id);
  if (link == nullptr) return;  // closed while its name was looked up
  link->remote_ip = ip;
  auto stream = loop_.connect(io::Address{ip, port, false}, options_.source_ip, link);
  if (stream) {
    link->stream = std::move(*stream);
  } else {
    end(*link, reason_of_connect(stream.error().code));
  }
}

void Links::connected(Link& link, const Result<void>& result) {
  if (!result) return end(link, reason_of_connect(result.error().code));
  link.connected = true;
  link.remote_ip = link.stream->peer().ip;
  link.local_ip = link.stream->local().ip;
  (void)link.stream->set_no_delay(true).ok();
  (void)link.stream->set_keepalive(options_.keepalive_s).ok();
  link.stream->read_start();
  queue(link);
}

void Links::ended(Link& link, const Error& error) {
  // Messages that came before are still handed over.
  if (link.ended) return;
  link.ended = error.code == 0 ? CloseReason::kEnd : CloseReason::kReset;
  link.stream.reset();
  queue(link);
}

// Ends it from our side: nothing more is handed over or written.
void Links::end(Link& link, CloseReason reason) {
  link.ended = reason;
  link.dropped = true;
  link.stream.reset();
  link.drop_buffers();
  count_stranger(link, false);
  queue(link);
}

void Links::forget(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  Link& link = *found->second;
  leave_peer(link);
  count_stranger(link, false);
  stranger_bytes_ -= link.counted_bytes;
  known_bytes_ -= link.counted_known_bytes;
  links_.erase(found);
}

void Links::close(LinkId id) {
  Link* link = find(id);
  if (link == nullptr) return;
  if (link->connected && !link->ended) write(*link);
  forget(id);
}

// Those that we ended are counted no more; those that their peers ended are, while messages of theirs wait.
void Links::count_stranger(Link& link, bool is_one) {
  if (link.counted_stranger == is_one) return;
  link.counted_stranger = is_one;
  stranger_count_ += is_one ? 1 : static_cast<size_t>(-1);
  const auto at = strangers_at_.try_emplace(link.remote_ip, 0).first;
  at->second += is_one ? 1 : static_cast<size_t>(-1);
  if (at->second == 0) strangers_at_.erase(at);
}

void Links::set_peer(LinkId id, const std::string& peer) {
  Link* link = find(id);
  if (link == nullptr || !link->is_inbound() || (link->known && link->peer == peer)) return;
  if (link->peer != peer) {
    leave_peer(*link);
    link->peer = peer;
  }
  if (!peer.empty()) take_place(*link);
  count_stranger(*link, !link->known && !link->dropped);
  count_bytes(*link);
  make_room();
}

// Gives its place among its peer's links up; whoever calls counts it as a stranger or forgets it.
void Links::leave_peer(Link& link) {
  if (!link.known) return;
  link.known = false;
  const auto places = known_of_.find(link.peer);
  std::erase(places->second, link.id());
  if (places->second.empty()) known_of_.erase(places);
}

// The first ones stay, so that who borrows a node's id cannot displace the node; but not in silence.
void Links::take_place(Link& link) {
  std::vector<LinkId>& places = known_of_[link.peer];
  if (places.size() >= options_.known.links_a_peer) {
    Link* silent = find(places.front());
    for (const LinkId id : places) {
      if (find(id)->heard() < silent->heard()) silent = find(id);
    }
    if (loop_.clock().mono() - silent->heard() < options_.known.silent_time) return;
    leave_peer(*silent);
    count_stranger(*silent, !silent->dropped);
    count_bytes(*silent);
  }
  // Not by the reference from above: the last one to leave takes the entry along.
  known_of_[link.peer].push_back(link.id());
  link.known = true;
}

// What a stranger holds is counted together with what the others hold; what waits on known links as well.
void Links::count_bytes(Link& link) {
  const size_t bytes = link.is_stranger() ? link.buffered_bytes() : 0;
  stranger_bytes_ += bytes - link.counted_bytes;
  link.counted_bytes = bytes;
  const size_t known_bytes = link.is_known_inbound() ? link.unread().size() : 0;
  known_bytes_ += known_bytes - link.counted_known_bytes;
  link.counted_known_bytes = known_bytes;
}

void Links::drop_stranger(Link& link, CloseReason reason, std::string_view why) {
  ++statistics_.strangers_dropped;
  complain(link, why);
  end(link, reason);
  count_bytes(link);
}

// Of the address that has most of them, the one that was silent longest goes; the newest stays, or a flood
// would keep everybody out.
void Links::make_room() {
  while (stranger_count_ > options_.strangers.count) {
    size_t most = 0;
    for (const auto& [ip, count] : strangers_at_) most = std::max(most, count);
    Link* oldest = nullptr;
    for (const auto& [id, link] : links_) {
      if (!link->counted_stranger || link->ended || strangers_at_.at(link->remote_ip) < most) continue;
      if (oldest == nullptr || link->heard() < oldest->heard()) oldest = link.get();
    }
    if (oldest == nullptr) return;
    ++statistics_.strangers_dropped;
    if (oldest->told) {
      end(*oldest, CloseReason::kOverflow);
    } else {
      forget(oldest->id());
    }
  }
}

void Links::end_largest_known() {
  Link* largest = nullptr;
  for (const auto& [id, link] : links_) {
    if (!link->is_known_inbound() || link->ended) continue;
    if (largest == nullptr || link->counted_known_bytes > largest->counted_known_bytes) largest = link.get();
  }
  if (largest == nullptr) return;
  complain(*largest, "too much waits from links of known nodes");
  end(*largest, CloseReason::kOverflow);
  count_bytes(*largest);
}

void Links::check_times(MonoTime now) {
  if (now < next_check_) return;
  next_check_ = now + kCheckEvery;
  const StrangerLimits& limits = options_.strangers;
  for (const auto& [id, link] : links_) {
    if (!link->is_stranger() || link->ended) continue;
    if (!link->unread().empty() && now - link->began() > limits.message_time) {
      drop_stranger(*link, CloseReason::kBadMessage, "its message does not come to an end");
    } else if (now - link->heard() > limits.idle_time) {
      drop_stranger(*link, CloseReason::kOverflow, "it said nothing for long");
    }
  }
}

std::vector<LinkStatus> Links::status() const {
  std::vector<LinkStatus> all;
  all.reserve(links_.size());
  for (const auto& [id, link] : links_) all.push_back(link->status());
  return all;
}

size_t Links::memory_bytes() const {
  size_t bytes = 0;
  for (const auto& [id, link] : links_) bytes += sizeof(Link) + link->buffered_bytes();
  return bytes;
}

void Links::complain(const Link& link, std::string_view what) {
  const MonoTime now = loop_.clock().mono();
  if (log_ == nullptr || now < next_complaint_) return;
  next_complaint_ = now + kComplainEvery;
  log_->verbose("Cluster bus, link with %s: %.*s", link.remote_ip.c_str(), static_cast<int>(what.size()),
                what.data());
}

}  // namespace tessera::cluster::link
