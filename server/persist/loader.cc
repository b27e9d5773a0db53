// Role: see loader.h.
#include "server/persist/loader.h"

#include <algorithm>
#include <cinttypes>

#include "common/hash/crc16.h"
#include "common/text/quoting.h"
#include "server/config/config.h"
#include "server/persist/access.h"
#include "server/persist/decode_options.h"
#include "server/persist/key_delay.h"
#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/value.h"

namespace tessera::persist {

namespace {

constexpr size_t kChunkBytes = 1024 * 1024;
constexpr size_t kBatchBytes = 64 * 1024;

}  // namespace

// Shared with batches under way.
struct Loader::State {
  std::atomic<int64_t> outstanding{0};
  std::atomic<int64_t> keys{0}, empty{0};
  std::atomic<bool> failed{false};
  std::atomic<bool> told{false};
  Error error;  // of who set `failed`, readable once `told` is
  io::Loop* home = nullptr;
  bool merge = false;
  bool hide_keys = false;  // hide-user-data-from-log

  std::string shown(std::string_view key) const {
    return hide_keys ? std::string("*redacted*") : text::repr(key);
  }
  void fail(Error what) {
    if (failed.exchange(true)) return;
    error = std::move(what);
    told.store(true, std::memory_order_release);
  }
};

// Keys of one shard on their way there.
struct Loader::Batch : dispatch::Envelope {
  struct Item {
    int db;
    rdb::Kind kind;
    uint32_t key_bytes;
    size_t value_bytes;
    uint64_t offset;
    int64_t expire_ms, idle_s;
    int freq;
  };
  std::vector<Item> items;
  std::string bytes;  // keys and values, one behind the other
  std::shared_ptr<State> state;

  void arrive(dispatch::Engine& engine) override {
    const std::unique_ptr<Batch> mine(this);
    size_t at = 0;
    for (const Item& item : items) {
      const std::string_view key = std::string_view(bytes).substr(at, item.key_bytes);
      const std::string_view value = std::string_view(bytes).substr(at + item.key_bytes, item.value_bytes);
      at += item.key_bytes + item.value_bytes;
      if (state->failed.load(std::memory_order_relaxed)) break;
      insert(engine, item, key, value);
    }
    engine.shard().publish_sizes();  // INFO is exact when loading is over, not a tick later
    state->outstanding.fetch_sub(static_cast<int64_t>(bytes.size()));
    if (state->home != nullptr) state->home->wake();
  }

