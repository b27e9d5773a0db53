// Role: see apply.h.
#include "server/persist/apply.h"

#include <atomic>

#include "common/hash/crc16.h"
#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/dispatch/inner_run.h"
#include "server/dispatch/parked_call.h"

namespace tessera::persist {

namespace {

constexpr size_t kBatchBytes = 64 * 1024;
constexpr size_t kLongestWord = UINT32_MAX / 2;

}  // namespace

// Shared with what is under way.
struct Applier::State {
  std::atomic<int64_t> outstanding{0}, commands{0}, failed{0};
  std::atomic<bool> told{false};
  std::string first_failure;  // readable once `told` is
  io::Loop* home = nullptr;

  void note_failure(const registry::CommandRow& row, const std::string& reply) {
    if (failed.fetch_add(1) != 0) return;
    first_failure = std::string(row.full_name) + ": " + reply.substr(1, reply.find('\r') - 1);
    told.store(true, std::memory_order_release);
  }
};

struct Applier::Batch : dispatch::Envelope {
  struct Item {
    const registry::CommandRow* row;
    int db;
    int key_at;  // 0: no key
    size_t first_word, word_count;
  };
  struct Word {
    size_t at, size;
  };
  std::vector<Item> items;
  std::vector<Word> words;
  std::string bytes;
  std::shared_ptr<State> state;

  void add(const registry::CommandRow& row, int db, int key_at, std::span<const std::string_view> args) {
    items.push_back({&row, db, key_at, words.size(), args.size()});
    for (std::string_view arg : args) {
      words.push_back({bytes.size(), arg.size()});
      bytes += arg;
    }
  }
  int64_t size_bytes() const { return static_cast<int64_t>(bytes.size() + items.size() * sizeof(Item)); }

  void run(dispatch::Engine& engine) {
    resp::ChunkPool pool;
    resp::OutChain chain(pool);
    resp::Writer reply(chain, 2);
    std::vector<std::string_view> views;
    for (const Item& item : items) {
      views.clear();
      for (size_t i = 0; i < item.word_count; ++i) {
        const Word& word = words[item.first_word + i];
        views.push_back(std::string_view(bytes).substr(word.at, word.size));
      }
      dispatch::CommandView command{item.row, registry::Args(views), {}};
      if (item.key_at > 0) {
        command.key = engine.shard().keyspace().make_key(views[static_cast<size_t>(item.key_at)]);
      }
      const uint32_t errors = reply.error_count();
      if (item.row->run_conn != nullptr) {
        dispatch::Session session;  // FUNCTION LOAD and its kin belong to no key
        session.authenticated = true;
        session.db = item.db;
        dispatch::run_unconnected(engine, command, session, reply);
      } else {
        engine.apply(command, item.db, reply);
      }
      if (reply.error_count() != errors) state->note_failure(*item.row, chain.to_string());
      chain.clear();
    }
    state->commands.fetch_add(static_cast<int64_t>(items.size()), std::memory_order_relaxed);
  }

