// Role: messages of pub/sub over the bus. Thread: control.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

// To all nodes that we are connected to; sharded: to those of our shard.
void on_publish(Step& step, const Publish& event);
// A message came. Only nodes that we know may publish here.
void on_published(Step& step, const MessageReceived& event);

}  // namespace tessera::cluster::state
