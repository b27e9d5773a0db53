// Role: a shard's part of a cut: the walk in slices, and what the keyspace hands out, as records for the
// snapshot thread, or for a file when much is kept. Thread: the shard's; begin_shard_cut() and what changes
// keys while the shard is parked: its holder's. Values are written without compression, which is the snapshot
// thread's work. Strings of some size are not even copied: their buffers are shared until somebody writes to
// them.
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
constexpr size_t kMoveFrom = 1024 * 1024;  // kept of a value that is under way: the rest of it spills
constexpr int64_t kOpenBytes =
    1024;  // what it takes to save a value in pieces, beside its key and the pieces

class ShardCut final : public SliceWork, public store::CutSink {
 public:
  ShardCut(Engine& engine, std::shared_ptr<CutJob> job)
      : engine_(engine),
        job_(std::move(job)),
        mine_(job_->of_shard[static_cast<size_t>(engine.index())]),
        stop_([this] { return enough() || (walk_spills_ && spill_waits()); }),
        chunk_bytes_(static_cast<int64_t>(job_->node.env->slice_of(kChunkBytes))),
        move_from_(static_cast<int64_t>(job_->node.env->slice_of(kMoveFrom))) {
    KeyspaceCut::begin(keyspace(), this);
  }

  // ---- what the keyspace hands out

