// Role: WATCH and UNWATCH: a pipeline's part. See transaction.h; shard/watch.h has the table at the keys.
// Thread: the connection's. Invariant: what is watched is known here and at the keys' shards; messages
// between them keep their order, so what was forgotten is never added behind it.
#include <algorithm>

#include "server/dispatch/gates.h"
#include "server/dispatch/pipeline_impl.h"
#include "server/dispatch/transaction.h"

namespace tessera::dispatch {

namespace {
constexpr size_t kOkBytes = 5;
}

void forget_watched(Engine& engine, ClientRef client, const shard::WatcherRef& watcher,
                    std::vector<WatchedKey> keys) {
  std::vector<std::unique_ptr<WatchMessage>> messages(engine.node().engines.size());
  for (WatchedKey& key : keys) {
    auto& message = messages[static_cast<size_t>(engine.shard_of(key.slot))];
    if (!message) message = std::make_unique<WatchMessage>(engine.index(), client, watcher, false);
    message->keys.push_back(std::move(key));
  }
  for (size_t shard = 0; shard < messages.size(); ++shard) {
    if (!messages[shard]) continue;
    // Parked, our own shard is somebody else's as well: the message waits until it is not.
    if (static_cast<int>(shard) == engine.index() && !engine.is_parked()) {
      messages[shard]->run(engine);
    } else {
      engine.post(static_cast<int>(shard), messages[shard].release());
    }
  }
}

size_t Pipeline::watched_keys() const {
  const bool lost = session_.watcher == nullptr || session_.watcher->changed();
  return lost || !transaction_ ? 0 : transaction_->watched.size();
}

Pipeline::Step Pipeline::start_watch(const CommandView& command) {
  if (in_flight_ != 0 || !slots_empty() || has_run()) return Step::kStall;
  std::vector<WatchedKey> keys;
  for (size_t i = 1; i < command.args.size(); ++i) {
    const store::Key key = engine_.shard().keyspace().make_key(command.args[i]);
    keys.push_back({session_.db, std::string(key.bytes), key.hash, key.slot});
  }
  if (engine_.settings().cluster_enabled) {
    const bool cross_slot = std::any_of(keys.begin(), keys.end(),
                                        [&](const WatchedKey& key) { return key.slot != keys[0].slot; });
    const GateResult gate =
        check_slot(engine_, session_, command, {keys[0].slot, keys.size() > 1, cross_slot});
    if (!gate.open) {
      reject(command, gate.error);
      return Step::kDone;
    }
  }
  if (engine_.must_hold(command)) {
    engine_.hold(session_, command.row);
    return Step::kStall;
  }
  const uint64_t began = Ticks::now();
  begin_command(command);
  session_.clear(kAskingSession);
  const bool is_lost = session_.watcher && session_.watcher->changed();
  if (is_lost || !watch(std::move(keys))) {
    write_in_place([&](resp::Writer& reply) {
      reply.ok();
      engine_.note_and_log(command, bits(), began, reply, 0, kOkBytes);
    });
    return Step::kDone;
  }
  transaction_->watch_began_ticks = began;
  transaction_->watch_command = OwnedCommand(command);
  barrier_ = true;
  return Step::kDone;
}

// True: answers of other shards are awaited.
bool Pipeline::watch(std::vector<WatchedKey> keys) {
  Transaction& mine = transaction();
  if (!session_.watcher) session_.watcher = std::make_shared<shard::Watcher>();
  if (mine.watched.empty()) engine_.counters().watching_clients.add();
  std::vector<std::unique_ptr<WatchMessage>> messages(engine_.node().engines.size());
  for (WatchedKey& key : keys) {
    const bool known = std::any_of(mine.watched.begin(), mine.watched.end(), [&](const WatchedKey& other) {
      return other.hash == key.hash && other.db == key.db && other.name == key.name;
    });
    if (known) continue;
    auto& message = messages[static_cast<size_t>(engine_.shard_of(key.slot))];
    if (!message)
      message = std::make_unique<WatchMessage>(engine_.index(), session_.ref, session_.watcher, true);
    mine.watched_bytes += sizeof(key) + key.name.size();
    message->keys.push_back(key);
    mine.watched.push_back(std::move(key));
  }
  for (size_t shard = 0; shard < messages.size(); ++shard) {
    if (!messages[shard]) continue;
    if (static_cast<int>(shard) == engine_.index()) {
      messages[shard]->run(engine_);
    } else {
      ++mine.missing_answers;
      engine_.post(static_cast<int>(shard), messages[shard].release());
    }
  }
  return mine.missing_answers > 0;
}

void Pipeline::watch_came() {
  if (--transaction_->missing_answers > 0) return;
  resp::OutChain chain(engine_.chunks());
  resp::Writer reply(chain, session_.proto);
  reply.ok();
  engine_.note_and_log(transaction_->watch_command.view(), bits(), transaction_->watch_began_ticks, reply, 0,
                       kOkBytes);
  transaction_->watch_command = {};
  deliver_barrier(std::move(chain));
}

void Pipeline::unwatch() {
  if (!transaction_ || !session_.watcher) return;
  Transaction& mine = *transaction_;
  if (!mine.watched.empty()) {
    engine_.counters().watching_clients.add(-1);
    forget_watched(engine_, session_.ref, session_.watcher, std::move(mine.watched));
  }
  mine.watched.clear();
  mine.watched_bytes = 0;
  session_.watcher.reset();
}

}  // namespace tessera::dispatch