  void arrive(dispatch::Engine& engine) override {
    const std::unique_ptr<Batch> mine(this);
    run(engine);
    engine.shard().publish_sizes();  // INFO is exact when loading is over, not a tick later
    done();
  }
  void done() {
    state->outstanding.fetch_sub(size_bytes());
    if (state->home != nullptr) state->home->wake();
  }
};

Applier::Applier(dispatch::NodeShared& node, Options options)
    : node_(node),
      options_(std::move(options)),
      state_(std::make_shared<State>()),
      open_(node.engines.size()) {
  state_->home = options_.home;
  database_count_ = node.engines.front()->shard().keyspace().database_count();
}

Applier::~Applier() = default;

void Applier::begin_stream() {
  db_ = 0;
  transaction_.reset();
}

int64_t Applier::commands() const {
  return state_->commands.load();
}
int64_t Applier::failed() const {
  return state_->failed.load();
}
std::string Applier::first_failure() const {
  return state_->told.load(std::memory_order_acquire) ? state_->first_failure : std::string();
}

Result<void> Applier::wait_until(int64_t outstanding) {
  while (state_->outstanding.load() > outstanding) {
    if (options_.wait && !options_.wait()) return Error{"stopped", kStopped};
  }
  return {};
}

void Applier::send(size_t shard) {
  if (open_[shard] != nullptr) send(shard, std::move(open_[shard]));
}

void Applier::send(size_t shard, std::unique_ptr<Batch> batch) {
  state_->outstanding.fetch_add(batch->size_bytes());
  node_.engines[shard]->loop().post(batch.release());
}

Result<const registry::CommandRow*> Applier::find_row(const registry::Args& args) const {
  const registry::Resolved found = node_.commands->resolve(args);
  if (found.what == registry::Resolution::kFound) return found.row;
  const std::string name(args[0].substr(0, 128));
  return Error{found.what == registry::Resolution::kWrongArity
                   ? "Wrong number of arguments of the command '" + name + "'"
                   : "Unknown command '" + name + "'"};
}

// Where the command may run by itself.
int Applier::place_of(const registry::CommandRow& row, const registry::Args& args, int& key_at) {
  using registry::Route;
  key_at = 0;
  const Route route = row.route_hook ? row.route_hook(row, args) : row.route;
  if (route != Route::kShard || row.run == nullptr || row.first_key_at == 0) return kEverywhere;
  const auto shard_of = [&](int at) {
    return node_.engines.front()->shard_of(hash::key_slot(args[static_cast<size_t>(at)]));
  };
  if (row.first_key_at > 0) return shard_of(key_at = row.first_key_at);
  (void)dispatch::find_keys(row, args, keys_);
  int place = kNowhere;
  for (const registry::KeyPosition& position : keys_) {
    const int shard = shard_of(position.at);
    if (place != kNowhere && place != shard) return kEverywhere;
    place = shard;
    if (key_at == 0) key_at = position.at;
  }
  return place == kNowhere ? kEverywhere : place;
}

Result<void> Applier::take(std::span<const std::string_view> words) {
  const registry::Args args(words);
  for (std::string_view word : words) {
    if (word.size() > kLongestWord)
      return Error{"a word of " + text::to_text(uint64_t{word.size()}) + " bytes"};
  }
  if (words.size() == 1 && text::iequals(words[0], "multi")) {
    if (transaction_ == nullptr) transaction_ = std::make_unique<Batch>();
    transaction_place_ = kNowhere;
    return {};
  }
  if (words.size() == 1 && text::iequals(words[0], "exec")) return end_transaction();
  if (words.size() == 2 && text::iequals(words[0], "select")) {
    const auto db = text::parse_int64(words[1]);
    if (!db || *db < 0 || *db >= database_count_) {
      return Error{"database '" + std::string(words[1].substr(0, 32)) + "' is beyond the " +
                   text::to_text(database_count_) + " that are configured"};
    }
    db_ = static_cast<int>(*db);
    return {};
  }
  const auto row = find_row(args);
  if (!row.ok()) return row.error();
  int key_at = 0;
  const int place = place_of(**row, args, key_at);
  if (transaction_ != nullptr) {
    transaction_->add(**row, db_, key_at, words);
    const bool same = transaction_place_ == kNowhere || transaction_place_ == place;
    transaction_place_ = same ? place : kEverywhere;
    return {};
  }
  if (place == kEverywhere) {
    auto batch = std::make_unique<Batch>();
    batch->add(**row, db_, key_at, words);
    return run_parked(std::move(batch));
  }
  const auto shard = static_cast<size_t>(place);
  std::unique_ptr<Batch>& batch = open_[shard];
  if (batch == nullptr) {
    batch = std::make_unique<Batch>();
    batch->state = state_;
  }
  batch->add(**row, db_, key_at, words);
  if (batch->bytes.size() >= kBatchBytes) send(shard);
  if (state_->outstanding.load(std::memory_order_relaxed) <= kMostOutstandingBytes) return {};
  return wait_until(kMostOutstandingBytes / 2);
}

Result<void> Applier::end_transaction() {
  std::unique_ptr<Batch> batch = std::move(transaction_);
  if (batch == nullptr) return Error{"EXEC without MULTI"};
  if (batch->items.empty()) return {};
  if (transaction_place_ == kEverywhere) return run_parked(std::move(batch));
  batch->state = state_;
  const auto shard = static_cast<size_t>(transaction_place_);
  send(shard);  // what came before
  send(shard, std::move(batch));
  if (state_->outstanding.load(std::memory_order_relaxed) <= kMostOutstandingBytes) return {};
  return wait_until(kMostOutstandingBytes / 2);
}

Result<void> Applier::run_parked(std::unique_ptr<Batch> batch) {
  if (auto done = finish(); !done.ok()) return done;
  batch->state = state_;
  state_->outstanding.fetch_add(batch->size_bytes());
  const std::shared_ptr<Batch> shared(std::move(batch));
  dispatch::call_parked(*node_.engines.front(), [shared](dispatch::Engine& engine) {
    shared->run(engine);
    shared->done();
  });
  return wait_until(0);
}

Result<void> Applier::finish() {
  for (size_t i = 0; i < open_.size(); ++i) send(i);
  return wait_until(0);
}

}  // namespace tessera::persist
