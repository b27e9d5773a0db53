// Role: all nodes of a cluster, found from one of them. Thread: one. Invariants: the node that was named
// comes first, the others follow in the order it lists them; a node that cannot be reached or is failed is
// not there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/cli/cluster/node.h"

namespace tessera::cli::cluster {

class Patience;

class Nodes {
 public:
  explicit Nodes(const Context& context) : context_(&context) {}

  // False: told. With --wait it ends within these seconds. Costs a connection and two questions per node.
  bool load(const Address& entry);
  // Instead: nodes that are connected and loaded.
  void adopt(std::vector<std::unique_ptr<Node>> nodes) { nodes_ = std::move(nodes); }

  std::vector<std::unique_ptr<Node>>& all() { return nodes_; }
  Node& entry() { return *nodes_.front(); }
  Node* find(const std::string& id);
  // With the fewest replicas, the first of several; `except` is passed over. Null: none.
  Node* lightest_master(const Node* except = nullptr);

  void print() const;  // "M: <id> <address>" and what follows, for each
  bool print_sizes();  // keys, slots, replicas of each primary; false: told
  // All checks of `--cluster check`, told. False: something is wrong.
  bool check();

 private:
  bool load_entry(const Address& address, const Patience& patience);
  void load_friends(const Patience& patience);
  void count_replicas();
  void print_node(const Node& node) const;
  bool check_agreement();
  bool check_open_slots();
  bool check_coverage();
  bool check_owners();

  const Context* context_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace tessera::cli::cluster
