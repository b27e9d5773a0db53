// Role: DEBUG's one row: finds the subcommand's entry. Thread: as the entry says.
#include "common/text/strings.h"
#include "server/commands/server/debug.h"
#include "server/commands/server/tables.h"
#include "server/commands/support/arguments.h"
#include "server/registry/help.h"

namespace tessera::commands {

namespace {

using dispatch::ConnCtx;
using dispatch::ThreadCtx;
using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;

// nullptr: there is none that takes so many arguments.
const DebugEntry* find_entry(const Args& args) {
  for (const auto& table :
       {debug_key_entries(), debug_protocol_entries(), debug_server_entries(), debug_effect_entries(),
        debug_file_entries(), debug_structure_entries(), debug_switch_entries()}) {
    for (const DebugEntry& entry : table) {
      if (args.size() >= entry.min_args && args.size() <= entry.max_args && token_is(args[1], entry.name))
        return &entry;
    }
  }
  return nullptr;
}

Route route(const CommandRow&, const Args& args) {
  const DebugEntry* entry = find_entry(args);
  if (entry == nullptr) return Route::kConn;
  if (entry->parked != nullptr) return Route::kGather;
  if (entry->on_control != nullptr) return Route::kControl;
  return entry->on_threads != nullptr ? Route::kThreads : Route::kConn;
}

constexpr const char* kHelp[] = {
    "AOF-FLUSH-SLEEP <microsec>",
    "    Wait before each write to the append only file; for tests.",
    "ASSERT",
    "    Crash by assertion failed.",
    "CHANGE-REPL-ID",
    "    Accepted; there is no replication yet whose id could change.",
    "CLIENT-ENFORCE-REPLY-LIST <0|1>",
    "    Accepted; all replies are in lists.",
    "CLIENT-EVICTION",
    "    Show what client eviction (maxmemory-clients) looks at.",
    "CLOSE-CLUSTER-LINK-ON-PACKET-DROP <0|1>",
    "    Close the link of a bus message that DROP-CLUSTER-PACKET-FILTER drops.",
    "CLUSTERLINK KILL <to|from|all> <node-id>",
    "    Kill the links to and from a node of the cluster.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Like CONFIG REWRITE but writes all configuration options, including",
    "    keywords not listed in original configuration file or default values.",
    "CRASH-AND-RECOVER [<milliseconds>]",
    "    Crash and start again, after a delay (0 by default).",
    "DICT-RESIZING <0|1>",
    "    Accepted; tables grow leaf by leaf, there is nothing to stop.",
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "DROP-CLUSTER-PACKET-FILTER <packet-type>",
    "    Drop all messages of the bus of that type. -1: none.",
    "EFFECTS",
    "    Send what changes from now on, as commands, to this connection.",
    "ERROR <string>",
    "    Return a protocol error with <string> as message.",
    "HTSTATS <dbid> [FULL]",
    "    Return statistics of the tables of a database.",
    "HTSTATS-KEY <key> [FULL]",
    "    Like HTSTATS but for the hash table stored at <key>'s value.",
    "LEAK <string>",
    "    Create a memory leak of the input string.",
    "LISTPACK <key>",
    "    Show low level info about the listpack encoding of <key>.",
    "LONG-WORK <elements> [<steps>]",
    "    What one step of a long command (COPY, SUNIONSTORE, ...) may touch, and how many are made.",
    "LONGEST-TICK [RESET]",
    "    The most elements that a shard touched in one tick, since it was reset.",
    "LOADAOF",
    "    Write and sync the append only file and load it again.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "MALLCTL <key> [<val>]",
    "    Get or set an integer of the allocator.",
    "MALLCTL-STR <key> [<val>]",
    "    Get or set a string of the allocator.",
    "OBJECT <key> [FAST]",
    "    Show low level info about `key` and associated value; FAST: without what",
    "    takes long.",
    "OOM",
    "    Crash the server simulating an out-of-memory error.",
    "PANIC",
    "    Crash the server simulating a panic.",
    "PAUSE-CRON <0|1>",
    "    Stop periodic work on connections.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> string keys named key:<num>. If <prefix> is specified then",
    "    it is used instead of the 'key' prefix. Cluster slots are not respected.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "QUICKLIST <key> [<0|1>]",
    "    Show low level info about the quicklist encoding of <key>.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    The size from which elements of lists made from now on have nodes of their",
    "    own, beside those larger than a node. Below 4gb; 0: as large as a node.",
    "RELOAD [option ...]",
    "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
    "    * MERGE: conflicting keys will be loaded from RDB.",
    "    * NOFLUSH: the existing database will not be removed before load, but",
    "      conflicting keys will generate an exception and kill the server.",
    "    * NOSAVE: the database will be loaded from an existing RDB file.",
    "REPLICATE <string>",
    "    Send a string to all replicas; there is no replication yet, so to nobody.",
    "RESTART [<milliseconds>]",
    "    Write the configuration and the data, and start again, after a delay (0 by",
    "    default).",
    "REPLYBUFFER (PEAK-RESET-TIME <NEVER|RESET|time> | RESIZING <0|1>)",
    "    Accepted; replies take memory while they wait only.",
    "SDSLEN <key>",
    "    Show the sizes of a key and its string.",
    "SEGFAULT",
    "    Crash the server with sigsegv.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed. Setting it to 1 reenables it.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Let scripts call commands that are not for them.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Do not compare the checksums of RDB files and of what RESTORE gets.",
    "SLEEP <seconds>",
    "    Stop the thread of this connection, with its shard, for <seconds>. Decimals allowed.",
    "STRINGMATCH-LEN <pattern> <string>",
    "    Whether a glob pattern matches.",
    "STRINGMATCH-TEST",
    "    Match random patterns for a while.",
    "STRUCTSIZE",
    "    Return the sizes of some structures.",
};

void on_connection(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (const DebugEntry* entry = find_entry(args)) {
    entry->on_connection(ctx, args, reply);
  } else if (args.size() == 2 && token_is(args[1], "HELP")) {
    registry::write_help("DEBUG", kHelp, reply);
  } else {
    debug_unknown(args, reply);
  }
}

void parked(shard::Ctx& ctx, const Args& args, Writer& reply) {
  find_entry(args)->parked(ctx, args, reply);
}

void on_threads(ThreadCtx& ctx, const Args& args, Part& part) {
  const DebugEntry& entry = *find_entry(args);
  if (entry.refuse == nullptr || entry.refuse(args) == nullptr) entry.on_threads(ctx, args, part);
}

void on_control(control::ControlCtx& ctx, const Args& args, Writer& reply) {
  find_entry(args)->on_control(ctx, args, reply);
}

void done_on_threads(std::span<Part>, const Args& args, Writer& reply) {
  const DebugEntry& entry = *find_entry(args);
  if (const char* error = entry.refuse != nullptr ? entry.refuse(args) : nullptr) {
    reply.error(error);
  } else {
    reply.ok();
  }
}

constexpr CommandRow kRows[] = {
    {.name = "debug",
     .arity = -2,
     .flags = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale |
              registry::kProtected,
     .route = Route::kConn,
     .group = "server",
     .since = "1.0.0",
     .summary = "For tests of servers and clients.",
     .complexity = "Depends on the subcommand.",
     .run = parked,
     .run_conn = on_connection,
     .run_control = on_control,
     .part_threads = on_threads,
     .merge = done_on_threads,
     .route_hook = route,
     .doc_flags = "syscmd"},
};

}  // namespace

void debug_unknown(const Args& args, Writer& reply) {
  const std::string_view name = c_text(args[1]).substr(0, 128);
  reply.error("ERR unknown subcommand or wrong number of arguments for '" + std::string(name) +
              "'. Try DEBUG HELP.");
}

RowTable debug_rows() {
  return kRows;
}

}  // namespace tessera::commands
