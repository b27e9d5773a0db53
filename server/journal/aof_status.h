// Role: what INFO and others who only look know of the append only file. Thread: the journal thread writes
// (and who starts a rewrite), anyone reads.
#pragma once

#include <atomic>
#include <cstdint>

namespace tessera::journal {

struct AofStatus {
  std::atomic<bool> enabled{false};  // appendonly yes, or on its way to it
  std::atomic<bool> rewriting{false}, rewrite_scheduled{false};
  std::atomic<bool> write_ok{true}, rewrite_ok{true};
  std::atomic<int64_t> last_rewrite_s{-1}, rewrite_began_us{0};  // 0: none runs
  std::atomic<int64_t> rewrites{0}, failed_in_a_row{0};
  std::atomic<int64_t> current_bytes{0}, base_bytes{0}, waiting_bytes{0};
  std::atomic<int64_t> delayed_syncs{0};
  std::atomic<bool> syncing{false};
};

}  // namespace tessera::journal
