// Role: the replies that describe the cluster, from a view alone. Thread: any, pure.
#pragma once

#include <string>

#include "common/resp/writer.h"
#include "server/route/cluster_view.h"

namespace tessera::cluster {

std::string describe_info(const route::ClusterView& view);  // CLUSTER INFO
std::string describe_node(const route::ClusterView& view,
                          int node);                         // one line of CLUSTER NODES, without its end
std::string describe_nodes(const route::ClusterView& view);  // CLUSTER NODES
void write_slots(const route::ClusterView& view, resp::Writer& reply);   // CLUSTER SLOTS
void write_shards(const route::ClusterView& view, resp::Writer& reply);  // CLUSTER SHARDS

}  // namespace tessera::cluster
