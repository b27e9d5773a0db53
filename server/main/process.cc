// Role: see process.h.
#include "server/main/process.h"

#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "common/base/allocator.h"
#include "common/base/check.h"
#include "server/config/editor.h"
#include "server/main/node.h"
#include "server/main/process_config.h"
#include "server/main/process_crash.h"
#include "server/main/process_limits.h"
#include "server/registry/version.h"

namespace tessera::server {

namespace {

constexpr const char* kDefaultPidFile = "/var/run/redis.pid";  // redis-server's, which service files expect

void log_start(const ProcessOptions& options, const std::string& program, Log& log) {
  log.warning("oO0OoO0OoO0Oo Tessera is starting oO0OoO0OoO0Oo");
  log.warning("Tessera version=%s, bits=%d, commit=00000000, modified=0, pid=%d, just started",
              kTesseraVersion, static_cast<int>(sizeof(void*) * 8), static_cast<int>(getpid()));
  const conf::CommandLine& command = options.command;
  if (command.config_file.empty() && !command.from_stdin && command.options.empty()) {
    log.warning(
        "Warning: no config file specified, using the default config. In order to specify a config file use "
        "%s "
        "/path/to/redis.conf",
        program.c_str());
  } else {
    log.warning("Configuration loaded");
  }
}

void log_mode(const config::Config& config, Log& log) {
  const char* mode = config.boolean("cluster-enabled") ? "cluster" : "standalone";
  const auto port = static_cast<int>(config.integer("port"));
  const bool to_terminal =
      config.text("logfile").empty() && !config.boolean("syslog-enabled") && isatty(STDOUT_FILENO);
  if (!config.boolean("always-show-logo") && !to_terminal) {
    log.notice("Running mode=%s, port=%d.", mode, port);
    return;
  }
  char banner[512];
  const int size = std::snprintf(
      banner, sizeof(banner),
      "\n   +--+--+--+\n   |  |##|  |   Tessera %s\n   +--+--+--+   %d shards, running in %s mode\n"
      "   |##|  |##|   Port: %d\n   +--+--+--+   PID: %ld\n\n",
      kTesseraVersion, static_cast<int>(config.integer("shards")), mode, port, static_cast<long>(getpid()));
  if (size > 0) log.raw(std::string_view(banner, static_cast<size_t>(size)));
}

// With maxclients as far as the system allows; nothing when not even one client is.
std::shared_ptr<const config::Config> within_limits(std::shared_ptr<const config::Config> config, Log& log) {
  const int64_t clients = adjust_open_files(*config, log);
  if (clients <= 0) return nullptr;
  if (clients == config->integer("maxclients")) return config;
  config::Draft draft(*config);
  draft.set(config->table().find("maxclients").index, config::Value{clients, {}});
  return std::move(draft).finish();
}

void log_unserved(config::Editor& editor, Log& log) {
  for (const std::string& name : editor.take_unserved()) {
    log.warning("The parameter '%s' is accepted, but has no effect yet.", name.c_str());
  }
}

// What a change of parameters means for the process.
void add_process_hooks(config::Editor& editor, int oom_base, const std::string& program, ProcTitle& title,
                       Log& log) {
  using config::Config;
  editor.on_change({"maxclients"}, [&log](const Config& before, const Config& after) {
    return grow_open_files(before, after, log);
  });
  editor.on_change({"oom-score-adj", "oom-score-adj-values"},
                   [&log, oom_base](const Config&, const Config& after) {
                     return apply_oom_score_adj(after, oom_base, log);
                   });
  editor.on_change({"crash-log-enabled"}, [&log](const Config&, const Config& after) -> Result<void> {
    if (after.boolean("crash-log-enabled")) {
      install_crash_report(&log);
    } else {
      remove_crash_report();
    }
    return {};
  });
  editor.on_change({"use-exit-on-panic"}, [](const Config&, const Config& after) -> Result<void> {
    set_exit_on_panic(after.boolean("use-exit-on-panic"));
    return {};
  });
  editor.on_change({"jemalloc-bg-thread"}, [](const Config&, const Config& after) -> Result<void> {
    (void)set_background_purge(after.boolean("jemalloc-bg-thread"));
    return {};
  });
  editor.on_change({"dir"}, [](const Config&, const Config& after) -> Result<void> {
    if (chdir(after.text("dir").c_str()) != 0) return Error{std::string("can't enter the directory"), errno};
    return {};
  });
  editor.on_change({"proc-title-template", "port", "bind"},
                   [&title, program](const Config&, const Config& after) -> Result<void> {
                     if (after.boolean("set-proc-title")) title.set(proc_title(after, program));
                     return {};
                   });
}

// A SIGINT to a process that does not come to its end.
void insist_ends_at_once() {
  struct sigaction action {};
  action.sa_handler = [](int) {
    constexpr char kText[] = "You insist... exiting now.\n";
    (void)!write(STDERR_FILENO, kText, sizeof(kText) - 1);
    _exit(1);
  };
  sigaction(SIGINT, &action, nullptr);
}

// What SIGINT and SIGTERM do. The second SIGINT does not wait.
class StopSignals {
 public:
  StopSignals(Node& node, PidFile& pid_file, Log& log) : node_(node), pid_file_(pid_file), log_(log) {}

