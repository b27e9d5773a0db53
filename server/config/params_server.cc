// Role: the parameters of the process: one row each. Bounds and defaults are those of redis-server 7.0.15, of
// Valkey 9.1 where only that has the parameter. Thread: constants.
#include "server/config/params.h"
#include "server/config/specials.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

namespace {

using namespace registry;

constexpr EnumName kSupervisedNames[] = {{"upstart", 2}, {"systemd", 1}, {"auto", 3}, {"no", 0}};
constexpr EnumName kLoglevelNames[] = {{"debug", 0}, {"verbose", 1}, {"notice", 2}, {"warning", 3}};
constexpr EnumName kSyslogFacilityNames[] = {{"user", 0},   {"local0", 1}, {"local1", 2},
                                             {"local2", 3}, {"local3", 4}, {"local4", 5},
                                             {"local5", 6}, {"local6", 7}, {"local7", 8}};
constexpr EnumName kOomScoreAdjNames[] = {{"no", 0}, {"yes", 1}, {"relative", 1}, {"absolute", 2}};
constexpr EnumName kShutdownNames[] = {{"default", 0}, {"save", 1}, {"nosave", 2}, {"now", 4}, {"force", 8}};
constexpr EnumName kAllowNames[] = {{"no", 0}, {"yes", 1}, {"local", 2}};
constexpr EnumName kPipelineOrders[] = {{"strict", 0}, {"relaxed", 1}};
constexpr EnumName kLogFormats[] = {{"legacy", 0}, {"logfmt", 1}};
constexpr EnumName kLogTimestampFormats[] = {{"legacy", 0}, {"iso8601", 1}, {"milliseconds", 2}};

constexpr ParameterRow kRows[] = {
    integer("shards", "0", 0, 1024)
        .flags(kTesseraOnly | kImmutable)
        .about("Threads that own keys, each a core; 0 is the number of cores."),
    choice("pipeline-order", "strict", kPipelineOrders)
        .flags(kTesseraOnly)
        .about("\"strict\": commands of one pipeline keep their order in standalone mode. \"relaxed\": those "
               "on different shards may overlap."),
    yes_no("daemonize", false).flags(kImmutable).about("Run in the background."),
    choice("supervised", "no", kSupervisedNames)
        .flags(kImmutable)
        .about("Tell a supervisor when the server is ready: systemd, upstart, or auto."),
    string("pidfile", "").flags(kImmutable).about("File that holds the process id while the server runs."),
    choice("loglevel", "notice", kLoglevelNames).about("Least severe messages that are logged."),
    string("logfile", "").flags(kImmutable).about("File of the log; empty is standard output."),
    choice("log-format", "legacy", kLogFormats)
        .flags(kValkeyOnly)
        .about("Form of log lines: legacy, or logfmt (name=value)."),
    choice("log-timestamp-format", "legacy", kLogTimestampFormats)
        .flags(kValkeyOnly)
        .about("Form of times in log lines: legacy, iso8601, milliseconds (since 1970)."),
    yes_no("syslog-enabled", false).flags(kImmutable).about("Log to syslog as well."),
    string("syslog-ident", "redis").flags(kImmutable).about("Identity in syslog."),
    choice("syslog-facility", "local0", kSyslogFacilityNames).flags(kImmutable).about("Facility of syslog."),
    yes_no("crash-log-enabled", true).about("Write a report into the log when the process crashes."),
    yes_no("crash-memcheck-enabled", true)
        .flags(kCompatOnly)
        .about("Test memory after a crash. The report has no such test."),
    yes_no("always-show-logo", false)
        .flags(kImmutable)
        .about("Show the start-up banner even when the log is no terminal."),
    yes_no("set-proc-title", true).flags(kImmutable).about("Change the title of the process as ps shows it."),
    string("proc-title-template", "{title} {listen-addr} {server-mode}")
        .hooks(&kProcTitleHooks)
        .about("Template of that title: {title} {listen-addr} {server-mode} {port} {tls-port} {unixsocket} "
               "{config-file}."),
    special("dir", ".", &kDirHooks)
        .flags(kProtectedParam)
        .about("Working directory: files of data and relative paths are in it."),
    integer("databases", "16", 1, kMaxInt).flags(kImmutable).about("Number of databases."),
    integer("hz", "10", 0, kMaxInt)
        .hooks(&kHzHooks)
        .flags(kCompatOnly)
        .about("Turns of background work in a second; here it is done when it is due."),
    yes_no("dynamic-hz", true)
        .flags(kCompatOnly)
        .about("Background work already follows the number of clients."),
    yes_no("activerehashing", true)
        .flags(kCompatOnly)
        .about("Tables grow a bucket at a time; there is nothing to rehash."),
    string("ignore-warnings", "")
        .flags(kCompatOnly)
        .about("Start although this warning applies (ARM64-COW-BUG), which is about forked processes."),
    yes_no("disable-thp", true).flags(kImmutable).about("Turn transparent huge pages off for this process."),
    choice("oom-score-adj", "no", kOomScoreAdjNames)
        .about("Tell the kernel which process to kill first when memory runs out."),
    special("oom-score-adj-values", "0 200 800", &kOomScoreAdjValuesHooks)
        .flags(kMulti)
        .about("Scores for a primary, a replica and background work."),
    string("server_cpulist", "")
        .alias("server-cpulist")
        .flags(kImmutable)
        .about(
            "Cores of the shards' threads, the control thread and the main thread: 0-7:2 or 1,3; \"shards\" "
            "does not follow it."),
    string("bio_cpulist", "")
        .alias("bio-cpulist")
        .flags(kImmutable)
        .about("Cores of the threads that free, write and sync: the pool's, the journal's, the snapshots'."),
    string("aof_rewrite_cpulist", "")
        .alias("aof-rewrite-cpulist")
        .flags(kCompatOnly | kImmutable)
        .about("Nothing is forked."),
    string("bgsave_cpulist", "")
        .alias("bgsave-cpulist")
        .flags(kCompatOnly | kImmutable)
        .about("Nothing is forked."),
    integer("shutdown-timeout", "10", 0, kMaxInt)
        .flags(kNoEffectYet)
        .about("Seconds a shutdown waits for replicas that lag."),
    choice("shutdown-on-sigint", "default", kShutdownNames)
        .hooks(&kShutdownHooks)
        .flags(kMulti)
        .about("What SIGINT does: default, save, nosave, now, force (several may be given)."),
    choice("shutdown-on-sigterm", "default", kShutdownNames)
        .hooks(&kShutdownHooks)
        .flags(kMulti)
        .about("What SIGTERM does, as shutdown-on-sigint."),
    choice("enable-protected-configs", "no", kAllowNames)
        .flags(kImmutable)
        .about("Who may set protected parameters: no, yes, local."),
    choice("enable-debug-command", "no", kAllowNames)
        .flags(kImmutable)
        .about("Who may use DEBUG: no, yes, local."),
    choice("enable-module-command", "no", kAllowNames)
        .flags(kImmutable)
        .about("Who may use MODULE: no, yes, local."),
    yes_no("extended-redis-compatibility", false)
        .flags(kCompatOnly | kValkeyOnly)
        .about("Name and version in replies are those of Redis, which Tessera always does."),
    yes_no("hide-user-data-from-log", true)
        .flags(kValkeyOnly)
        .about("Keep keys, values and names of clients and users out of the log."),
    string("availability-zone", "")
        .hooks(&kZoneHooks)
        .flags(kValkeyOnly)
        .about("Name of the zone the node runs in, for INFO and clients."),
    string("hash-seed", "")
        .flags(kValkeyOnly | kImmutable)
        .about("Seed of hash tables; empty is a random one."),
    yes_no("import-mode", false)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Keys do not expire while data is imported."),
    string("locale-collate", "")
        .hooks(&kLocaleHooks)
        .flags(kValkeyOnly)
        .about("Locale of SORT ALPHA; empty is the environment's. Lua compares bytes in any."),
    yes_no("use-exit-on-panic", false)
        .flags(kHidden)
        .about("End with status 1 when an internal check fails, instead of a signal."),
    integer("watchdog-period", "0", 0, kMaxInt)
        .hooks(&kWatchdogHooks)
        .flags(kHidden)
        .about("Milliseconds after which it is logged where a shard is stuck; 0 for never."),
};

}  // namespace

std::span<const ParameterRow> server_parameters() {
  return kRows;
}

}  // namespace tessera::config
