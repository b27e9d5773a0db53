// Role: `create --if-not-exists`: what nodes that are to become a cluster already are. Thread: any, pure.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/cluster/plan.h"
#include "tools/cli/cluster/topology.h"

namespace tessera::cli::cluster {

struct Candidate {
  std::string name;  // for people
  Topology view;     // what it says
  bool has_keys = false;
};

struct Existing {
  enum class State {
    kNothing,   // all are new
    kComplete,  // they are one cluster that serves all slots
    kPartial,   // a creation by this plan that was cut short: going on is safe
    kConflict,  // something else: `why` says what and what to do
  };
  State state = State::kNothing;
  std::string why;
};

// `plan` is for the candidates in their order; for kPartial it takes over the primaries replicas already
// have.
Existing inspect(const std::vector<Candidate>& candidates, Plan& plan);

}  // namespace tessera::cli::cluster
