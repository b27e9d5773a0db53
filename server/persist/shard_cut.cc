// Role: a shard's part of a cut: the walk in slices, and what the keyspace hands out, as records for the
// snapshot thread. Thread: the shard's; begin_shard_cut() and what changes keys while the shard is parked:
// its holder's. Values are written without compression, which is the snapshot thread's work. Strings of some
// size are not even copied: their buffers are shared until somebody writes to them.
#include <algorithm>
#include <cstring>
#include <list>
#include <unordered_map>

#include "server/dispatch/engine.h"
#include "server/journal/faults.h"
#include "server/persist/cut_job.h"
#include "server/persist/rdb/encode.h"
#include "server/store/container.h"
#include "server/store/cut.h"
#include "server/store/string_ref.h"

namespace tessera::persist {

namespace {

using dispatch::Engine;
using dispatch::SliceWork;
using store::Container;
using store::Entry;
using store::Keyspace;
using store::KeyspaceCut;

constexpr size_t kChunkBytes = 64 * 1024;
constexpr size_t kShareFrom = 16 * 1024;
constexpr size_t kSliceBytes = 256 * 1024;  // handed out in a tick
constexpr int64_t kSliceUs = 300;
constexpr size_t kPaintEntries = 8192;
constexpr int kSlotsOfRange = 16;
constexpr int64_t kOpenBytes =
    1024;  // what it takes to save a value in pieces, beside its key and the pieces

class ShardCut final : public SliceWork, public store::CutSink {
 public:
  ShardCut(Engine& engine, std::shared_ptr<CutJob> job, io::Loop& writer)
      : engine_(engine),
        job_(std::move(job)),
        mine_(job_->of_shard[static_cast<size_t>(engine.index())]),
        writer_(writer),
        stop_([this] { return enough(); }) {
    KeyspaceCut::begin(keyspace(), this);
  }

  // ---- what the keyspace hands out

  void entry(int db, int slot, const Entry& entry, bool early) override {
    if (early && journal::planted(journal::Fault::kOldStateLost)) return;
    RecordHead head = head_of(db, entry);
    CutChunk& chunk = open_chunk(early, order_of(false, db, slot));
    if (entry.type() == store::Type::kString && share(entry, head, chunk)) {
      note(chunk, head.value_bytes, early);
      return;
    }
    const size_t at = begin_record(chunk, entry.key());
    const size_t value_at = chunk.bytes.size();
    rdb::write_value(entry, {.compress = false}, chunk.bytes);
    head.value_bytes = chunk.bytes.size() - value_at;
    std::memcpy(chunk.bytes.data() + at, &head, sizeof(head));
    note(chunk, chunk.bytes.size() - at, early);
  }

  void open_large(int db, int slot, const Entry& entry, bool early) override {
    // One that changes is taken next, behind the one that is under way.
    const auto behind = large_.empty() || !large_.front().begun ? large_.begin() : std::next(large_.begin());
    const auto at = large_.emplace(early ? behind : large_.end());
    Large& large = *at;
    large.head = head_of(db, entry);
    large.head.shape = RecordHead::kLarge;
    large.key = entry.key();
    large.order = order_of(!early, db, slot);
    large.value = &Keyspace::container(entry);
    by_value_[large.value] = at;
    large.writer = rdb::make_writer(entry, {.compress = false});
    large.writer->follow([this, &large](size_t bytes) {
      job_->node.snapshot_status.copied_bytes.fetch_add(static_cast<int64_t>(bytes),
                                                        std::memory_order_relaxed);
      charge(large);
    });
    charge(large);
  }

  void let_go(const Container& value, std::unique_ptr<store::Detached> owner) override {
    const auto found = by_value_.find(&value);
    if (found == by_value_.end()) {
      engine_.shard().free_later(std::move(owner));
    } else {
      Large& large = *found->second;
      large.owner = std::move(owner);
      large.detached = static_cast<int64_t>(value.allocated_bytes());
      detach(large.detached);
    }
  }

  void tables_kept(int64_t bytes) override {
    kept_tables_ += bytes;
    detach(bytes);
  }

  // ---- the shard's work

  Next slice(Engine&) override {
    if (job_->given_up.load(std::memory_order_acquire) && !painting_) paint();
    if (!painting_) check_bound(0);
    began_ = engine_.clock().mono();
    handed_out_ = 0;
    slice_bytes_ = job_->node.env->slice_of(kSliceBytes);
    if (!painting_ && waits()) return Next::kWait;
    while (!enough()) {
      if (!large_.empty() && (large_.front().begun || large_.front().owner || walked_ || large_is_early())) {
        write_large(std::min(kChunkBytes, slice_bytes_ - handed_out_));
      } else if (!walked_) {
        const store::CutBudget budget{painting_ ? kPaintEntries : SIZE_MAX, &stop_};
        walked_ = KeyspaceCut::walk(keyspace(), budget);
        if (!walked_) break;
      } else {
        break;
      }
    }
    if (walked_ && large_.empty()) {
      end();
      return Next::kOver;
    }
    return Next::kAgain;
  }

