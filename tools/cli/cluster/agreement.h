// Role: what nodes that were joined have yet to agree on, from what each of them says, and the waiting for
// it. Thread: one; disagreements() is pure. Invariant: the waiting ends at its deadline with a line for every
// node that has not come along and what it lacks.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/cluster/nodes.h"

namespace tessera::cli::cluster {

struct Member {
  std::string id;
  std::string name;       // for people
  std::string master_id;  // empty: a primary
  SlotSet slots;
};

// What one node says: its view, or why there is none.
struct Testimony {
  std::string failure;
  Topology view;
  bool state_ok = false;  // cluster_state:ok
};

enum class Stage {
  kJoined,   // each knows each and who owns which slots
  kSettled,  // and who replicates whom, and that the cluster is up
};

struct Disagreement {
  std::string text;
  // Indices of the pair, if it would help that the member tells the observer who it is; else both 0.
  size_t observer = 0, member = 0;
};

// One for each thing that `members[i]`, as `says[i]`, does not see as it should be; empty: agreed.
std::vector<Disagreement> disagreements(const std::vector<Member>& members,
                                        const std::vector<Testimony>& says, Stage stage);

enum class Waiting {
  kAnnounced,  // by the caller: a dot per second
  kQuiet,      // says that it waits after a second only
};

// Polls `nodes`, in the order of `members`, until they agree. False: not within the seconds; the reasons are
// told. Where nodes do not know each other, or not what they own and are, they are made to meet (again): what
// gossip would bring in some seconds is there at once.
bool wait_for_agreement(const Context& context, const std::vector<Member>& members,
                        const std::vector<Node*>& nodes, Stage stage, int64_t wait_s,
                        Waiting how = Waiting::kAnnounced);

}  // namespace tessera::cli::cluster
