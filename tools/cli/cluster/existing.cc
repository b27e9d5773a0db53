// Role: tells new nodes, a finished cluster, an unfinished one and strangers apart.
#include "tools/cli/cluster/existing.h"

#include <map>

namespace tessera::cli::cluster {
namespace {

class Inspection {
 public:
  Inspection(const std::vector<Candidate>& candidates, Plan& plan) : candidates_(candidates), plan_(plan) {
    for (size_t i = 0; i < candidates.size(); ++i) index_of_[self(i).id] = i;
  }

  Existing run() {
    if (all_new()) return {Existing::State::kNothing, ""};
    if (complete()) return {Existing::State::kComplete, ""};
    for (size_t i = 0; i < candidates_.size(); ++i) {
      const std::string why = conflict_of(i);
      if (!why.empty()) return {Existing::State::kConflict, candidates_[i].name + " " + why};
    }
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (self(i).is_replica()) plan_.master_of[i] = static_cast<int>(index_of_.at(self(i).master_id));
    }
    return {Existing::State::kPartial, ""};
  }

 private:
  const NodeLine& self(size_t i) const { return *candidates_[i].view.myself(); }

  bool is_new(size_t i) const {
    return candidates_[i].view.nodes.size() == 1 && self(i).slots.none() && !candidates_[i].has_keys;
  }
  bool all_new() const {
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (!is_new(i)) return false;
    }
    return true;
  }

  bool complete() const {
    const Topology& first = candidates_[0].view;
    SlotSet covered;
    for (const NodeLine& node : first.nodes) covered |= node.slots;
    if (!covered.all()) return false;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      const NodeLine* line = first.find(self(i).id);
      if (line == nullptr || line->has_flag("handshake")) return false;
      if (candidates_[i].view.signature() != first.signature()) return false;
      if (self(i).slots.none() && !self(i).is_replica()) return false;
    }
    return true;
  }

  // What keeps this node from being made what the plan says; empty: nothing.
  std::string conflict_of(size_t i) const {
    for (const NodeLine& other : candidates_[i].view.nodes) {
      if (index_of_.contains(other.id) || other.has_flag("handshake")) continue;
      return "knows the node " + other.id + " at " + other.address.text() +
             ", which was not named: it belongs to another cluster, or to this one and others were left out. "
             "Name all nodes of the cluster, use add-node for new ones, or empty it (FLUSHALL, CLUSTER "
             "RESET).";
    }
    const bool planned_master = plan_.master_of[i] < 0;
    if (self(i).is_replica()) {
      if (planned_master) return "is a replica, but would be a master." + advice();
      const auto master = index_of_.find(self(i).master_id);
      if (master == index_of_.end() || plan_.master_of[master->second] >= 0) {
        return "replicates " + self(i).master_id + ", which would not be a master." + advice();
      }
      return "";
    }
    if ((self(i).slots & ~plan_.slots_of(i)).any()) {
      const std::string planned = slot_ranges_text(plan_.slots_of(i));
      return "owns slots " + slot_ranges_text(self(i).slots) + ", but would own " +
             (planned.empty() ? "none" : planned) + "." + advice();
    }
    if (candidates_[i].has_keys && self(i).slots.none()) {
      return "contains keys in database 0 that belong to no slot of its own: empty it (FLUSHALL).";
    }
    return "";
  }

  static std::string advice() {
    return " The nodes were not created by this command line: repeat the one that was used, use add-node for "
           "new "
           "nodes, or empty all of them (FLUSHALL, CLUSTER RESET).";
  }

  const std::vector<Candidate>& candidates_;
  Plan& plan_;
  std::map<std::string, size_t> index_of_;
};

}  // namespace

Existing inspect(const std::vector<Candidate>& candidates, Plan& plan) {
  return Inspection(candidates, plan).run();
}

}  // namespace tessera::cli::cluster
