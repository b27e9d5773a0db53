// Role: a machine of the simulation: the shipped control plane, a disk, a few shards, clocks, and what may
// happen to them. Thread: the test's. Invariants: a crash loses all but the disk; what a crash finds being
// written is on the disk or not, as chance has it; nothing of a former life reaches the next one.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "server/cluster/state/machine.h"
#include "server/cluster/state/state.h"
#include "tests/sim/network.h"
#include "tests/sim/scheduler.h"

namespace tessera::sim {

class Watcher;

struct HostOptions {
  int fault = 0;
  bool can_replicate = true;
  Micros node_timeout = seconds(2);
  Micros persist_delay = millis(5);
  Micros adopt_delay = millis(5);
  int persist_fail_percent = 0;
  int crash_per_million = 0;  // after each action of a step
  int shard_count = 2;
  Micros campaign_spread = millis(500);  // how differently replicas wait before they ask for votes
};

// A shard's idea of what it serves: the slots of the view that it adopted last.
struct ShardModel {
  uint64_t version = 0;
  state::SlotSet mine;
};

class Host {
 public:
  using OnReply = std::function<void(const state::Reply* reply)>;  // nullptr: crashed before it came

  Host(int index, Scheduler& scheduler, Network& network, Watcher& watcher, uint64_t seed);

  HostOptions options;  // may change at any time

  void start();
  void crash(bool dark);  // kill -9, or the power cord
  void pause();           // SIGSTOP
  void resume();
  void jump_clock(int64_t ms) { wall_offset_ms_ += ms; }

  bool is_up() const { return machine_ != nullptr; }
  bool is_paused() const { return paused_; }
  int index() const { return index_; }
  const state::State& state() const { return machine_->state(); }
  const state::Machine& machine() const { return *machine_; }
  const std::optional<state::Stored>& disk() const { return disk_; }
  // What the machine was told to be on the disk. The disk may be ahead of it: the word of that is under way.
  const std::optional<state::Stored>& told() const { return told_; }
  const std::vector<ShardModel>& shards() const { return shards_; }
  state::Now now() const;

  // From the network and the operator. Ignored while down, waits while paused.
  void deliver(const state::Event& event);
  template <typename What>
  void command(What what, OnReply done) {
    run_command(state::Command{next_token_++, std::move(what)}, std::move(done));
  }

  // An election of this host's replica: see election.cc.
  struct Election {
    MonoTime start_at = {};
    MonoTime retry_at = {};
    uint64_t epoch = 0;
    std::map<std::string, bool> voters;
  };

 private:
  void run_command(state::Command command, OnReply done);
  bool is_of_known(const state::MessageReceived& event) const;
  void step(const state::Event& event);
  void perform(const state::Action& action);
  void persist(const state::Persist& action);
  void persisted(const state::Persist& action);
  void publish(uint64_t version);
  void tick();
  void schedule_tick();
  state::Settings settings() const;
  void run_later(Micros span, std::function<void()> job);  // unless it crashed meanwhile
  // ---- election.cc
  void campaign();
  void count_vote(const state::MessageReceived& event);

  int index_;
  Scheduler& scheduler_;
  Network& network_;
  Watcher& watcher_;
  Random random_;
  std::unique_ptr<state::Machine> machine_;
  uint64_t life_ = 0;
  bool paused_ = false;
  bool crash_now_ = false;
  std::deque<state::Event> inbox_;
  int64_t wall_offset_ms_ = 0;
  std::optional<state::Stored> disk_, told_;
  std::shared_ptr<const state::Stored> being_written_;
  std::vector<ShardModel> shards_;
  uint64_t adopted_ = 0;
  uint64_t next_token_ = 1;
  std::map<uint64_t, OnReply> waiting_;
  Election election_;
};

}  // namespace tessera::sim
