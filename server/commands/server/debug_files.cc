// Role: DEBUG's subcommands that concern what is on disk, and the process that begins anew with it. Thread:
// control.
#include "server/commands/server/debug.h"
#include "server/commands/server/rewrite_config.h"
#include "server/dispatch/node_shared.h"

namespace tessera::commands {

namespace {

void reload(control::ControlCtx& ctx, const registry::Args& args, resp::Writer& reply) {
  ctx.services().node->reload(ctx, args, reply);
}

void rewrite_all(control::ControlCtx& ctx, const registry::Args&, resp::Writer& reply) {
  rewrite_config_file(ctx, reply, true);
}

void load_aof(control::ControlCtx& ctx, const registry::Args& args, resp::Writer& reply) {
  ctx.services().node->load_aof(ctx, args, reply);
}

void restart(control::ControlCtx& ctx, const registry::Args& args, resp::Writer& reply) {
  ctx.services().node->restart(ctx, args, reply);
}

constexpr DebugEntry kEntries[] = {
    {.name = "RELOAD", .min_args = 2, .max_args = SIZE_MAX, .on_control = reload},
    {.name = "LOADAOF", .min_args = 2, .max_args = SIZE_MAX, .on_control = load_aof},
    {.name = "RESTART", .min_args = 2, .max_args = SIZE_MAX, .on_control = restart},
    {.name = "CRASH-AND-RECOVER", .min_args = 2, .max_args = SIZE_MAX, .on_control = restart},
    {.name = "CONFIG-REWRITE-FORCE-ALL", .min_args = 2, .max_args = 2, .on_control = rewrite_all},
};

}  // namespace

std::span<const DebugEntry> debug_file_entries() {
  return kEntries;
}

}  // namespace tessera::commands
