// Role: the commands that change who belongs to a running cluster: add-node and del-node.
#include "common/text/strings.h"
#include "tools/cli/cluster/agreement.h"
#include "tools/cli/cluster/commands.h"

namespace tessera::cli::cluster {
namespace {

constexpr int64_t kDefaultWaitSeconds = 60;

// The server is older than functions, or has none.
bool knows_no_functions(const resp::Value& reply) {
  return reply.is_error() && (reply.text.find("unknown command") != std::string::npos ||
                              reply.text.find("nknown subcommand") != std::string::npos);
}

class Adding {
 public:
  explicit Adding(const Context& context) : context_(context), nodes_(context) {}

  int run(const Address& new_address, const Address& entry) {
    const Console& console = context_.console;
    console.info(">>> Adding node " + new_address.text() + " to cluster " + entry.text() + "\n");
    if (!nodes_.load(entry) || !nodes_.check()) return 1;
    if (context_.settings.as_replica && !choose_master()) return 1;
    if (!load_new(new_address)) return 1;
    if (context_.settings.as_replica && refuse_replica(context_, *node_)) return 1;
    if (!node_->reach_bus_port()) return 1;
    if (!context_.settings.as_replica && !take_functions()) return 1;
    if (!meet()) return 1;
    if (context_.settings.as_replica) {
      console.plain("Waiting for the cluster to join\n");
      if (!wait(Stage::kJoined, Waiting::kAnnounced)) return 1;
      console.plain("\n");
      console.info(">>> Configure node as replica of " + master_->text() + ".\n");
      if (!node_->tell({"CLUSTER", "REPLICATE", master_->id()})) return 1;
    }
    // A primary serves at the latest when its rejoin delay is over: nobody has to wait for that.
    const Stage reached = context_.settings.as_replica ? Stage::kSettled : Stage::kJoined;
    if (!wait(reached, Waiting::kQuiet)) return 1;
    console.ok("[OK] New node added correctly.\n");
    return 0;
  }

 private:
  bool choose_master() {
    const std::string& id = context_.settings.master_id;
    master_ = id.empty() ? nodes_.lightest_master() : nodes_.find(id);
    if (master_ == nullptr) {
      context_.console.error("[ERR] No such master ID " + id + "\n");
      return false;
    }
    if (id.empty()) context_.console.plain("Automatically selected master " + master_->text() + "\n");
    return true;
  }

  bool load_new(const Address& address) {
    node_ = std::make_unique<Node>(context_, address);
    if (!node_->connect()) {
      context_.console.error("[ERR] Sorry, can't connect to node " + address.text() + "\n");
      return false;
    }
    std::string why = "is not configured as a cluster node.";
    if (node_->load(&why) == Node::Loading::kDone) why = node_->why_not_empty();
    if (why.empty()) return true;
    context_.console.error("[ERR] Node " + node_->text() + " " + why + "\n");
    return false;
  }

  // A primary needs the functions of the others: they are not in slots. False: told, the node must not join.
  // The refusals end in CR LF, as redis-cli's do.
  bool take_functions() {
    const Console& console = context_.console;
    console.info(">>> Getting functions from cluster\n");
    const auto dump = nodes_.entry().ask({"FUNCTION", "DUMP"}, kChangeLimit);
    if (!dump.ok() || dump->is_error()) {
      console.info(
          ">>> Failed retrieving Functions from the cluster, skip this step as Redis version do not support "
          "function command (error = '" +
          (dump.ok() ? dump->text : dump.error().message) + "')\n");
      return true;
    }
    console.info(">>> Send FUNCTION LIST to " + node_->text() + " to verify there is no functions in it\n");
    const auto list = node_->ask({"FUNCTION", "LIST"});
    if (list.ok() && knows_no_functions(*list)) return cluster_has_none();
    if (!list.ok() || list->is_error()) {
      console.error(">>> Failed on CLUSTER LIST (error = '" +
                    (list.ok() ? list->text : list.error().message) + "')\r\n");
      return false;
    }
    if (!list->items.empty()) {
      console.error(
          ">>> New node already contains functions and can not be added to the cluster. Use FUNCTION FLUSH "
          "and "
          "try again.\r\n");
      return false;
    }
    console.info(">>> Send FUNCTION RESTORE to " + node_->text() + "\n");
    const auto restored = node_->ask({"FUNCTION", "RESTORE", dump->text}, kChangeLimit);
    if (restored.ok() && !restored->is_error()) return true;
    console.error(">>> Failed loading functions to the new node (error = '" +
                  (restored.ok() ? restored->text : restored.error().message) + "')\r\n");
    return false;
  }

