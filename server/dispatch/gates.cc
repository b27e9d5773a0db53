// Role: gates. See gates.h.
#include "server/dispatch/gates.h"

#include "server/route/decide.h"

namespace tessera::dispatch {

GateResult check_gates(Engine& engine, Session& session, const CommandView& command, registry::KeyPositions&) {
  const uint32_t flags = command.row->flags;
  if (!session.authenticated && !(flags & registry::kNoAuth)) return {false, "NOAUTH Authentication required."};
  if (engine.node().loading.load(std::memory_order_relaxed) && !(flags & registry::kLoading)) {
    return {false, "LOADING Redis is loading the dataset in memory"};
  }
  return {};
}

namespace {

GateResult decide_slot(Engine& engine, const CommandView& command, int slot, bool several_keys, bool asking,
                       bool readonly) {
  const route::ClusterView& view = engine.view();
  if (__builtin_expect(view.serves(slot), 1)) return {};
  route::Question question;
  question.slot = slot;
  question.several_keys = several_keys;
  question.write = (command.row->flags & registry::kWrite) != 0;
  question.asking = asking || (command.row->flags & registry::kAsking);
  question.readonly = readonly;
  const route::Decision decision = route::decide(view, question);
  if (decision.serve()) return {};
  return {false, route::error_text(view, decision)};
}

}  // namespace

GateResult check_slot(Engine& engine, const Session& session, const CommandView& command, int slot, bool several_keys) {
  return decide_slot(engine, command, slot, several_keys, session.has(kAskingSession), session.has(kReadonlySession));
}

GateResult check_slot_bits(Engine& engine, const SessionBits& bits, const CommandView& command, int slot,
                           bool several_keys) {
  return decide_slot(engine, command, slot, several_keys, bits.asking, bits.readonly);
}

}  // namespace tessera::dispatch
