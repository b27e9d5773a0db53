// Role: gates. See gates.h.
#include "server/dispatch/gates.h"

namespace tessera::dispatch {

GateResult check_gates(Engine& engine, Session& session, const CommandView& command, registry::KeyPositions&) {
  const uint32_t flags = command.row->flags;
  if (!session.authenticated && !(flags & registry::kNoAuth)) return {false, "NOAUTH Authentication required."};
  if (engine.node().loading.load(std::memory_order_relaxed) && !(flags & registry::kLoading)) {
    return {false, "LOADING Redis is loading the dataset in memory"};
  }
  return {};
}

GateResult check_slot(Engine&, const Session&, const CommandView&, int, bool) {
  return {};
}
GateResult check_slot_bits(Engine&, const SessionBits&, const CommandView&, int, bool) {
  return {};
}

}  // namespace tessera::dispatch
