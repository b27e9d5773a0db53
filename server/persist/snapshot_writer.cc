// Role: the snapshot thread: puts the shards' records into one order, presses, frames and sums them up, and
// hands the stream to its sinks. Thread: its own; it may wait for disks.
// The order: parts of shards by database and range of slots, whatever came first, so that the same data gives
// the same bytes. What changed before the walk reached it stands wherever it arrives. A large value is
// contiguous: meanwhile everything else waits. What was spilled is read back behind all that came here, save
// a large value that moved there in its middle.
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include "common/base/check.h"
#include "common/hash/crc64.h"
#include "server/journal/faults.h"
#include "server/persist/cut_job.h"
#include "server/persist/key_delay.h"
#include "server/persist/rdb/format.h"
#include "server/persist/rdb/presser.h"
#include "server/registry/version.h"

namespace tessera::persist {

namespace {
constexpr size_t kFlushBytes = 256 * 1024;
// Longer strings are written as they are: pressing takes their size twice.
constexpr size_t kPressMost = 16 * 1024 * 1024;
}  // namespace

struct SnapshotWriter::Start : io::Message {
  std::shared_ptr<CutJob> job;
};

class SnapshotWriter::Stream {
 public:
  Stream(SnapshotWriter& writer, std::shared_ptr<CutJob> job)
      : writer_(writer),
        job_(std::move(job)),
        of_shard_(job_->of_shard.size()),
        delay_(job_->node, "rdb-key-save-delay") {
    for (size_t i = 0; i < job_->targets.size(); ++i) begin(i);
  }

  void take(std::unique_ptr<CutChunk> chunk) {
    if (chunk->early) {
      early_.push_back(std::move(chunk));
    } else {
      of_shard_[static_cast<size_t>(chunk->shard)].chunks.push_back(std::move(chunk));
    }
  }

  void take(std::unique_ptr<SpilledStream> stream) {
    OfShard& shard = of_shard_[static_cast<size_t>(stream->shard)];
    ++shard.streams_here;
    if (stream->file != nullptr) shard.spilled[stream->stream] = std::move(stream->file);
  }

  // True: over, nothing of the job is to come.
  bool run() {
    for (;;) {
      if (writer_.stopping_.load(std::memory_order_relaxed)) job_->give_up({"the server stops", 0});
      if (job_->given_up.load(std::memory_order_acquire)) return drain();
      if (large_of_ >= 0 && moved_to_ >= 0) {
        if (!take_moved()) return false;
      } else if (large_of_ >= 0) {
        if (!take_segment(static_cast<size_t>(large_of_))) return false;
      } else if (!early_.empty()) {
        take_early();
      } else {
        const int next = next_shard();
        if (next == kNobody) {
          if (const Spilled spilled = take_spilled(); spilled == Spilled::kAll)
            return finish();
          else if (spilled == Spilled::kNotYet)
            return false;
          continue;
        }
        if (next == kNotYet || !take_segment(static_cast<size_t>(next))) return false;
      }
      if (out_.size() >= kFlushBytes) flush();
    }
  }

  const std::shared_ptr<CutJob>& job() const { return job_; }

 private:
  static constexpr int kNobody = -1, kNotYet = -2;
  struct OfShard {
    std::deque<std::unique_ptr<CutChunk>> chunks;
    size_t segment = 0;  // of the first chunk
    bool ended = false;
    int streams = 0, streams_here = 0;                  // spilled; the first is known when it has ended
    std::map<int, std::unique_ptr<SpillFile>> spilled;  // streams to be read
  };
  enum class Spilled { kSome, kNotYet, kAll };

  rdb::WriteOptions options() const { return {.compress = job_->compress}; }

  void begin(size_t i) {
    CutJob::Target& target = *job_->targets[i];
    const Result<void> begun = target.request.sink->begin(job_->info);
    if (!begun.ok()) {
      fail(i, begun.error());
      return;
    }
    std::string head;
    rdb::write_magic(head, job_->info.version);
    rdb::Output out(head, options());
    rdb::write_aux(out, "redis-ver", kRedisVersion);
    rdb::write_aux(out, "redis-bits", "64");
    bool has_base = false;
    for (const auto& [name, value] : target.request.aux) {
      rdb::write_aux(out, name, value);
      has_base |= name == "aof-base";
    }
    if (!has_base) rdb::write_aux(out, "aof-base", "0");
    for (const std::string& code : job_->info.functions) rdb::write_function(out, code);
    write_to(i, head);
  }

