// Role: `--cluster create`: makes one cluster of nodes that are alone. Steps: reach all, plan, ask the
// person, give slots, epochs and names, wait until all agree. Thread: one. Invariants: nothing is changed
// before every node is reachable, understood and the plan accepted; every step may be repeated; the end is an
// agreement of all nodes, or an exit code of 1 and the reason.
#include <algorithm>
#include <cstdio>

#include "tools/cli/cluster/agreement.h"
#include "tools/cli/cluster/commands.h"
#include "tools/cli/cluster/existing.h"
#include "tools/cli/cluster/patience.h"
#include "tools/cli/cluster/plan.h"
#include "tools/cli/session.h"

namespace tessera::cli::cluster {
namespace {

constexpr int kFewestMasters = 3;
constexpr int64_t kDefaultWaitSeconds = 60;

class Creation {
 public:
  explicit Creation(const Context& context)
      : context_(context),
        console_(context.console),
        wait_s_(context.settings.wait_s.value_or(kDefaultWaitSeconds)) {}

  int run(const Words& words) {
    if (!reach(words) || !count()) return 1;
    plan_ = make_plan(hosts(), context_.settings.replicas);
    if (context_.settings.if_not_exists) {
      if (const auto exit_code = look_for_cluster()) return *exit_code;
    }
    if (!replicas_are_possible()) return 1;
    print_plan();
    if (!confirm(context_, "Can I set the above configuration?")) return 0;
    if (!give_slots() || !join() || !replicate()) return 1;
    return final_check();
  }

 private:
  // As long as the waiting later, whatever hangs.
  bool reach(const Words& words) {
    const Patience patience(context_.env.clock(), wait_s_);
    const bool reached = connect(words, patience) && load(patience) && reach_bus_ports(patience);
    for (const auto& node : nodes_) node->set_deadline(std::nullopt);
    return reached;
  }

  // Every node that cannot be reached is named, not only the first.
  bool connect(const Words& words, const Patience& patience) {
    bool all = true;
    for (const std::string& word : words) {
      const auto address = parse_address(word);
      if (!address) {
        std::fprintf(stderr, "Invalid address format: %s\n", word.c_str());
        return false;
      }
      nodes_.push_back(std::make_unique<Node>(context_, *address));
      nodes_.back()->set_deadline(patience.share(words.size() - nodes_.size() + 1));
      if (nodes_.back()->connect()) continue;
      all = false;
      if (!nodes_.back()->ip().empty()) return false;  // reached, but the password is refused: so will others
    }
    return all;
  }

  bool load(const Patience& patience) {
    bool all = true;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      Node& node = *nodes_[i];
      node.set_deadline(patience.share(nodes_.size() - i));
      std::string why = "is not configured as a cluster node.";
      if (node.load(&why) == Node::Loading::kDone) {
        why = context_.settings.if_not_exists ? "" : node.why_not_empty();
      }
      for (size_t j = 0; j < i && why.empty(); ++j) {
        if (nodes_[j]->id() == node.id()) why = "is the same node as " + nodes_[j]->text() + ".";
      }
      if (why.empty()) continue;
      all = false;
      if (node.has_connection()) {
        console_.error("[ERR] Node " + node.text() + " " + why + "\n");
        return false;
      }
      console_.error("[ERR] Node " + node.text() + " does not answer: " + why + "\n");
    }
    return all;
  }

