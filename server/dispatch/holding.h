// Role: when a pause holds: nothing that it keeps from running has begun and goes on. Thread: control; one
// TransactionClosed comes from a shard. Invariant: after a pause was adopted everywhere no transaction of
// several segments opens that it would hold, so those that were open then are waited for, and no others.
// What runs in one step has ended, its effects in the log, when its shard answers that it adopted.
#pragma once

#include <functional>

#include "server/control/control.h"
#include "server/dispatch/node_shared.h"

namespace tessera::dispatch {

// Calls `then` when what `node.pauses` says now holds everywhere. Not for a command of a transaction, which
// would wait for its own: that one is answered when the pause is adopted.
void when_held(NodeShared& node, std::function<void()> then);

// A shard to the control thread, while there is a pause.
struct TransactionClosed : control::Request {
  NodeShared& node;
  explicit TransactionClosed(NodeShared& n) : node(n) {}
  void handle(control::Control& control) override;
};

}  // namespace tessera::dispatch
