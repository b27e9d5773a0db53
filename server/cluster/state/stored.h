// Role: the contents of nodes.conf as values: what a node must find again after a restart. Printed and read
// by the folder that knows the file's format. Thread: any; values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/units.h"
#include "server/cluster/bus/message.h"

namespace tessera::cluster::state {

using bus::NodeId;
using bus::SlotSet;

struct StoredNode {
  NodeId id, primary;  // primary: empty, or of a replica
  std::string shard_id, ip, hostname, human_name, availability_zone;
  std::string client_ipv4, client_ipv6;
  int port = 0, tls_port = 0, bus_port = 0;  // port: plain; 0: none
  int client_port = 0, client_tls_port = 0;
  // bus::NodeFlag; of Myself, Primary, Replica, Pfail, Fail, Handshake, NoAddress, NoFailover.
  uint16_t flags = 0;
  WallMs ping_sent, pong_received;
  uint64_t config_epoch = 0;
  bool connected = false;
  SlotSet slots;
};

struct Stored {
  std::vector<StoredNode> nodes;  // exactly one has bus::kFlagMyself
  // Slots that are open: slot and the other node. On the line of the node itself.
  std::vector<std::pair<int, NodeId>> migrating, importing;
  uint64_t current_epoch = 0;
  uint64_t last_vote_epoch = 0;
};

}  // namespace tessera::cluster::state
