// Role: the names of node flags in nodes.conf, for this folder only. Thread: any; constants.
#pragma once

#include <string_view>

#include "server/cluster/bus/message.h"

namespace tessera::cluster::nodes_conf {

struct FlagName {
  uint16_t flag;
  std::string_view name;
};
// In the order in which they are written.
constexpr FlagName kFlagNames[] = {
    {bus::kFlagMyself, "myself"},    {bus::kFlagPrimary, "master"},
    {bus::kFlagReplica, "slave"},    {bus::kFlagPfail, "fail?"},
    {bus::kFlagFail, "fail"},        {bus::kFlagHandshake, "handshake"},
    {bus::kFlagNoAddress, "noaddr"}, {bus::kFlagNoFailover, "nofailover"},
};

// The variable that holds "node:shard,node:shard..." where lines have no place for shard ids.
constexpr std::string_view kShardsVariable = "tessera-shards";

}  // namespace tessera::cluster::nodes_conf
