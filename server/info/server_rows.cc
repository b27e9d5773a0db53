// Role: INFO server and clients.
#include <sys/utsname.h>
#include <unistd.h>

#include "server/config/config.h"
#include "server/info/sections.h"
#include "server/registry/version.h"

namespace tessera::info {

using registry::InfoRow;

namespace {

std::string system_name() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

const config::Config& config_of(const Source& s) {
  return *s.settings().config;
}

// nullptr: nothing is paused.
std::shared_ptr<const dispatch::Pause> pause_of(const Source& s) {
  auto pause = s.node().pauses.published().get();
  return pause->until_ms > s.wall_us() / 1000 ? pause : nullptr;
}

const InfoRow kServer[] = {
    {"redis_version", [](const Source&, std::string& o) { o += kRedisVersion; }},
    {"server_name", [](const Source&, std::string& o) { o += "tessera"; }},
    {"tessera_version", [](const Source&, std::string& o) { o += kTesseraVersion; }},
    {"redis_git_sha1", [](const Source&, std::string& o) { o += "00000000"; }},
    {"redis_git_dirty", [](const Source&, std::string& o) { o += "0"; }},
    {"redis_build_id", [](const Source&, std::string& o) { o += "0000000000000000"; }},
    {"redis_mode",
     [](const Source& s, std::string& o) { o += s.settings().cluster_enabled ? "cluster" : "standalone"; }},
    {"server_mode",
     [](const Source& s, std::string& o) { o += s.settings().cluster_enabled ? "cluster" : "standalone"; }},
    {"os", [](const Source&, std::string& o) { o += system_name(); }},
    {"arch_bits", [](const Source&, std::string& o) { add(o, sizeof(void*) * 8); }},
    {"monotonic_clock", [](const Source&, std::string& o) { o += "POSIX clock_gettime"; }},
    {"multiplexing_api", [](const Source&, std::string& o) { o += "epoll"; }},
    {"atomicvar_api", [](const Source&, std::string& o) { o += "c11-builtin"; }},
    {"gcc_version",
     [](const Source&, std::string& o) {
       o += std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." + std::to_string(__GNUC_PATCHLEVEL__);
     }},
    {"process_id", [](const Source&, std::string& o) { add(o, getpid()); }},
    {"process_supervised", [](const Source& s, std::string& o) { o += s.node().supervised; }},
    {"run_id", [](const Source& s, std::string& o) { o += s.node().run_id; }},
    {"tcp_port", [](const Source& s, std::string& o) { add(o, s.node().tcp_port.load()); }},
    {"server_time_usec", [](const Source& s, std::string& o) { add(o, s.wall_us()); }},
    {"uptime_in_seconds", [](const Source& s, std::string& o) { add(o, s.uptime_s()); }},
    {"uptime_in_days", [](const Source& s, std::string& o) { add(o, s.uptime_s() / 86400); }},
    {"hz", [](const Source& s, std::string& o) { add(o, s.settings().hz); }},
    {"configured_hz", [](const Source& s, std::string& o) { add(o, s.settings().hz); }},
    {"clients_hz", [](const Source& s, std::string& o) { add(o, s.settings().hz); }},
    {"lru_clock", [](const Source& s, std::string& o) { add(o, shard::lru_clock({s.wall_us() / 1000})); }},
    {"executable", [](const Source& s, std::string& o) { o += s.node().executable; }},
    {"config_file", [](const Source& s, std::string& o) { o += s.node().config_file; }},
    {"io_threads_active", [](const Source&, std::string& o) { o += "0"; }},
    {"availability_zone", [](const Source& s, std::string& o) { o += config_of(s).text("availability-zone"); }},
    {"listener0",
     [](const Source& s, std::string& o) {
       const std::string& path = config_of(s).text("unixsocket");
       const bool has_port = s.node().tcp_port.load() != 0;
       if (has_port) {
         o += "name=tcp";
         for (const std::string& host : config_of(s).bind_addresses()) o += ",bind=" + host;
         o += ",port=" + std::to_string(s.node().tcp_port.load());
         if (!path.empty()) o += "\r\nlistener1:";
       }
       if (!path.empty()) o += "name=unix,bind=" + path;
     }},
    {"shards", [](const Source& s, std::string& o) { add(o, static_cast<int64_t>(s.node().engines.size())); }},
};

const InfoRow kClients[] = {
    {"connected_clients", [](const Source& s, std::string& o) { add(o, s.totals().connections_open); }},
    {"cluster_connections",
     [](const Source& s, std::string& o) { add(o, s.node().cluster_link_count.load()); }},
    {"maxclients", [](const Source& s, std::string& o) { add(o, s.settings().max_clients); }},
    {"client_recent_max_input_buffer",
     [](const Source& s, std::string& o) { add(o, s.totals().largest_input_bytes); }},
    {"client_recent_max_output_buffer",
     [](const Source& s, std::string& o) { add(o, s.totals().largest_output_bytes); }},
    {"blocked_clients", [](const Source& s, std::string& o) { add(o, s.totals().blocked_clients); }},
    {"tracking_clients",
     [](const Source& s, std::string& o) { add(o, s.node().feed->tracking_clients.load()); }},
    {"pubsub_clients",
     [](const Source& s, std::string& o) { add(o, s.node().feed->subscribed_clients.load()); }},
    {"watching_clients", [](const Source& s, std::string& o) { add(o, s.totals().watching_clients); }},
    {"clients_in_timeout_table",
     [](const Source& s, std::string& o) { add(o, s.totals().clients_in_timeout_table); }},
    {"total_watched_keys", [](const Source& s, std::string& o) { add(o, s.totals().watched_keys); }},
    {"total_blocking_keys", [](const Source& s, std::string& o) { add(o, s.totals().blocking_keys); }},
    {"total_blocking_keys_on_nokey",
     [](const Source& s, std::string& o) { add(o, s.totals().blocking_keys_when_gone); }},
    {"paused_reason",
     [](const Source& s, std::string& o) {
       const auto pause = pause_of(s);
       o += !pause                                            ? "none"
            : pause->reason == dispatch::PausedFor::kShutdown ? "shutdown_in_progress"
            : pause->reason == dispatch::PausedFor::kReload   ? "debug_reload"
                                                              : "client_pause";
     }},
    {"paused_actions",
     [](const Source& s, std::string& o) {
       const auto pause = pause_of(s);
       o += !pause ? "none" : pause->all_until_ms > s.wall_us() / 1000 ? "all" : "write";
     }},
    {"paused_timeout_milliseconds",
     [](const Source& s, std::string& o) {
       const auto pause = pause_of(s);
       add(o, pause ? pause->until_ms - s.wall_us() / 1000 : 0);
     }},
};

}  // namespace

Rows server_rows() {
  return kServer;
}
Rows client_rows() {
  return kClients;
}

}  // namespace tessera::info
