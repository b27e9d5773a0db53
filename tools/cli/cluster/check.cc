// Role: what makes a cluster healthy: the nodes agree, no slot is half way, every slot has one owner.
#include <map>
#include <set>

#include "common/text/strings.h"
#include "tools/cli/cluster/nodes.h"

namespace tessera::cli::cluster {
namespace {

std::string slots_text(const std::vector<std::pair<int, std::string>>& open) {
  std::vector<std::string> slots;
  for (const auto& [slot, node] : open) slots.push_back(std::to_string(slot));
  return text::join(slots, ",");
}

}  // namespace

bool Nodes::check() {
  context_->console.info(">>> Performing Cluster Check (using node " + entry().text() + ")\n");
  print();
  bool good = check_agreement();
  good = check_open_slots() && good;
  good = check_coverage() && good;
  if (context_->settings.search_multiple_owners) good = check_owners() && good;
  return good;
}

// Asks again: the nodes may have moved on since they were loaded.
bool Nodes::check_agreement() {
  bool agree = true;
  std::string first;
  for (const auto& node : nodes_) {
    const auto view = node->topology();
    const std::string signature = view.ok() ? view->signature() : "";
    if (node == nodes_.front()) first = signature;
    agree = agree && view.ok() && signature == first;
  }
  if (agree) {
    context_->console.ok("[OK] All nodes agree about slots configuration.\n");
  } else {
    context_->console.error("[ERR] Nodes don't agree about configuration!\n");
  }
  return agree;
}

bool Nodes::check_open_slots() {
  context_->console.info(">>> Check for open slots...\n");
  std::set<int> open;
  const auto warn = [&](const Node& node, const char* state, const auto& slots) {
    if (slots.empty()) return;
    for (const auto& [slot, other] : slots) open.insert(slot);
    context_->console.error("[WARNING] Node " + node.text() + " has slots in " + state + " state " +
                            slots_text(slots) + ".\n");
  };
  for (const auto& node : nodes_) {
    warn(*node, "migrating", node->self().migrating);
    warn(*node, "importing", node->self().importing);
  }
  if (open.empty()) return true;
  std::vector<std::string> slots;
  for (const int slot : open) slots.push_back(std::to_string(slot));
  context_->console.error("[WARNING] The following slots are open: " + text::join(slots, ",") + ".\n");
  return false;
}

bool Nodes::check_coverage() {
  context_->console.info(">>> Check slots coverage...\n");
  SlotSet covered;
  for (const auto& node : nodes_) covered |= node->self().slots;
  if (covered.all()) {
    context_->console.ok("[OK] All " + std::to_string(kSlotCount) + " slots covered.\n");
    return true;
  }
  context_->console.error("[ERR] Not all " + std::to_string(kSlotCount) + " slots are covered by nodes.\n\n");
  return false;
}

bool Nodes::check_owners() {
  context_->console.info(">>> Check for multiple slot owners...\n");
  bool single = true;
  for (size_t slot = 0; slot < kSlotCount; ++slot) {
    std::vector<std::string> owners;
    for (const auto& node : nodes_) {
      if (!node->is_replica() && node->self().slots.test(slot)) owners.push_back(node->text());
    }
    if (owners.size() < 2) continue;
    single = false;
    context_->console.error("[WARNING] Slot " + std::to_string(slot) + " has " +
                            std::to_string(owners.size()) + " owners:\n");
    for (const std::string& owner : owners) context_->console.error("    " + owner + "\n");
  }
  if (single) context_->console.ok("[OK] No multiple owners found.\n");
  return single;
}

}  // namespace tessera::cli::cluster
