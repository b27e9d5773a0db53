// Role: SCRIPT's subcommands. They speak of what all shards share, so they run where their connection is.
// Thread: the connection's.
#include <optional>

#include "common/text/strings.h"
#include "server/dispatch/conn_ctx.h"
#include "server/registry/help.h"
#include "server/script/kill.h"
#include "server/script/runner.h"
#include "server/script/tables.h"

namespace tessera::script {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

void kill_busy(dispatch::NodeShared& node, bool functions, Writer& reply) {
  const char* error = nullptr;
  bool killed = false;
  for (dispatch::Engine* engine : node.engines) {
    Runner& runner = Runner::of(*engine);
    Runner::Busy busy;
    if (!runner.busy(busy)) continue;
    if (busy.has_written) {
      error =
          "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either "
          "wait the "
          "script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
    } else if (busy.is_function != functions) {
      error = busy.is_function
                  ? "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
                  : "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    } else {
      runner.kill();
      killed = true;
    }
  }
  if (killed) {
    reply.ok();
  } else {
    reply.error(error != nullptr ? error : "NOTBUSY No scripts in execution right now.");
  }
}

namespace {

void load(ConnCtx& ctx, const Args& args, Writer& reply) {
  std::string error;
  const ScriptRef script = Runner::of(ctx.engine()).load(args[2], error);
  if (script == nullptr) {
    reply.error(error);
  } else {
    reply.bulk(script->sha);
  }
}

void exists(ConnCtx& ctx, const Args& args, Writer& reply) {
  ScriptStore& scripts = Runner::of(ctx.engine()).shared().scripts;
  reply.array(static_cast<int64_t>(args.size()) - 2);
  for (size_t i = 2; i < args.size(); ++i) reply.integer(scripts.find(text::to_lower(args[i])) != nullptr);
}

void show(ConnCtx& ctx, const Args& args, Writer& reply) {
  const ScriptRef script = Runner::of(ctx.engine()).shared().scripts.find(text::to_lower(args[2]));
  if (script == nullptr) {
    reply.error("NOSCRIPT No matching script. Please use EVAL.");
  } else {
    reply.bulk(script->source);
  }
}

void flush(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (args.size() > 3 ||
      (args.size() == 3 && !text::iequals(args[2], "sync") && !text::iequals(args[2], "async"))) {
    reply.error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    return;
  }
  Runner::of(ctx.engine()).shared().scripts.flush();
  reply.ok();
}

void kill(ConnCtx& ctx, const Args&, Writer& reply) {
  kill_busy(ctx.node(), false, reply);
}

// There is no debugger: who wants none is right, who wants one is told.
void debug(ConnCtx&, const Args& args, Writer& reply) {
  if (args.size() > 3 && !text::iequals(args[3], "lua")) {
    reply.error("ERR Engine '" + std::string(args[3]) + "' not found");
  } else if (text::iequals(args[2], "no")) {
    reply.ok();
  } else if (text::iequals(args[2], "yes") || text::iequals(args[2], "sync")) {
    reply.error("ERR this server has no Lua debugger");
  } else {
    reply.error("ERR Use SCRIPT DEBUG YES/SYNC/NO");
  }
}

void help(ConnCtx&, const Args&, Writer& reply) {
  static constexpr const char* kLines[] = {
      "DEBUG (YES|SYNC|NO)",
      "    Set the debug mode for subsequent scripts executed.",
      "EXISTS <sha1> [<sha1> ...]",
      "    Return information about the existence of the scripts in the script cache.",
      "FLUSH [ASYNC|SYNC]",
      "    Flush the Lua scripts cache. Very dangerous on replicas.",
      "    When called without the optional mode argument, the behavior is determined by the",
      "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
      "    * ASYNC: Asynchronously flush the scripts cache.",
      "    * SYNC: Synchronously flush the scripts cache.",
      "KILL",
      "    Kill the currently executing Lua script.",
      "LOAD <script>",
      "    Load a script into the scripts cache without executing it.",
  };
  registry::write_help("SCRIPT", kLines, reply);
}

using registry::kAllowBusy;
using registry::kCatScripting;
using registry::kLoading;
using registry::kNoscript;
using registry::kStale;

constexpr CommandRow kRows[] = {
    {.name = "debug",
     .arity = -3,
     .flags = kNoscript,
     .acl = kCatScripting,
     .route = Route::kConn,
     .group = "scripting",
     .since = "3.2.0",
     .summary = "Says whether scripts of this connection are debugged.",
     .complexity = "O(1)",
     .arguments = "mode:oneof(yes=YES sync=SYNC no=NO) engine:string?",
     .run_conn = debug,
     .full_name = "script|debug"},
    {.name = "exists",
     .arity = -3,
     .flags = kNoscript | kStale,
     .acl = kCatScripting,
     .route = Route::kConn,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Which of these scripts the server knows.",
     .complexity = "O(N) for N scripts.",
     .tips = "request_policy:all_shards response_policy:agg_logical_and",
     .arguments = "sha1:string*",
     .run_conn = exists,
     .full_name = "script|exists"},
    {.name = "flush",
     .arity = -2,
     .flags = kNoscript | kStale,
     .acl = kCatScripting,
     .route = Route::kConn,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Forgets all scripts.",
     .complexity = "O(N) for N scripts.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .arguments = "flush-type:oneof(async=ASYNC sync=SYNC)?",
     .run_conn = flush,
     .full_name = "script|flush"},
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .acl = kCatScripting,
     .route = Route::kConn,
     .group = "scripting",
     .since = "5.0.0",
     .summary = "Explains the subcommands.",
     .complexity = "O(1)",
     .run_conn = help,
     .full_name = "script|help"},
    {.name = "kill",
     .arity = 2,
     .flags = kNoscript | kAllowBusy,
     .acl = kCatScripting,
     .route = Route::kConn,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Ends the script that keeps the server busy.",
     .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:one_succeeded",
     .run_conn = kill,
     .full_name = "script|kill"},
    {.name = "load",
     .arity = 3,
     .flags = kNoscript | kStale,
     .acl = kCatScripting,
     .route = Route::kConn,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Takes a script for later calls by its SHA1.",
     .complexity = "O(N) for N bytes of source.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .arguments = "script:string",
     .run_conn = load,
     .full_name = "script|load"},
    {.name = "show",
     .arity = 3,
     .flags = kNoscript | kStale,
     .acl = kCatScripting,
     .route = Route::kConn,
     .group = "scripting",
     .since = "8.0.0",
     .summary = "The source of a script.",
     .complexity = "O(1)",
     .arguments = "sha1:string",
     .run_conn = show,
     .full_name = "script|show"},
};

}  // namespace

std::span<const CommandRow> script_subrows() {
  return kRows;
}

}  // namespace tessera::script