  void write_to(size_t i, std::string_view bytes) {
    CutJob::Target& target = *job_->targets[i];
    if (target.ended) return;
    if (job_->checksum) target.crc = hash::crc64(target.crc, bytes);
    const Result<void> written = target.request.sink->write(bytes);
    if (!written.ok()) fail(i, written.error());
  }

  void fail(size_t i, const Error& why) {
    CutJob::Target& target = *job_->targets[i];
    if (target.ended) return;
    target.ended = true;
    target.request.sink->failed(why);
    writer_.target_over(job_, i, why);
    for (const auto& each : job_->targets) {
      if (!each->ended) return;
    }
    job_->give_up(why);
  }

  void flush() {
    for (size_t i = 0; i < job_->targets.size(); ++i) write_to(i, out_);
    out_.clear();
    job_->node.snapshot_status.keys_done.store(static_cast<int64_t>(keys_), std::memory_order_relaxed);
  }

  // Whose part comes next.
  int next_shard() {
    int best = kNobody;
    for (size_t i = 0; i < of_shard_.size(); ++i) {
      const OfShard& shard = of_shard_[i];
      if (shard.ended) continue;
      if (shard.chunks.empty()) return kNotYet;
      if (best < 0 || order_of(shard) < order_of(of_shard_[static_cast<size_t>(best)])) {
        best = static_cast<int>(i);
      }
    }
    return best;
  }
  static uint64_t order_of(const OfShard& shard) {
    return shard.chunks.front()->segments[shard.segment].order;
  }

  bool take_segment(size_t i) {
    OfShard& shard = of_shard_[i];
    if (shard.chunks.empty()) return false;
    CutChunk& chunk = *shard.chunks.front();
    const size_t end = shard.segment + 1 < chunk.segments.size() ? chunk.segments[shard.segment + 1].begin
                                                                 : chunk.bytes.size();
    records(chunk, chunk.segments[shard.segment].begin, end);
    if (++shard.segment < chunk.segments.size()) return true;
    shard.segment = 0;
    shard.ended = chunk.last;
    shard.streams = chunk.streams;
    chunk.release();
    shard.chunks.pop_front();
    return true;
  }

  void take_early() {
    CutChunk& chunk = *early_.front();
    records(chunk, 0, chunk.bytes.size());
    chunk.release();
    early_.pop_front();
  }

  void records(CutChunk& chunk, size_t at, size_t end) {
    piece_ = 0;
    const std::string_view bytes = chunk.bytes;
    while (at < end) {
      RecordHead head;
      std::memcpy(&head, bytes.data() + at, sizeof(head));
      at += sizeof(head);
      const std::string_view key = bytes.substr(at, head.key_bytes);
      at += head.key_bytes;
      const std::string_view value = bytes.substr(at, CutChunk::value_inside(head));
      at += value.size();
      record(head, key, chunk.early);
      if (head.shape == RecordHead::kShared) {
        string_of_parts(head.value_bytes, [&](uint64_t) {
          const CutChunk::Piece& piece = chunk.pieces[piece_++];
          return piece.bytes.view().substr(piece.offset, piece.size);
        });
      } else {
        press(value);
      }
      if (head.shape == RecordHead::kLarge) large_of_ = chunk.shard;
      if (head.shape == RecordHead::kLast) large_of_ = -1;
      if (head.shape == RecordHead::kMoved) moved_to_ = static_cast<int>(head.value_bytes);
      if (out_.size() >= kFlushBytes) flush();
    }
    if (piece_ > 0)
      chunk.pieces.erase(chunk.pieces.begin(), chunk.pieces.begin() + static_cast<long>(piece_));
  }

