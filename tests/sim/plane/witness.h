// Role: what must be true at every moment of the life of whole planes. It reads the bytes that leave each
// host, what its disk would keep at a crash, and what the nodes and their shards hold. Thread: the
// simulator's. Invariants: the first thing that is wrong is kept, with its time; it changes nothing.
//
// One owner per slot and epoch, in parts that hold all the time: what a node says of itself is on its disk;
// a configEpoch that it takes is larger than any it ever spoke of; two primaries of one epoch part when the
// one with the smaller name hears of it; what nodes hold of each other was said by whom it is about; a slot
// that was given up is served by no shard when others hear of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/io/sim_world.h"
#include "server/cluster/nodes_conf/nodes_file.h"
#include "server/cluster/state/state.h"
#include "tests/sim/plane/process.h"

namespace tessera::sim {

class Witness {
 public:
  using ProcessOf = std::function<Process*(size_t host)>;  // null: down

  Witness(io::SimWorld& world, std::vector<io::SimEnv*> hosts, ProcessOf process_of);

  // Names are what they are from here on.
  void formed();
  void started(size_t host);  // its file was read again
  void ended(size_t host);
  void look();  // at all that are up, between two steps
  // DELSLOTS, until it is answered or the process ends.
  void giving_up(size_t host, const cluster::state::SlotSet& slots);
  // OK was the answer: nobody may serve these slots, or all of it is on the disk.
  void gave_up(size_t host, const cluster::state::SlotSet& slots);
  void owns(size_t host, const cluster::state::SlotSet& slots);
  // An administrator says elsewhere whose they are; that node may have given them up meanwhile.
  void assigned(const std::string& id, const cluster::state::SlotSet& slots) { assigned_[id] |= slots; }
  void has_epoch(size_t host, uint64_t epoch);

  void fail(const std::string& what);
  bool ok() const { return failure_.empty(); }
  const std::string& failure() const { return failure_; }
  const std::vector<std::string>& ids() const { return ids_; }
  uint64_t message_count() const { return message_count_; }

 private:
  struct Said {  // by a node of itself, ever
    uint64_t current_epoch = 0, config_epoch = 0;
  };
  struct Life {
    std::string disk_text;
    std::optional<cluster::state::Stored> disk;
    cluster::state::SlotSet giving;
    std::map<std::string, MonoTime> twins;  // who has our epoch and the larger name, since when
  };

  void sent(const io::SimEnv& from, uint64_t stream, std::string_view bytes);
  void said(size_t host, const cluster::bus::Message& message);
  void look_at(size_t host, Process& process);
  void look_at_twins(size_t host, const cluster::state::State& s);
  const cluster::state::StoredNode* on_disk(size_t host);  // its own line
  std::string name_of(size_t host) const { return hosts_[host]->name(); }

  io::SimWorld& world_;
  std::vector<io::SimEnv*> hosts_;
  ProcessOf process_of_;
  std::vector<Life> lives_;
  std::vector<std::string> ids_;
  std::map<uint64_t, std::string> streams_;  // what is left of each, until a message is whole
  std::map<std::string, Said> said_;
  std::map<std::string, cluster::state::SlotSet> ever_durable_, assigned_;
  std::string failure_;
  uint64_t message_count_ = 0;
};

}  // namespace tessera::sim
