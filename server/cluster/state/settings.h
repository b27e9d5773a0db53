// Role: what the cluster's configuration parameters say, as the state machine needs it. Thread: control; a
// value.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/units.h"
#include "server/route/cluster_view.h"

namespace tessera::cluster::state {

struct Settings {
  Micros node_timeout = millis(15000);
  // What we announce. Empty or 0: what the socket says, or what we listen on.
  std::string announce_ip, announce_hostname, announce_human_name, availability_zone;
  std::string announce_client_ipv4, announce_client_ipv6;
  int announce_port = 0, announce_tls_port = 0, announce_bus_port = 0;
  int announce_client_port = 0, announce_client_tls_port = 0;
  // What we listen on; 0: not at all. `tls_cluster`: links of the bus use TLS, and the first port of a
  // message is the TLS one.
  int port = 0, tls_port = 0, bus_port = 0;
  bool tls_cluster = false;

  bool replica_no_failover = false;
  bool allow_replica_migration = true;
  // A broken link and two refused connects suspect a node at once (DESIGN.md, evidence beside silence).
  bool refused_is_evidence = true;
  Micros blacklist_ttl = seconds(60);
  // Until this node can replicate, a primary that loses its last slot stays a primary.
  bool can_replicate = false;
  route::ClusterOptions view;  // full coverage, reads when down, endpoint type
};

}  // namespace tessera::cluster::state
