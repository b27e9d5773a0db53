// Role: TIME, ROLE, LOLWUT and MODULE: what the server says of itself. Thread: the connection's.
#include <algorithm>
#include <string>

#include "common/text/integers.h"
#include "server/commands/server/tables.h"
#include "server/commands/support/arguments.h"
#include "server/dispatch/conn_ctx.h"
#include "server/registry/help.h"
#include "server/registry/version.h"

namespace tessera::commands {

namespace {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

void time(ConnCtx& ctx, const Args&, Writer& reply) {
  const int64_t us = ctx.engine().clock().wall_us();
  reply.array(2);
  reply.bulk_int(us / 1000000);
  reply.bulk_int(us % 1000000);
}

// A primary without replicas. Its offset counts from the first replica on, and there is none yet.
void role(ConnCtx&, const Args&, Writer& reply) {
  reply.array(3);
  reply.bulk("master");
  reply.integer(0);
  reply.array(0);
}

// Truchet's tiles (1704): two quarter arcs that turn one way or the other, at random.
std::string truchet(Random& random, int64_t columns, int64_t rows) {
  std::string art;
  for (int64_t y = 0; y < rows; ++y) {
    for (int64_t x = 0; x < columns; ++x) art += random.one_in(2) ? "╰╮" : "╭╯";
    art += '\n';
  }
  return art;
}

void lolwut(ConnCtx& ctx, const Args& args, Writer& reply) {
  int64_t columns = 30;
  int64_t rows = 12;
  size_t next = 1;
  if (args.size() == 2 && token_is(args[1], "VERSION")) {
    reply.verbatim("txt", std::string("Redis ver. ") + kRedisVersion + "\n");
    return;
  }
  if (args.size() >= 3 && token_is(args[1], "VERSION")) {
    int64_t version = 0;
    if (!read_int64(args[2], reply, version)) return;
    // Only the pictures of versions 5 and 6 take sizes; whatever follows another number is not looked at.
    next = version == 5 || version == 6 ? 3 : args.size();
    if (args.size() > next && !read_int64(args[next++], reply, columns)) return;
    if (args.size() > next && !read_int64(args[next++], reply, rows)) return;
    int64_t unused = 0;  // version 5 takes three sizes
    if (version == 5 && args.size() > next && !read_int64(args[next], reply, unused)) return;
  }
  columns = std::clamp<int64_t>(columns, 1, 500);
  rows = std::clamp<int64_t>(rows, 1, 200);
  reply.verbatim("txt", truchet(ctx.engine().shard().random(), columns, rows) +
                            "\nTruchet's tiles, 1704: one tessera, laid at random. Redis ver. " +
                            kRedisVersion + "\n");
}

void module_list(ConnCtx&, const Args&, Writer& reply) {
  reply.array(0);
}

void module_load(ConnCtx& ctx, const Args& args, Writer& reply) {
  ctx.node().log->warning("Module %s failed to load: Tessera has no interface for modules",
                          std::string(args[2]).c_str());
  reply.error("ERR Error loading the extension. Please check the server logs.");
}

void module_unload(ConnCtx&, const Args&, Writer& reply) {
  reply.error("ERR Error unloading module: no such module with that name");
}

constexpr const char* kModuleHelp[] = {
    "LIST",
    "    Return a list of loaded modules.",
    "LOAD <path> [<arg> ...]",
    "    Load a module library from <path>, passing to it any optional arguments.",
    "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
    "    Load a module library from <path>, while passing it module configurations and optional arguments.",
    "UNLOAD <name>",
    "    Unload a module.",
};

void module_help(ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("MODULE", kModuleHelp, reply);
}

constexpr uint32_t kLoads =
    registry::kAdmin | registry::kNoscript | registry::kNoAsyncLoading | registry::kProtected;

constexpr CommandRow kModuleSubcommands[] = {
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .route = Route::kConn,
     .group = "server",
     .since = "5.0.0",
     .summary = "What MODULE can do.",
     .complexity = "O(1)",
     .run_conn = module_help,
     .full_name = "module|help"},
    {.name = "list",
     .arity = 2,
     .flags = registry::kAdmin | registry::kNoscript,
     .route = Route::kConn,
     .group = "server",
     .since = "4.0.0",
     .summary = "The modules that are loaded: none.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output_order",
     .run_conn = module_list,
     .full_name = "module|list"},
    {.name = "load",
     .arity = -3,
     .flags = kLoads,
     .route = Route::kConn,
     .group = "server",
     .since = "4.0.0",
     .summary = "Refused: there are no modules.",
     .complexity = "O(1)",
     .arguments = "path:string arg:string?*",
     .run_conn = module_load,
     .full_name = "module|load"},
    {.name = "loadex",
     .arity = -3,
     .flags = kLoads,
     .route = Route::kConn,
     .group = "server",
     .since = "7.0.0",
     .summary = "Refused: there are no modules.",
     .complexity = "O(1)",
     .arguments = "path:string configs:block(name:string value:string)=CONFIG?+ args:string=ARGS?*",
     .run_conn = module_load,
     .full_name = "module|loadex"},
    {.name = "unload",
     .arity = 3,
     .flags = kLoads,
     .route = Route::kConn,
     .group = "server",
     .since = "4.0.0",
     .summary = "Refused: there are no modules.",
     .complexity = "O(1)",
     .arguments = "name:string",
     .run_conn = module_unload,
     .full_name = "module|unload"},
};

constexpr CommandRow kRows[] = {
    {.name = "time",
     .arity = 1,
     .flags = registry::kLoading | registry::kStale | registry::kFast,
     .route = Route::kConn,
     .group = "server",
     .since = "2.6.0",
     .summary = "The server's time: seconds since 1970, and microseconds.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .run_conn = time},
    {.name = "role",
     .arity = 1,
     .flags = registry::kNoscript | registry::kLoading | registry::kStale | registry::kFast,
     .acl = registry::kCatAdmin | registry::kCatDangerous,
     .route = Route::kConn,
     .group = "server",
     .since = "2.8.12",
     .summary = "The part this node has in replication.",
     .complexity = "O(1)",
     .run_conn = role},
    {.name = "lolwut",
     .arity = -1,
     .flags = registry::kReadonly | registry::kFast,
     .route = Route::kConn,
     .group = "server",
     .since = "5.0.0",
     .summary = "A picture, and the version.",
     .complexity = "O(N), N being the size of the picture.",
     .arguments = "version:integer=VERSION?",
     .run_conn = lolwut},
    {.name = "module",
     .arity = -2,
     .group = "server",
     .since = "4.0.0",
     .summary = "Modules, of which there are none.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kModuleSubcommands},
};

}  // namespace

RowTable about_rows() {
  return kRows;
}

}  // namespace tessera::commands
