// Role: INFO stats, and the section of what only this server has.
#include "server/dispatch/scripts.h"
#include "server/info/sections.h"

namespace tessera::info {

using registry::InfoRow;

namespace {

void zero(const Source&, std::string& o) {
  o += "0";
}

template <auto Member>
void total(const Source& s, std::string& o) {
  add(o, s.totals().*Member);
}

template <auto Member>
void tracked(const Source& s, std::string& o) {
  int64_t sum = 0;
  for (dispatch::Engine* engine : s.node().engines)
    sum += (engine->shard().tracking().counts().*Member).get();
  add(o, sum);
}

const dispatch::SnapshotStatus& cut(const Source& s) {
  return s.node().snapshot_status;
}

double rate(const Source& s, int which) {
  return s.node().rates[static_cast<size_t>(which)].load(std::memory_order_relaxed);
}

const InfoRow kStats[] = {
    {"total_connections_received", total<&Totals::connections_received>},
    {"total_commands_processed", total<&Totals::commands>},
    {"instantaneous_ops_per_sec",
     [](const Source& s, std::string& o) { add(o, static_cast<int64_t>(rate(s, dispatch::kRateCommands))); }},
    {"total_net_input_bytes", total<&Totals::net_in_bytes>},
    {"total_net_output_bytes", total<&Totals::net_out_bytes>},
    {"total_net_repl_input_bytes", zero},
    {"total_net_repl_output_bytes", zero},
    {"total_net_cluster_slot_import_bytes", zero},
    {"total_net_cluster_slot_export_bytes", zero},
    {"instantaneous_input_kbps",
     [](const Source& s, std::string& o) { add_fixed(o, rate(s, dispatch::kRateInput) / 1024, 2); }},
    {"instantaneous_output_kbps",
     [](const Source& s, std::string& o) { add_fixed(o, rate(s, dispatch::kRateOutput) / 1024, 2); }},
    {"instantaneous_input_repl_kbps", [](const Source&, std::string& o) { o += "0.00"; }},
    {"instantaneous_output_repl_kbps", [](const Source&, std::string& o) { o += "0.00"; }},
    {"rejected_connections", total<&Totals::connections_rejected>},
    {"sync_full", zero},
    {"sync_partial_ok", zero},
    {"sync_partial_err", zero},
    {"expired_keys", total<&Totals::expired_keys>},
    {"expired_fields", total<&Totals::expired_fields>},
    {"expired_stale_perc", [](const Source&, std::string& o) { o += "0.00"; }},  // nothing waits for a sample
    {"expired_keys_with_volatile_items_stale_perc", [](const Source&, std::string& o) { o += "0.00"; }},
    {"expired_time_cap_reached_count", total<&Totals::expire_caps>},
    {"expire_cycle_cpu_milliseconds",
     [](const Source& s, std::string& o) { add(o, s.totals().expire_cycle_us / 1000); }},
    {"evicted_keys", zero},
    {"evicted_clients",
     [](const Source& s, std::string& o) {
       int64_t sum = 0;
       for (dispatch::Engine* engine : s.node().engines) sum += engine->counters().evicted_clients.get();
       add(o, sum);
     }},
    {"evicted_scripts",
     [](const Source& s, std::string& o) { add(o, s.node().engines[0]->scripts()->figures().evicted); }},
    {"total_eviction_exceeded_time", zero},
    {"current_eviction_exceeded_time", zero},
    {"keyspace_hits", total<&Totals::keyspace_hits>},
    {"keyspace_misses", total<&Totals::keyspace_misses>},
    {"pubsub_channels", [](const Source& s, std::string& o) { add(o, s.node().feed->channel_count(false)); }},
    {"pubsub_patterns", [](const Source& s, std::string& o) { add(o, s.node().feed->pattern_count()); }},
    {"pubsubshard_channels",
     [](const Source& s, std::string& o) { add(o, s.node().feed->channel_count(true)); }},
    {"latest_fork_usec", zero},  // it never forks
    {"total_forks", zero},
    {"migrate_cached_sockets", zero},
    {"slave_expires_tracked_keys", zero},
    {"active_defrag_hits", zero},
    {"active_defrag_misses", zero},
    {"active_defrag_key_hits", zero},
    {"active_defrag_key_misses", zero},
    {"total_active_defrag_time", zero},
    {"current_active_defrag_time", zero},
    {"tracking_total_keys", tracked<&shard::Tracking::Counts::keys>},
    {"tracking_total_items", tracked<&shard::Tracking::Counts::items>},
    {"tracking_total_prefixes",
     [](const Source& s, std::string& o) { add(o, s.node().feed->tracking_prefixes.load()); }},
    {"unexpected_error_replies", zero},
    {"total_error_replies", total<&Totals::error_replies>},
    {"dump_payload_sanitizations", zero},
    {"total_reads_processed", total<&Totals::reads>},
    {"total_writes_processed", total<&Totals::writes>},
    {"io_threaded_reads_processed", zero},
    {"io_threaded_writes_processed", zero},
    {"io_threaded_freed_objects", zero},
    {"io_threaded_accept_processed", zero},
    {"io_threaded_poll_processed", zero},
    {"io_threaded_total_prefetch_batches", zero},
    {"io_threaded_total_prefetch_entries", zero},
    {"client_query_buffer_limit_disconnections", total<&Totals::query_limit_disconnections>},
    {"client_output_buffer_limit_disconnections", total<&Totals::output_limit_disconnections>},
    {"reply_buffer_shrinks", zero},
    {"reply_buffer_expands", zero},
    {"eventloop_cycles", total<&Totals::ticks>},
    {"eventloop_duration_sum", total<&Totals::tick_us>},
    {"eventloop_duration_cmd_sum", total<&Totals::tick_us>},
    {"instantaneous_eventloop_cycles_per_sec",
     [](const Source& s, std::string& o) { add(o, static_cast<int64_t>(rate(s, dispatch::kRateTicks))); }},
    {"instantaneous_eventloop_duration_usec",
     [](const Source& s, std::string& o) {
       const double cycles = rate(s, dispatch::kRateTicks);
       add(o, cycles > 0 ? static_cast<int64_t>(rate(s, dispatch::kRateTickUs) / cycles) : 0);
     }},
    {"acl_access_denied_auth", total<&Totals::acl_denied_auth>},
    {"acl_access_denied_cmd", total<&Totals::acl_denied_cmd>},
    {"acl_access_denied_key", total<&Totals::acl_denied_key>},
    {"acl_access_denied_channel", total<&Totals::acl_denied_channel>},
    {"acl_access_denied_tls_cert", zero},
    {"acl_access_denied_db", zero},
};

// What only this server has: how its shards are doing.
const InfoRow kTessera[] = {
    {"tessera_gathers_run", total<&Totals::gathers>},
    {"tessera_gathers_run_along", total<&Totals::gathers_in_batch>},
    // Started again, since a shard was in one command for too long and others stood parked.
    {"tessera_gathers_withdrawn", total<&Totals::gathers_withdrawn>},
    {"tessera_transactions_run", total<&Totals::transactions>},
    {"tessera_transactions_gathered", total<&Totals::transactions_gathered>},
    {"tessera_transactions_sent", total<&Totals::transaction_messages>},
    {"tessera_fanouts_run", total<&Totals::fanouts>},
    {"tessera_commands_local", total<&Totals::local_commands>},
    {"tessera_commands_remote", total<&Totals::remote_commands>},
    {"tessera_commands_held", total<&Totals::held_commands>},
    {"tessera_longest_tick_us", total<&Totals::longest_tick_us>},
    {"tessera_parked_count", total<&Totals::parked_count>},
    {"tessera_parked_us", total<&Totals::parked_us>},
    {"tessera_longest_parked_us", total<&Totals::longest_parked_us>},
    // Of the cut under way, or the last one: old states that were copied because they were about to change,
    // and values and tables that had left the keyspace.
    {"tessera_cut_copied_bytes", [](const Source& s, std::string& o) { add(o, cut(s).copied_bytes); }},
    {"tessera_cut_copied_peak", [](const Source& s, std::string& o) { add(o, cut(s).copied_peak); }},
    {"tessera_cut_copied_waiting", [](const Source& s, std::string& o) { add(o, cut(s).copied_waiting); }},
    {"tessera_cut_detached_bytes", [](const Source& s, std::string& o) { add(o, cut(s).detached_bytes); }},
    {"tessera_cut_detached_peak", [](const Source& s, std::string& o) { add(o, cut(s).detached_peak); }},
    {"tessera_cut_spilled_bytes", [](const Source& s, std::string& o) { add(o, cut(s).spilled_bytes); }},
    {"tessera_shard_keys",
     [](const Source& s, std::string& o) {
       for (const dispatch::Engine* engine : s.node().engines) {
         int64_t keys = 0;
         for (const auto& db : const_cast<dispatch::Engine*>(engine)->shard().databases())
           keys += db.keys.get();
         if (engine != s.node().engines.front()) o += ",";
         add(o, keys);
       }
     }},
    {"tessera_shard_clients",
     [](const Source& s, std::string& o) {
       for (dispatch::Engine* engine : s.node().engines) {
         if (engine != s.node().engines.front()) o += ",";
         add(o, engine->counters().connections_open.get());
       }
     }},
};

}  // namespace

Rows stats_rows() {
  return kStats;
}
Rows tessera_rows() {
  return kTessera;
}

}  // namespace tessera::info
