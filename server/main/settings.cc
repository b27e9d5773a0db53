// Role: from parameters to the plain settings of threads. Thread: any, pure.
#include "common/text/collation.h"
#include "server/main/node.h"

namespace tessera::server {

namespace {

// The letters of notify-keyspace-events. Without K or E nobody is told anything.
uint32_t events_of(const std::string& letters) {
  struct Letter {
    char letter;
    uint32_t bit;
  };
  constexpr Letter kLetters[] = {
      {'g', shard::kEventGeneric},   {'$', shard::kEventString},   {'l', shard::kEventList},
      {'s', shard::kEventSet},       {'h', shard::kEventHash},     {'z', shard::kEventZset},
      {'x', shard::kEventExpired},   {'e', shard::kEventEvicted},  {'t', shard::kEventStream},
      {'m', shard::kEventKeyMiss},   {'n', shard::kEventNew},      {'d', shard::kEventModule},
      {'K', shard::kNotifyKeyspace}, {'E', shard::kNotifyKeyevent}};
  uint32_t events = 0;
  for (const Letter& each : kLetters) {
    if (letters.find(each.letter) != std::string::npos) events |= each.bit;
  }
  return events & (shard::kNotifyKeyspace | shard::kNotifyKeyevent) ? events : 0;
}

}  // namespace

std::shared_ptr<const dispatch::Settings> settings_from(std::shared_ptr<const config::Config> config) {
  auto settings = std::make_shared<dispatch::Settings>();
  const config::Config& from = *config;
  settings->shard.maxmemory_bytes = static_cast<int64_t>(from.bytes("maxmemory"));
  settings->shard.policy_lfu = from.text("maxmemory-policy").find("lfu") != std::string::npos;
  settings->shard.lfu_decay_minutes = static_cast<int>(from.integer("lfu-decay-time"));
  settings->shard.lfu_log_factor = static_cast<int>(from.integer("lfu-log-factor"));
  settings->shard.max_bulk_bytes = static_cast<int64_t>(from.bytes("proto-max-bulk-len"));
  settings->shard.notify_events = events_of(from.text("notify-keyspace-events"));
  settings->shard.tracking_max_keys = from.integer("tracking-table-max-keys");
  settings->shard.hll_sparse_max_bytes = static_cast<int64_t>(from.bytes("hll-sparse-max-bytes"));
  settings->shard.is_cluster = from.boolean("cluster-enabled");
  settings->shard.compress_snapshots = from.boolean("rdbcompression");
  settings->shard.relaxed_rdb_versions = from.text("rdb-version-check") == "relaxed";
  // The environment may name a locale that is not installed: then bytes decide, as in the C locale.
  settings->shard.collation = text::Collation::make(from.text("locale-collate"));
  settings->shard.list_limits = {
      .max_listpack_size = static_cast<int32_t>(from.integer("list-max-listpack-size")),
      .compress_depth = static_cast<int32_t>(from.integer("list-compress-depth"))};
  settings->shard.set_limits = {
      .intset_entries = static_cast<size_t>(from.integer("set-max-intset-entries")),
      .listpack_entries = static_cast<size_t>(from.integer("set-max-listpack-entries")),
      .listpack_value_bytes = static_cast<size_t>(from.bytes("set-max-listpack-value"))};
  settings->shard.hash_limits = {
      .max_entries = static_cast<size_t>(from.integer("hash-max-listpack-entries")),
      .max_value_bytes = static_cast<size_t>(from.bytes("hash-max-listpack-value"))};
  settings->shard.zset_limits = {
      .listpack_entries = static_cast<size_t>(from.integer("zset-max-listpack-entries")),
      .listpack_value_bytes = static_cast<size_t>(from.bytes("zset-max-listpack-value"))};
  settings->shard.stream_limits = {
      .node_max_bytes = static_cast<int64_t>(from.bytes("stream-node-max-bytes")),
      .node_max_entries = static_cast<int64_t>(from.integer("stream-node-max-entries"))};
  settings->max_bulk_bytes = settings->shard.max_bulk_bytes;
  settings->query_buffer_limit_bytes = static_cast<int64_t>(from.bytes("client-query-buffer-limit"));
  const auto limits = from.output_buffer_limits();
  for (size_t i = 0; i < limits.size(); ++i) {
    settings->output_limits[i] = {static_cast<int64_t>(limits[i].hard_bytes),
                                  static_cast<int64_t>(limits[i].soft_bytes), limits[i].soft_seconds};
  }
  settings->max_clients_memory = from.integer("maxmemory-clients");
  settings->max_clients = from.integer("maxclients");
  settings->idle_timeout_s = from.integer("timeout");
  settings->keepalive_s = static_cast<int>(from.integer("tcp-keepalive"));
  settings->protected_mode = from.boolean("protected-mode");
  settings->strict_pipelines = from.text("pipeline-order") == "strict";
  settings->cluster_enabled = from.boolean("cluster-enabled");
  settings->latency_threshold_ms = from.integer("latency-monitor-threshold");
  settings->busy_reply_threshold_ms = from.integer("busy-reply-threshold");
  settings->latency_tracking = from.boolean("latency-tracking");
  settings->debug_command = static_cast<int>(from.integer("enable-debug-command"));
  settings->module_command = static_cast<int>(from.integer("enable-module-command"));
  settings->command_log.from = {from.integer("slowlog-log-slower-than"),
                                from.integer("commandlog-request-larger-than"),
                                from.integer("commandlog-reply-larger-than")};
  settings->command_log.max_entries = {from.integer("slowlog-max-len"),
                                       from.integer("commandlog-large-request-max-len"),
                                       from.integer("commandlog-large-reply-max-len")};
  settings->hz = static_cast<int>(from.integer("hz"));
  settings->config = std::move(config);
  return settings;
}

}  // namespace tessera::server