  void entry(int db, int slot, const Entry& entry, bool early) override {
    if (early && journal::planted(journal::Fault::kOldStateLost)) return;
    RecordHead head = head_of(db, entry);
    const Way way = early ? Way::kEarly : walk_spills_ ? Way::kSpill : Way::kOrdered;
    CutChunk& chunk = open_chunk(way, order_of(false, db, slot));
    if (entry.type() == store::Type::kString && share(entry, head, chunk)) {
      note(chunk, head.value_bytes, way);
      return;
    }
    const size_t at = begin_record(chunk, entry.key());
    const size_t value_at = chunk.bytes.size();
    rdb::write_value(entry, {.compress = false}, chunk.bytes);
    head.value_bytes = chunk.bytes.size() - value_at;
    std::memcpy(chunk.bytes.data() + at, &head, sizeof(head));
    note(chunk, chunk.bytes.size() - at, way);
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
      note_largest(large.detached);
      detach(large.detached);
    }
  }

  void tables_kept(int64_t bytes) override {
    kept_tables_ += bytes;
    detach(bytes);
  }

  void tables_saved(int64_t bytes, std::unique_ptr<store::Detached> tables) override {
    kept_tables_ -= bytes;
    detach(-bytes);
    engine_.shard().free_later(std::move(tables));
  }

  // ---- the shard's work

  Next slice(Engine&) override {
    if (job_->given_up.load(std::memory_order_acquire) && !painting_) paint();
    began_ = engine_.clock().mono();
    handed_out_ = 0;
    slice_bytes_ = job_->node.env->slice_of(kSliceBytes);
    bool waits = false, spills_on = false;
    if (painting_) {
      walk();
    } else {
      check_bound();
      judge_spilling();
      waits = ordered_waits();
      // The snapshot thread first, as long as it takes anything.
      const size_t share = std::max<size_t>(spilled_.empty() ? slice_bytes_ : slice_bytes_ / 2, 1);
      while (!waits && handed_out_ < share && !enough() && ordered_some()) {
      }
      spills_on = spill_some(waits);
    }
    const bool is_over = walked_ && large_.empty();
    if (is_over && spilled_.empty()) {
      end();
      return Next::kOver;
    }
    if (spills_on || (spilling_ && !waits && !is_over)) return Next::kAtOnce;
    return waits || is_over ? Next::kWait : Next::kAgain;
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
    bool moved = false;    // begun for the snapshot thread, and goes on in a stream of its own
    int64_t kept = 0;      // of what the writer keeps, in SnapshotStatus::copied_waiting
    int64_t detached = 0;  // bytes that `owner` has, in SnapshotStatus::detached_bytes
  };

  // To the snapshot thread in its order, or as something that changed first; or to a file.
  enum class Way { kOrdered, kEarly, kSpill };

  Keyspace& keyspace() { return engine_.shard().keyspace(); }
  // Large values come behind all others.
  static uint64_t order_of(bool large, int db, int slot) {
    return uint64_t{large} << 40 | static_cast<uint64_t>(db) << 16 |
           static_cast<uint64_t>(slot / kSlotsOfRange);
  }
  static bool is_early(const Large& large) { return large.order >> 40 == 0; }

  bool enough() { return handed_out_ >= slice_bytes_ || (engine_.clock().mono() - began_).us >= kSliceUs; }
  bool ordered_waits() {
    if (mine_.waiting.load() <= job_->waiting_limit) return false;
    flush(Way::kOrdered);
    mine_.paused.store(true);
    // Taken meanwhile: nobody would wake us.
    return mine_.waiting.load() > job_->waiting_limit / 2;
  }
  bool spill_waits() {
    if (mine_.spill_waiting.load() <= job_->spill_waiting_limit) return false;
    flush(Way::kSpill);
    mine_.spill_paused.store(true);
    return mine_.spill_waiting.load() > job_->spill_waiting_limit / 2;
  }

  // Something for the snapshot thread; false: nothing is left, or the budget is spent.
  bool ordered_some() {
    if (!large_.empty() &&
        (large_.front().begun || large_.front().owner || walked_ || is_early(large_.front()))) {
      write_large(large_, Way::kOrdered, std::min(kChunkBytes, slice_bytes_ - handed_out_));
      return true;
    }
    return !walked_ && walk();
  }
  bool walk() {
    const store::CutBudget budget{painting_ ? kPaintEntries : SIZE_MAX, &stop_};
    walked_ = walked_ || KeyspaceCut::walk(keyspace(), budget);
    return walked_;
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

  // The chunk that takes a record now.
  CutChunk& open_chunk(Way way, uint64_t order) {
    std::unique_ptr<CutChunk>& open = open_[static_cast<size_t>(way)];
    if (open == nullptr) {
      open = std::make_unique<CutChunk>();
      open->job = job_;
      open->shard = engine_.index();
      open->early = way == Way::kEarly;
      open->bytes.reserve(kChunkBytes + kChunkBytes / 8);
    }
    if (way != Way::kOrdered) return *open;
    // A large value that changed comes as soon as it can: where the walk is.
    order_ = std::max(order_, order);
    if (open->segments.empty() || open->segments.back().order != order_) {
      open->segments.push_back({order_, open->bytes.size()});
    }
    return *open;
  }

  void note(CutChunk& chunk, size_t size, Way way) {
    const auto bytes = static_cast<int64_t>(size);
    handed_out_ += size;
    chunk.charged += bytes;
    if (way == Way::kEarly) {
      job_->node.snapshot_status.copied_bytes.fetch_add(bytes, std::memory_order_relaxed);
      note_largest(bytes);
      wait_early(bytes);
    } else {
      (way == Way::kSpill ? mine_.spill_waiting : mine_.waiting).fetch_add(bytes, std::memory_order_relaxed);
    }
    if (chunk.charged < chunk_bytes_) return;
    if (way == Way::kEarly) judge_spilling();
    flush(way);
  }

  // So much more of old states waits.
  void wait_early(int64_t bytes) {
    dispatch::SnapshotStatus& status = job_->node.snapshot_status;
    const int64_t waiting = status.copied_waiting.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (bytes <= 0) return;
    if (waiting > status.copied_peak.load(std::memory_order_relaxed))
      status.copied_peak.store(waiting, std::memory_order_relaxed);
    check_bound();
  }
  void detach(int64_t bytes) {
    dispatch::SnapshotStatus& status = job_->node.snapshot_status;
    const int64_t waiting = status.detached_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (bytes <= 0) return;
    if (waiting > status.detached_peak.load(std::memory_order_relaxed))
      status.detached_peak.store(waiting, std::memory_order_relaxed);
    check_bound();
  }
  void note_largest(int64_t bytes) {
    int64_t largest = job_->largest.load(std::memory_order_relaxed);
    while (bytes > largest && !job_->largest.compare_exchange_weak(largest, bytes)) {
    }
  }
  // The bound is what a cut takes beyond what was there at its moment: old states that wait, and what has
  // left the keyspace and is still to be saved, as far as something else has taken the place of either. Of
  // one value alone, however large, no cut fails.
  void check_bound() {
    const int64_t limit = job_->kept_limit + job_->largest.load(std::memory_order_relaxed);
    if (job_->kept_beyond(limit) <= limit) return;
    job_->give_up({"what changed before it was saved has outgrown its bound of " +
                       std::to_string(job_->kept_limit) + " bytes: the file is slower than the writes" +
                       job_->about_spill(),
                   0});
  }

  static int64_t kept_of_none(const Large& large) {
    return static_cast<int64_t>(large.key.size()) + kOpenBytes;
  }
  // What is kept of a value that changes.
  void charge(Large& large) {
    const auto kept = static_cast<int64_t>(large.writer->kept_bytes()) + kept_of_none(large);
    if (kept != large.kept) wait_early(kept - large.kept);
    large.kept = kept;
  }

  void flush(Way way) {
    std::unique_ptr<CutChunk> chunk = std::move(open_[static_cast<size_t>(way)]);
    if (chunk == nullptr) return;
    if (way == Way::kSpill) chunk->stream = spill_stream_;
    if (way == Way::kEarly && spills()) chunk->stream = begun(early_stream_);
    post(std::move(chunk));
  }
  void post(std::unique_ptr<CutChunk> chunk) {
    (chunk->stream == CutChunk::kNoStream ? job_->writer : job_->spiller)->post(chunk.release());
  }

  // ---- to files

  bool spills() const { return spilling_ && !job_->spill_failed.load(std::memory_order_acquire); }
  void judge_spilling() {
    const int64_t from = spilling_ ? job_->spill_from / 2 : job_->spill_from;
    spilling_ = job_->kept_beyond(from) > from;
    if (spilling_) job_->spills.store(true, std::memory_order_relaxed);
  }
  int begun(int& stream) {
    if (stream == CutChunk::kNoStream) stream = streams_++;
    return stream;
  }
  void use_stream(int stream) {
    if (stream == spill_stream_) return;
    flush(Way::kSpill);
    spill_stream_ = stream;
  }
  void end_stream(int stream) {
    if (stream == CutChunk::kNoStream) return;
    auto chunk = std::make_unique<CutChunk>();
    chunk->job = job_;
    chunk->shard = engine_.index();
    chunk->stream = stream;
    chunk->stream_ends = true;
    post(std::move(chunk));
  }

  // `waits`: the snapshot thread takes nothing at the moment. True: there is more, for which there is room.
  bool spill_some(bool waits) {
    if (spilled_.empty() && !spills()) return false;
    while (!enough()) {
      if (spill_waits()) return false;
      if (!spilled_.empty()) {
        write_large(spilled_, Way::kSpill, std::min(kChunkBytes, slice_bytes_ - handed_out_));
      } else if (!begin_to_spill(waits)) {
        // Tables that left the keyspace go when all is saved.
        if (!waits || walked_ || kept_tables_ <= move_from_) return false;
        use_stream(begun(slow_stream_));
        walk_spills_ = true;
        walk();
        walk_spills_ = false;
      }
    }
    return true;
  }
  // The next large value of which something is kept, or that is open before its turn; of the one that is
  // under way, when that is much, the rest.
  bool begin_to_spill(bool waits) {
    for (auto at = large_.begin(); at != large_.end(); ++at) {
      const int64_t kept = at->kept - kept_of_none(*at) + at->detached;
      const bool spills =
          kept > (at->begun ? move_from_ : 0) || kept_tables_ > move_from_ || (is_early(*at) && !at->begun);
      if (!spills || (at->begun && !waits)) continue;
      at->moved = at->begun;
      use_stream(at->moved ? streams_++ : begun(slow_stream_));
      if (at->moved) tell_move(at->order);
      spilled_.splice(spilled_.end(), large_, at);
      return true;
    }
    return false;
  }
  void tell_move(uint64_t order) {
    CutChunk& chunk = open_chunk(Way::kOrdered, order);
    RecordHead head;
    head.shape = RecordHead::kMoved;
    head.value_bytes = static_cast<uint64_t>(spill_stream_);
    const size_t at = begin_record(chunk, {});
    std::memcpy(chunk.bytes.data() + at, &head, sizeof(head));
    note(chunk, sizeof(head), Way::kOrdered);
    flush(Way::kOrdered);  // nothing may stand behind it
  }

  // Some bytes of the first of these values.
  void write_large(std::list<Large>& values, Way way, size_t budget) {
    Large& large = values.front();
    CutChunk* chunk = &open_chunk(way, large.order);
    const size_t before = chunk->bytes.size();
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
    note(*chunk, chunk->bytes.size() - before, way);
    charge(large);
    if (!last) return;
    wait_early(-large.kept);
    if (large.moved) {
      flush(way);
      end_stream(spill_stream_);
    }
    release(large);
    values.pop_front();
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
    large_.splice(large_.end(), spilled_);
    for (Large& large : large_) {
      large.writer->leave();
      wait_early(-large.kept);
      release(large);
    }
    large_.clear();
    KeyspaceCut::abandon(keyspace());
    for (auto& chunk : open_) chunk.reset();
  }

  void end() {
    KeyspaceCut::end(keyspace(), [this](std::unique_ptr<store::Detached> kept) {
      engine_.shard().free_later(std::move(kept));
    });
    detach(-kept_tables_);
    if (!painting_) {
      flush(Way::kEarly);
      flush(Way::kSpill);
      end_stream(early_stream_);
      end_stream(slow_stream_);
    }
    CutChunk& chunk = open_chunk(Way::kOrdered, order_);
    chunk.last = true;
    chunk.streams = streams_;
    flush(Way::kOrdered);
  }

  Engine& engine_;
  const std::shared_ptr<CutJob> job_;
  CutJob::OfShard& mine_;
  const std::function<bool()> stop_;
  const int64_t chunk_bytes_, move_from_;
  std::unique_ptr<CutChunk> open_[3];  // by Way
  int64_t kept_tables_ = 0;            // bytes, in SnapshotStatus::detached_bytes
  std::list<Large> large_;             // they stay where they are in memory
  std::list<Large> spilled_;           // the one that is written to a file now
  // What changed first, in no order; large values and what the walk spills; what the open chunk is for.
  int early_stream_ = CutChunk::kNoStream, slow_stream_ = CutChunk::kNoStream;
  int spill_stream_ = CutChunk::kNoStream;
  int streams_ = 0;
  bool spilling_ = false, walk_spills_ = false;
  std::unordered_map<const Container*, std::list<Large>::iterator> by_value_;
  uint64_t order_ = 0;
  bool walked_ = false, painting_ = false;
  MonoTime began_;
  size_t handed_out_ = 0, slice_bytes_ = 0;  // in this slice, and how much may be
};

}  // namespace

void begin_shard_cut(Engine& engine, const std::shared_ptr<CutJob>& job) {
  engine.set_slice_work(std::make_unique<ShardCut>(engine, job));
}

}  // namespace tessera::persist
