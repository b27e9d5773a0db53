// Role: writing and syncing increments, and what happens when the disk does not. See aof.h.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "common/text/integers.h"
#include "server/journal/faults.h"
#include "server/persist/aof/aof.h"

namespace tessera::persist {

namespace {

constexpr size_t kGroupBytes = 1024 * 1024;  // of one write
constexpr std::string_view kSelect = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
constexpr Micros kRetry = seconds(1);
constexpr Micros kComplainEvery = seconds(30);

std::string reason(const Error& error) {
  if (error.code <= 0) return error.message;
  char buffer[128];
  return strerror_r(error.code, buffer, sizeof(buffer));
}

}  // namespace

void Aof::append_chunk(const journal::Batch& batch, std::string& out) const {
  if (!batch.mixed) {
    out += batch.bytes;
    return;
  }
  for (const journal::Record& record : batch.records) {
    if (record.consumers & journal::kAof) out.append(batch.bytes, record.begin, record.size);
  }
}

// It belongs into the next increment, which the base that is being made does not replace.
bool Aof::is_behind_cut(const journal::Batch& batch) const {
  return rewrite_.waits_for_switch && batch.offset >= rewrite_.offset;
}

// Nothing behind a failed sync: the file may lack what stands before it, and a crash would leave the gap.
void Aof::write_some() {
  while (!sync_failed_ && !waiting_.empty() && write_group()) {
  }
}

// Everything that has been appended by now, once more if it failed before; false: it is not durable.
bool Aof::write_all() {
  journal_.order();
  take_chunks();
  if (sync_failed_) {
    if (auto begun = begin_anew(); !begun.ok()) sync_failed(begun.error());
  }
  write_some();
  return waiting_.empty() && sync_now();
}

// As many chunks as one write takes; none beyond the moment of a cut that waits for a new increment.
bool Aof::write_group() {
  std::string bytes;
  if (needs_select_) bytes += kSelect;
  if (settings_.timestamps) {
    const int64_t now_s = env_.clock().wall_ms().ms / 1000;
    if (now_s > timestamp_s_) {
      timestamp_s_ = now_s;
      bytes += "#TS:" + text::to_text(now_s) + "\r\n";
    }
  }
  size_t count = 0, expected = bytes.size(), changes = 0;
  for (; count < waiting_.size() && expected < kGroupBytes && !is_behind_cut(*waiting_[count]); ++count) {
    expected += waiting_[count]->bytes.size();
    changes += waiting_[count]->records.size();
  }
  if (count == 0) return false;
  bytes.reserve(expected);
  for (size_t i = 0; i < count; ++i) append_chunk(*waiting_[i], bytes);
  if (!write_bytes(bytes)) return false;
  written_count_ += changes;
  needs_select_ = false;
  written_ = waiting_[count - 1]->end();
  for (; count > 0; --count) waiting_.pop_front();
  keep_written(written_, std::move(bytes));
  if (failing_ && settings_.policy != journal::Durability::Policy::kAlways) working_again();
  return true;
}

void Aof::keep_written(uint64_t end, std::string&& bytes) {
  journal_.count_kept(static_cast<int64_t>(bytes.capacity()));
  unsynced_.push_back({end, std::move(bytes)});
}

void Aof::drop_written(uint64_t end) {
  for (; !unsynced_.empty() && unsynced_.front().end <= end; unsynced_.pop_front()) {
    journal_.count_kept(-static_cast<int64_t>(unsynced_.front().bytes.capacity()));
  }
}

bool Aof::write_bytes(std::string_view bytes) {
  if (!mend_file()) return false;
  const int64_t sleep_us = flush_sleep_us_ != nullptr ? flush_sleep_us_->load(std::memory_order_relaxed) : 0;
  if (__builtin_expect(sleep_us > 0, 0)) std::this_thread::sleep_for(std::chrono::microseconds(sleep_us));
  size_t written = 0;
  if (const auto done = file_->write(bytes, &written); !done.ok()) {
    write_failed(done.error(), written, bytes.size());
    return false;
  }
  file_bytes_ += bytes.size();
  return true;
}

void Aof::write_failed(const Error& error, size_t written, size_t expected) {
  const bool may_complain = last_complaint_.us == 0 || now_ - last_complaint_ > kComplainEvery;
  if (may_complain) {
    last_complaint_ = now_;
    if (written == 0) {
      log_.warning("Error writing to the AOF file: %s", reason(error).c_str());
    } else {
      log_.warning("Short write while writing to the AOF file: (nwritten=%lld, expected=%lld)",
                   static_cast<long long>(written), static_cast<long long>(expected));
    }
  }
  failing(error.code);
  torn_ = written > 0;
  (void)mend_file();
}

// What a failed write left behind goes, before anything else is written.
bool Aof::mend_file() {
  if (!torn_ || journal::planted(journal::Fault::kTornWriteStays)) return true;
  auto cut = file_->truncate(file_bytes_);
  if (cut.ok()) cut = file_->seek(file_bytes_);
  if (!cut.ok()) {
    log_.warning(
        "Could not remove short write from the append-only file.  Redis may refuse to load the AOF the next "
        "time it starts.  ftruncate: %s",
        reason(cut.error()).c_str());
    failing(cut.error().code);
    return false;
  }
  torn_ = false;
  return true;
}

void Aof::failing(int code) {
  failing_ = true;
  retry_at_ = now_ + kRetry;
  journal_.aof().write_ok = false;
  if (phase_ == Phase::kOn) journal_.durability().set_failure(code > 0 ? code : EIO);
}

void Aof::working_again() {
  log_.warning("AOF write error looks solved, Redis can write again.");
  failing_ = false;
  last_complaint_ = {};
  journal_.aof().write_ok = true;
  journal_.durability().set_failure(0);
}

// ---- syncing

size_t Aof::pending_count() const {
  size_t count = 0;
  for (const journal::Chunk& chunk : waiting_) count += chunk->records.size();
  return count;
}

// `always`: whether what has come is neither written nor synced yet, since more is about to come.
bool Aof::waits_for_group() {
  if (group_.until().us == 0 || waiting_.empty()) return false;
  const bool always = settings_.policy == journal::Durability::Policy::kAlways;
  return always && !failing_ && group_.waits(now_, pending_count());
}

// Before anybody hears of a sync, so that what comes because of it counts as new.
void Aof::note_group(MonoTime began) {
  const size_t count = std::exchange(written_count_, 0);
  if (settings_.policy != journal::Durability::Policy::kAlways) return;
  journal_.order();
  take_chunks();
  group_.synced(began, now_, count, pending_count());
}

void Aof::sync_if_due() {
  using Policy = journal::Durability::Policy;
  if (sync_failed_ || (failing_ && now_ < retry_at_)) return;
  const bool skip = settings_.no_sync_on_rewrite && rewrite_.running;
  if (settings_.policy == Policy::kNo || skip) {
    // As far as anybody asks it is done; what is kept is kept for a failed sync only.
    if (written_ > durable_) {
      durable_ = written_;
      durable_bytes_ = file_bytes_;
      owes_sync_ = true;
      note_durable();
    }
    return;
  }
  if (written_ <= durable_ && !owes_sync_) return;
  if (settings_.policy == Policy::kEverysec && last_sync_.us != 0 && now_ - last_sync_ < seconds(1)) return;
  (void)sync_now();
}

bool Aof::sync_now() {
  if (!file_ || sync_failed_) return false;
  const MonoTime began = now_;
  last_sync_ = began;
  journal_.aof().syncing = true;
  const auto synced = journal::planted(journal::Fault::kDurableBeforeSync) ? Result<void>{} : file_->sync();
  journal_.aof().syncing = false;
  now_ = env_.clock().mono();
  if (now_ - began > seconds(2)) journal_.aof().delayed_syncs.fetch_add(1);
  if (!synced.ok()) {
    sync_failed(synced.error());
    return false;
  }
  durable_ = written_;
  durable_bytes_ = file_bytes_;
  owes_sync_ = false;
  if (failing_) working_again();
  // What has not even been written, since it stands behind a cut, may wait for longer.
  if (waiting_.empty()) unsynced_since_ = began;
  note_group(began);
  note_durable();
  return true;
}

void Aof::note_durable() {
  drop_written(durable_);
  if (waiting_.empty() && unsynced_.empty() && journal_.end_offset() == durable_) unsynced_since_ = {};
  if (phase_ == Phase::kOn) {
    publish_unsynced_since();
    journal_.durability().set_durable(durable_);
  }
}

void Aof::sync_failed(const Error& error) {
  log_.warning("Fail to fsync the AOF file: %s.", reason(error).c_str());
  sync_failed_ = true;
  failing(error.code);
}

// The kernel may have dropped what it could not write: the file ends where it was durable last, and what came
// behind that goes into an increment of its own.
Result<void> Aof::begin_anew() {
  if (journal::planted(journal::Fault::kGoOnAfterFailedSync)) {
    sync_failed_ = false;
    return {};
  }
  if (auto cut = file_->truncate(durable_bytes_); !cut.ok()) return cut;
  if (auto at = file_->seek(durable_bytes_); !at.ok()) return at;
  file_bytes_ = durable_bytes_;
  torn_ = false;
  if (auto synced = file_->sync(); !synced.ok()) return synced;
  if (phase_ == Phase::kStarting) {
    // Nothing names the file yet; it just goes on from there.
    for (const Written& each : unsynced_) {
      if (!write_bytes(each.bytes)) return Error{"the increment could not be written again"};
    }
    sync_failed_ = false;
    return {};
  }
  aof::Manifest manifest = manifest_;
  const aof::ManifestFile increment = manifest.next_increment(place_.file_name);
  auto file = new_increment(increment.name);
  if (!file.ok()) return file.error();
  // In groups: much may have come while the disk stood.
  Result<void> done;
  std::string bytes(kSelect);
  uint64_t size = 0;
  auto write = [&](std::string_view some) {
    if (!done.ok() || some.empty()) return;
    size += some.size();
    done = (*file)->write(some);
  };
  write(bytes);
  for (const Written& each : unsynced_) write(each.bytes);
  size_t count = 0;
  for (bytes.clear(); done.ok() && count < waiting_.size(); ++count) {
    if (!journal::planted(journal::Fault::kAnewBeyondCut) && is_behind_cut(*waiting_[count])) break;
    append_chunk(*waiting_[count], bytes);
    if (bytes.size() < kGroupBytes) continue;
    write(bytes);
    bytes.clear();
  }
  write(bytes);
  if (done.ok()) done = (*file)->sync();
  if (done.ok()) {
    manifest.increments.push_back(increment);
    done = write_manifest(manifest);
  }
  // A manifest may name it all the same: then it is written again under this name.
  if (!done.ok()) return done;
  log_.warning("After a failed fsync the AOF goes on in %s", increment.name.c_str());
  manifest_ = std::move(manifest);
  other_bytes_ += file_bytes_;
  file_ = std::move(*file);
  file_name_ = increment.name;
  file_bytes_ = durable_bytes_ = size;
  needs_select_ = false;
  if (!unsynced_.empty()) durable_ = unsynced_.back().end;
  if (count > 0) durable_ = waiting_[count - 1]->end();
  for (; count > 0; --count) waiting_.pop_front();
  written_ = durable_;
  written_count_ = 0;
  sync_failed_ = false;
  working_again();
  note_durable();
  return {};
}

void Aof::publish() {
  journal::AofStatus& status = journal_.aof();
  status.current_bytes = static_cast<int64_t>(other_bytes_ + file_bytes_);
  status.base_bytes = static_cast<int64_t>(base_bytes_);
  int64_t waiting = 0;
  for (const journal::Chunk& chunk : waiting_) waiting += static_cast<int64_t>(chunk->bytes.size());
  status.waiting_bytes = waiting;
  const bool too_much = journal_.end_offset() - durable_ > journal::Durability::kMostUnsyncedBytes;
  if (phase_ == Phase::kStarting && cursor_ && too_much) {
    log_.warning("Background AOF rewrite terminated with error: the disk does not keep up");
    return rewrite_ended(false);
  }
  if (phase_ != Phase::kOn) return;
  publish_unsynced_since();
  if (!failing_) journal_.durability().set_failure(0);
}

void Aof::publish_unsynced_since() {
  const bool counts = settings_.policy != journal::Durability::Policy::kNo;
  // What has not been taken yet waits since when shards say.
  if (counts && unsynced_since_.us == 0 && journal_.end_offset() != durable_) return;
  journal_.durability().set_unsynced_since(counts ? unsynced_since_ : MonoTime{});
}

}  // namespace tessera::persist
