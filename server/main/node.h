// Role: one whole node: its threads, what they share, and all features' rows. The only place that knows all
// features. Several nodes may live in one process: nothing here is global. Thread: start(), wait() and the
// destructor on the thread that made it; request_shutdown() anywhere.
#pragma once

#include <array>
#include <bitset>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/io/env.h"
#include "server/acl/acl_store.h"
#include "server/config/config.h"
#include "server/config/editor.h"
#include "server/config/file_rewriter.h"
#include "server/conn/connections.h"
#include "server/control/control.h"
#include "server/dispatch/node_shared.h"

namespace tessera::cluster {
class Plane;
}
namespace tessera::persist {
class Aof;
class Saves;
class Snapshots;
}  // namespace tessera::persist

namespace tessera::script {
struct Shared;
}

namespace tessera::server {

struct NodeOptions {
  io::Env* env = nullptr;
  Log* log = nullptr;
  std::shared_ptr<const config::Config> config;
  std::string executable;
  std::string supervised = "no";  // by whom
  // What the process has to do when parameters change; called once, before threads start.
  std::function<void(config::Editor&)> process_hooks = nullptr;
  // Sent to a shard's thread that is stuck for longer than watchdog-period; 0: none.
  int watchdog_signal = 0;
  // The program starts again in this process, which does not come back; it does when that cannot be done.
  std::function<void(int64_t delay_ms)> begin_anew = nullptr;
  // Called once when the node begins to stop, on the thread that waits for it.
  std::function<void()> stopping = nullptr;
  // A value of `dir` into an absolute path (control::Services).
  std::function<Result<std::string>(const std::string& path, const std::string& base)> resolve_dir = nullptr;
};

class Node : public control::Workers {
 public:
  explicit Node(NodeOptions options);
  ~Node() override;

  // Starts all threads and listens, but serves nobody yet. The error says what could not be bound, and the
  // log has it; kStopped as its code: request_shutdown() came first.
  Result<void> start();
  static constexpr int kStopped = -1;
  // From now on clients are served. Once, when all that a client may ask for or end is there.
  void serve();
  // Loads what the last run left in `dir`; clients that are served meanwhile hear LOADING. Call it between
  // start() and wait(), on the thread that made it. The error has been logged; the node then ends. kStopped:
  // it was stopped meanwhile.
  Result<void> load();
  // Whether load() has something to load: from start() on clients hear LOADING until it is over.
  bool has_to_load() const { return shared_.loading.load(); }
  // Until SHUTDOWN or request_shutdown; the process' exit code. `poll` is called now and then on this thread.
  int wait();
  // As SHUTDOWN: `save` 0 as configured, 1, -1.
  // `answer`: whether it stops; on the control thread.
  void request_shutdown(int save, bool now, bool force, std::function<void(bool stops)> answer = nullptr);

  dispatch::NodeShared& shared() { return shared_; }
  // For the crash report; on the thread that crashed.
  void describe_after_crash(Log& log);
  // After wait(): DEBUG RESTART wants begin_anew() after so long; -1: it does not.
  int64_t restart_after_ms() const { return restart_after_ms_; }
  int port() const { return shared_.tcp_port.load(); }
  io::Loop& main_loop() { return *main_loop_; }

  // All commands of the product.
  static std::vector<std::span<const registry::CommandRow>> command_tables();
  static Result<std::unique_ptr<registry::CommandTable>> build_commands(const config::Config& config);

  int count() const override { return static_cast<int>(engines_.size()); }
  void ask_adopt(int index, control::Request* done) override;
  void stop(int index) override;

 private:
  Result<void> make_users();
  void make_shared_state();
  void make_engines();
  Result<void> listen();
  Result<void> find_what_to_load();
  Result<void> load_snapshot();
  // ---- append_only.cc
  Result<void> make_append_only();
  Result<void> load_append_only();
  void add_append_only_hooks();
  Result<void> switch_append_only(const config::Config& before, const config::Config& after);
  std::function<void()> settled_by_journal();
  void take_answers();  // what engines posted to the main loop
  // Until `finished` or the end of the node; false: it ends, and what was asked for may still happen.
  bool wait_for(const bool& finished);
  Result<int> listen_on(int engine, const io::ListenOptions& options);
  Result<void> move_listeners(const config::Config& before, const config::Config& after);
  // A node of a cluster: takes nodes.conf over, before any thread; listens and speaks; later settings.
  Result<void> open_cluster();
  Result<void> start_cluster();
  void change_cluster(const config::Config& config);
  // After loading; false: the node ends.
  bool compare_slots_with_data();
  void take_slots_of_data(const std::bitset<hash::kSlotCount>& with_keys);
  // Runs a job on the control thread and waits for its end, or the node's: then its result is not there. What
  // the job touches lives as long as the node. On the main thread.
  void on_control(std::function<void()> job);
  std::string absolute_path(const std::string& path) const;
  void publish(std::shared_ptr<const config::Config> config);
  void add_hooks();
  void add_user_hooks();
  void shut_down(int save, bool now, bool force, const std::function<void(bool)>& answer);
  void end_all();
  void restart(control::ControlCtx& ctx, const registry::Args& args, resp::Writer& reply);  // restart.cc
  void control_cron();
  void sample_rates();
  void watch_shards();

  NodeOptions options_;
  std::unique_ptr<registry::CommandTable> commands_;
  std::unique_ptr<acl::AclStore> users_;
  journal::Journal journal_;
  dispatch::NodeShared shared_;
  std::unique_ptr<config::Editor> editor_;
  config::FileRewriter rewriter_;
  std::unique_ptr<cluster::Plane> plane_;  // of a node of a cluster
  std::unique_ptr<persist::Aof> aof_;
  std::unique_ptr<persist::Snapshots> snapshots_;
  std::unique_ptr<persist::Saves> saves_;
  control::Control control_;
  std::vector<std::unique_ptr<dispatch::Engine>> engines_;
  std::vector<std::unique_ptr<dispatch::PushSink>> push_sinks_;
  std::vector<std::unique_ptr<conn::Connections>> connections_;
  std::shared_ptr<script::Shared> scripts_;
  std::unique_ptr<io::Loop> main_loop_;
  std::unique_ptr<io::Thread> control_thread_;
  std::vector<std::unique_ptr<io::Thread>> threads_;
  struct RateSample {
    MonoTime at;
    std::array<int64_t, dispatch::kRateCount> values{};
  };
  std::deque<RateSample> rate_samples_;  // control thread
  std::vector<MonoTime> watched_;        // by shard: the tick that the watchdog has told of; control thread
  std::string snapshot_;                 // what load() loads
  int exit_code_ = 0;
  int64_t restart_after_ms_ = -1;  // control thread
  bool stopped_ = false;
};

// Of server_cpulist and its like; empty: not set, or no list, which is logged.
std::vector<int> cpu_list(const config::Config& config, std::string_view parameter, Log& log);
// What threads copy of the configuration.
std::shared_ptr<const dispatch::Settings> settings_from(std::shared_ptr<const config::Config> config);

}  // namespace tessera::server
