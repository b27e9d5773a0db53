// Role: the engine's part of what is pushed to clients: appending a tick's items, telling other threads,
// lines of MONITOR, keys that are tracked. Thread: the engine's.
#include "common/text/quoting.h"
#include "server/dispatch/engine.h"
#include "server/registry/command_keys.h"

namespace tessera::dispatch {

namespace {

// Makes a thread tick: it reads the list by itself.
struct Look : Envelope {
  void arrive(Engine&) override { delete this; }
};

// Each shard has its share of tracking-table-max-keys.
void trim_tracking(Engine& engine) {
  const int64_t max_keys = engine.settings().shard.tracking_max_keys;
  if (max_keys == 0) return;
  const auto shards = static_cast<int64_t>(engine.node().engines.size());
  shard::Shard& shard = engine.shard();
  shard.tracking().trim(static_cast<size_t>((max_keys + shards - 1) / shards), shard.random(),
                        shard.port().items());
}

}  // namespace

void tell_engine_of_pushes(Engine& engine) {
  engine.loop().post(new Look);
}

void Engine::append_pushes() {
  feed::Port& port = shard_.port();
  if (!shard_.tracking().empty()) trim_tracking(*this);
  if (feed::Chunk* chunk = port.items().take()) {
    node_.feed->list().append(chunk, index_, [this](int reader) { post(reader, new Look); });
  }
  if (port.has_for_bus()) node_.publish_to_bus(port.take_bus());
}

void Engine::deliver_pushes() {
  if (node_.feed->list().listens(index_)) more_work_ |= push_sink_->deliver();
}

// As redis-server's: seconds and microseconds, [database client], the arguments in quotes.
void Engine::note_for_monitors(const CommandView& command, int db, std::string_view who) {
  const int64_t us = clock().wall_us();
  char head[64];
  std::snprintf(head, sizeof(head), "%lld.%06lld [%d ", static_cast<long long>(us / 1000000),
                static_cast<long long>(us % 1000000), db);
  std::string line = head;
  line += who;
  line += ']';
  for (const std::string_view arg : command.args.views()) {
    line += ' ';
    text::append_repr(line, arg);
  }
  shard_.port().items().add(feed::Kind::kMonitor, {}, line);
}

void Engine::remember_keys(const CommandView& command, const SessionBits& bits) {
  if (!(command.row->flags & registry::kReadonly)) return;
  registry::KeyPositions keys;
  if (!registry::get_keys(*command.row, command.args, keys)) return;
  for (const registry::KeyPosition& position : keys) {
    const std::string_view key = command.args[static_cast<size_t>(position.at)];
    const int at = shard_of(store::Keyspace::make_key(key, shard_.hash_seed()).slot);
    if (in_reach(at)) {
      node_.engines[static_cast<size_t>(at)]->shard_.tracking().remember(key, bits.changer);
    }
  }
}

}  // namespace tessera::dispatch
