// Role: the commands of a transaction: queued at home, then run where their keys live, as the same object:
// here, as one message to one shard, or under a gather. Thread: one owner at a time: home, shard or
// coordinator, home.
// Invariants: what is queued is owned here and counted as client memory; all commands of a segment run in one
// go with one record of effects; nothing runs when a watched key has changed, which is looked at where the
// keys live, in the same go as the first segment.
// Segments: commands of the control thread and of all threads (CONFIG, CLIENT LIST) are asked for between
// parts of a transaction, since shards are never parked while another thread is waited for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/resp/out.h"
#include "server/acl/access.h"
#include "server/acl/acl_log.h"
#include "server/dispatch/command.h"
#include "server/dispatch/envelope.h"
#include "server/dispatch/inner_run.h"
#include "server/dispatch/request_batch.h"
#include "server/shard/watch.h"

namespace tessera::dispatch {

class Engine;

struct WatchedKey {
  int db;
  std::string name;
  uint64_t hash;
  uint16_t slot;
  store::Key key() const { return {name, hash, slot}; }
};

class TransactionRun : public Envelope {
 public:
  enum class Outcome : uint8_t {
    kRan,      // this far
    kChanged,  // a watched key was: nothing ran, the reply is null
    kRefused,  // the slot is not ours (any more): nothing ran, the reply is the redirection
    kRetry,    // held where the keys live: nothing ran, to be started again
  };
  struct Segment {
    uint32_t first = 0, count = 0;
    std::vector<int> shards;  // ascending
    bool all_shards = false;
    bool connection = false;  // some of it needs the connection's thread
    bool elsewhere = false;   // one command of another thread
    bool token = false;       // scripts, which may take further shards
  };
  // What EXEC knows when it starts.
  struct Start {
    ClientRef client;
    SessionBits bits;
    const registry::CommandRow* row;
    shard::WatcherRef watcher;
    std::vector<WatchedKey> watched;
    bool muted;
    uint64_t began_ticks;
    // For monitors: the client, and EXEC as it was sent. Empty: there are none.
    std::string who, sent_as;
  };
  struct Refusal {
    acl::Reason reason;
    std::string object;
  };

  explicit TransactionRun(int home);
  void reset();

  // ---- queueing
  // `token`: it has to run under a gather.
  void add(const CommandView& command, InnerNeeds needs, const std::vector<int>& shards, bool token);
  // Keys of a queued command, for the gate of slots at EXEC.
  void note_slot(int slot, size_t keys);
  uint32_t count() const { return static_cast<uint32_t>(queue_.commands().size()); }
  size_t memory_bytes() const { return queue_.charged_bytes(); }
  uint32_t row_flags() const { return row_flags_; }  // of all commands
  // Effects that the rows of the commands do not tell of.
  bool wrote() const { return wrote_; }
  void note_wrote(bool wrote) { wrote_ |= wrote; }
  int slot() const { return slot_; }                 // of the first key; -1: no keys
  bool several_keys() const { return several_keys_; }
  bool cross_slot() const { return cross_slot_; }

  // ---- running
  void start(Start start);
  // Back to where it was before start(). REQUIRES: nothing ran.
  void stop();
  std::vector<WatchedKey> take_watched() { return std::move(start_.watched); }
  const registry::CommandRow* row() const { return start_.row; }
  int home() const { return home_; }
  ClientRef client() const { return start_.client; }
  const SessionBits& bits() const { return start_.bits; }
  void set_bits(const SessionBits& bits) { start_.bits = bits; }  // a command may have changed them
  bool muted() const { return start_.muted; }
  uint64_t began_ticks() const { return start_.began_ticks; }
  Outcome outcome() const { return outcome_; }
  bool done() const { return segment_ == segments_.size() || outcome_ != Outcome::kRan; }
  bool is_single() const { return segments_.size() == 1; }
  // Before start(): it takes more than one message to one shard, the shards of `watched` among them.
  bool needs_several(const Engine& engine, const std::vector<WatchedKey>& watched) const;
  bool has_begun() const { return segment_ > 0; }
  // One of several segments that writes: counted while it is under way (Engine::transaction_opens).
  bool is_open = false;
  const Segment& segment() const { return segments_[segment_]; }
  bool needs_connection() const { return segment().connection; }
  // Of the current segment, watched keys among them. Ascending; empty: none.
  std::vector<int> shards(const Engine& engine) const;
  // The one command of a segment that is elsewhere: who may not send it gets the error in reply(), and false.
  bool begin_elsewhere(CommandView& command);
  void end_elsewhere(Engine& engine, resp::OutChain&& reply);
  resp::OutChain& reply() { return reply_; }
  const std::vector<Refusal>& refusals() const { return refusals_; }

  // Runs the current segment. `by_index`: the parked shards by number; nullptr: our own only.
  void run(Engine& engine, shard::Shard* const* by_index);
  void run_into(Engine& engine, shard::Shard* const* by_index, resp::Writer& reply);

  // Whether it may not begin now (Engine::must_hold): it comes home to begin again.
  bool held(Engine& engine, shard::HoldRef& hold);
  // Whose hold keeps one of its commands from beginning, as far as the shards in reach know.
  shard::HoldRef held_by(Engine& engine, int db);

  // As a message to the one shard of its keys, and home again.
  void arrive(Engine& engine) override;
  bool arrive_at_busy(Engine& engine) override;
  // Before it begins: its reply says why it does not, and what is watched is forgotten.
  void refuse_as_busy(Engine& engine, std::string_view error);
  static void comes_home(Engine& engine, std::unique_ptr<TransactionRun> run);

 private:
  void run_commands(Engine& engine, resp::Writer& reply);
  bool is_allowed(const CommandView& command, resp::Writer& reply);
  bool is_unchanged(Engine& engine, shard::Shard* const* by_index);
  void forget_watches(Engine& engine, shard::Shard* const* by_index);
  bool is_ours(Engine& engine, resp::Writer& reply);
  void prefetch(Engine& engine);
  void write_head(resp::Writer& reply);
  void show(Engine& engine, const CommandView& command);
  void show_exec(Engine& engine);

  const int home_;
  RequestBatch queue_;
  std::vector<Segment> segments_;
  uint32_t row_flags_ = 0;
  bool wrote_ = false;
  int slot_ = -1;
  bool several_keys_ = false, cross_slot_ = false;

  Start start_;
  size_t segment_ = 0;
  bool head_written_ = false;
  bool returning_ = false;
  bool is_cut_ = false;  // its client is not answered any more; the commands run all the same
  Outcome outcome_ = Outcome::kRan;
  std::vector<Refusal> refusals_;
  resp::ChunkPool pool_;
  resp::OutChain reply_{pool_};
  // scratch
  std::vector<std::string_view> views_;
  std::vector<SharedBytes> owners_;
  registry::KeyPositions keys_;
};

// Registers or forgets watched keys at the shard they live on.
class WatchMessage : public Envelope {
 public:
  WatchMessage(int home, ClientRef client, shard::WatcherRef watcher, bool add)
      : home_(home), client_(client), watcher_(std::move(watcher)), add_(add) {}
  void arrive(Engine& engine) override;
  bool arrive_at_busy(Engine& engine) override;
  void run(Engine& engine);
  std::vector<WatchedKey> keys;

 private:
  int home_;
  ClientRef client_;
  shard::WatcherRef watcher_;
  bool add_;
  bool back_ = false;
};

// At home: tells the shards of these keys that `watcher` forgets them.
void forget_watched(Engine& engine, ClientRef client, const shard::WatcherRef& watcher,
                    std::vector<WatchedKey> keys);

}  // namespace tessera::dispatch
