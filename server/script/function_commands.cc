// Role: FUNCTION's subcommands: the libraries that all shards share. Thread: the connection's. Invariant: a
// library is loaded here first, then all shards know it, from one moment on, before the reply leaves.
#include <memory>
#include <mutex>

#include "common/hash/crc64.h"
#include "common/text/glob.h"
#include "common/text/strings.h"
#include "server/dispatch/conn_ctx.h"
#include "server/registry/help.h"
#include "server/script/dump.h"
#include "server/script/kill.h"
#include "server/script/runner.h"
#include "server/script/tables.h"

namespace tessera::script {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

namespace {

LibraryStore& libraries_of(ConnCtx& ctx) {
  return Runner::of(ctx.engine()).shared().libraries;
}

// Makes a new set of the one there is. `change` says what is wrong. The command is its own effect; it is in
// the journal before anybody makes the next change, unless it is part of a transaction.
template <typename Change>
std::string change_libraries(ConnCtx& ctx, const Args& args, Change change) {
  LibraryStore& store = libraries_of(ctx);
  const std::lock_guard guard(store.changes());
  uint64_t version;
  auto next = std::make_shared<LibrarySet>(*store.get(&version));
  std::string error = change(*next);
  if (!error.empty()) return error;
  (void)store.replace(version, std::move(next));
  shard::Shard& shard = ctx.engine().shard();
  shard.counters().dirty.add();
  if (!shard.journal().wanted()) return error;
  shard.batch().begin_command();
  shard.batch().effect(ctx.session().db, journal::kNoSlot, args.views());
  shard.batch().end_command();
  if (!ctx.session().has(dispatch::kMulti)) (void)shard.flush_effects();
  return error;
}

// Messages end where a text of C would.
std::string as_c_text(std::string_view text) {
  return std::string(text.substr(0, text.find('\0')));
}

// The library of a source, if it could be one of `set`. nullptr: `error` says why not.
LibraryRef make_library(ConnCtx& ctx, std::string_view source, bool replace, const LibrarySet& set,
                        std::string& error) {
  // A name that is taken is said before the code is run.
  std::string engine, name;
  std::string_view body;
  if (!replace && read_library_shebang(source, engine, name, body, error) && text::iequals(engine, "lua") &&
      set.libraries.count(name) != 0) {
    error = "ERR Library '" + name + "' already exists";
    return nullptr;
  }
  error.clear();
  return Runner::of(ctx.engine()).read_library(source, error);
}

void load(ConnCtx& ctx, const Args& args, Writer& reply) {
  bool replace = false;
  size_t at = 2;
  for (; at + 1 < args.size(); ++at) {
    if (!text::iequals(args[at], "replace")) {
      reply.error("ERR Unknown option given: " + as_c_text(args[at]));
      return;
    }
    replace = true;
  }
  std::string error;
  const LibraryRef library = make_library(ctx, args[at], replace, *libraries_of(ctx).get(), error);
  if (library != nullptr) {
    error = change_libraries(ctx, args,
                             [&](LibrarySet& set) { return LibraryStore::add(set, {library}, replace); });
  }
  if (!error.empty()) {
    reply.error(error);
  } else {
    reply.bulk(library->name);
  }
}

void remove(ConnCtx& ctx, const Args& args, Writer& reply) {
  const std::string name(args[2]);
  const std::string error = change_libraries(ctx, args, [&](LibrarySet& set) -> std::string {
    if (set.libraries.count(name) == 0) return "ERR Library not found";
    LibraryStore::remove(set, name);
    return {};
  });
  error.empty() ? reply.ok() : reply.error(error);
}

void wrong_count(const Args& args, Writer& reply) {
  reply.error("ERR unknown subcommand or wrong number of arguments for '" + std::string(args[1]) +
              "'. Try FUNCTION HELP.");
}

void flush(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (args.size() > 3) {
    wrong_count(args, reply);
    return;
  }
  if ((args.size() == 3 && !text::iequals(args[2], "sync") && !text::iequals(args[2], "async"))) {
    reply.error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    return;
  }
  (void)change_libraries(ctx, args, [](LibrarySet& set) -> std::string {
    set = LibrarySet();
    return {};
  });
  reply.ok();
}

void write_functions(const Library& library, Writer& reply) {
  reply.bulk("functions");
  reply.array(static_cast<int64_t>(library.functions.size()));
  for (const FunctionInfo& function : library.functions) {
    reply.map(3);
    reply.bulk("name");
    reply.bulk(function.name);
    reply.bulk("description");
    function.has_description ? reply.bulk(function.description) : reply.null();
    reply.bulk("flags");
    int64_t count = 0;
    for (const FlagName& flag : kFlagNames) count += (function.flags & flag.flag) != 0;
    reply.set(count);
    for (const FlagName& flag : kFlagNames) {
      if (function.flags & flag.flag) reply.simple(flag.name);
    }
  }
}

void list(ConnCtx& ctx, const Args& args, Writer& reply) {
  bool with_code = false, has_pattern = false;
  std::string_view pattern;
  for (size_t i = 2; i < args.size(); ++i) {
    if (!with_code && text::iequals(args[i], "withcode")) {
      with_code = true;
    } else if (!has_pattern && text::iequals(args[i], "libraryname")) {
      if (i + 1 == args.size()) {
        reply.error("ERR library name argument was not given");
        return;
      }
      pattern = args[++i];
      has_pattern = true;
    } else {
      reply.error("ERR Unknown argument " + as_c_text(args[i]));
      return;
    }
  }
  const auto set = libraries_of(ctx).get();
  std::vector<const Library*> found;
  for (const auto& [name, library] : set->libraries) {
    if (!has_pattern || text::glob_match(pattern, name, true)) found.push_back(library.get());
  }
  reply.array(static_cast<int64_t>(found.size()));
  for (const Library* library : found) {
    reply.map(with_code ? 4 : 3);
    reply.bulk("library_name");
    reply.bulk(library->name);
    reply.bulk("engine");
    reply.bulk("LUA");
    write_functions(*library, reply);
    if (with_code) {
      reply.bulk("library_code");
      reply.bulk(library->source);
    }
  }
}

// What keeps a shard busy, if anything does.
void stats(ConnCtx& ctx, const Args&, Writer& reply) {
  Runner::Busy busy;
  bool found = false;
  for (dispatch::Engine* engine : ctx.node().engines) {
    if (found) break;
    found = Runner::of(*engine).busy(busy);
  }
  if (found && !busy.is_function) {
    reply.error("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
    return;
  }
  const auto set = libraries_of(ctx).get();
  reply.map(2);
  reply.bulk("running_script");
  if (found) {
    reply.map(3);
    reply.bulk("name");
    reply.bulk(busy.name);
    reply.bulk("command");
    reply.array(static_cast<int64_t>(busy.command.size()));
    for (const std::string& word : busy.command) reply.bulk(word);
    reply.bulk("duration_ms");
    reply.integer((ctx.engine().clock().mono() - busy.began).us / 1000);
  } else {
    reply.null();
  }
  reply.bulk("engines");
  reply.map(1);
  reply.bulk("LUA");
  reply.map(2);
  reply.bulk("libraries_count");
  reply.integer(static_cast<int64_t>(set->libraries.size()));
  reply.bulk("functions_count");
  reply.integer(static_cast<int64_t>(set->by_function.size()));
}

void kill(ConnCtx& ctx, const Args&, Writer& reply) {
  kill_busy(ctx.node(), true, reply);
}

void dump(ConnCtx& ctx, const Args&, Writer& reply) {
  std::vector<std::string_view> sources;
  const auto set = libraries_of(ctx).get();
  for (const auto& [name, library] : set->libraries) sources.push_back(library->source);
  reply.bulk(dump_sources(sources));
}

void restore(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (args.size() > 4) {
    wrong_count(args, reply);
    return;
  }
  const std::string policy = args.size() == 4 ? text::to_lower(args[3]) : "append";
  if (policy != "append" && policy != "replace" && policy != "flush") {
    reply.error("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
    return;
  }
  std::string source, error;
  DumpReader reader;
  if (!reader.open(args[2], error)) {
    reply.error(error);
    return;
  }
  // One after the other, as redis-server does: what is wrong first is told.
  LibrarySet read;
  std::vector<LibraryRef> libraries;
  while (reader.next(source, error)) {
    LibraryRef library = make_library(ctx, source, false, read, error);
    if (library != nullptr) error = LibraryStore::add(read, {library}, false);
    if (!error.empty()) break;
    libraries.push_back(std::move(library));
  }
  if (!error.empty()) {
    reply.error(error);
    return;
  }
  error = change_libraries(ctx, args, [&](LibrarySet& set) {
    if (policy == "flush") set = LibrarySet();
    // Here the name stands without quotes.
    for (const LibraryRef& library : libraries) {
      if (policy != "replace" && set.libraries.count(library->name) != 0)
        return "ERR Library " + library->name + " already exists";
    }
    return LibraryStore::add(set, libraries, policy == "replace");
  });
  error.empty() ? reply.ok() : reply.error(error);
}

void help(ConnCtx&, const Args&, Writer& reply) {
  static constexpr const char* kLines[] = {
      "LOAD [REPLACE] <FUNCTION CODE>",
      "    Create a new library with the given library name and code.",
      "DELETE <LIBRARY NAME>",
      "    Delete the given library.",
      "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
      "    Return general information on all the libraries:",
      "    * Library name",
      "    * The engine used to run the Library",
      "    * Library description",
      "    * Functions list",
      "    * Library code (if WITHCODE is given)",
      "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
      "STATS",
      "    Return information about the current function running:",
      "    * Function name",
      "    * Command used to run the function",
      "    * Duration in MS that the function is running",
      "    If no function is running, return nil",
      "    In addition, returns a list of available engines.",
      "KILL",
      "    Kill the current running function.",
      "FLUSH [ASYNC|SYNC]",
      "    Delete all the libraries.",
      "    When called without the optional mode argument, the behavior is determined by the",
      "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
      "    * ASYNC: Asynchronously flush the libraries.",
      "    * SYNC: Synchronously flush the libraries.",
      "DUMP",
      "    Return a serialized payload representing the current libraries, can be restored using FUNCTION "
      "RESTORE command",
      "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
      "    Restore the libraries represented by the given payload, it is possible to give a restore policy "
      "to",
      "    control how to handle existing libraries (default APPEND):",
      "    * FLUSH: delete all existing libraries.",
      "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
      "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the "
      "old",
      "      libraries with the new libraries (notice that even on this option there is a chance of failure",
      "      in case of functions name collision with another library).",
  };
  registry::write_help("FUNCTION", kLines, reply);
}

using registry::kAllowBusy;
using registry::kCatScripting;
using registry::kDenyOom;
using registry::kLoading;
using registry::kNoscript;
using registry::kStale;
using registry::kWrite;

constexpr const char* kAllShards = "request_policy:all_shards response_policy:all_succeeded";

constexpr CommandRow sub(const char* name, const char* full_name, int arity, uint32_t flags,
                         const char* summary, const char* arguments, const char* tips,
                         void (*run)(ConnCtx&, const Args&, Writer&)) {
  CommandRow row;
  row.name = name;
  row.full_name = full_name;
  row.arity = arity;
  row.flags = flags;
  row.acl = kCatScripting;
  row.route = Route::kConn;
  row.group = "scripting";
  row.since = "7.0.0";
  row.summary = summary;
  row.complexity = "O(N) for N functions.";
  row.arguments = arguments;
  row.tips = tips;
  row.run_conn = run;
  return row;
}

constexpr CommandRow kRows[] = {
    sub("delete", "function|delete", 3, kNoscript | kWrite, "Deletes a library.", "library-name:string",
        kAllShards, remove),
    sub("dump", "function|dump", 2, kNoscript, "All libraries as one value.", "", "", dump),
    sub("flush", "function|flush", -2, kNoscript | kWrite, "Deletes all libraries.",
        "flush-type:oneof(async=ASYNC sync=SYNC)?", kAllShards, flush),
    sub("help", "function|help", 2, kLoading | kStale, "Explains the subcommands.", "", "", help),
    sub("kill", "function|kill", 2, kNoscript | kAllowBusy, "Ends the function that keeps the server busy.",
        "", "request_policy:all_shards response_policy:one_succeeded", kill),
    sub("list", "function|list", -2, kNoscript, "Libraries and their functions.",
        "library-name-pattern:string=LIBRARYNAME? withcode=WITHCODE?", "nondeterministic_output_order", list),
    sub("load", "function|load", -3, kNoscript | kWrite | kDenyOom, "Makes a library.",
        "replace=REPLACE? function-code:string", kAllShards, load),
    sub("restore", "function|restore", -3, kNoscript | kWrite | kDenyOom, "Takes over what DUMP gave.",
        "serialized-value:string policy:oneof(flush=FLUSH append=APPEND replace=REPLACE)?", kAllShards,
        restore),
    sub("stats", "function|stats", 2, kNoscript | kAllowBusy,
        "The function that runs, and how many there are.", "",
        "nondeterministic_output request_policy:all_shards response_policy:special", stats),
};

}  // namespace

std::span<const CommandRow> function_subrows() {
  return kRows;
}

}  // namespace tessera::script