 private:
  struct Large {
    RecordHead head;
    std::string key;
    uint64_t order = 0;
    const Container* value = nullptr;
    std::unique_ptr<rdb::EntryWriter> writer;
    std::unique_ptr<store::Detached> owner;
    bool begun = false;
    int64_t kept = 0;      // of what the writer keeps, in CutJob::early_waiting
    int64_t detached = 0;  // bytes that `owner` has, in SnapshotStatus::detached_bytes
  };

  Keyspace& keyspace() { return engine_.shard().keyspace(); }
  // Large values come behind all others.
  static uint64_t order_of(bool large, int db, int slot) {
    return uint64_t{large} << 40 | static_cast<uint64_t>(db) << 16 |
           static_cast<uint64_t>(slot / kSlotsOfRange);
  }
  bool large_is_early() const { return (large_.front().order >> 40) == 0; }

  bool enough() { return handed_out_ >= slice_bytes_ || (engine_.clock().mono() - began_).us >= kSliceUs; }
  bool waits() {
    if (mine_.waiting.load() <= job_->waiting_limit()) return false;
    mine_.paused.store(true);
    // Taken meanwhile: nobody would wake us.
    return mine_.waiting.load() > job_->waiting_limit() / 2;
  }

  RecordHead head_of(int db, const Entry& entry) const {
    RecordHead head;
    head.db = db;
    head.type = rdb::type_of(entry);
    head.key_bytes = static_cast<uint32_t>(entry.key().size());
    head.expire_ms = entry.expire_ms();
    if (job_->access == SaveAccess::kIdle) {
      head.idle_s = shard::lru_idle_ms(entry.lru(), job_->info.taken) / 1000;
    } else if (job_->access == SaveAccess::kFrequency) {
      head.freq = static_cast<int16_t>(entry.lru() & 0xff);
    }
    return head;
  }

  static size_t begin_record(CutChunk& chunk, std::string_view key) {
    const size_t at = chunk.bytes.size();
    chunk.bytes.resize(at + sizeof(RecordHead));
    chunk.bytes += key;
    return at;
  }

  // A string that has buffers of its own.
  bool share(const Entry& entry, RecordHead& head, CutChunk& chunk) {
    const store::StringRef value(entry);
    if (value.is_int() || value.size() < kShareFrom) return false;
    const bool shared =
        value.for_each_shared(0, value.size(), [&](const SharedBytes& bytes, size_t offset, size_t size) {
          chunk.pieces.push_back({bytes, offset, size});
        });
    if (!shared) return false;
    head.shape = RecordHead::kShared;
    head.value_bytes = value.size();
    const size_t at = begin_record(chunk, entry.key());
    std::memcpy(chunk.bytes.data() + at, &head, sizeof(head));
    return true;
  }

  // The chunk that takes a record now. `order` 0 of one that is early: none.
  CutChunk& open_chunk(bool early, uint64_t order) {
    std::unique_ptr<CutChunk>& open = early ? early_ : ordered_;
    if (open == nullptr) {
      open = std::make_unique<CutChunk>();
      open->job = job_;
      open->shard = engine_.index();
      open->early = early;
      open->bytes.reserve(kChunkBytes + kChunkBytes / 8);
    }
    if (early) return *open;
    // A large value that changed comes as soon as it can: where the walk is.
    order_ = std::max(order_, order);
    if (open->segments.empty() || open->segments.back().order != order_) {
      open->segments.push_back({order_, open->bytes.size()});
    }
    return *open;
  }

  void note(CutChunk& chunk, size_t bytes, bool early) {
    handed_out_ += bytes;
    chunk.charged += static_cast<int64_t>(bytes);
    dispatch::SnapshotStatus& status = job_->node.snapshot_status;
    if (early) {
      const auto n = static_cast<int64_t>(bytes);
      status.copied_bytes.fetch_add(n, std::memory_order_relaxed);
      wait_early(n);
    } else {
      mine_.waiting.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
    }
    if (chunk.charged >= static_cast<int64_t>(kChunkBytes)) flush(early);
  }

