// Role: from the topology to the view that shards decide by. See topology.h.
#include "server/cluster/topology.h"

namespace tessera::cluster {

std::shared_ptr<const route::ClusterView> Topology::make_view() const {
  route::ClusterViewBuilder builder;
  route::NodeInfo self;
  self.id = options_.node_id;
  self.shard_id = options_.shard_id;
  self.ip = options_.ip;
  self.hostname = options_.hostname;
  self.port = options_.port;
  self.tls_port = options_.tls_port;
  self.bus_port = options_.bus_port;
  const int me = builder.add_node(std::move(self));
  builder.set_me(me);
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (owns(slot)) builder.set_owner(slot, me);
  }
  const bool covered = mine_.all();
  builder.set_ok(mine_.any() && (covered || !options_.view.require_full_coverage));
  builder.set_options(options_.view);
  return std::make_shared<route::ClusterView>(std::move(builder).build());
}

}  // namespace tessera::cluster
