// Role: what all threads of a node share: constants, published objects, atomics. Thread: any, as each member
// says.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/base/published.h"
#include "common/io/env.h"
#include "server/acl/acl_view.h"
#include "server/control/control.h"
#include "server/dispatch/command_log.h"
#include "server/dispatch/debug_switches.h"
#include "server/dispatch/gather_token.h"
#include "server/dispatch/pauses.h"
#include "server/dispatch/snapshot_status.h"
#include "server/feed/feed.h"
#include "server/journal/journal.h"
#include "server/registry/command_table.h"
#include "server/route/cluster_view.h"
#include "server/shard/shard.h"

namespace tessera::config {
class Config;
}
namespace tessera::persist {
class Aof;
class Saves;
class Snapshots;
}  // namespace tessera::persist
namespace tessera::dispatch {

class Engine;

// What threads copy from the configuration when a new one is published. Immutable.
struct Settings {
  // enable-debug-command, enable-module-command, enable-protected-configs
  enum Allow : int { kAllowNo = 0, kAllowYes = 1, kAllowLocal = 2 };
  shard::ShardSettings shard;
  int64_t max_bulk_bytes = 512LL * 1024 * 1024;
  int64_t query_buffer_limit_bytes = 1024LL * 1024 * 1024;
  struct OutputLimit {
    int64_t hard_bytes = 0, soft_bytes = 0, soft_seconds = 0;
  };
  std::array<OutputLimit, 3> output_limits;  // normal, replica, pubsub
  int64_t max_clients = 10000;
  int64_t idle_timeout_s = 0;
  int keepalive_s = 300;
  bool protected_mode = true;
  bool strict_pipelines = true;
  bool cluster_enabled = false;
  bool latency_tracking = true;
  int64_t latency_threshold_ms = 0;  // 0: events are not watched
  int64_t busy_reply_threshold_ms = 5000;
  int debug_command = 0;  // config::AllowValue: no, yes, local
  int module_command = 0;
  int hz = 10;
  CommandLogSettings command_log;
  int64_t max_clients_memory = 0;  // maxmemory-clients in bytes, or in percent of maxmemory when below 0
  std::shared_ptr<const config::Config> config;
};

// Rates per second over the last samples, for INFO.
enum Rate : int { kRateCommands, kRateInput, kRateOutput, kRateTicks, kRateTickUs, kRateCount };

struct NodeShared {
  io::Env* env = nullptr;
  Log* log = nullptr;
  const registry::CommandTable* commands = nullptr;
  journal::Journal* journal = nullptr;
  persist::Aof* aof = nullptr;  // the append only file; never nullptr once threads run
  control::Control* control = nullptr;
  persist::Snapshots* snapshots = nullptr;  // cuts of all shards
  persist::Saves* saves = nullptr;          // snapshot files
  SnapshotStatus snapshot_status;
  // Functions in files: the codes of all libraries, while all shards are parked; and what a file had.
  std::function<std::vector<std::string>()> save_functions;
  std::function<Result<void>(const std::vector<std::string>& codes)> load_functions;
  // The work of DEBUG RELOAD, LOADAOF, RESTART and CRASH-AND-RECOVER, CLUSTERLINK. Control thread.
  using DebugWork = std::function<void(control::ControlCtx&, const registry::Args&, resp::Writer&)>;
  DebugWork reload, load_aof, restart, kill_link;
  DebugSwitches debug;
  std::unique_ptr<Published<Settings>> settings;
  std::unique_ptr<Published<route::ClusterView>> view;
  std::unique_ptr<Published<acl::AclView>> acl;
  Pauses pauses;
  std::vector<Engine*> engines;  // by index; complete before any thread starts
  GatherToken token;
  std::unique_ptr<feed::Feed> feed;  // pub/sub, notifications, MONITOR, invalidations
  // Of a node of a cluster: hands messages to the bus. Any thread.
  std::function<void(std::vector<feed::BusMessage>)> publish_to_bus;

  std::atomic<uint64_t> next_client_id{1};
  std::array<std::atomic<int64_t>, kCommandLogKinds> next_log_number{};
  std::atomic<int64_t> connected_clients{0};
  std::atomic<bool> loading{false};
  std::atomic<int> busy_scripts{0};  // shards in a script past its threshold
  std::atomic<bool> shutting_down{false};
  MonoTime started;
  int64_t started_wall_s = 0;
  std::string run_id;  // 40 hex digits
  std::string executable, config_file, supervised;
  std::atomic<int> tcp_port{0};  // control writes
  // Of a node of a cluster: writes are acknowledged before this moment only (DESIGN.md 3.6); control writes.
  std::atomic<int64_t> write_until_us{INT64_MAX};
  std::atomic<int64_t> cluster_link_bytes{0},
      cluster_link_count{0};              // of the bus; control writes, now and then
  std::atomic<int64_t> startup_bytes{0};  // the allocator's when the node was ready; it serves before that
  std::atomic<int64_t> peak_bytes{0};
  std::array<std::atomic<double>, kRateCount> rates{};     // by the control thread's cron
  std::atomic<int64_t> lazyfree_pending{0}, lazyfreed{0};  // keys detached and not yet freed; freed so far
};

}  // namespace tessera::dispatch