  // So much more of old states waits.
  void wait_early(int64_t bytes) {
    dispatch::SnapshotStatus& status = job_->node.snapshot_status;
    const int64_t waiting = job_->early_waiting.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (bytes <= 0) return;
    if (waiting > status.copied_peak.load(std::memory_order_relaxed))
      status.copied_peak.store(waiting, std::memory_order_relaxed);
    // Of one value alone, however large, no cut fails.
    check_bound(waiting - bytes);
  }
  void detach(int64_t bytes) {
    dispatch::SnapshotStatus& status = job_->node.snapshot_status;
    const int64_t waiting = status.detached_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (bytes <= 0) return;
    if (waiting > status.detached_peak.load(std::memory_order_relaxed))
      status.detached_peak.store(waiting, std::memory_order_relaxed);
    check_bound(job_->early_waiting.load(std::memory_order_relaxed) - bytes);
  }
  // The bound is what a cut takes beyond what was there at its moment: old states that wait, and what has
  // left the keyspace and is still to be saved, as far as something else has taken the place of either.
  void check_bound(int64_t old_states) {
    const int64_t kept =
        old_states + job_->node.snapshot_status.detached_bytes.load(std::memory_order_relaxed);
    if (kept <= job_->early_limit) return;
    int64_t used = 0;
    for (Engine* engine : job_->node.engines)
      used += static_cast<int64_t>(engine->shard().keyspace().used_bytes());
    const int64_t gone = std::max<int64_t>(0, job_->used_at_cut - used);
    if (kept - gone <= job_->early_limit) return;
    job_->give_up({"what changed before it was saved has outgrown its bound of " +
                       std::to_string(job_->early_limit) + " bytes: the file is slower than the writes",
                   0});
  }
  // What is kept of a value that changes.
  void charge(Large& large) {
    const auto kept = static_cast<int64_t>(large.writer->kept_bytes() + large.key.size()) + kOpenBytes;
    if (kept != large.kept) wait_early(kept - large.kept);
    large.kept = kept;
  }

  void flush(bool early) {
    std::unique_ptr<CutChunk>& open = early ? early_ : ordered_;
    if (open != nullptr) writer_.post(open.release());
  }

  // Some bytes of the first large value; true: it is complete.
  bool write_large(size_t budget) {
    Large& large = large_.front();
    CutChunk* chunk = &open_chunk(false, large.order);
    if (!large.begun) {
      large.begun = true;
      const size_t at = begin_record(*chunk, large.key);
      std::memcpy(chunk->bytes.data() + at, &large.head, sizeof(large.head));
    }
    RecordHead slice;
    const size_t at = begin_record(*chunk, {});
    const size_t value_at = chunk->bytes.size();
    const bool last = large.writer->write_some(chunk->bytes, budget);
    slice.shape = last ? RecordHead::kLast : RecordHead::kSlice;
    slice.value_bytes = chunk->bytes.size() - value_at;
    std::memcpy(chunk->bytes.data() + at, &slice, sizeof(slice));
    note(*chunk, chunk->bytes.size() - at, false);
    charge(large);
    if (!last) return false;
    wait_early(-large.kept);
    release(large);
    large_.pop_front();
    return true;
  }

  // Of a value that nobody writes any more.
  void release(Large& large) {
    by_value_.erase(large.value);
    if (large.owner) {
      detach(-large.detached);
      engine_.shard().free_later(std::move(large.owner));
    } else {
      KeyspaceCut::large_is_saved(keyspace(), *large.value);
    }
  }

  // The cut was given up.
  void paint() {
    painting_ = true;
    for (Large& large : large_) {
      large.writer->leave();
      release(large);
    }
    large_.clear();
    KeyspaceCut::abandon(keyspace());
    ordered_.reset();
    early_.reset();
  }

  void end() {
    KeyspaceCut::end(keyspace(), [this](std::unique_ptr<store::Detached> kept) {
      engine_.shard().free_later(std::move(kept));
    });
    detach(-kept_tables_);
    flush(true);
    open_chunk(false, order_).last = true;
    flush(false);
  }

  Engine& engine_;
  const std::shared_ptr<CutJob> job_;
  CutJob::OfShard& mine_;
  io::Loop& writer_;
  const std::function<bool()> stop_;
  std::unique_ptr<CutChunk> ordered_, early_;
  int64_t kept_tables_ = 0;  // bytes, in SnapshotStatus::detached_bytes
  std::list<Large> large_;   // they stay where they are in memory
  std::unordered_map<const Container*, std::list<Large>::iterator> by_value_;
  uint64_t order_ = 0;
  bool walked_ = false, painting_ = false;
  MonoTime began_;
  size_t handed_out_ = 0, slice_bytes_ = 0;  // in this slice, and how much may be
};

}  // namespace

void begin_shard_cut(Engine& engine, const std::shared_ptr<CutJob>& job, io::Loop& writer) {
  engine.set_slice_work(std::make_unique<ShardCut>(engine, job, writer));
}

}  // namespace tessera::persist