  void on_signal(int number) {
    if (*asked_ && number == SIGINT) {
      log_.warning("You insist... exiting now.");
      pid_file_.remove(log_);
      _exit(1);
    }
    *asked_ = true;  // until it turns out that the server goes on
    log_.warning("Received %s scheduling shutdown...", number == SIGINT ? "SIGINT" : "SIGTERM");
    log_.warning("User requested shutdown...");
    const auto config = node_.shared().settings->get()->config;
    const int64_t bits = config->integer(number == SIGINT ? "shutdown-on-sigint" : "shutdown-on-sigterm");
    const int save = (bits & config::kShutdownSave) ? 1 : (bits & config::kShutdownNoSave) ? -1 : 0;
    node_.request_shutdown(save, (bits & config::kShutdownNow) != 0, (bits & config::kShutdownForce) != 0,
                           [asked = asked_](bool stops) { *asked = stops; });
  }

 private:
  Node& node_;
  PidFile& pid_file_;
  Log& log_;
  std::shared_ptr<std::atomic<bool>> asked_ = std::make_shared<std::atomic<bool>>(false);
};

void pin_this_thread(const std::vector<int>& cpus) {
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  for (const int cpu : cpus) {
    if (cpu < CPU_SETSIZE) CPU_SET(cpu, &wanted);
  }
  if (CPU_COUNT(&wanted) > 0) (void)sched_setaffinity(0, sizeof(wanted), &wanted);
}

// Absolute, whatever folder the server was started in and is in by now.
std::string executable_path(const std::string& program) {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : program;
}

// The log is not where a terminal, or who started the process, sees it.
bool logs_elsewhere(const config::Config& config) {
  return !config.text("logfile").empty() || config.boolean("syslog-enabled");
}

class NodeDetails final : public CrashDetails {
 public:
  explicit NodeDetails(Node& node) : node_(node) { set_crash_details(this); }
  ~NodeDetails() override { set_crash_details(nullptr); }
  void print(Log& log) override { node_.describe_after_crash(log); }

