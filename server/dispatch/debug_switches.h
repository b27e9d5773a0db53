// Role: what DEBUG switches for the whole node; for tests of servers. Thread: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tessera::dispatch {

struct DebugSwitches {
  std::atomic<bool> skip_checksums{false};     // SET-SKIP-CHECKSUM-VALIDATION: of RDB files and RESTORE
  std::atomic<bool> scripts_may_all{false};    // SET-DISABLE-DENY-SCRIPTS: commands that scripts may not call
  std::atomic<int64_t> aof_flush_sleep_us{0};  // AOF-FLUSH-SLEEP: before each write to the append only file
  std::atomic<size_t> list_large_from{SIZE_MAX};  // QUICKLIST-PACKED-THRESHOLD: bytes
  std::atomic<bool> closes_link_on_drop{false};   // CLOSE-CLUSTER-LINK-ON-PACKET-DROP
  std::atomic<int> dropped_bus_messages{-1};      // DROP-CLUSTER-PACKET-FILTER: the type; -1: none
};

}  // namespace tessera::dispatch
