// Role: the connections of the bus: listener, inbound and outbound links, framing, buffers. It knows messages
// and no nodes: what a message means is the state machine's. Thread: one loop's (control's), or the
// simulator's. Invariants: the handler is called inside work() alone, in order for each link: open, messages,
// closed; every buffer is bounded; who has not been vouched for (a stranger) costs little and is the first to
// go.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/log.h"
#include "common/io/loop.h"
#include "server/cluster/bus/message.h"
#include "server/cluster/state/events.h"

namespace tessera::cluster::link {

using state::CloseReason;
using state::LinkId;

// For inbound links that set_peer() does not know. Limits together, so that many cannot have what one may
// not.
struct StrangerLimits {
  size_t count = 512;                 // of links; the one that was silent longest makes room
  size_t message_bytes = 256 << 10;   // 2,400 gossip entries; also what waits to be sent to one
  size_t buffered_bytes = 16 << 20;   // of all, read and not yet handled or waiting to be sent
  Micros message_time = seconds(10);  // from its first byte to its last
  Micros idle_time = seconds(60);     // since its last whole message
};

// For inbound links that somebody vouched for. An id is easily said by others than its owner, so these are
// limited as well, but so that one node's traffic never comes near.
struct KnownLimits {
  size_t links_a_peer = 4;           // of those that say to be one peer; further ones stay strangers
  Micros silent_time = seconds(60);  // one that was silent for so long gives its place up
  size_t unread_bytes = 529u << 20;  // of all, read and not yet handled; beyond it the largest ends
  size_t unsent_bytes = 4u << 20;    // of one: only answers go there
};

struct LinkOptions {
  std::string source_ip;                  // outbound links come from here; empty: any
  size_t max_message_bytes = 513u << 20;  // the largest value and a channel; strangers: less
  size_t send_limit_bytes = 0;            // cluster-link-sendbuf-limit, for known and outbound links; 0: none
  bool multipath = false;                 // listens with Multipath TCP
  uint32_t mark = 0;                      // socket-mark-id
  int keepalive_s = 30;                   // probes on silent connections; 0: off
  StrangerLimits strangers;
  KnownLimits known;
};

// May call anything of Links but its destructor.
class LinkHandler {
 public:
  virtual ~LinkHandler() = default;
  // Right before a link's first message: who never sends a whole one is never heard of.
  virtual void on_inbound(LinkId link, const std::string& remote_ip) = 0;
  virtual void on_connected(LinkId link, const std::string& remote_ip) = 0;
  virtual void on_message(LinkId link, const std::string& remote_ip, const std::string& local_ip,
                          std::shared_ptr<const bus::Message> message) = 0;
  // A message of this type, as its header says, could not be understood; the link goes on.
  virtual void on_passed_over(LinkId link, bus::MessageType type) = 0;
  // Also of an outbound link that never connected; not after close().
  virtual void on_closed(LinkId link, CloseReason reason) = 0;
};

// One row of CLUSTER LINKS, without the node.
struct LinkStatus {
  LinkId link = 0;
  bool known = false;
  bool connected = false;
  bool wants_write = false;  // its kernel buffer is full: "rw", else "r"
  std::string remote_ip;
  WallMs created;
  size_t send_buffer_allocated_bytes = 0;
  size_t send_buffer_used_bytes = 0;
};

struct LinkStatistics {
  std::array<uint64_t, bus::kMessageTypeCount> sent{}, received{};  // messages, by type
  uint64_t sent_bytes = 0, received_bytes = 0;
  uint64_t bad_messages = 0;         // whole, and not understood
  uint64_t strangers_dropped = 0;    // by their limits
  uint64_t send_limit_exceeded = 0;  // CLUSTER INFO: total_cluster_links_buffer_limit_exceeded
};

class Link;

class Links : io::ListenHandler {
 public:
  // `log` may be null. All outlive this object.
  Links(io::Loop& loop, const LinkOptions& options, LinkHandler& handler, Log* log);
  ~Links() override;
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  // As the parameter bind: "*" and "::*" are all addresses, '-' in front: it need not be there. `port` 0: any
  // free one, the same for all addresses.
  Result<void> listen(const std::vector<std::string>& hosts, int port);
  int port() const { return port_; }
  void stop_listening() { listeners_.clear(); }
  void set_options(const LinkOptions& options) { options_ = options; }

