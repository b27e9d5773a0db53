// Role: INFO of persistence, replication and cluster. What belongs to features that are still to come is what
// a server without them truthfully says.
#include <algorithm>

#include "server/config/config.h"
#include "server/info/sections.h"

namespace tessera::info {

using registry::InfoRow;

namespace {

void zero(const Source&, std::string& o) {
  o += "0";
}
void never(const Source&, std::string& o) {
  o += "-1";
}

const journal::AofStatus& aof(const Source& s) {
  return s.node().journal->aof();
}
void current_rewrite_time(const Source& s, std::string& o) {
  const int64_t began_us = aof(s).rewrite_began_us;
  add(o, began_us == 0 ? -1 : (s.node().env->clock().mono().us - began_us) / 1000000);
}

const dispatch::SnapshotStatus& status(const Source& s) {
  return s.node().snapshot_status;
}
bool saving(const Source& s) {
  return status(s).saving;
}

bool loads(const Source& s) {
  return s.node().loading.load(std::memory_order_relaxed);
}

const InfoRow kPersistence[] = {
    {"loading", [](const Source& s,
                   std::string& o) { o += s.node().loading.load(std::memory_order_relaxed) ? "1" : "0"; }},
    {"async_loading", zero},
    {"loading_start_time", [](const Source& s, std::string& o) { add(o, status(s).load_started_s); }, loads},
    {"loading_total_bytes", [](const Source& s, std::string& o) { add(o, status(s).load_total_bytes); },
     loads},
    {"loading_rdb_used_mem", zero, loads},
    {"loading_loaded_bytes", [](const Source& s, std::string& o) { add(o, status(s).load_done_bytes); },
     loads},
    {"loading_loaded_perc",
     [](const Source& s, std::string& o) {
       const auto total = static_cast<double>(std::max<int64_t>(status(s).load_total_bytes, 1));
       add_fixed(o, 100.0 * static_cast<double>(status(s).load_done_bytes) / total, 2);
     },
     loads},
    {"loading_eta_seconds",
     [](const Source& s, std::string& o) {
       const int64_t done = status(s).load_done_bytes, total = status(s).load_total_bytes;
       const int64_t us = s.node().env->clock().mono().us - status(s).load_began_us;
       add(o, done == 0
                  ? 1
                  : static_cast<int64_t>(static_cast<double>(us) / 1e6 * static_cast<double>(total - done) /
                                         static_cast<double>(done)));
     },
     loads},
    // There is no fork: what is copied are old states of keys that change before they are saved.
    {"current_cow_peak",
     [](const Source& s, std::string& o) { add(o, saving(s) ? status(s).copied_peak.load() : 0); }},
    {"current_cow_size",
     [](const Source& s, std::string& o) { add(o, saving(s) ? status(s).copied_bytes.load() : 0); }},
    {"current_cow_size_age", zero},
    {"current_fork_perc",
     [](const Source& s, std::string& o) {
       const int64_t total = saving(s) ? status(s).keys_total.load() : 0;
       add_fixed(
           o,
           total == 0 ? 0.0 : 100.0 * static_cast<double>(status(s).keys_done) / static_cast<double>(total),
           2);
     }},
    {"current_save_keys_processed",
     [](const Source& s, std::string& o) { add(o, saving(s) ? status(s).keys_done.load() : 0); }},
    {"current_save_keys_total",
     [](const Source& s, std::string& o) { add(o, saving(s) ? status(s).keys_total.load() : 0); }},
    {"rdb_changes_since_last_save",
     [](const Source& s, std::string& o) { add(o, s.totals().dirty - status(s).saved_dirty); }},
    {"rdb_bgsave_in_progress",
     [](const Source& s, std::string& o) { o += status(s).in_background ? "1" : "0"; }},
    {"rdb_last_save_time", [](const Source& s, std::string& o) { add(o, status(s).last_save_s); }},
    {"rdb_last_bgsave_status",
     [](const Source& s, std::string& o) { o += status(s).last_ok ? "ok" : "err"; }},
    {"rdb_last_bgsave_time_sec", [](const Source& s, std::string& o) { add(o, status(s).last_duration_s); }},
    {"rdb_current_bgsave_time_sec",
     [](const Source& s, std::string& o) {
       const int64_t us = s.node().env->clock().mono().us - status(s).began_us;
       add(o, status(s).in_background ? us / 1000000 : -1);
     }},
    {"rdb_saves", [](const Source& s, std::string& o) { add(o, status(s).saves); }},
    {"rdb_last_cow_size", [](const Source& s, std::string& o) { add(o, status(s).copied_bytes_of_last); }},
    {"rdb_last_load_keys_expired", [](const Source& s, std::string& o) { add(o, status(s).loaded_expired); }},
    {"rdb_last_load_keys_loaded", [](const Source& s, std::string& o) { add(o, status(s).loaded_keys); }},
    {"aof_enabled", [](const Source& s, std::string& o) { o += aof(s).enabled ? "1" : "0"; }},
    {"aof_rewrite_in_progress", [](const Source& s, std::string& o) { o += aof(s).rewriting ? "1" : "0"; }},
    {"aof_rewrite_scheduled",
     [](const Source& s, std::string& o) { o += aof(s).rewrite_scheduled ? "1" : "0"; }},
    {"aof_last_rewrite_time_sec", [](const Source& s, std::string& o) { add(o, aof(s).last_rewrite_s); }},
    {"aof_current_rewrite_time_sec", current_rewrite_time},
    {"aof_last_bgrewrite_status",
     [](const Source& s, std::string& o) { o += aof(s).rewrite_ok ? "ok" : "err"; }},
    {"aof_rewrites", [](const Source& s, std::string& o) { add(o, aof(s).rewrites); }},
    {"aof_rewrites_consecutive_failures",
     [](const Source& s, std::string& o) { add(o, aof(s).failed_in_a_row); }},
    {"aof_last_write_status", [](const Source& s, std::string& o) { o += aof(s).write_ok ? "ok" : "err"; }},
    {"aof_last_cow_size", zero},
    {"module_fork_in_progress", zero},
    {"module_fork_last_cow_size", zero},
    {"slot_migration_fork_in_progress", zero},
};

const InfoRow kReplication[] = {
    {"role", [](const Source&, std::string& o) { o += "master"; }},
    {"connected_slaves", zero},
    {"replicas_waiting_psync", zero},
    {"master_failover_state", [](const Source&, std::string& o) { o += "no-failover"; }},
    // Without a history of its own yet, the run is the history.
    {"master_replid", [](const Source& s, std::string& o) { o += s.node().run_id; }},
    {"master_replid2", [](const Source&, std::string& o) { o.append(40, '0'); }},
    {"master_repl_offset", zero},  // counts from the first replica on
    {"second_repl_offset", never},
    {"repl_backlog_active", zero},
    {"repl_backlog_size",
     [](const Source& s, std::string& o) {
       add(o, static_cast<int64_t>(s.settings().config->bytes("repl-backlog-size")));
     }},
    {"repl_backlog_first_byte_offset", zero},
    {"repl_backlog_histlen", zero},
};

const InfoRow kCluster[] = {
    {"cluster_enabled",
     [](const Source& s, std::string& o) { o += s.settings().cluster_enabled ? "1" : "0"; }},
};

void none(const Source&, std::string& o) {
  o += "none";
}

const InfoRow kTls[] = {
    {"tls_server_cert_serial", none}, {"tls_server_cert_expires_in_seconds", zero},
    {"tls_client_cert_serial", none}, {"tls_client_cert_expires_in_seconds", zero},
    {"tls_ca_cert_serial", none},     {"tls_ca_cert_expires_in_seconds", zero},
};

}  // namespace

void write_append_only(const Source& source, std::string& out) {
  const journal::AofStatus& status = aof(source);
  if (!status.enabled) return;
  const auto line = [&](const char* name, int64_t value) {
    out += name;
    add(out, value);
    out += "\r\n";
  };
  line("aof_current_size:", status.current_bytes);
  line("aof_base_size:", status.base_bytes);
  line("aof_pending_rewrite:", status.rewrite_scheduled ? 1 : 0);
  line("aof_buffer_length:", status.waiting_bytes);
  line("aof_pending_bio_fsync:", status.syncing ? 1 : 0);
  line("aof_delayed_fsync:", status.delayed_syncs);
}

Rows persistence_rows() {
  return kPersistence;
}
Rows replication_rows() {
  return kReplication;
}
Rows cluster_rows() {
  return kCluster;
}
Rows tls_rows() {
  return kTls;
}

}  // namespace tessera::info
