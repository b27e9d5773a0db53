// Role: SAVE, BGSAVE, LASTSAVE. Thread: control. SAVE is answered when the file is there; meanwhile everybody
// is served, since nothing here has to stand still.
#include <atomic>
#include <memory>

#include "common/text/strings.h"
#include "server/control/control.h"
#include "server/dispatch/conn_ctx.h"
#include "server/journal/journal.h"
#include "server/persist/rows.h"
#include "server/persist/saves.h"

namespace tessera::persist {

namespace {

using control::ControlCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

Saves& saves_of(ControlCtx& ctx) {
  return *ctx.services().node->saves;
}

void save(ControlCtx& ctx, const Args&, Writer& reply) {
  Saves& saves = saves_of(ctx);
  if (saves.in_progress()) {
    reply.error("ERR Background save already in progress");
    return;
  }
  saves.begin(false, [send = ctx.reply_later()](const Result<CutInfo>& result) {
    const bool ok = result.ok();
    send([ok](Writer& later) {
      if (ok) {
        later.ok();
      } else {
        later.error("ERR");
      }
    });
  });
}

void bgsave(ControlCtx& ctx, const Args& args, Writer& reply) {
  Saves& saves = saves_of(ctx);
  const bool cancels = args.size() == 2 && text::iequals(args[1], "cancel");
  if (args.size() > 2 || (args.size() == 2 && !cancels && !text::iequals(args[1], "schedule"))) {
    reply.error("ERR syntax error");
    return;
  }
  if (cancels) {
    if (saves.cancel("BGSAVE CANCEL")) {
      ctx.services().node->log->notice("Background saving will be aborted due to user request");
      reply.simple("Background saving cancelled");
    } else if (saves.unschedule()) {
      reply.simple("Scheduled background saving cancelled");
    } else {
      reply.error("ERR Background saving is currently not in progress or scheduled");
    }
    return;
  }
  if (saves.in_progress()) {
    reply.error("ERR Background save already in progress");
    return;
  }
  const bool rewrites = ctx.services().node->journal->aof().rewriting.load();
  if (ctx.in_transaction || (rewrites && args.size() == 2)) {
    saves.schedule();
    reply.simple("Background saving scheduled");
    return;
  }
  if (rewrites) {
    reply.error(
        "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to "
        "schedule a BGSAVE whenever possible.");
    return;
  }
  // Said when the moment of the file has come: what the client does next is not in it.
  auto answer = [send = ctx.reply_later(), said = std::make_shared<std::atomic<bool>>(false)] {
    if (said->exchange(true)) return;
    send([](Writer& later) { later.simple("Background saving started"); });
  };
  saves.begin(
      true, [answer](const Result<CutInfo>&) { answer(); }, answer);
}

// Where the client is: a script may ask as well.
void lastsave(dispatch::ConnCtx& ctx, const Args&, Writer& reply) {
  reply.integer(ctx.node().snapshot_status.last_save_s.load());
}

constexpr CommandRow kRows[] = {
    {.name = "save",
     .arity = 1,
     .flags = registry::kAdmin | registry::kNoscript | registry::kNoAsyncLoading | registry::kNoMulti,
     .route = Route::kControl,
     .group = "server",
     .since = "1.0.0",
     .summary = "Writes a snapshot of all databases to disk, and waits for it.",
     .complexity = "O(N) where N is the total number of keys in all databases",
     .run_control = save},
    {.name = "bgsave",
     .arity = -1,
     .flags = registry::kAdmin | registry::kNoscript | registry::kNoAsyncLoading,
     .route = Route::kControl,
     .group = "server",
     .since = "1.0.0",
     .summary = "Writes a snapshot of all databases to disk, in the background.",
     .complexity = "O(1)",
     .arguments = "operation:oneof(schedule=SCHEDULE cancel=CANCEL)?",
     .run_control = bgsave,
     .history = "3.2.2\tAdded the `SCHEDULE` option.\n8.1.0\tAdded the `CANCEL` option."},
    {.name = "lastsave",
     .arity = 1,
     .flags = registry::kLoading | registry::kStale | registry::kFast,
     .acl = registry::kCatAdmin | registry::kCatDangerous,
     .route = Route::kConn,
     .group = "server",
     .since = "1.0.0",
     .summary = "Returns the time of the last snapshot that was written.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .run_conn = lastsave},
};

}  // namespace

std::span<const CommandRow> save_rows() {
  return kRows;
}

}  // namespace tessera::persist
