// Role: what comes and goes on links: framing, handing over, writing. See links.h.
#include <algorithm>

#include "server/cluster/link/link.h"
#include "server/cluster/link/links.h"

namespace tessera::cluster::link {

namespace {

// In one work(): enough for a busy bus, little enough that the control thread's other duties wait for
// milliseconds. Strangers cannot take the share of nodes.
constexpr size_t kMessagesAWork = 256;
constexpr size_t kStrangerMessagesAWork = 32;
constexpr size_t kMessagesALink = 16;

}  // namespace

size_t Links::message_limit(const Link& link) const {
  // Over our own links come answers only, which are small whoever gives them.
  return link.known ? options_.max_message_bytes
                    : std::min(options_.max_message_bytes, options_.strangers.message_bytes);
}

void Links::received(Link& link, std::string_view bytes) {
  if (link.ended) return;
  statistics_.received_bytes += bytes.size();
  link.append(bytes, loop_.clock().mono());
  count_bytes(link);
  if (link.is_stranger() && stranger_bytes_ > options_.strangers.buffered_bytes) {
    return drop_stranger(link, CloseReason::kOverflow, "too much waits from links of no known node");
  }
  if (link.is_known_inbound() && known_bytes_ > options_.known.unread_bytes) {
    end_largest_known();
    if (link.ended) return;
  }
  if (!has_message(link)) return;
  // The rest stays with the peer until this is handled: it cannot fill our memory.
  link.stream->read_stop();
  queue(link);
}

// A whole message, or something that cannot become one.
bool Links::has_message(const Link& link) const {
  const std::string_view unread = link.unread();
  if (unread.size() < bus::kPrefixBytes) return false;
  const auto length = bus::frame_length(unread.substr(0, bus::kTypedPrefixBytes), message_limit(link));
  return !length || unread.size() >= *length;
}

void Links::queue(Link& link) {
  if (link.queued) return;
  link.queued = true;
  (link.is_stranger() ? ready_strangers_ : ready_).push_back(link.id());
}

bool Links::work() {
  check_times(loop_.clock().mono());
  serve_queue(ready_, kMessagesAWork);
  serve_queue(ready_strangers_, kStrangerMessagesAWork);
  flush();
  return !ready_.empty() || !ready_strangers_.empty();
}

void Links::serve_queue(Queue& queue, size_t budget) {
  while (!queue.empty() && budget > 0) {
    const LinkId id = queue.front();
    queue.pop_front();
    budget -= std::min(budget, serve(id, std::min(budget, kMessagesALink)));
  }
}

// Hands over up to `budget` messages; returns what of the budget was used, at least 1. The handler may do
// anything, also with this link: it is looked for again after each call.
size_t Links::serve(LinkId id, size_t budget) {
  Link* link = find(id);
  if (link == nullptr) return 1;
  link->queued = false;
  if (!link->is_inbound() && link->connected && !link->told) {
    link->told = true;
    handler_.on_connected(id, std::string(link->remote_ip));
    link = find(id);
  }
  size_t used = 0;
  while (link != nullptr && used < budget && next_message(*link)) {
    ++used;
    link = find(id);
  }
  if (link == nullptr) return used + 1;
  link->compact();
  count_bytes(*link);
  if (has_message(*link)) {
    queue(*link);
  } else if (link->ended) {
    const bool tell = link->told || !link->is_inbound();
    const CloseReason reason = *link->ended;
    forget(id);
    if (tell) handler_.on_closed(id, reason);
  } else if (link->stream != nullptr) {
    link->stream->read_start();
  }
  return std::max<size_t>(used, 1);
}

// False when there is no whole message. What cannot be understood is passed over for a node, whose version
// may be newer than ours, and ends a stranger's link.
bool Links::next_message(Link& link) {
  const std::string_view unread = link.unread();
  if (unread.size() < bus::kPrefixBytes) return false;
  const auto length = bus::frame_length(unread.substr(0, bus::kTypedPrefixBytes), message_limit(link));
  if (!length) {
    complain(link, length.error().message);
    if (link.is_stranger()) ++statistics_.strangers_dropped;
    end(link, CloseReason::kBadMessage);
    return false;
  }
  if (unread.size() < *length) return false;
  const bus::MessageType type_said = bus::type_of(unread);
  auto message = bus::decode(unread.substr(0, *length));
  link.consume(*length, loop_.clock().mono());
  if (!message) {
    ++statistics_.bad_messages;
    if (link.is_stranger()) {
      drop_stranger(link, CloseReason::kBadMessage, message.error().message);
      return false;
    }
    complain(link, message.error().message);
    if (link.told) handler_.on_passed_over(link.id(), type_said);
    return true;
  }
  const auto type = static_cast<size_t>(message->type);
  ++statistics_.received[type];
  // Copies: the handler may close the link.
  const LinkId id = link.id();
  const std::string remote_ip = link.remote_ip, local_ip = link.local_ip;
  if (!link.told) {
    link.told = true;
    handler_.on_inbound(id, remote_ip);
  }
  handler_.on_message(id, remote_ip, local_ip,
                      std::make_shared<const bus::Message>(std::move(message.value())));
  return true;
}

void Links::send(LinkId id, const std::shared_ptr<const bus::Message>& message) {
  Link* link = find(id);
  if (link == nullptr || !link->connected || link->ended) return;
  if (last_sent_ != message) {
    last_bytes_ = std::make_shared<const std::string>(bus::encode(*message));
    last_sent_ = message;
  }
  ++statistics_.sent[static_cast<size_t>(message->type)];
  link->push(last_bytes_);
  if (is_over_limit(*link)) {
    write(*link);  // perhaps the kernel takes it
    if (is_over_limit(*link)) {
      if (link->is_stranger()) return drop_stranger(*link, CloseReason::kOverflow, "it does not read");
      ++statistics_.send_limit_exceeded;
      complain(*link, "more waits to be sent than may");
      return end(*link, CloseReason::kOverflow);
    }
  }
  count_bytes(*link);
  mark_unsent(*link);
}

bool Links::is_over_limit(const Link& link) const {
  if (link.is_stranger()) {
    return link.unsent_bytes() > options_.strangers.message_bytes ||
           stranger_bytes_ + link.unsent_bytes() > options_.strangers.buffered_bytes;
  }
  if (link.is_inbound() && link.unsent_bytes() > options_.known.unsent_bytes) return true;
  return options_.send_limit_bytes != 0 && link.unsent_bytes() > options_.send_limit_bytes;
}

void Links::mark_unsent(Link& link) {
  if (link.unsent) return;
  link.unsent = true;
  unsent_.push_back(link.id());
}

void Links::flush() {
  for (const LinkId id : unsent_) {
    Link* link = find(id);
    if (link == nullptr) continue;
    link->unsent = false;
    write(*link);
    count_bytes(*link);
  }
  unsent_.clear();
  last_sent_.reset();  // it may be large, and nobody else keeps it
  last_bytes_.reset();
}

void Links::write(Link& link) {
  if (!link.ended) statistics_.sent_bytes += link.write();
}

}  // namespace tessera::cluster::link
