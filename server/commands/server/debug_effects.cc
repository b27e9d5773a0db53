// Role: DEBUG EFFECTS: a connection that gets the journal's bytes as they are, so that a test may feed them
// to another server and compare. Thread: the connection's consumes; turning on happens while all shards are
// parked. Invariants: the reply comes before the first byte; bytes come in the order of the log, between
// complete replies; when the connection has gone the journal is off again. The connection's output limits
// bound what waits.
#include <atomic>
#include <memory>

#include "server/commands/server/debug.h"
#include "server/dispatch/pipeline.h"

namespace tessera::commands {

namespace {

using dispatch::ConnCtx;
using dispatch::Engine;
using dispatch::Pipeline;
using registry::Args;
using resp::Writer;

enum class TapState : int { kAsked, kOn, kRefused };

struct Tap {
  std::atomic<TapState> state{TapState::kAsked};
  journal::Cursor cursor;
};

// Called in every tick of the connection's thread; false: it is over.
bool pour(Engine& engine, dispatch::ClientRef client, Tap& tap) {
  const TapState now = tap.state.load(std::memory_order_acquire);
  if (now == TapState::kRefused) return false;
  if (now == TapState::kAsked) return true;
  journal::Journal& journal = *engine.node().journal;
  Pipeline* pipeline = engine.clients().find(client);
  if (pipeline == nullptr) {
    journal.turn_off(journal::kTap);
    return false;
  }
  if (pipeline->stalled()) return true;  // a reply is on its way, at first our own
  bool poured = false;
  journal.order();
  while (const journal::Chunk batch = tap.cursor.take()) {
    pipeline->push_chain().append(batch->bytes);
    poured = true;
  }
  if (poured) engine.clients().wake(client);
  if (!journal.prepare_sleep(journal::kTap, tap.cursor)) engine.come_back();
  return true;
}

void effects(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (ctx.session().has(dispatch::kMulti)) {
    reply.error("ERR DEBUG EFFECTS is not allowed inside a transaction");
    return;
  }
  Engine& engine = ctx.engine();
  if (engine.has_tick_hook() || ctx.node().journal->wanted_by(journal::kTap)) {
    reply.error("ERR the effects go to another consumer already");
    return;
  }
  auto tap = std::make_shared<Tap>();
  const dispatch::ClientRef client = ctx.session().ref;
  engine.set_tick_hook([&engine, client, tap] { return pour(engine, client, *tap); });
  ctx.run_parked(args, [&engine, tap](Writer& answer) {
    journal::Journal& journal = *engine.node().journal;
    if (journal.wanted_by(journal::kTap)) {  // somebody was faster
      tap->state.store(TapState::kRefused, std::memory_order_release);
      answer.error("ERR the effects go to another consumer already");
      return;
    }
    journal.turn_on(journal::kTap, &engine.loop(), &tap->cursor);
    tap->state.store(TapState::kOn, std::memory_order_release);
    answer.ok();
  });
}

constexpr DebugEntry kEntries[] = {
    {.name = "EFFECTS", .min_args = 2, .max_args = 2, .on_connection = effects},
};

}  // namespace

std::span<const DebugEntry> debug_effect_entries() {
  return kEntries;
}

}  // namespace tessera::commands