  // The new node knows nothing of functions: that is fine as long as there are none.
  bool cluster_has_none() {
    const auto list = nodes_.entry().ask({"FUNCTION", "LIST"});
    if (list.ok() && list->is_aggregate() && list->items.empty()) {
      context_.console.info(">>> " + node_->text() +
                            " does not know FUNCTION and the cluster has no functions: nothing to restore\n");
      return true;
    }
    context_.console.error("[ERR] " + node_->text() +
                           " does not know FUNCTION, but the cluster has functions: they would be missing on "
                           "it.\n");
    return false;
  }

  bool meet() {
    context_.console.info(">>> Send CLUSTER MEET to node " + node_->text() +
                          " to make it join the cluster.\n");
    return node_->tell(meet_command(nodes_.entry()));
  }

  // Every node of the cluster and the new one know each other; settled: and what the new one is.
  bool wait(Stage stage, Waiting how) {
    std::vector<Member> members;
    std::vector<Node*> asked;
    const auto add = [&](Node& node, const std::string& master_id) {
      members.push_back({node.id(), node.text(), master_id, node.self().slots});
      asked.push_back(&node);
    };
    for (const auto& node : nodes_.all()) add(*node, node->self().master_id);
    add(*node_, stage == Stage::kSettled && master_ != nullptr ? master_->id() : "");
    return wait_for_agreement(context_, members, asked, stage,
                              context_.settings.wait_s.value_or(kDefaultWaitSeconds), how);
  }

  const Context& context_;
  Nodes nodes_;
  Node* master_ = nullptr;
  std::unique_ptr<Node> node_;
};

// Gives the replicas of a leaving primary to others and makes all forget it. False: told.
bool forget_everywhere(const Context& context, Nodes& nodes, Node& leaving) {
  for (const auto& node : nodes.all()) {
    if (node.get() == &leaving) continue;
    if (node->is_replica() && text::iequals(node->self().master_id, leaving.id())) {
      Node* master = nodes.lightest_master(&leaving);
      if (master == nullptr) {
        context.console.error("[ERR] There is no other master for the replica " + node->text() + "\n");
        return false;
      }
      context.console.info(">>> " + node->text() + " as replica of " + master->text() + "\n");
      if (!node->tell({"CLUSTER", "REPLICATE", master->id()})) return false;
      ++master->replica_count;
    }
    if (!node->tell({"CLUSTER", "FORGET", leaving.id()})) return false;
  }
  return true;
}

}  // namespace

Words meet_command(const Node& node) {
  Words words{"CLUSTER", "MEET", node.ip(), std::to_string(node.address().port)};
  constexpr int kUsualOffset = 10000;
  if (node.bus_port() != node.address().port + kUsualOffset) words.push_back(std::to_string(node.bus_port()));
  return words;
}

int run_add_node(const Context& context, const Words& words) {
  const auto new_address = address_of(words[0]);
  if (!new_address) return 1;
  const auto entry = address_of(words[1]);
  if (!entry) return 1;
  return Adding(context).run(*new_address, *entry);
}

int run_del_node(const Context& context, const Words& words) {
  const auto entry = address_of(words[0]);
  if (!entry) return 1;
  const std::string& id = words[1];
  context.console.info(">>> Removing node " + id + " from cluster " + entry->text() + "\n");
  Nodes nodes(context);
  if (!nodes.load(*entry)) return 1;
  Node* leaving = nodes.find(id);
  if (leaving == nullptr) {
    context.console.error("[ERR] No such node ID " + id + "\n");
    return 1;
  }
  if (leaving->self().slots.any()) {
    context.console.error("[ERR] Node " + leaving->text() +
                          " is not empty! Reshard data away and try again.\n");
    return 1;
  }
  context.console.info(">>> Sending CLUSTER FORGET messages to the cluster...\n");
  if (!forget_everywhere(context, nodes, *leaving)) return 1;
  context.console.info(">>> Sending CLUSTER RESET SOFT to the deleted node.\n");
  return leaving->tell({"CLUSTER", "RESET", "SOFT"}) ? 0 : 1;
}

}  // namespace tessera::cli::cluster
