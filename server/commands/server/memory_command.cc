// Role: MEMORY. Thread: USAGE the key's shard; STATS every thread its own part; the others the connection's.
// Names in STATS are redis-server 7.0.15's.
#include <algorithm>

#include "common/base/allocator.h"
#include "common/text/integers.h"
#include "server/commands/server/tables.h"
#include "server/commands/support/arguments.h"
#include "server/dispatch/conn_ctx.h"
#include "server/dispatch/scripts.h"
#include "server/registry/help.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using dispatch::ConnCtx;
using dispatch::ThreadCtx;
using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;

// SAMPLES is checked and has no effect: sizes are known, not estimated.
bool read_usage(const Args& args, Writer& reply) {
  for (size_t i = 3; i < args.size(); ++i) {
    if (!token_is(args[i], "SAMPLES") || i + 1 >= args.size()) {
      syntax_error(reply);
      return false;
    }
    int64_t samples = 0;
    if (!read_int64(args[++i], reply, samples)) return false;
    if (samples < 0) {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

void usage(shard::Ctx& ctx, const Args& args, Writer& reply) {
  if (!read_usage(args, reply)) return;
  const store::Key key = ctx.key(args[2]);
  const store::Entry* entry = ctx.peek(key);
  if (entry == nullptr) {
    reply.null();
  } else {
    reply.integer(static_cast<int64_t>(ctx.keyspace(key).entry_bytes(*entry)));
  }
}

// ---- STATS

struct DbSize {
  int64_t keys = 0, expires = 0, table_bytes = 0;
};

struct Totals {
  int64_t allocated = 0;  // as used_memory
  int64_t startup = 0, peak = 0, clients = 0, tables = 0, keys = 0;
  int64_t scripts = 0, functions = 0;  // their texts, kept once for all shards
  int64_t links = 0, log = 0;          // of the bus; what the journal keeps; neither is in used_memory
  std::vector<DbSize> databases;

  int64_t overhead() const { return startup + clients + tables; }
  int64_t above_startup() const { return allocated > startup ? allocated - startup : 0; }
  int64_t dataset() const { return allocated > overhead() ? allocated - overhead() : 0; }
};

double ratio(int64_t a, int64_t b) {
  return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0;
}

// Numbers as texts: three for each database, behind seven of the node and the shard.
void stats_part(ThreadCtx& ctx, const Args&, Part& part) {
  const dispatch::NodeShared& node = ctx.node();
  const store::Keyspace& keys = ctx.engine().shard().keyspace();
  part.number = ctx.engine().counters().client_memory_bytes.get();
  part.items.push_back(text::to_text(node.startup_bytes.load(std::memory_order_relaxed)));
  part.items.push_back(text::to_text(node.peak_bytes.load(std::memory_order_relaxed)));
  part.items.push_back(text::to_text(static_cast<uint64_t>(keys.used_bytes())));
  const dispatch::ScriptFigures scripts =
      ctx.engine().scripts() != nullptr ? ctx.engine().scripts()->figures() : dispatch::ScriptFigures{};
  part.items.push_back(text::to_text(scripts.script_text_bytes));
  part.items.push_back(text::to_text(scripts.library_text_bytes));
  part.items.push_back(text::to_text(node.cluster_link_bytes.load(std::memory_order_relaxed)));
  part.items.push_back(text::to_text(node.journal->live_bytes()));
  for (int db = 0; db < keys.database_count(); ++db) {
    part.items.push_back(text::to_text(static_cast<uint64_t>(keys.size(db))));
    part.items.push_back(text::to_text(static_cast<uint64_t>(keys.expires_count(db))));
    part.items.push_back(text::to_text(static_cast<uint64_t>(keys.table_bytes(db))));
  }
}

int64_t number_at(const Part& part, size_t i) {
  return text::parse_int64(part.items[i]).value_or(0);
}

Totals add_up(std::span<const Part> parts) {
  constexpr size_t kNodeItems = 7;
  Totals totals;
  totals.startup = number_at(parts[0], 0);
  totals.scripts = number_at(parts[0], 3);
  totals.functions = number_at(parts[0], 4);
  totals.links = number_at(parts[0], 5);
  totals.log = number_at(parts[0], 6);
  totals.databases.resize((parts[0].items.size() - kNodeItems) / 3);
  for (const Part& part : parts) {
    totals.clients += part.number;
    totals.allocated += part.number + number_at(part, 2);
    for (size_t db = 0; db < totals.databases.size(); ++db) {
      const size_t at = kNodeItems + 3 * db;
      totals.databases[db].keys += number_at(part, at);
      totals.databases[db].expires += number_at(part, at + 1);
      totals.databases[db].table_bytes += number_at(part, at + 2);
      totals.keys += number_at(part, at);
      totals.tables += number_at(part, at + 2);
    }
  }
  totals.allocated += totals.startup;
  totals.peak = std::max(number_at(parts[0], 1), totals.allocated);
  return totals;
}

class StatsWriter {
 public:
  explicit StatsWriter(Writer& out) : out_(out), place_(out.deferred()) {}
  void number(std::string_view name, int64_t value) {
    out_.bulk(name);
    out_.integer(value);
    ++pairs_;
  }
  // Computed as a float there, and printed with the digits that gives.
  void real(std::string_view name, double value) {
    out_.bulk(name);
    out_.real(static_cast<float>(value));
    ++pairs_;
  }
  void database(size_t db, const DbSize& size) {
    out_.bulk("db." + text::to_text(static_cast<uint64_t>(db)));
    out_.map(3);
    out_.bulk("overhead.hashtable.main");
    out_.integer(size.table_bytes);
    // One index serves keys, expiry and slots.
    out_.bulk("overhead.hashtable.expires");
    out_.integer(0);
    out_.bulk("overhead.hashtable.slot-to-keys");
    out_.integer(0);
    ++pairs_;
  }
  void finish() { out_.finish_map(place_, pairs_); }

 private:
  Writer& out_;
  resp::Chunk* place_;
  int64_t pairs_ = 0;
};

void stats_merge(std::span<Part> parts, const Args&, Writer& reply) {
  const AllocatorStats allocator = read_allocator();
  int64_t allocated = static_cast<int64_t>(allocator.allocated_bytes);
  const auto rss = static_cast<int64_t>(process_rss_bytes());
  if (allocated == 0) allocated = rss;  // plain malloc does not tell
  const Totals totals = add_up(parts);
  const auto active = static_cast<int64_t>(allocator.active_bytes);
  const auto resident = static_cast<int64_t>(allocator.resident_bytes);
  StatsWriter out(reply);
  out.number("peak.allocated", totals.peak);
  out.number("total.allocated", totals.allocated);
  out.number("startup.allocated", totals.startup);
  out.number("replication.backlog", 0);
  out.number("clients.slaves", 0);
  out.number("clients.normal", totals.clients);
  out.number("cluster.links", totals.links);
  out.number("aof.buffer", totals.log);
  out.number("lua.caches", totals.scripts);
  out.number("functions.caches", totals.functions);
  for (size_t db = 0; db < totals.databases.size(); ++db) {
    if (totals.databases[db].keys > 0) out.database(db, totals.databases[db]);
  }
  out.number("overhead.total", totals.overhead());
  out.number("keys.count", totals.keys);
  out.number("keys.bytes-per-key", totals.keys > 0 ? totals.above_startup() / totals.keys : 0);
  out.number("dataset.bytes", totals.dataset());
  out.real("dataset.percentage", 100 * ratio(totals.dataset(), totals.above_startup()));
  out.real("peak.percentage", 100 * ratio(totals.allocated, totals.peak));
  out.number("allocator.allocated", allocated);
  out.number("allocator.active", active);
  out.number("allocator.resident", resident);
  out.real("allocator-fragmentation.ratio", ratio(active, allocated));
  out.number("allocator-fragmentation.bytes", active - allocated);
  out.real("allocator-rss.ratio", ratio(resident, active));
  out.number("allocator-rss.bytes", resident - active);
  out.real("rss-overhead.ratio", ratio(rss, resident));
  out.number("rss-overhead.bytes", rss - resident);
  out.real("fragmentation", ratio(rss, totals.allocated));
  out.number("fragmentation.bytes", rss - totals.allocated);
  out.finish();
}

// ---- DOCTOR and the allocator

constexpr int64_t kTooLittleBytes = 5 * 1024 * 1024;
constexpr int64_t kBigClientBytes = 200 * 1024;

void doctor(ConnCtx& ctx, const Args&, Writer& reply) {
  const AllocatorStats allocator = read_allocator();
  const auto rss = static_cast<int64_t>(process_rss_bytes());
  const auto allocated = static_cast<int64_t>(allocator.allocated_bytes);
  const int64_t used = dispatch::used_memory_bytes(ctx.node());
  const int64_t peak = ctx.node().peak_bytes.load(std::memory_order_relaxed);
  int64_t client_bytes = 0;
  int64_t client_count = 0;
  for (dispatch::Engine* engine : ctx.node().engines) {
    client_bytes += engine->counters().client_memory_bytes.get();
    client_count += engine->counters().connections_open.get();
  }
  if (allocated == 0) {
    reply.verbatim(
        "txt",
        "This build uses the system's malloc, which does not tell what it does: nothing to examine.\n");
    return;
  }
  if (allocated < kTooLittleBytes) {
    reply.verbatim("txt", "There is too little data here for a finding: less than 5 MB are in use.\n");
    return;
  }
  std::string findings;
  if (ratio(peak, used) > 1.5) {
    findings +=
        " * Peak: at its peak the server used more than 1.5 times the memory it uses now. Pages that were "
        "freed since may still be counted as resident; MEMORY PURGE gives them back.\n\n";
  }
  if (rss - allocated > (10 << 20) && ratio(rss, allocated) > 1.4) {
    findings +=
        " * Fragmentation: the process holds more than 1.4 times what it has allocated. Many keys of other "
        "sizes than those that were removed are the usual reason; a restart packs them.\n\n";
  }
  if (client_count > 0 && client_bytes / client_count > kBigClientBytes) {
    findings +=
        " * Connections: they hold more than 200 KB each on average. Look for slow readers and large "
        "arguments with CLIENT LIST (qbuf, omem), and limit them with client-output-buffer-limit.\n\n";
  }
  if (findings.empty()) {
    reply.verbatim("txt", "Memory is in order: no peak, fragmentation or connection stands out.\n");
  } else {
    reply.verbatim("txt", "What stands out in this server's memory:\n\n" + findings);
  }
}

void malloc_stats(ConnCtx&, const Args&, Writer& reply) {
  // Of one type whatever the build, so that a sanitizer's (plain malloc) agrees with redis-server on it.
  const std::string report = allocator_report();
  reply.verbatim("txt", report.empty() ? "Stats not supported for the current allocator" : report);
}

void purge(ConnCtx&, const Args&, Writer& reply) {
  // With an allocator that cannot, there is nothing to give back either.
  (void)purge_allocator();
  reply.ok();
}

constexpr const char* kHelp[] = {
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
};

void help(ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("MEMORY", kHelp, reply);
}

constexpr CommandRow kSubcommands[] = {
    {.name = "doctor",
     .arity = 2,
     .route = Route::kConn,
     .group = "server",
     .since = "4.0.0",
     .summary = "What stands out in the use of memory.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .run_conn = doctor,
     .full_name = "memory|doctor"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .route = Route::kConn,
     .group = "server",
     .since = "4.0.0",
     .summary = "What MEMORY can do.",
     .complexity = "O(1)",
     .run_conn = help,
     .full_name = "memory|help"},
    {.name = "malloc-stats",
     .arity = 2,
     .flags = registry::kLoading,
     .route = Route::kConn,
     .group = "server",
     .since = "4.0.0",
     .summary = "The allocator's own report.",
     .complexity = "Depends on the allocator.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .run_conn = malloc_stats,
     .full_name = "memory|malloc-stats"},
    {.name = "purge",
     .arity = 2,
     .flags = registry::kLoading,
     .route = Route::kConn,
     .group = "server",
     .since = "4.0.0",
     .summary = "Gives unused pages back to the system.",
     .complexity = "Depends on the allocator.",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .run_conn = purge,
     .full_name = "memory|purge"},
    {.name = "stats",
     .arity = 2,
     .route = Route::kThreads,
     .group = "server",
     .since = "4.0.0",
     .summary = "What memory is used for.",
     .complexity = "O(N), N being the number of databases.",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .part_threads = stats_part,
     .merge = stats_merge,
     .full_name = "memory|stats"},
    {.name = "usage",
     .arity = -3,
     .flags = registry::kReadonly,
     .keys = registry::keys_range(2, 0, 1, registry::kKeyRO),
     .group = "server",
     .since = "4.0.0",
     .summary = "The memory a key and its value take.",
     .complexity = "O(1)",
     .arguments = "key:key@0 count:integer=SAMPLES?",
     .run = usage,
     .full_name = "memory|usage"},
};

constexpr CommandRow kRows[] = {
    {.name = "memory",
     .arity = -2,
     .group = "server",
     .since = "4.0.0",
     .summary = "The server's memory.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

RowTable memory_rows() {
  return kRows;
}

}  // namespace tessera::commands