  // What stands in front of its value, if one begins here.
  void record(const RecordHead& head, std::string_view key, bool early) {
    if (head.shape != RecordHead::kWhole && head.shape != RecordHead::kShared &&
        head.shape != RecordHead::kLarge)
      return;
    rdb::Output out(out_, options());
    select(head.db, !early, out);
    rdb::write_key(out, head.type, key, head.expire_ms, head.idle_s, head.freq);
    ++keys_;
    delay_.wait([this] {
      return job_->given_up.load(std::memory_order_relaxed) ||
             writer_.stopping_.load(std::memory_order_relaxed);
    });
    presser_.start(rdb::grammar_of(rdb::kind_of(head.type, rdb::Family::kRedis)));
  }

  void press(std::string_view value) {
    if (value.empty()) return;
    if (job_->compress) {
      rdb::Output out(out_, options());
      presser_.run(value, out);
    } else {
      out_ += value;
    }
  }

  // `next` gives the next part, given how much is left.
  template <typename Next>
  void string_of_parts(uint64_t size, const Next& next) {
    rdb::Output out(out_, options());
    const bool pressed = job_->compress && size <= kPressMost;
    std::string whole;
    if (!pressed) out.length(size);
    for (uint64_t have = 0; have < size;) {
      const std::string_view part = next(size - have);
      if (part.empty()) return;  // it is given up
      have += part.size();
      if (pressed) {
        whole += part;
      } else {
        out.bytes() += part;
        if (out_.size() >= kFlushBytes) flush();
      }
    }
    if (pressed) out.string(whole);
  }

  // ---- what was spilled

  // A large value whose middle and end are in a stream of their own.
  bool take_moved() {
    std::map<int, std::unique_ptr<SpillFile>>& spilled = of_shard_[static_cast<size_t>(large_of_)].spilled;
    const auto at = spilled.find(moved_to_);
    if (at == spilled.end()) return false;
    if (!journal::planted(journal::Fault::kMovedLost) && !take_records(*at->second)) return true;
    spilled.erase(at);
    large_of_ = moved_to_ = -1;
    return true;
  }

  // Some of it, when nothing else is left.
  Spilled take_spilled() {
    for (OfShard& shard : of_shard_) {
      if (!shard.spilled.empty()) {
        const bool lost = journal::planted(journal::Fault::kSpilledLost);
        if (lost || take_records(*shard.spilled.begin()->second)) shard.spilled.erase(shard.spilled.begin());
        return Spilled::kSome;
      }
      if (shard.streams_here < shard.streams) return Spilled::kNotYet;
    }
    return Spilled::kAll;
  }

  // Some records; true: there are no more. What cannot be read gives the cut up.
  bool take_records(SpillFile& file) {
    for (size_t taken = 0; taken < kFlushBytes && !file.at_end();) {
      RecordHead head;
      const std::string_view bytes = read(file, sizeof(head));
      if (bytes.empty()) return false;
      std::memcpy(&head, bytes.data(), sizeof(head));
      taken += sizeof(head) + head.key_bytes + head.value_bytes;
      const std::string_view key = read(file, head.key_bytes);
      if (job_->given_up.load(std::memory_order_relaxed)) return false;
      record(head, key, true);
      if (head.shape == RecordHead::kShared) {
        string_of_parts(head.value_bytes, [&](uint64_t left) { return read_some(file, left); });
      } else {
        press(read(file, CutChunk::value_inside(head)));
      }
      if (out_.size() >= kFlushBytes) flush();
    }
    return file.at_end();
  }
  std::string_view read(SpillFile& file, size_t n) { return n == 0 ? "" : checked(file, file.read(n)); }
  std::string_view read_some(SpillFile& file, uint64_t n) {
    if (writer_.stopping_.load(std::memory_order_relaxed)) job_->give_up({"the server stops", 0});
    if (job_->given_up.load(std::memory_order_relaxed)) return {};
    return checked(file, file.read_some(n));
  }
  std::string_view checked(const SpillFile& file, const Result<std::string_view>& got) {
    if (got.ok()) return *got;
    job_->give_up({"what was spilled to " + file.path() + " cannot be read: " + got.error().message, 0});
    return {};
  }