  bool reach_bus_ports(const Patience& patience) {
    bool all = true;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i]->set_deadline(patience.share(nodes_.size() - i));
      all = nodes_[i]->reach_bus_port() && all;
    }
    return all;
  }

  bool count() {
    const int replicas = context_.settings.replicas;
    if (replicas < 0) {
      console_.error("[ERR] The number of replicas must not be negative.\n");
      return false;
    }
    const size_t per_master = static_cast<size_t>(replicas) + 1;
    if (nodes_.size() / per_master >= kFewestMasters) return true;
    console_.error(
        "*** ERROR: Invalid configuration for cluster creation.\n"
        "*** Redis Cluster requires at least 3 master nodes.\n"
        "*** This is not possible with " +
        std::to_string(nodes_.size()) + " nodes and " + std::to_string(replicas) + " replicas per node.");
    console_.error("\n*** At least " + std::to_string(kFewestMasters * per_master) +
                   " nodes are required.\n");
    return false;
  }

  std::vector<std::string> hosts() const {
    std::vector<std::string> hosts;
    for (const auto& node : nodes_) hosts.push_back(node->ip());
    return hosts;
  }

  // The exit code if there is nothing to create.
  std::optional<int> look_for_cluster() {
    std::vector<Candidate> candidates;
    for (const auto& node : nodes_) candidates.push_back({node->text(), node->view(), node->has_keys()});
    const Existing found = inspect(candidates, plan_);
    switch (found.state) {
      case Existing::State::kNothing:
        return std::nullopt;
      case Existing::State::kPartial:
        console_.info(">>> Going on with a creation that was cut short\n");
        return std::nullopt;
      case Existing::State::kConflict:
        console_.error("[ERR] Node " + found.why + "\n");
        return 1;
      case Existing::State::kComplete:
        break;
    }
    console_.ok("[OK] The cluster exists already: all " + std::to_string(nodes_.size()) +
                " nodes belong to it.\n");
    // Nodes that were just started find each other first.
    std::vector<Member> members;
    for (const auto& node : nodes_) {
      members.push_back({node->id(), node->text(), node->self().master_id, node->self().slots});
    }
    console_.plain("Waiting for the cluster to join\n");
    console_.flush();
    if (!wait(members, Stage::kSettled)) return 1;
    console_.plain("\n");
    return final_check();
  }

  // All that cannot are named.
  bool replicas_are_possible() const {
    bool all = true;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (master_of(i) != nullptr && refuse_replica(context_, *nodes_[i])) all = false;
    }
    if (all) return true;
    console_.plain("Nothing was changed. Use --cluster-replicas 0, or nodes that can be replicas.\n");
    return false;
  }

  void print_plan() const {
    console_.info(">>> Performing hash slots allocation on " + std::to_string(nodes_.size()) + " nodes...\n");
    for (size_t i = 0; i < plan_.masters.size(); ++i) {
      console_.plain("Master[" + std::to_string(i) + "] -> Slots " + std::to_string(plan_.ranges[i].first) +
                     " - " + std::to_string(plan_.ranges[i].second) + "\n");
    }
    for (size_t i = 0; i < plan_.first_allocation.size(); ++i) {
      if (i == plan_.extra_from) console_.plain("Adding extra replicas...\n");
      const auto& [node, master] = plan_.first_allocation[i];
      console_.plain("Adding replica " + nodes_[node]->text() + " to " + nodes_[master]->text() + "\n");
    }
    print_affinity();
    for (size_t i = 0; i < nodes_.size(); ++i) print_planned(i);
  }

  void print_affinity() const {
    if (plan_.affinity == Affinity::kNothingToDo) return;
    console_.info(">>> Trying to optimize slaves allocation for anti-affinity\n");
    if (plan_.affinity == Affinity::kPerfect) {
      console_.ok("[OK] Perfect anti-affinity obtained!\n");
    } else if (plan_.affinity == Affinity::kReplicaNearMaster) {
      console_.warning("[WARNING] Some slaves are in the same host as their master\n");
    } else {
      console_.warning("[WARNING] Some slaves of the same master are in the same host\n");
    }
  }

  void print_planned(size_t i) const {
    const Node& node = *nodes_[i];
    if (const Node* master = master_of(i)) {
      console_.plain("S: " + node.id() + " " + node.text() + "\n   replicates " + master->id() + "\n");
      return;
    }
    const SlotSet slots = plan_.slots_of(i);
    console_.plain("M: " + node.id() + " " + node.text() + "\n   slots:" + slot_ranges_text(slots) + " (" +
                   std::to_string(slots.count()) + " slots) master\n");
  }

  const Node* master_of(size_t i) const {
    const int master = plan_.master_of[i];
    return master < 0 ? nullptr : nodes_[static_cast<size_t>(master)].get();
  }

  bool give_slots() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const SlotSet missing = plan_.slots_of(i) & ~nodes_[i]->self().slots;
      if (missing.none()) continue;
      Words words{"CLUSTER", "ADDSLOTS"};
      for (size_t slot = 0; slot < kSlotCount; ++slot) {
        if (missing.test(slot)) words.push_back(std::to_string(slot));
      }
      if (!nodes_[i]->tell(words)) return false;
    }
    console_.info(">>> Nodes configuration updated\n");
    return true;
  }

  bool join() {
    console_.info(">>> Assign a different config epoch to each node\n");
    for (size_t i = 0; i < nodes_.size(); ++i) {
      // Refused where there is one already: the cluster sorts out equal ones by itself.
      (void)nodes_[i]->ask({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    }
    console_.info(">>> Sending CLUSTER MEET messages to join the cluster\n");
    for (size_t i = 1; i < nodes_.size(); ++i) {
      if (!nodes_[i]->tell(meet_command(*nodes_[0]))) return false;
    }
    console_.plain("Waiting for the cluster to join\n");
    console_.flush();
    return wait_for_plan(Stage::kJoined);
  }

  bool replicate() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node* master = master_of(i);
      if (master == nullptr) continue;
      if (!nodes_[i]->tell({"CLUSTER", "REPLICATE", master->id()})) return false;
    }
    if (!wait_for_plan(Stage::kSettled)) return false;
    console_.plain("\n");
    return true;
  }

  bool wait_for_plan(Stage stage) {
    std::vector<Member> members;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node* master = master_of(i);
      const bool settled = stage == Stage::kSettled && master != nullptr;
      members.push_back({nodes_[i]->id(), nodes_[i]->text(), settled ? master->id() : "", plan_.slots_of(i)});
    }
    return wait(members, stage);
  }

  bool wait(const std::vector<Member>& members, Stage stage) {
    std::vector<Node*> asked;
    for (const auto& node : nodes_) asked.push_back(node.get());
    return wait_for_agreement(context_, members, asked, stage, wait_s_);
  }

  int final_check() {
    Nodes found(context_);
    return found.load(nodes_[0]->address()) && found.check() ? 0 : 1;
  }

  const Context& context_;
  const Console& console_;
  const int64_t wait_s_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Plan plan_;
};

}  // namespace

int run_create(const Context& context, const Words& words) {
  return Creation(context).run(words);
}

}  // namespace tessera::cli::cluster
