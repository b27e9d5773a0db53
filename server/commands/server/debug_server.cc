// Role: DEBUG's subcommands that concern the process: sleeping, crashing, switches of background work.
// Thread: the connection's; switches every thread its own.
#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "common/base/check.h"
#include "common/text/glob.h"
#include "common/text/integers.h"
#include "common/text/sizes.h"
#include "server/commands/server/debug.h"
#include "server/commands/support/arguments.h"
#include "server/config/config.h"
#include "server/dispatch/pipeline.h"

namespace tessera::commands {

namespace {

using dispatch::ConnCtx;
using dispatch::ThreadCtx;
using registry::Args;
using registry::Part;
using resp::Writer;

constexpr double kLongestSleep_s = 3600 * 24;

void sleep(ConnCtx&, const Args& args, Writer& reply) {
  const double seconds = std::strtod(std::string(args[2]).c_str(), nullptr);
  if (seconds > 0)
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(seconds, kLongestSleep_s)));
  reply.ok();
}

// ---- crashing

void segfault(ConnCtx&, const Args&, Writer&) {
  (void)std::raise(SIGSEGV);
}

void panic(ConnCtx& ctx, const Args&, Writer&) {
  ctx.node().log->warning("DEBUG PANIC: stopped on request");
  panicked("DEBUG PANIC");
}

void fail_assertion(ConnCtx&, const Args&, Writer&) {
  TESSERA_CHECK(false && "DEBUG ASSERT");
}

void out_of_memory(ConnCtx& ctx, const Args&, Writer&) {
  ctx.node().log->warning("Out Of Memory allocating %zu bytes!", SIZE_MAX / 2);
  panicked("out of memory");
}

void leak(ConnCtx&, const Args& args, Writer& reply) {
  void* lost = std::malloc(args[2].size() + 1);
  // Hidden from the compiler, which would take the pair away.
  asm volatile("" : : "r"(lost) : "memory");
  reply.ok();
}

void log(ConnCtx& ctx, const Args& args, Writer& reply) {
  ctx.node().log->warning("DEBUG LOG: %s", std::string(c_text(args[2])).c_str());
  reply.ok();
}

// ---- others

void client_eviction(ConnCtx& ctx, const Args&, Writer& reply) {
  if (ctx.settings().config->integer("maxmemory-clients") == 0) {
    reply.error("ERR maxmemory-clients is disabled.");
    return;
  }
  std::string text;
  for (dispatch::Engine* engine : ctx.node().engines) {
    text += "Shard " + text::to_text(engine->index()) +
            ": clients: " + text::to_text(engine->counters().connections_open.get()) +
            " memory: " + text::to_text(engine->counters().client_memory_bytes.get()) + "\n";
  }
  reply.verbatim("txt", text);
}

void struct_size(ConnCtx&, const Args&, Writer& reply) {
  reply.bulk("bits:" + text::to_text(static_cast<uint64_t>(sizeof(void*) * CHAR_BIT)) +
             " entryheader:" + text::to_text(static_cast<uint64_t>(sizeof(store::Entry))) +
             " session:" + text::to_text(static_cast<uint64_t>(sizeof(dispatch::Session))) +
             " pipeline:" + text::to_text(static_cast<uint64_t>(sizeof(dispatch::Pipeline))) +
             " chunk:" + text::to_text(static_cast<uint64_t>(sizeof(resp::Chunk))) + " ");
}

void match_once(ConnCtx&, const Args& args, Writer& reply) {
  reply.integer(text::glob_match(args[2], args[3]) ? 1 : 0);
}

void match_test(ConnCtx& ctx, const Args&, Writer& reply) {
  constexpr int kRounds = 20000;
  constexpr size_t kLength = 32;
  Random& random = ctx.engine().shard().random();
  char pattern[kLength];
  char string[kLength];
  int64_t matched = 0;
  for (int i = 0; i < kRounds; ++i) {
    for (char& c : pattern) c = "*?[]^-\\ab\xff"[random.below(10)];
    for (char& c : string) c = "ab-\xff"[random.below(4)];
    matched += text::glob_match({pattern, random.below(kLength)}, {string, random.below(kLength)}) ? 1 : 0;
  }
  ctx.node().log->debug("DEBUG STRINGMATCH-TEST: %lld of %d matched", static_cast<long long>(matched),
                        kRounds);
  reply.simple("Apparently Redis did not crash: test passed");
}

constexpr DebugEntry kEntries[] = {
    {.name = "SLEEP", .min_args = 3, .max_args = 3, .on_connection = sleep},
    {.name = "SEGFAULT", .min_args = 2, .max_args = SIZE_MAX, .on_connection = segfault},
    {.name = "PANIC", .min_args = 2, .max_args = SIZE_MAX, .on_connection = panic},
    {.name = "ASSERT", .min_args = 2, .max_args = SIZE_MAX, .on_connection = fail_assertion},
    {.name = "OOM", .min_args = 2, .max_args = SIZE_MAX, .on_connection = out_of_memory},
    {.name = "LEAK", .min_args = 3, .max_args = 3, .on_connection = leak},
    {.name = "LOG", .min_args = 3, .max_args = 3, .on_connection = log},
    {.name = "CLIENT-EVICTION", .min_args = 2, .max_args = SIZE_MAX, .on_connection = client_eviction},
    {.name = "STRUCTSIZE", .min_args = 2, .max_args = SIZE_MAX, .on_connection = struct_size},
    {.name = "STRINGMATCH-LEN", .min_args = 4, .max_args = 4, .on_connection = match_once},
    {.name = "STRINGMATCH-TEST", .min_args = 2, .max_args = 2, .on_connection = match_test},
};

}  // namespace

std::span<const DebugEntry> debug_server_entries() {
  return kEntries;
}

}  // namespace tessera::commands
