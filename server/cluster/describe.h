// Role: the replies that describe the cluster, from a view and counters. Thread: any, pure.
#pragma once

#include <string>
#include <vector>

#include "common/resp/writer.h"
#include "server/cluster/link/links.h"
#include "server/cluster/state/machine.h"
#include "server/route/cluster_view.h"

namespace tessera::cluster {

// CLUSTER INFO
std::string describe_info(const route::ClusterView& view, const link::LinkStatistics& messages);
std::string describe_node(const route::ClusterView& view, int node,
                          route::ClientSide client);  // one line of CLUSTER NODES, without its end
std::string describe_nodes(const route::ClusterView& view, route::ClientSide client);  // CLUSTER NODES
void write_slots(const route::ClusterView& view, route::ClientSide client,
                 resp::Writer& reply);  // CLUSTER SLOTS
// CLUSTER LINKS; `status` adds to each row what only the I/O knows.
void write_links(const std::vector<state::LinkInfo>& links, const std::vector<link::LinkStatus>& status,
                 resp::Writer& reply);
std::vector<int> replicas_of(const route::ClusterView& view, int primary);
void write_shards(const route::ClusterView& view, route::ClientSide client,
                  resp::Writer& reply);  // CLUSTER SHARDS

}  // namespace tessera::cluster
