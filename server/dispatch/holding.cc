// Role: waiting for transactions that had begun. See holding.h.
#include "server/dispatch/holding.h"

#include <memory>
#include <utility>

#include "server/dispatch/engine.h"

namespace tessera::dispatch {

namespace {

void call_when_closed(NodeShared& node) {
  int64_t open = 0;
  for (const Engine* engine : node.engines) open += engine->counters().open_transactions.get();
  if (open == 0) node.pauses.call_waiters();
}

}  // namespace

void when_held(NodeShared& node, std::function<void()> then) {
  node.control->when_adopted([&node, then = std::move(then)]() mutable {
    node.pauses.wait(std::move(then));
    call_when_closed(node);
  });
}

void TransactionClosed::handle(control::Control&) {
  const std::unique_ptr<TransactionClosed> mine(this);
  call_when_closed(node);
}

}  // namespace tessera::dispatch