 private:
  Node& node_;
};

// How the program was started.
struct Start {
  std::vector<std::string> args;
  std::string directory;  // paths in `args` may be relative to it
};

// Descriptors close by themselves, save standard input and outputs. Comes back when it cannot be done.
void begin_anew(const Start& start, const std::string& executable, int64_t delay_ms) {
  if (delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
  if (chdir(start.directory.c_str()) != 0) return;
  std::vector<char*> words;
  for (const std::string& word : start.args) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  execve(executable.c_str(), words.data(), environ);
}

// Everything behind the configuration: the process' surroundings, then the node, until it stops.
int run_node(std::shared_ptr<const config::Config> config, Supervisor supervisor, bool in_background,
             const std::string& program, ProcTitle& title, const Start& start, Log& log) {
  const int oom_base = read_oom_score_adj();
  if (config->boolean("crash-log-enabled")) install_crash_report(&log);
  set_exit_on_panic(config->boolean("use-exit-on-panic"));
  install_watchdog(&log);
  log.set_role(LogRole::kPrimary);
  log.notice("monotonic clock: POSIX clock_gettime");
  config = within_limits(std::move(config), log);
  if (!config) return 1;
  if (config->integer("oom-score-adj") != 0) (void)apply_oom_score_adj(*config, oom_base, log).ok();

  // Not before the process is in the background: a fork takes no threads along.
  if (config->boolean("jemalloc-bg-thread")) (void)set_background_purge(true);
  const auto env = io::make_uv_env();
  NodeOptions options;
  options.env = env.get();
  options.log = &log;
  options.config = config;
  options.executable = executable_path(program);
  options.supervised = supervisor == Supervisor::kSystemd   ? "systemd"
                       : supervisor == Supervisor::kUpstart ? "upstart"
                                                            : "no";
  options.resolve_dir = resolve_dir;
  options.watchdog_signal = kWatchdogSignal;
  options.begin_anew = [&start, executable = options.executable](int64_t delay_ms) {
    begin_anew(start, executable, delay_ms);
  };
  options.process_hooks = [&](config::Editor& editor) {
    add_process_hooks(editor, oom_base, program, title, log);
    log_unserved(editor, log);
  };
  // From here on nobody looks at signals while threads are waited for, one of which may hang.
  options.stopping = [supervisor] {
    tell_stopping(supervisor);
    insist_ends_at_once();
  };
  // Before there are threads: from the first client on, CONFIG SET may change it.
  if (config->boolean("set-proc-title")) title.set(proc_title(*config, program));
  Node node(std::move(options));
  const NodeDetails details(node);
  PidFile pid_file;
  // From before anybody can reach the node, and until it has ended: a signal at any moment ends it in order.
  StopSignals stop_signals(node, pid_file, log);
  auto watcher =
      node.main_loop().watch_signals({SIGINT, SIGTERM}, [&](int number) { stop_signals.on_signal(number); });
  if (!watcher) log.warning("Signals cannot be watched: %s", watcher.error().message.c_str());
  if (const auto started = node.start(); !started) {
    if (started.error().code == Node::kStopped) return 0;
    // The log has it; where that is a file, who started the server by hand sees nothing of it.
    if (logs_elsewhere(*config)) std::fprintf(stderr, "%s\n", started.error().message.c_str());
    return 1;
  }
  // Threads of the node have theirs; this one loads.
  pin_this_thread(cpu_list(*config, "server_cpulist", log));
  const std::string& wanted_pid_file = config->text("pidfile");
  if (in_background || !wanted_pid_file.empty()) {
    const auto written = pid_file.write(wanted_pid_file.empty() ? kDefaultPidFile : wanted_pid_file);
    if (!written) log.warning("%s", written.error().message.c_str());
  }
  log_mode(*config, log);
  log.warning("Server initialized");
  warn_of_system(*config, log);
  node.serve();
  if (const auto loaded = node.load(); !loaded && loaded.error().code != Node::kStopped) {
    log.warning("Fatal error loading the DB, check server logs. Exiting.");
    if (logs_elsewhere(*config)) std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    node.request_shutdown(-1, true, true);
    (void)node.wait();
    pid_file.remove(log);
    return 1;
  }
  log.notice("Ready to accept connections");
  if (const std::string& path = config->text("unixsocket"); !path.empty()) {
    log.notice("The server is now ready to accept connections at %s", path.c_str());
  }
  tell_ready(supervisor);
  const int exit_code = node.wait();
  pid_file.remove(log);
  if (node.restart_after_ms() >= 0) begin_anew(start, executable_path(program), node.restart_after_ms());
  return exit_code;
}

}  // namespace

int serve(const ProcessOptions& options, const std::vector<std::string>& args, ProcTitle& title) {
  const std::string program = args.empty() ? "tessera-server" : args[0];
  const Start start{args, working_directory()};
  tzset();
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  LogOptions early;
  Log log(early);
  log.set_role(LogRole::kChild);
  std::shared_ptr<const config::Config> config;
  {
    const auto env =
        io::make_uv_env();  // its threads, if it has any, end before the process goes into the background
    auto read = read_configuration(*env, options, log);
    if (!read) return 1;
    config = std::move(*read);
  }
  log.configure(log_options(*config));
  const Supervisor supervisor = find_supervisor(*config, log);
  const bool in_background = config->boolean("daemonize") && supervisor == Supervisor::kNone;
  if (in_background) {
    if (const auto done = daemonize(); !done) {
      log.warning("%s", done.error().message.c_str());
      return 1;
    }
  }
  log_start(options, program, log);
  const int exit_code = run_node(std::move(config), supervisor, in_background, program, title, start, log);
  if (exit_code == 0) log.warning("Tessera is now ready to exit, bye bye...");
  remove_watchdog();
  remove_crash_report();  // both know this log
  return exit_code;
}

}  // namespace tessera::server
