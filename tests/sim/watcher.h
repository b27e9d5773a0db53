// Role: what must be true at every moment of every simulated life, and the log's hash. Thread: the test's.
// It knows everything, other than the nodes: the first thing that is wrong is kept, with its time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/cluster/state/machine.h"
#include "tests/sim/scheduler.h"

namespace tessera::sim {

class Host;
namespace state = cluster::state;
namespace bus = cluster::bus;

class Watcher {
 public:
  Watcher(const Scheduler& scheduler, bool verbose) : scheduler_(scheduler), verbose_(verbose) {}

  void started(const Host& host);
  void crashed(const Host& host);
  void commanded(const Host& host, const state::Command& command);
  void acting(const Host& host, const state::Action& action);  // before it is done
  void heard(const Host& host, const bus::Message& message);   // of a known node, after the machine's step
  void stepped(const Host& host);
  void elected(const Host& host, uint64_t epoch);
  void wants_restart(int host) { restarts_.push_back(host); }
  std::vector<int> take_restarts();

  void set_hosts(const std::vector<Host*>& hosts) { hosts_ = hosts; }
  void fail(const std::string& what);
  bool ok() const { return failure_.empty(); }
  const std::string& failure() const { return failure_; }
  uint64_t hash() const { return hash_; }
  void note(const Host& host, const std::string& text);  // part of the log and of its hash

 private:
  using NodeId = state::NodeId;
  // What was said of itself by a node, ever.
  struct Said {
    uint64_t current_epoch = 0, config_epoch = 0, vote_epoch = 0;
  };
  struct Life {
    NodeId to_forget;                           // asked for in this step
    std::map<NodeId, MonoTime> forgotten;       // until
    std::map<NodeId, uint64_t> known_epochs;    // of others
    std::map<NodeId, MonoTime> suspected;       // last seen PFAIL or FAIL here
    uint64_t asked = 0;                         // token of a command that takes slots away, in this step
    std::map<uint64_t, state::SlotSet> taking;  // what such commands left, until they are answered
    state::SlotSet said_slots, lost_slots;
    uint64_t current_epoch = 0, config_epoch = 0;  // our own, after the last step
    // Were durable once, and have been ours, or on their way out, all the time since.
    state::SlotSet held_slots;
  };

  void check_send(const Host& host, const bus::Message& message);
  void check_shards(const Host& host, const state::SlotSet& without, const char* when);
  void check_owner(const Host& host, const bus::Header& header);
  void check_epoch(const Host& host);
  void check_fail(const Host& host, const state::NodeId& failed);
  Life& life(const Host& host);

  const Scheduler& scheduler_;
  bool verbose_;
  std::vector<Host*> hosts_;
  std::vector<int> restarts_;
  std::map<int, Life> lives_;
  std::map<NodeId, Said> said_;
  std::map<std::pair<NodeId, uint64_t>, NodeId> votes_;  // voter, epoch -> for whom
  std::map<uint64_t, NodeId> winners_;
  // What was ever claimed by a configEpoch, and by whom; who took one without votes.
  std::map<uint64_t, std::map<NodeId, state::SlotSet>> claims_;
  std::map<uint64_t, std::set<NodeId>> taken_alone_;
  std::string failure_;
  uint64_t hash_ = 1469598103934665603ULL;
};

}  // namespace tessera::sim
