// Role: one node as the cluster commands see it: its connection, and what it said about itself. Thread: one.
// Invariants: a password is sent in AUTH only; a question always ends, with a reply, an error or the time
// limit of its caller.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/resp/client.h"
#include "tools/cli/cluster/console.h"
#include "tools/cli/cluster/topology.h"
#include "tools/cli/options.h"

namespace tessera::cli::cluster {

struct Context {
  io::Env& env;
  const Options& options;
  const Settings& settings;
  Console console;
};

// How long a node may take over a reply that needs no work, and over a change. Commands of users have no
// limit.
constexpr Micros kReplyLimit = seconds(5);
constexpr Micros kChangeLimit = seconds(30);

// Every address of a name, IPv4 first as that is what peers are most likely to share; a numeric one as it is.
Result<std::vector<std::string>> resolve(io::Env& env, const std::string& host);

class Node {
 public:
  Node(const Context& context, Address address) : context_(&context), address_(std::move(address)) {}

  // Connecting, and every question without a limit of zero, end by then (see Patience), however long they
  // might take otherwise; none: their own limits are all.
  void set_deadline(std::optional<MonoTime> deadline) { deadline_ = deadline; }
  // Connects and authenticates. False: told, as redis-cli does, and there is no connection.
  bool connect();
  // Anew to where it was, after a reply that did not come. False: there is none again. Nothing is told.
  bool reconnect();
  // The time-out, the lost connection and the error reply are kept apart: an Error is no reply at all.
  Result<resp::Value> ask(const std::vector<std::string>& args, Micros limit = kReplyLimit);
  // Asks, and tells an error reply or a missing one. False then. For changes: with their limit.
  bool tell(const std::vector<std::string>& args);

  enum class Loading { kDone, kNotCluster, kFailed };
  // INFO and CLUSTER NODES. `why` gets the text of what failed.
  Loading load(std::string* why);
  Result<Topology> topology();
  // Why it cannot be taken into a cluster as a new node, empty if it can: no key, no slot, no other node.
  // REQUIRES load().
  std::string why_not_empty();
  bool has_keys() const;  // in database 0; REQUIRES load()
  // Whether CLUSTER has REPLICATE there. Asked before anything is changed: a creation must not end half way.
  // True also where it cannot be found out (CLUSTER HELP is older than some servers, and may be forbidden).
  bool can_replicate();

  const Address& address() const { return address_; }
  std::string text() const { return address_.text(); }
  // The address that was connected to: numeric, also if the node was given by name. Empty: none could be.
  const std::string& ip() const { return ip_; }
  // False: told. A bus port that is closed (a firewall, as a rule) would only show as a node that never
  // joins.
  bool reach_bus_port();
  int bus_port() const;  // as the node says, else as it was given, else port + 10000
  bool has_connection() const { return client_ != nullptr; }

  // What load() found.
  const NodeLine& self() const { return self_; }
  const Topology& view() const { return view_; }
  const std::string& id() const { return self_.id; }
  bool is_replica() const { return self_.is_replica(); }

  int replica_count = 0;  // counted by Nodes

 private:
  Result<void> open(const std::string& ip);
  bool authenticate();
  Result<resp::Value> say_password();
  bool took(const Result<resp::Value>& reply, const std::string& command) const;
  Micros within_deadline(Micros limit) const;

  const Context* context_;
  Address address_;
  std::string ip_;
  std::optional<MonoTime> deadline_;
  std::unique_ptr<resp::Client> client_;
  NodeLine self_;
  Topology view_;
  std::string info_;
};

// True, and told: it cannot become a replica. Nothing was changed.
bool refuse_replica(const Context& context, Node& node);

// "Node host:port replied with error:" and the error.
void tell_error(const Context& context, const Node& node, const std::string& error);

}  // namespace tessera::cli::cluster
