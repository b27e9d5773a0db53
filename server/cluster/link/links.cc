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
  ++stranger_count_;
  links_.emplace(id, std::move(link));
  if (stranger_count_ > options_.strangers.count) make_room();
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
  if (hostname.empty()) return start_connect(id, ip, port);
  loop_.resolve(hostname, [this, alive = std::weak_ptr<bool>(alive_), id, ip,
                           port](const Result<std::vector<std::string>>& addresses) {
    if (alive.expired()) return;
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
  link.stream.reset();
  link.drop_buffers();
  queue(link);
}

void Links::forget(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  if (found->second->is_stranger()) --stranger_count_;
  stranger_bytes_ -= found->second->counted_bytes;
  links_.erase(found);
}

void Links::close(LinkId id) {
  Link* link = find(id);
  if (link == nullptr) return;
  if (link->connected && !link->ended) write(*link);
  forget(id);
}

void Links::set_known(LinkId id, bool known) {
  Link* link = find(id);
  if (link == nullptr || link->known == known) return;
  const bool was_stranger = link->is_stranger();
  link->known = known;
  if (was_stranger != link->is_stranger()) {
    stranger_count_ += link->is_stranger() ? 1 : static_cast<size_t>(-1);
  }
  count_bytes(*link);
}

// What a stranger holds is counted together with what the others hold.
void Links::count_bytes(Link& link) {
  const size_t bytes = link.is_stranger() ? link.buffered_bytes() : 0;
  stranger_bytes_ += bytes - link.counted_bytes;
  link.counted_bytes = bytes;
}

void Links::drop_stranger(Link& link, CloseReason reason, std::string_view why) {
  ++statistics_.strangers_dropped;
  complain(link, why);
  end(link, reason);
  count_bytes(link);
}

// The one that was silent longest goes; the newest stays, or a flood would keep everybody out.
void Links::make_room() {
  Link* oldest = nullptr;
  for (const auto& [id, link] : links_) {
    if (!link->is_stranger() || link->ended) continue;
    if (oldest == nullptr || link->heard() < oldest->heard()) oldest = link.get();
  }
  if (oldest == nullptr) return;
  ++statistics_.strangers_dropped;
  if (oldest->told) return end(*oldest, CloseReason::kOverflow);
  forget(oldest->id());
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
