// Role: the INFO command: which sections, in which order. Thread: the connection's.
#include <algorithm>
#include <set>

#include "common/text/strings.h"
#include "server/dispatch/conn_ctx.h"
#include "server/info/sections.h"
#include "server/registry/command_row.h"

namespace tessera::info {

using registry::InfoSection;

std::span<const InfoSection> sections() {
  static const InfoSection kSections[] = {
      {"server", "# Server", true, server_rows()},
      {"tls", "# TLS", true, tls_rows()},
      {"clients", "# Clients", true, client_rows()},
      {"memory", "# Memory", true, memory_rows()},
      {"persistence", "# Persistence", true, persistence_rows(), write_append_only},
      {"stats", "# Stats", true, stats_rows()},
      {"replication", "# Replication", true, replication_rows()},
      {"cpu", "# CPU", true, cpu_rows()},
      {"modules", "# Modules", true, {}},
      {"commandstats", "# Commandstats", false, {}, write_commandstats},
      {"errorstats", "# Errorstats", true, {}, write_errorstats},
      {"latencystats", "# Latencystats", false, {}, write_latencystats},
      {"cluster", "# Cluster", true, cluster_rows()},
      {"keyspace", "# Keyspace", true, {}, write_keyspace},
      {"tessera", "# Tessera", true, tessera_rows()},
  };
  return kSections;
}

std::string info_text(const dispatch::NodeShared& node, std::span<const std::string_view> names) {
  const Source source(node);
  bool all = false, defaults = names.empty();
  std::set<std::string> wanted;
  for (std::string_view name : names) {
    if (text::iequals(name, "all") || text::iequals(name, "everything")) {
      all = true;
    } else if (text::iequals(name, "default")) {
      defaults = true;
    } else {
      wanted.insert(text::to_lower(name));
    }
  }
  std::string out;
  for (const InfoSection& section : sections()) {
    if (!all && !(defaults && section.by_default) && !wanted.count(section.name)) continue;
    if (!out.empty()) out += "\r\n";
    out += section.title;
    out += "\r\n";
    for (const registry::InfoRow& row : section.rows) {
      if (row.shown != nullptr && !row.shown(source)) continue;
      out += row.name;
      out += ":";
      row.write(source, out);
      out += "\r\n";
    }
    if (section.body) section.body(source, out);
  }
  return out;
}

namespace {

void info(dispatch::ConnCtx& ctx, const registry::Args& args, resp::Writer& reply) {
  // What this tick changed here is not published yet; other shards published before they answered.
  ctx.engine().shard().publish_sizes();
  reply.verbatim("txt", info_text(ctx.node(), args.views().subspan(1)));
}

using enum registry::CommandFlag;

constexpr registry::CommandRow kRows[] = {
    {.name = "info",
     .arity = -1,
     .flags = kLoading | kStale,
     .acl = registry::kCatDangerous,
     .route = registry::Route::kConn,
     .group = "server",
     .since = "1.0.0",
     .summary = "Returns what the server knows of itself, in sections.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .arguments = "section:string?*",
     .run_conn = info},
};

}  // namespace

std::span<const registry::CommandRow> info_rows() {
  return kRows;
}

}  // namespace tessera::info
