// Role: the home's side of waits. See blocked_clients.h.
#include "server/dispatch/blocked_clients.h"

#include <algorithm>

#include "server/dispatch/engine.h"
#include "server/dispatch/gates.h"
#include "server/dispatch/pipeline.h"

namespace tessera::dispatch {

void BlockedClients::begins(const BlockedRef& wait) {
  if (wait->word.done()) return;  // served meanwhile by another thread: its answer is on the way, or was here
  Pipeline* pipeline = engine_.clients().find(wait->client);
  if (pipeline == nullptr) {
    client_left(wait);
    return;
  }
  wait->known = true;
  pipeline->wait_begins(wait);
  ThreadCounters& counters = engine_.counters();
  counters.blocked_clients.add();
  if (wait->deadline.us != 0) {
    wait->timeout_at = timeouts_.emplace(wait->deadline.us, wait);
    counters.clients_in_timeout_table.add();
  }
}

void BlockedClients::ended(const BlockedRef& wait) {
  if (!wait->known) return;
  wait->known = false;
  engine_.counters().blocked_clients.add(-1);
  if (wait->deadline.us != 0) {
    timeouts_.erase(wait->timeout_at);
    engine_.counters().clients_in_timeout_table.add(-1);
  }
  if (Pipeline* pipeline = engine_.clients().find(wait->client)) pipeline->wait_ended();
}

void BlockedClients::answered(const BlockedRef& wait) {
  ended(wait);
  if (Pipeline* pipeline = engine_.clients().find(wait->client)) {
    pipeline->deliver_barrier(std::move(wait->reply));
    engine_.clients().wake(wait->client);
  }
  forget(wait);
}

void BlockedClients::answer(const BlockedRef& wait) {
  resp::Writer reply(wait->reply, wait->bits.proto);
  if (wait->stop_error.empty()) {
    reply.null_array();
  } else {
    reply.error(wait->stop_error);
    engine_.stats().error(reply.last_error_code());
  }
  answered(wait);
}

void BlockedClients::stopped(const BlockedRef& wait) {
  answer(wait);
}

bool BlockedClients::stop(const BlockedRef& wait, const std::string& error) {
  if (wait->work) return false;
  const BlockedRef kept = wait;  // ended() lets go of others' references
  kept->stop_error = error;
  switch (kept->word.stop()) {
    case shard::ClaimWord::Stop::kStopped:
      answer(kept);
      return true;
    case shard::ClaimWord::Stop::kBeingServed:
      return true;
    case shard::ClaimWord::Stop::kTooLate:
      break;
  }
  return false;
}

void BlockedClients::client_left(const BlockedRef& wait) {
  const BlockedRef kept = wait;
  (void)kept->word.stop();
  ended(kept);
  forget(kept);
}

void BlockedClients::forget(const BlockedRef& wait) {
  if (closed_) return;
  std::vector<int> told;
  for (const BlockedCommand::Spot& spot : wait->spots) {
    if (spot.shard == engine_.index()) {
      engine_.shard().waiting().remove(wait->bits.db, spot.key, wait.get());
    } else if (std::find(told.begin(), told.end(), spot.shard) == told.end()) {
      told.push_back(spot.shard);
      engine_.post(spot.shard, new BlockingMessage(BlockingMessage::What::kForget, wait));
    }
  }
}

void BlockedClients::expire(MonoTime now) {
  while (!timeouts_.empty() && timeouts_.begin()->first <= now.us) {
    const BlockedRef wait = timeouts_.begin()->second;
    (void)stop(wait, "");
    if (!wait->known) continue;
    // Somebody has it in hands: it ends by that, whatever comes of it.
    timeouts_.erase(wait->timeout_at);
    engine_.counters().clients_in_timeout_table.add(-1);
    wait->deadline = MonoTime{};
  }
}

void BlockedClients::slots_changed() {
  std::vector<BlockedRef> waits;
  engine_.clients().for_each([&](Session&, Pipeline& pipeline) {
    if (pipeline.wait()) waits.push_back(pipeline.wait());
  });
  for (const BlockedRef& wait : waits) {
    if (wait->spots.empty()) continue;
    const store::Key key = engine_.shard().keyspace().make_key(wait->spots[0].key);
    const GateResult gate = check_slot_bits(engine_, wait->bits, wait->command.view(), {key.slot});
    if (!gate.open) (void)stop(wait, gate.error);
  }
}

void BlockingMessage::arrive(Engine& engine) {
  const std::unique_ptr<BlockingMessage> mine(this);
  switch (what) {
    case What::kRun:
      engine.run_for_another(wait);
      break;
    case What::kBegins:
      engine.blocked().begins(wait);
      engine.clients().wake(wait->client);  // it is read on
      break;
    case What::kAnswer:
      engine.blocked().answered(wait);
      break;
    case What::kStopped:
      engine.blocked().stopped(wait);
      break;
    case What::kRetry:
      if (Pipeline* pipeline = engine.clients().find(wait->client)) {
        pipeline->retry_barrier(std::move(wait->command));
        engine.clients().wake(wait->client);
      }
      break;
    case What::kForget:
      for (const BlockedCommand::Spot& spot : wait->spots) {
        if (spot.shard == engine.index())
          engine.shard().waiting().remove(wait->bits.db, spot.key, wait.get());
      }
      break;
  }
}

// A script keeps the shard busy: as any other command that comes there.
bool BlockingMessage::arrive_at_busy(Engine& engine) {
  if (what != What::kRun) return false;
  const std::unique_ptr<BlockingMessage> mine(this);
  resp::Writer reply(wait->reply, wait->bits.proto);
  reply.error(engine.busy_error());
  engine.stats().rejected(wait->command.row->id);
  engine.stats().error("BUSY");
  wait->word.finish();
  engine.post(wait->home, new BlockingMessage(What::kAnswer, wait));
  return true;
}

}  // namespace tessera::dispatch
