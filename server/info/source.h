// Role: what INFO's rows read: the node, and sums over its threads taken once per reply. Thread: any; reads
// counters and published objects only, so INFO needs no message.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/allocator.h"
#include "server/dispatch/engine.h"

namespace tessera::info {

// Sums over all threads.
struct Totals {
  int64_t connections_received = 0, connections_rejected = 0, connections_open = 0;
  int64_t commands = 0, net_in_bytes = 0, net_out_bytes = 0, reads = 0, writes = 0;
  int64_t client_memory_bytes = 0, blocked_clients = 0, clients_in_timeout_table = 0, blocking_keys = 0,
          blocking_keys_when_gone = 0, largest_input_bytes = 0, largest_output_bytes = 0;
  int64_t watching_clients = 0, watched_keys = 0;
  int64_t transactions = 0, transactions_gathered = 0, transaction_messages = 0;
  int64_t gathers = 0, gathers_in_batch = 0, gathers_withdrawn = 0, fanouts = 0, remote_commands = 0,
          local_commands = 0, held_commands = 0;
  int64_t query_limit_disconnections = 0, output_limit_disconnections = 0;
  int64_t acl_denied_auth = 0, acl_denied_cmd = 0, acl_denied_key = 0, acl_denied_channel = 0;
  int64_t ticks = 0, tick_us = 0, error_replies = 0;
  int64_t keyspace_hits = 0, keyspace_misses = 0, expired_keys = 0, expired_fields = 0, expire_cycle_us = 0,
          expire_caps = 0, dirty = 0;
  int64_t longest_tick_us = 0, parked_count = 0, parked_us = 0, longest_parked_us = 0;
  int64_t data_bytes = 0;  // entries, values, tables
  int64_t key_count = 0;
};

class Source {
 public:
  explicit Source(const dispatch::NodeShared& node);

  const dispatch::NodeShared& node() const { return node_; }
  const dispatch::Settings& settings() const { return *settings_; }
  const route::ClusterView& view() const { return *view_; }
  const Totals& totals() const { return totals_; }
  const AllocatorStats& allocator() const { return allocator_; }
  int64_t rss_bytes() const { return rss_bytes_; }
  int64_t used_bytes() const;  // used_memory
  int64_t peak_bytes() const;
  int64_t uptime_s() const;
  int64_t wall_us() const;

 private:
  const dispatch::NodeShared& node_;
  std::shared_ptr<const dispatch::Settings> settings_;
  std::shared_ptr<const route::ClusterView> view_;
  Totals totals_;
  AllocatorStats allocator_;
  int64_t rss_bytes_;
};

void add(std::string& out, int64_t value);
void add_fixed(std::string& out, double value, int decimals);
void add_human(std::string& out, int64_t bytes);

}  // namespace tessera::info
