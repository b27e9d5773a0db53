// Role: CONFIG: thin rows over config/editor. Thread: GET the connection's, with the version adopted there;
// SET and REWRITE control, the file is written by the pool; RESETSTAT every thread its own counters.
// Invariant: a SET is answered when every shard works by it.
#include <memory>
#include <utility>
#include <vector>

#include "common/text/strings.h"
#include "server/acl/acl_store.h"
#include "server/commands/server/rewrite_config.h"
#include "server/commands/server/tables.h"
#include "server/commands/support/arguments.h"
#include "server/config/editor.h"
#include "server/config/file_rewriter.h"
#include "server/config/table.h"
#include "server/control/control.h"
#include "server/dispatch/conn_ctx.h"

namespace tessera::commands {

namespace {

using control::ControlCtx;
using dispatch::ConnCtx;
using dispatch::ThreadCtx;
using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;

void get(ConnCtx& ctx, const Args& args, Writer& reply) {
  const config::Editor reader(ctx.settings().config);
  const auto pairs = reader.get(args.views().subspan(2));
  reply.map(static_cast<int64_t>(pairs.size()));
  for (const auto& [name, value] : pairs) {
    reply.bulk(name);
    reply.bulk(value);
  }
}

// The value of a parameter whose row says so.
bool is_secret_value(const Args& args, size_t position) {
  static const config::ParameterTable table(config::all_sections());
  return position >= 3 && position % 2 == 1 && config::is_sensitive(table, args[position - 1]);
}

void set(ControlCtx& ctx, const Args& args, Writer& reply) {
  if (args.size() % 2 != 0) {
    syntax_error(reply);
    return;
  }
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (size_t i = 2; i < args.size(); i += 2) pairs.emplace_back(args[i], args[i + 1]);
  control::Services& services = ctx.services();
  config::SetOptions options;
  options.protected_allowed =
      config::allowed(*services.editor->current(), "enable-protected-configs", ctx.client_is_local());
  options.resolve_dir = services.resolve_dir;
  const uint64_t asked_before = services.settling.asked();
  auto next = services.editor->set(pairs, options);
  if (!next.ok()) {
    reply.error("ERR " + next.error().message);
    return;
  }
  services.publish_config(*next);
  for (const std::string& name : services.editor->take_unserved()) {
    services.node->log->warning("The parameter '%s' has no effect yet.", name.c_str());
  }
  if (services.settling.asked() == asked_before) {
    ctx.hold_reply_until_adopted();
    reply.ok();
    return;
  }
  control::Control& control = ctx.control();
  control.when_adopted([&services, &control, asked_before, send = ctx.reply_later()] {
    services.settling.when_done(asked_before, [&control, send](const std::string& failure) {
      if (failure.empty()) return send([](Writer& out) { out.ok(); });
      // It is put back when shards have come to it, which was asked for before, and then has to hold.
      control.when_adopted([&control, send, failure] {
        control.when_adopted(
            [send, failure] { send([&](Writer& out) { out.error("ERR CONFIG SET failed " + failure); }); });
      });
    });
  });
}

void rewrite(ControlCtx& ctx, const Args&, Writer& reply) {
  rewrite_config_file(ctx, reply, false);
}

// What counts events; not what measures a state (open connections, memory).
void reset_counters(dispatch::Engine& engine) {
  dispatch::ThreadCounters& thread = engine.counters();
  for (Counter* counter : {&thread.connections_received,
                           &thread.connections_rejected,
                           &thread.commands_processed,
                           &thread.net_in_bytes,
                           &thread.net_out_bytes,
                           &thread.reads_processed,
                           &thread.writes_processed,
                           &thread.largest_input_bytes,
                           &thread.largest_output_bytes,
                           &thread.gathers_run,
                           &thread.gathers_in_batch,
                           &thread.gathers_withdrawn,
                           &thread.fanouts_run,
                           &thread.remote_commands,
                           &thread.local_commands,
                           &thread.held_commands,
                           &thread.query_buffer_limit_disconnections,
                           &thread.output_buffer_limit_disconnections,
                           &thread.acl_denied_auth,
                           &thread.acl_denied_cmd,
                           &thread.acl_denied_key,
                           &thread.acl_denied_channel,
                           &thread.evicted_clients,
                           &thread.transactions,
                           &thread.transactions_gathered,
                           &thread.transaction_messages,
                           &thread.ticks,
                           &thread.tick_us}) {
    counter->set(0);
  }
  shard::ShardCounters& shard = engine.shard().counters();
  for (Counter* counter :
       {&shard.keyspace_hits, &shard.keyspace_misses, &shard.expired_keys, &shard.expired_fields,
        &shard.expire_cycle_us, &shard.expired_time_cap_reached, &shard.longest_tick_us, &shard.parked_count,
        &shard.parked_us, &shard.longest_parked_us, &shard.commands}) {
    counter->set(0);
  }
  engine.stats().reset();
}

void resetstat_part(ThreadCtx& ctx, const Args&, Part&) {
  reset_counters(ctx.engine());
  if (ctx.engine().index() == 0) ctx.engine().node().journal->aof().delayed_syncs = 0;
}

void resetstat_merge(std::span<Part>, const Args&, Writer& reply) {
  reply.ok();
}

void help(ConnCtx&, const Args&, Writer& reply) {
  const auto lines = config::config_help();
  reply.array(static_cast<int64_t>(lines.size()));
  for (const char* line : lines) reply.simple(line);
}

constexpr uint32_t kUsual = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale;

constexpr CommandRow kSubcommands[] = {
    {.name = "get",
     .arity = -3,
     .flags = kUsual,
     .route = Route::kConn,
     .group = "server",
     .since = "2.0.0",
     .summary = "Parameters by name or pattern, with their values.",
     .complexity = "O(N), N being the number of parameters.",
     .arguments = "parameter:string*",
     .run_conn = get,
     .history = "7.0.0\tSeveral names and patterns.",
     .full_name = "config|get"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .route = Route::kConn,
     .group = "server",
     .since = "5.0.0",
     .summary = "What CONFIG can do.",
     .complexity = "O(1)",
     .run_conn = help,
     .full_name = "config|help"},
    {.name = "resetstat",
     .arity = 2,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.0.0",
     .summary = "Sets the statistics of INFO to zero.",
     .complexity = "O(N), N being the number of commands.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .part_threads = resetstat_part,
     .merge = resetstat_merge,
     .full_name = "config|resetstat"},
    {.name = "rewrite",
     .arity = 2,
     .flags = kUsual,
     .route = Route::kControl,
     .group = "server",
     .since = "2.8.0",
     .summary = "Writes the parameters that differ from their defaults into the configuration file.",
     .complexity = "O(N), N being the number of parameters.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .run_control = rewrite,
     .full_name = "config|rewrite"},
    {.name = "set",
     .arity = -4,
     .flags = kUsual,
     .route = Route::kControl,
     .group = "server",
     .since = "2.0.0",
     .summary = "Changes parameters, all of them or none.",
     .complexity = "O(N), N being the number of parameters.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .arguments = "data:block(parameter:string value:string)*",
     .run_control = set,
     .history = "7.0.0\tSeveral parameters at once.",
     .full_name = "config|set",
     .is_secret = is_secret_value},
};

constexpr CommandRow kRows[] = {
    {.name = "config",
     .arity = -2,
     .group = "server",
     .since = "2.0.0",
     .summary = "The server's parameters.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

void rewrite_config_file(ControlCtx& ctx, Writer& reply, bool everything) {
  control::Services& services = ctx.services();
  std::shared_ptr<const config::Config> current = services.editor->current();
  if (current->config_file().empty()) {
    reply.error("ERR The server is running without a config file");
    return;
  }
  std::vector<std::string> users;
  if (services.acl != nullptr && current->text("aclfile").empty()) users = services.acl->config_lines();
  dispatch::NodeShared& node = *services.node;
  config::FileRewriter& file = *services.rewriter;
  node.env->pool().submit([=, &node, &file, turn = file.next_turn(), send = ctx.reply_later()] {
    const Result<void> written = file.rewrite(node.env->files(), *current, users, turn, everything);
    if (written.ok()) {
      node.log->notice("CONFIG REWRITE executed with success.");
    } else {
      node.log->warning("CONFIG REWRITE failed: %s", written.error().message.c_str());
    }
    send([&](Writer& out) {
      if (written.ok()) {
        out.ok();
      } else {
        out.error("ERR " + written.error().message);
      }
    });
  });
}

RowTable config_rows() {
  return kRows;
}

}  // namespace tessera::commands
