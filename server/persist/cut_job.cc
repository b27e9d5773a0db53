// Role: see cut_job.h: what waits, and how much may. Thread: as said there.
#include "server/persist/cut_job.h"

#include "server/dispatch/engine.h"

namespace tessera::persist {

CutChunk::~CutChunk() {
  if (early && charged > 0)
    job->node.snapshot_status.copied_waiting.fetch_sub(charged, std::memory_order_relaxed);
}

void CutChunk::release() {
  const int64_t bytes = std::exchange(charged, 0);
  if (early) {
    job->node.snapshot_status.copied_waiting.fetch_sub(bytes, std::memory_order_relaxed);
    return;
  }
  CutJob::OfShard& of = job->of_shard[static_cast<size_t>(shard)];
  const bool spills = stream != kNoStream;
  const int64_t left = (spills ? of.spill_waiting : of.waiting).fetch_sub(bytes) - bytes;
  const int64_t most = spills ? job->spill_waiting_limit : job->waiting_limit;
  if (left <= most / 2 && (spills ? of.spill_paused : of.paused).exchange(false)) of.loop->wake();
}

void CutJob::set_limits(int64_t used, int64_t kept) {
  const auto shards = static_cast<int64_t>(of_shard.size());
  const auto slice = [&](int64_t bytes) {
    return static_cast<int64_t>(node.env->slice_of(static_cast<size_t>(bytes)));
  };
  used_at_cut = used;
  kept_limit = std::max(kept, used / 20);
  spill_from = slice(std::max<int64_t>(kept_limit / 2, 1));
  waiting_limit = slice(std::max<int64_t>(kWaitingBytes / shards, 1024 * 1024));
  spill_waiting_limit = slice(std::max<int64_t>(kSpillWaitingBytes / shards, 1024 * 1024));
}

// Everything that was there, once, with what stands around it.
void CutJob::set_spill_limit() {
  spill_limit = std::max(used_at_cut, kept_limit) + static_cast<int64_t>(info.keys * sizeof(RecordHead));
}

int64_t CutJob::kept_beyond(int64_t from) const {
  const dispatch::SnapshotStatus& status = node.snapshot_status;
  const int64_t kept = status.copied_waiting.load(std::memory_order_relaxed) +
                       status.detached_bytes.load(std::memory_order_relaxed);
  if (kept <= from) return 0;
  int64_t used = 0;
  for (dispatch::Engine* engine : node.engines)
    used += static_cast<int64_t>(engine->shard().keyspace().used_bytes());
  return kept - std::max<int64_t>(0, used_at_cut - used);
}

std::string CutJob::about_spill() const {
  if (spill_failed.load(std::memory_order_acquire))
    return ", and spilling it to a file failed: " + spill_error;
  return spills.load() ? ", and so are the files it spills to, " + spill_prefix + "*.spill" : "";
}

}  // namespace tessera::persist
