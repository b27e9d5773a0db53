// Role: finds the nodes of a cluster and prints them.
#include "tools/cli/cluster/nodes.h"

#include <cstdio>

#include "common/text/strings.h"
#include "tools/cli/cluster/patience.h"
#include "tools/cli/session.h"

namespace tessera::cli::cluster {

bool Nodes::load(const Address& entry) {
  nodes_.clear();
  constexpr int64_t kLong = 24 * 3600;  // each has its own limits
  const Patience patience(context_->env.clock(), context_->settings.wait_s.value_or(kLong));
  if (!load_entry(entry, patience)) return false;
  load_friends(patience);
  for (const auto& node : nodes_) node->set_deadline(std::nullopt);
  count_replicas();
  return true;
}

bool Nodes::load_entry(const Address& address, const Patience& patience) {
  auto node = std::make_unique<Node>(*context_, address);
  node->set_deadline(patience.share(1));
  if (!node->connect()) return false;
  std::string why = "is not configured as a cluster node.";
  if (node->load(&why) != Node::Loading::kDone) {
    context_->console.error("[ERR] Node " + node->text() + " " + why + "\n");
    return false;
  }
  nodes_.push_back(std::move(node));
  return true;
}

void Nodes::load_friends(const Patience& patience) {
  size_t left = entry().view().nodes.size();
  for (const NodeLine& line : entry().view().nodes) {
    --left;
    if (line.has_flag("myself") || line.address.port == 0 || line.address.host.empty()) continue;
    auto node = std::make_unique<Node>(*context_, line.address);
    node->set_deadline(patience.share(left + 1));
    if (!node->connect()) continue;
    std::string why;
    if (node->load(&why) != Node::Loading::kDone) {
      context_->console.error("[ERR] Unable to load info for node " + node->text() + "\n");
      continue;
    }
    // The others do not count on it: what it owns is not served.
    if (line.has_flag("fail") || line.has_flag("noaddr")) continue;
    nodes_.push_back(std::move(node));
  }
}

void Nodes::count_replicas() {
  for (const auto& node : nodes_) {
    if (!node->is_replica()) continue;
    Node* master = find(node->self().master_id);
    if (master != nullptr) {
      ++master->replica_count;
    } else {
      context_->console.warning("*** WARNING: " + node->text() + " claims to be slave of unknown node ID " +
                                node->self().master_id + ".\n");
    }
  }
}

Node* Nodes::find(const std::string& id) {
  for (const auto& node : nodes_) {
    if (text::iequals(node->id(), id)) return node.get();
  }
  return nullptr;
}

Node* Nodes::lightest_master(const Node* except) {
  Node* lightest = nullptr;
  for (const auto& node : nodes_) {
    if (node->is_replica() || node.get() == except) continue;
    if (lightest == nullptr || node->replica_count < lightest->replica_count) lightest = node.get();
  }
  return lightest;
}

void Nodes::print_node(const Node& node) const {
  const NodeLine& self = node.self();
  std::string text = std::string(node.is_replica() ? "S: " : "M: ") + node.id() + " " + node.text() + "\n";
  text += "   slots:" + slot_ranges_text(self.slots) + " (" + std::to_string(self.slots.count()) +
          " slots) " + (node.is_replica() ? "slave" : "master") + "\n";
  if (node.is_replica()) text += "   replicates " + self.master_id + "\n";
  if (node.replica_count > 0) {
    text += "   " + std::to_string(node.replica_count) + " additional replica(s)\n";
  }
  context_->console.plain(text);
}

void Nodes::print() const {
  for (const auto& node : nodes_) print_node(*node);
}

bool Nodes::print_sizes() {
  int64_t keys_of_all = 0;
  int masters = 0;
  for (const auto& node : nodes_) {
    if (node->is_replica()) continue;
    ++masters;
    const auto reply = node->ask({"DBSIZE"});
    if (!reply.ok() || reply->is_error()) {
      if (reply.ok()) {
        tell_error(*context_, *node, reply->text);
      } else {
        context_->console.error("[ERR] Node " + node->text() + " does not answer: " + reason(reply.error()) +
                                "\n");
      }
      return false;
    }
    keys_of_all += reply->integer;
    constexpr size_t kShortId = 8;
    context_->console.plain(node->text() + " (" + node->id().substr(0, kShortId) + "...) -> " +
                            std::to_string(reply->integer) + " keys | " +
                            std::to_string(node->self().slots.count()) + " slots | " +
                            std::to_string(node->replica_count) + " slaves.\n");
  }
  context_->console.ok("[OK] " + std::to_string(keys_of_all) + " keys in " + std::to_string(masters) +
                       " masters.\n");
  char average[64];
  std::snprintf(average, sizeof(average), "%.2f keys per slot on average.\n",
                static_cast<double>(keys_of_all) / kSlotCount);
  context_->console.plain(average);
  return true;
}

}  // namespace tessera::cli::cluster