  // `in_order`: then the database's sizes are told when it is first met.
  void select(int db, bool in_order, rdb::Output& out) {
    if (db != db_) {
      rdb::write_select_db(out, db);
      db_ = db;
    }
    if (!in_order || db >= 64 || (sized_ >> db & 1) != 0) return;
    sized_ |= uint64_t{1} << db;
    for (const CutInfo::Database& each : job_->info.databases) {
      if (each.db == db) rdb::write_resize_db(out, each.keys, each.expires);
    }
  }

  bool finish() {
    flush();
    TESSERA_DCHECK(large_of_ < 0 && early_.empty());
    end_spill();
    for (size_t i = 0; i < job_->targets.size(); ++i) {
      CutJob::Target& target = *job_->targets[i];
      if (target.ended) continue;
      std::string last;
      rdb::Output out(last, options());
      rdb::write_end(out, target.crc, job_->checksum);
      Result<void> done = target.request.sink->write(last);
      if (done.ok()) done = target.request.sink->end();
      if (!done.ok()) {
        fail(i, done.error());
        continue;
      }
      target.ended = true;
      writer_.target_over(job_, i, job_->info);
    }
    return true;
  }

  void end_spill() {
    if (std::exchange(spill_is_over_, true)) return;
    auto* over = new SpillOver;
    over->job = job_;
    job_->spiller->post(over);
  }

  // Given up: waits for the shards to have painted.
  bool drain() {
    for (size_t i = 0; i < job_->targets.size(); ++i) fail(i, job_->reason);
    early_.clear();
    bool all = true;
    end_spill();
    for (OfShard& shard : of_shard_) {
      shard.spilled.clear();
      for (const auto& chunk : shard.chunks) shard.ended |= chunk->last;
      shard.chunks.clear();
      all &= shard.ended;
    }
    return all;
  }

  SnapshotWriter& writer_;
  const std::shared_ptr<CutJob> job_;
  std::vector<OfShard> of_shard_;
  std::deque<std::unique_ptr<CutChunk>> early_;
  std::string out_;
  rdb::Presser presser_;
  int large_of_ = -1;  // whose large value is under way
  int moved_to_ = -1;  // ... and in which of its streams it goes on
  bool spill_is_over_ = false;
  int db_ = -1;
  uint64_t sized_ = 0;
  uint64_t keys_ = 0;
  size_t piece_ = 0;
  KeyDelay delay_;
};

SnapshotWriter::SnapshotWriter(dispatch::NodeShared& node) : node_(node) {}
SnapshotWriter::~SnapshotWriter() = default;

void SnapshotWriter::post_start(io::Loop& loop, std::shared_ptr<CutJob> job) {
  auto* message = new Start;
  message->job = std::move(job);
  loop.post(message);
}

void SnapshotWriter::request_stop() {
  stopping_.store(true);
  if (io::Loop* loop = loop_.load()) loop->wake();
}

void SnapshotWriter::start(io::Loop& loop) {
  loop_.store(&loop);
}

Micros SnapshotWriter::tick(io::Loop& loop) {
  io::Message* message = loop.inbox().take_all();
  while (message != nullptr) {
    io::Message* next = message->next;
    message->next = nullptr;
    if (auto* start = dynamic_cast<Start*>(message)) {
      stream_ = std::make_unique<Stream>(*this, std::move(start->job));
      delete start;
    } else if (auto* spilled = dynamic_cast<SpilledStream*>(message)) {
      std::unique_ptr<SpilledStream> mine(spilled);
      if (stream_ != nullptr && stream_->job() == mine->job) stream_->take(std::move(mine));
    } else if (auto* chunk = dynamic_cast<CutChunk*>(message)) {
      std::unique_ptr<CutChunk> mine(chunk);
      if (stream_ != nullptr && stream_->job() == mine->job) stream_->take(std::move(mine));
    } else {
      delete message;  // a wake-up
    }
    message = next;
  }
  if (stopping_.load() && stream_ != nullptr) stream_->job()->give_up({"the server stops", 0});
  if (stream_ != nullptr && stream_->run()) {
    const std::shared_ptr<CutJob> job = stream_->job();
    stream_.reset();
    job_over(job);
  }
  return stopping_.load() ? kDone : Micros{-1};
}

void SnapshotWriter::finish(io::Loop&) {
  stream_.reset();
  loop_.store(nullptr);
}

}  // namespace tessera::persist