  void insert(dispatch::Engine& engine, const Item& item, std::string_view name,
              std::string_view bytes_of_value) {
    shard::Shard& shard = engine.shard();
    store::Keyspace& keyspace = shard.keyspace();
    rdb::Value value;
    const auto decoded =
        rdb::decode(item.kind, bytes_of_value, item.offset, decode_options(keyspace, shard.settings), value);
    if (!decoded.ok()) {
      if (decoded.error().code == rdb::kEmptyValue) {
        state->empty.fetch_add(1, std::memory_order_relaxed);
      } else {
        state->fail({"key " + state->shown(name) + ": " + decoded.error().message, decoded.error().code});
      }
      return;
    }
    const store::Key key = keyspace.make_key(name);
    if (!state->merge && keyspace.find(item.db, key) != nullptr) {
      state->fail(
          {"key " + state->shown(name) + " is there twice, again at offset " + std::to_string(item.offset),
           0});
      return;
    }
    store::Entry* entry = value.put(keyspace, item.db, key, item.expire_ms);
    set_access(entry, shard.settings, engine.clock().wall_ms(), item.idle_s, item.freq);
    state->keys.fetch_add(1, std::memory_order_relaxed);
  }
};

Loader::Loader(dispatch::NodeShared& node, Options options)
    : node_(node),
      options_(std::move(options)),
      state_(std::make_shared<State>()),
      open_(node.engines.size()) {
  state_->home = options_.home;
  state_->merge = options_.merge;
  state_->hide_keys = node.settings->get()->config->boolean("hide-user-data-from-log");
  now_ms_ = node.env->clock().wall_ms().ms;
  database_count_ = node.engines.front()->shard().keyspace().database_count();
}

Loader::~Loader() = default;

bool Loader::wait_until(int64_t outstanding) {
  while (state_->outstanding.load() > outstanding) {
    if (options_.wait && !options_.wait()) return false;
  }
  return true;
}

void Loader::send(size_t shard) {
  std::unique_ptr<Batch> batch = std::move(open_[shard]);
  if (batch == nullptr) return;
  state_->outstanding.fetch_add(static_cast<int64_t>(batch->bytes.size()));
  if (options_.direct) {
    batch.release()->arrive(*node_.engines[shard]);
  } else {
    node_.engines[shard]->loop().post(batch.release());
  }
}

Result<void> Loader::take_key(const rdb::Record& record) {
  const auto name = rdb::decode_string(record.key, record.offset + 1);
  if (!name.ok()) return name.error();
  if (record.db >= database_count_) {
    return Error{"database " + std::to_string(record.db) + " at offset " + std::to_string(record.offset) +
                     " is beyond the " + std::to_string(database_count_) + " that are configured",
                 0};
  }
  if (options_.is_primary && record.expire_ms >= 0 && record.expire_ms <= now_ms_) {
    ++result_.expired;
    return {};
  }
  const int slot = hash::key_slot(*name);
  const size_t shard = static_cast<size_t>(store::shard_of_slot(slot, static_cast<int>(open_.size())));
  std::unique_ptr<Batch>& batch = open_[shard];
  if (batch == nullptr) {
    batch = std::make_unique<Batch>();
    batch->state = state_;
  }
  batch->items.push_back({record.db, record.kind, static_cast<uint32_t>(name->size()), record.value.size(),
                          record.value_offset, record.expire_ms, record.idle_s, record.freq});
  batch->bytes += *name;
  batch->bytes += record.value;
  if (batch->bytes.size() >= kBatchBytes) send(shard);
  return {};
}

void Loader::note_aux(const rdb::Record& record) {
  const auto key = rdb::decode_string(record.key);
  const auto value = rdb::decode_string(record.value);
  if (!key.ok() || !value.ok()) return;
  if (*key == "redis-ver" || *key == "valkey-ver" || *key == "tessera-ver") {
    node_.log->notice("Loading RDB produced by %s version %s", key->substr(0, key->size() - 4).c_str(),
                      value->c_str());
  } else if (*key == "ctime") {
    const int64_t age = now_ms_ / 1000 - std::strtoll(value->c_str(), nullptr, 10);
    node_.log->notice("RDB age %" PRId64 " seconds", std::max<int64_t>(age, 0));
  } else if (*key == "used-mem") {
    const int64_t used = std::strtoll(value->c_str(), nullptr, 10);
    node_.log->notice("RDB memory usage when created %.2f Mb", static_cast<double>(used) / (1024 * 1024));
  }
}

Result<void> Loader::take(const rdb::Record& record) {
  using What = rdb::Record::What;
  switch (record.what) {
    case What::kKey:
      return take_key(record);
    case What::kAux:
      note_aux(record);
      return {};
    case What::kFunction: {
      auto code = rdb::decode_string(record.value, record.value_offset);
      if (!code.ok()) return code.error();
      if (result_.functions.empty()) result_.functions_offset = record.offset;
      result_.functions.push_back(std::move(*code));
      return {};
    }
    case What::kModuleAux:
      node_.log->warning("Data of the module '%s' at offset %" PRIu64
                         " is skipped: modules are not loaded here",
                         rdb::module_name(record.numbers[0]).c_str(), record.offset);
      return {};
    case What::kSlotImport:
      node_.log->warning("Slots on their way in at offset %" PRIu64 " are not taken over", record.offset);
      return {};
    default:
      return {};
  }
}

Result<LoadResult> Loader::load_file(const std::string& path) {
  auto file = node_.env->files().open(path, io::OpenMode::kRead);
  if (!file.ok()) return file.error();
  dispatch::SnapshotStatus& status = node_.snapshot_status;
  if (const auto size = (*file)->size(); size.ok()) status.load_total_bytes = static_cast<int64_t>(*size);
  status.load_done_bytes = status.loaded_keys = status.loaded_expired = 0;
  status.load_started_s = now_ms_ / 1000;
  status.load_began_us = node_.env->clock().mono().us;

  const bool verify = options_.verify_checksum && !node_.debug.skip_checksums.load();
  rdb::Framer framer(verify, node_.settings->get()->shard.relaxed_rdb_versions);
  KeyDelay delay(node_, "key-load-delay");
  framer.expect_bytes(static_cast<uint64_t>(status.load_total_bytes.load()));
  std::string chunk(kChunkBytes, '\0');
  Result<void> outcome;
  bool ended = false, gave_up = false;
  while (!ended && !gave_up && outcome.ok() && !state_->failed.load()) {
    const auto n = (*file)->read(chunk.data(), chunk.size());
    if (!n.ok()) outcome = n.error();
    if (!n.ok()) break;
    std::string_view input(chunk.data(), *n);
    if (input.empty()) {
      outcome = framer.truncated();
      break;
    }
    rdb::Record record;
    rdb::Framer::Next next = rdb::Framer::Next::kRecord;
    while (outcome.ok() && (next = framer.next(input, record)) == rdb::Framer::Next::kRecord) {
      outcome = take(record);
      if (record.what == rdb::Record::What::kKey)
        delay.wait([&] { return node_.shutting_down.load(std::memory_order_relaxed); });
      if (state_->outstanding.load(std::memory_order_relaxed) > kMostOutstandingBytes &&
          !wait_until(kMostOutstandingBytes / 2)) {
        gave_up = true;
        break;
      }
    }
    if (next == rdb::Framer::Next::kBad) outcome = framer.error();
    ended = next == rdb::Framer::Next::kEnd;
    status.load_done_bytes.store(static_cast<int64_t>(framer.offset()), std::memory_order_relaxed);
    status.loaded_keys.store(state_->keys.load(), std::memory_order_relaxed);
    if (!gave_up && options_.wait) gave_up = node_.shutting_down.load();
  }
  for (size_t i = 0; i < open_.size(); ++i) send(i);
  if (!wait_until(0)) gave_up = true;
  if (state_->told.load(std::memory_order_acquire)) return state_->error;
  if (!outcome.ok()) return outcome.error();
  result_.complete = !gave_up;
  result_.end_offset = framer.offset();
  result_.keys = state_->keys.load();
  result_.empty = state_->empty.load();
  status.loaded_keys = result_.keys;
  status.loaded_expired = result_.expired;
  return std::move(result_);
}

}  // namespace tessera::persist
