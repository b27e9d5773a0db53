// Role: the process on one simulated host: a control thread with the shipped plane (state machine, links,
// nodes.conf), and shards that adopt what it publishes, each when it comes to it. Thread: the simulator's.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "common/base/random.h"
#include "common/io/sim_world.h"
#include "server/cluster/plane.h"

namespace tessera::sim {

constexpr int kBusPort = 17000;
constexpr int kClientPort = 7000;
constexpr const char* kNodesConf = "/data/nodes.conf";
constexpr Micros kNodeTimeout = seconds(2);

class Process : public io::Actor {
 public:
  Process(io::SimEnv& env, uint64_t seed, bool verbose);

  Result<void> open();

  void start(io::Loop& loop) override;
  Micros tick(io::Loop& loop) override;
  void finish(io::Loop&) override {}

  void post(std::function<void()> run);
  void command(decltype(cluster::state::Command::what) what, cluster::Plane::Answer answer);
  cluster::Plane& plane() { return *plane_; }
  const cluster::state::State& state() { return plane_->machine().state(); }
  const route::ClusterView& published() const { return published_; }
  // What at least one shard serves.
  cluster::state::SlotSet served() const;
  uint64_t most_views_a_turn() const { return most_views_a_turn_; }

 private:
  struct Adoption {
    MonoTime at;
    uint64_t version;
    cluster::state::SlotSet mine;
  };
  struct Shard {
    uint64_t version = 0;
    cluster::state::SlotSet mine;
    std::deque<Adoption> coming;
  };
  void publish(route::ClusterView view);
  void adopt(MonoTime now);
  void dropped(const cluster::state::SlotSet& slots);

  io::SimEnv& env_;
  Random random_;
  Log log_;
  std::unique_ptr<cluster::Plane> plane_;
  route::ClusterView published_;
  uint64_t version_ = 0;
  uint64_t adopted_ = 0;  // by all, of what is told of just now
  uint64_t most_views_a_turn_ = 0;
  std::map<uint64_t, cluster::state::SlotSet> mine_of_;  // by version, as long as somebody waits for it
  Micros slowest_shard_;
  std::vector<Shard> shards_;
  std::deque<std::pair<uint64_t, std::function<void()>>> waiting_;  // until all adopted this version
  MonoTime next_tick_{0};
  std::unique_ptr<io::Thread> thread_;  // first to go: its loop's messages are jobs of ours
};

}  // namespace tessera::sim