  // Answered by on_connected or on_closed, never from within. `hostname` not empty: looked up first, `ip` is
  // used when that gives nothing, or is under way already.
  void connect(LinkId link, const std::string& ip, int port, const std::string& hostname);
  // What was sent before is still given to the kernel, as far as it takes it.
  void close(LinkId link);
  // Nothing when the link is not open. A message sent to many links is encoded once if the calls follow each
  // other.
  void send(LinkId link, const std::shared_ptr<const bus::Message>& message);
  // The inbound link says to be that of this peer, a node of this cluster: other limits apply if the peer has
  // not too many. Empty: of nobody known (any more). To be said after each message.
  void set_peer(LinkId link, const std::string& peer);

  // Once in each tick, after everything else: hands over what came, ends what is due, writes. Handles some
  // 300 messages at most; true: there are more, come back without waiting.
  bool work();

  std::vector<LinkStatus> status() const;
  const LinkStatistics& statistics() const { return statistics_; }
  size_t memory_bytes() const;  // all buffers; INFO's mem_cluster_links
  size_t link_count() const { return links_.size(); }

 private:
  friend class Link;
  using Queue = std::deque<LinkId>;

  void on_accept(io::Listener& listener, std::unique_ptr<io::Stream> stream) override;
  void on_accept_error(io::Listener& listener, const Error& error) override;

  Link* find(LinkId id);
  void start_connect(LinkId id, const std::string& ip, int port);
  void connected(Link& link, const Result<void>& result);
  void received(Link& link, std::string_view bytes);
  void ended(Link& link, const Error& error);
  void queue(Link& link);
  void mark_unsent(Link& link);
  void end(Link& link, CloseReason reason);
  void forget(LinkId id);
  void drop_stranger(Link& link, CloseReason reason, std::string_view why);
  void make_room();
  void end_largest_known();
  void count_stranger(Link& link, bool is_one);
  void leave_peer(Link& link);
  void take_place(Link& link);
  void count_bytes(Link& link);
  bool has_message(const Link& link) const;
  void serve_queue(Queue& queue, size_t budget);
  size_t serve(LinkId id, size_t budget);
  bool next_message(Link& link);
  void check_times(MonoTime now);
  void flush();
  void write(Link& link);
  bool is_over_limit(const Link& link) const;
  size_t message_limit(const Link& link) const;
  void complain(const Link& link, std::string_view what);

  io::Loop& loop_;
  LinkOptions options_;
  LinkHandler& handler_;
  Log* log_;
  std::vector<std::unique_ptr<io::Listener>> listeners_;
  int port_ = 0;
  // By number, so that walking them is the same in every run of the simulator.
  std::map<LinkId, std::unique_ptr<Link>> links_;
  Queue ready_, ready_strangers_;  // have something to hand over
  std::vector<LinkId> unsent_;
  std::set<std::string> looked_up_;  // names, just now
  LinkId next_inbound_ = state::kInboundBit + 1;
  size_t stranger_count_ = 0;
  std::map<std::string, size_t> strangers_at_;           // by address
  std::map<std::string, std::vector<LinkId>> known_of_;  // by peer, at most links_a_peer
  size_t stranger_bytes_ = 0;                            // what they hold
  size_t known_bytes_ = 0;                               // of known inbound links: read, not handled
  MonoTime next_check_{0};
  MonoTime next_complaint_{0};
  std::shared_ptr<const bus::Message> last_sent_;
  std::shared_ptr<const std::string> last_bytes_;
  LinkStatistics statistics_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for look-ups that end after us
};

}  // namespace tessera::cluster::link
