// Role: what INFO, gates and others who only look know of snapshots and of loading. Thread: control, the
// snapshot thread and the loader write what is theirs, anyone reads.
#pragma once

#include <atomic>
#include <cstdint>

namespace tessera::dispatch {

struct SnapshotStatus {
  // Snapshot files (SAVE, BGSAVE, save points).
  std::atomic<bool> saving{false}, in_background{false};
  std::atomic<bool> last_ok{true};
  std::atomic<int64_t> last_save_s{0};  // wall clock
  std::atomic<int64_t> last_duration_s{-1};
  std::atomic<int64_t> began_us{0};        // monotonic
  std::atomic<int64_t> saves{0};           // files written since the start
  std::atomic<int64_t> saved_dirty{0};     // changes up to the last file's cut
  std::atomic<bool> refuse_writes{false};  // stop-writes-on-bgsave-error
  // Any cut that is under way.
  std::atomic<int64_t> keys_done{0}, keys_total{0};
  std::atomic<int64_t> copied_bytes{0},
      copied_bytes_of_last{0};             // old states of what changed before it was saved
  std::atomic<int64_t> copied_waiting{0};  // of them, in memory, of cuts that were given up as well
  std::atomic<int64_t> copied_peak{0};     // most of them that waited at once
  // Of the cut under way, or the last one: values and tables that left the keyspace and wait until they are
  // saved.
  std::atomic<int64_t> detached_bytes{0}, detached_peak{0};
  std::atomic<int64_t> spilled_bytes{0};  // of both: written to temporary files
  // Loading.
  std::atomic<int64_t> load_started_s{0}, load_total_bytes{0}, load_done_bytes{0}, load_began_us{0};
  std::atomic<int64_t> loaded_keys{0}, loaded_expired{0};  // of the last file
};

}  // namespace tessera::dispatch
