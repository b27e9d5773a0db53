// Role: what DEBUG's files share: a subcommand is an entry of one of their tables, and the one row of DEBUG
// finds its thread and its handler there. Thread: constants.
#pragma once

#include <span>
#include <string_view>

#include "server/control/control.h"
#include "server/dispatch/conn_ctx.h"
#include "server/registry/command_row.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

// The key that DEBUG's subcommands name; none: nullptr, and the error is replied.
const store::Entry* debug_look_up(shard::Ctx& ctx, std::string_view name, resp::Writer& reply);

struct DebugEntry {
  const char* name;  // upper case
  size_t min_args;   // with DEBUG and the name
  size_t max_args;
  // One of them; it decides where the subcommand runs: on the connection's thread, with all shards parked, or
  // in parts on every thread (then the reply is OK), or on the control thread.
  void (*on_connection)(dispatch::ConnCtx&, const registry::Args&, resp::Writer&) = nullptr;
  void (*parked)(shard::Ctx&, const registry::Args&, resp::Writer&) = nullptr;
  void (*on_threads)(dispatch::ThreadCtx&, const registry::Args&, registry::Part&) = nullptr;
  void (*on_control)(control::ControlCtx&, const registry::Args&, resp::Writer&) = nullptr;
  // on_threads: the error when the arguments make no sense; nullptr: none.
  const char* (*refuse)(const registry::Args&) = nullptr;
};

std::span<const DebugEntry> debug_key_entries();        // keys and values
std::span<const DebugEntry> debug_structure_entries();  // what values are made of
std::span<const DebugEntry> debug_switch_entries();     // of tests: faults, delays, the allocator
std::span<const DebugEntry> debug_protocol_entries();   // replies of every kind
std::span<const DebugEntry> debug_server_entries();     // the process: sleeping, crashing, switches
std::span<const DebugEntry> debug_effect_entries();     // the journal
std::span<const DebugEntry> debug_file_entries();       // what is on disk

// "unknown subcommand or wrong number of arguments"
void debug_unknown(const registry::Args& args, resp::Writer& reply);

}  // namespace tessera::commands
