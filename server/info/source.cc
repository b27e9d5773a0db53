// Role: sums of counters for INFO. See source.h.
#include "server/info/source.h"

#include <algorithm>
#include <cstdio>

#include "common/text/sizes.h"

namespace tessera::info {

Source::Source(const dispatch::NodeShared& node)
    : node_(node),
      settings_(node.settings->get()),
      view_(node.view->get()),
      allocator_(read_allocator()),
      rss_bytes_(static_cast<int64_t>(process_rss_bytes())) {
  Totals& t = totals_;
  for (dispatch::Engine* engine : node.engines) {
    const dispatch::ThreadCounters& thread = engine->counters();
    t.connections_received += thread.connections_received.get();
    t.connections_rejected += thread.connections_rejected.get();
    t.connections_open += thread.connections_open.get();
    t.commands += thread.commands_processed.get();
    t.net_in_bytes += thread.net_in_bytes.get();
    t.net_out_bytes += thread.net_out_bytes.get();
    t.reads += thread.reads_processed.get();
    t.writes += thread.writes_processed.get();
    t.client_memory_bytes += thread.client_memory_bytes.get();
    t.blocked_clients += thread.blocked_clients.get();
    t.clients_in_timeout_table += thread.clients_in_timeout_table.get();
    t.blocking_keys += engine->shard().waiting().counts().keys.get();
    t.blocking_keys_when_gone += engine->shard().waiting().counts().keys_when_gone.get();
    t.largest_input_bytes = std::max(t.largest_input_bytes, thread.largest_input_bytes.get());
    t.largest_output_bytes = std::max(t.largest_output_bytes, thread.largest_output_bytes.get());
    t.watching_clients += thread.watching_clients.get();
    t.watched_keys += engine->shard().watches().key_count();
    t.transactions += thread.transactions.get();
    t.transactions_gathered += thread.transactions_gathered.get();
    t.transaction_messages += thread.transaction_messages.get();
    t.gathers += thread.gathers_run.get();
    t.gathers_in_batch += thread.gathers_in_batch.get();
    t.gathers_withdrawn += thread.gathers_withdrawn.get();
    t.fanouts += thread.fanouts_run.get();
    t.remote_commands += thread.remote_commands.get();
    t.local_commands += thread.local_commands.get();
    t.held_commands += thread.held_commands.get();
    t.query_limit_disconnections += thread.query_buffer_limit_disconnections.get();
    t.output_limit_disconnections += thread.output_buffer_limit_disconnections.get();
    t.acl_denied_auth += thread.acl_denied_auth.get();
    t.acl_denied_cmd += thread.acl_denied_cmd.get();
    t.acl_denied_key += thread.acl_denied_key.get();
    t.acl_denied_channel += thread.acl_denied_channel.get();
    t.ticks += thread.ticks.get();
    t.tick_us += thread.tick_us.get();
    t.error_replies += engine->stats().error_total().get();
    const shard::ShardCounters& shard = engine->shard().counters();
    t.keyspace_hits += shard.keyspace_hits.get();
    t.keyspace_misses += shard.keyspace_misses.get();
    t.expired_keys += shard.expired_keys.get();
    t.expired_fields += shard.expired_fields.get();
    t.expire_cycle_us += shard.expire_cycle_us.get();
    t.expire_caps += shard.expired_time_cap_reached.get();
    t.dirty += shard.dirty.get();
    t.longest_tick_us = std::max(t.longest_tick_us, shard.longest_tick_us.get());
    t.parked_count += shard.parked_count.get();
    t.parked_us += shard.parked_us.get();
    t.longest_parked_us = std::max(t.longest_parked_us, shard.longest_parked_us.get());
    t.data_bytes += static_cast<int64_t>(engine->shard().keyspace().used_bytes());
    for (const shard::DatabaseCounters& db : engine->shard().databases()) t.key_count += db.keys.get();
  }
}

int64_t Source::used_bytes() const {
  return dispatch::used_memory_bytes(node_);
}

int64_t Source::peak_bytes() const {
  return std::max(node_.peak_bytes.load(std::memory_order_relaxed), used_bytes());
}

int64_t Source::uptime_s() const {
  return (node_.env->clock().mono() - node_.started).us / 1000000;
}

int64_t Source::wall_us() const {
  return node_.env->clock().wall_us();
}

void add(std::string& out, int64_t value) {
  out += std::to_string(value);
}

void add_fixed(std::string& out, double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", decimals, value);
  out += text;
}

void add_human(std::string& out, int64_t bytes) {
  out += text::human_bytes(static_cast<uint64_t>(std::max<int64_t>(bytes, 0)));
}

}  // namespace tessera::info
