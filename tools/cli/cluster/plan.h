// Role: who is to be primary of which slots and who replicates whom, for nodes that become a cluster. Thread:
// any, pure. Invariants: the same hosts in the same order give the same plan (a creation that was cut short
// is continued by it); every node is used; primaries are spread over hosts first.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tools/cli/cluster/topology.h"

namespace tessera::cli::cluster {

enum class Affinity {
  kNothingToDo,        // the first allocation already keeps replicas apart
  kPerfect,            // the optimisation got there
  kReplicaNearMaster,  // some replicas share the host with their primary
  kReplicasTogether,   // some replicas of one primary share a host
};

struct Plan {
  struct Replica {
    size_t node, master;  // indices into the given hosts
  };
  std::vector<size_t> masters;              // indices, in the order of their slots
  std::vector<std::pair<int, int>> ranges;  // first and last slot of each of `masters`
  std::vector<Replica> first_allocation;    // as it was dealt, before the optimisation
  size_t extra_from = 0;                    // from here on in it: nodes beyond the wanted number of replicas
  std::vector<int> master_of;               // per node: its primary's index; -1: a primary
  Affinity affinity = Affinity::kNothingToDo;

  SlotSet slots_of(size_t node) const;  // empty for replicas
};

// `hosts`: of each node, equal text is the same host. REQUIRES at least one primary:
// hosts.size() / (replicas + 1) > 0, replicas >= 0.
Plan make_plan(const std::vector<std::string>& hosts, int replicas);

}  // namespace tessera::cli::cluster
