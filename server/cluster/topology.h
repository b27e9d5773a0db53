// Role: what this node knows of the cluster, and the only place that changes it. Thread: control; the views
// it makes are published to all. Invariants: a slot has at most one owner; a change that takes a slot from
// our shards is answered only after every shard adopted it (the command holds its reply). Today the cluster
// is this node alone: the bus adds the others.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <vector>

#include "common/hash/crc16.h"
#include "server/route/cluster_view.h"

namespace tessera::cluster {

struct TopologyOptions {
  std::string node_id;  // 40 hexadecimal digits
  std::string shard_id;
  std::string ip, hostname;  // announced; may be empty
  int port = 0, tls_port = 0, bus_port = 0;
  route::ClusterOptions view;
};

class Topology {
 public:
  explicit Topology(TopologyOptions options) : options_(std::move(options)) {}

  bool owns(int slot) const { return mine_[static_cast<size_t>(slot)]; }
  void assign(int slot, bool ours) { mine_[static_cast<size_t>(slot)] = ours; }
  void set_options(const TopologyOptions& options) { options_ = options; }
  const TopologyOptions& options() const { return options_; }
  std::shared_ptr<const route::ClusterView> make_view() const;

 private:
  TopologyOptions options_;
  std::bitset<hash::kSlotCount> mine_;
};

}  // namespace tessera::cluster
