// Role: a small network of connections as TCP gives them: in order, without loss, but late, stuck, broken or
// refused. Thread: the test's. Invariants: what is sent in one direction of a connection arrives in its order
// or not at all; a blocked path (one direction between two hosts) holds everything until it is opened,
// connects included.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/random.h"
#include "server/cluster/state/events.h"
#include "tests/sim/scheduler.h"

namespace tessera::sim {

namespace state = cluster::state;
namespace bus = cluster::bus;
using state::LinkId;

enum class Power : uint8_t {
  kUp,
  kDead,  // no process: connects are refused
  kDark,  // no machine: nothing answers
};

struct NetworkOptions {
  Micros latency = millis(1);
  Micros jitter = millis(3);
  int lost_percent = 0;   // of messages that need a retransmission
  int stuck_percent = 0;  // of UPDATE messages whose direction is stuck behind them for seconds
};

class Network {
 public:
  // Called for what happens at a host; the host may be down by then, which it has to see itself.
  using Deliver = std::function<void(int host, const state::Event& event)>;

  Network(Scheduler& scheduler, uint64_t seed, int host_count, Deliver deliver);

  void set_options(const NetworkOptions& options) { options_ = options; }
  static std::string ip_of(int host);
  static int host_at(const std::string& ip);  // -1: nobody

  // kDead ends its connections with a reset; kDark leaves the others waiting.
  void set_power(int host, Power power);
  void block(int from, int to, bool blocked);
  void unblock_all();

  void connect(int host, LinkId link, const std::string& ip);
  void send(int host, LinkId link, std::shared_ptr<const bus::Message> message);
  void close(int host, LinkId link);
  uint64_t message_count() const { return message_count_; }

 private:
  // What travels: a message, or the end of the connection.
  struct Parcel {
    std::shared_ptr<const bus::Message> message;
    state::CloseReason end = state::CloseReason::kEnd;
  };
  struct Connection {
    int host[2];
    LinkId link[2];
    bool open[2] = {true, true};
    bool established = false;
    MonoTime last[2] = {};           // when the last parcel of a direction arrives
    std::vector<Parcel> waiting[2];  // behind a blocked path
  };
  using Key = std::pair<int, LinkId>;
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return static_cast<size_t>((key.second * 0x9e3779b97f4a7c15ULL) ^ static_cast<uint64_t>(key.first)) *
             0xff51afd7ed558ccdULL;
    }
  };

  bool is_blocked(int from, int to) const { return blocked_.count({from, to}) != 0; }
  Micros latency();
  // In the order in which they came to be.
  std::vector<uint64_t> connections_of(int host) const;
  void push(uint64_t id, int side, Parcel parcel);
  void arrive(uint64_t id, int side, const Parcel& parcel);
  void syn(uint64_t id);
  void end_side(uint64_t id, int side, state::CloseReason reason);
  void forget(uint64_t id);

  Scheduler& scheduler_;
  Random random_;
  Deliver deliver_;
  NetworkOptions options_;
  std::vector<Power> power_;
  std::set<std::pair<int, int>> blocked_;
  std::unordered_map<uint64_t, Connection> connections_;
  std::unordered_map<Key, uint64_t, KeyHash> by_link_;
  uint64_t next_id_ = 1;
  uint64_t next_inbound_ = 1;
  uint64_t message_count_ = 0;
};

}  // namespace tessera::sim
