// Role: SHUTDOWN. Thread: control. A shutdown that works is not answered: the connection closes.
#include "server/commands/server/tables.h"
#include "server/commands/support/arguments.h"
#include "server/control/control.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/node_shared.h"
#include "server/dispatch/scripts.h"

namespace tessera::commands {

namespace {

using control::ControlCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

struct ShutdownCall {
  int save = 0;  // as Services::shut_down
  bool now = false, force = false, abort = false;
  bool safe = false;  // not while the cluster needs this node
};

bool read_shutdown(const Args& args, ShutdownCall& call) {
  bool others = false;  // than ABORT
  for (size_t i = 1; i < args.size(); ++i) {
    others |= !token_is(args[i], "ABORT");
    if (token_is(args[i], "NOSAVE") && call.save <= 0) {
      call.save = -1;
    } else if (token_is(args[i], "SAVE") && call.save >= 0) {
      call.save = 1;
    } else if (token_is(args[i], "NOW")) {
      call.now = true;
    } else if (token_is(args[i], "FORCE")) {
      call.force = true;
    } else if (token_is(args[i], "SAFE")) {
      call.safe = true;
    } else if (token_is(args[i], "FAILOVER")) {
      // Hands over to a replica first; there is none yet.
    } else if (token_is(args[i], "ABORT")) {
      call.abort = true;
    } else {
      return false;
    }
  }
  return !call.abort || !others;
}

void shutdown(ControlCtx& ctx, const Args& args, Writer& reply) {
  ShutdownCall call;
  if (!read_shutdown(args, call)) {
    syntax_error(reply);
    return;
  }
  control::Services& services = ctx.services();
  if (call.abort) {
    if (services.abort_shutdown()) {
      reply.ok();
    } else {
      reply.error("ERR No shutdown in progress.");
    }
    return;
  }
  // What a script has written so far is no moment to save.
  if (call.save >= 0) {
    for (dispatch::Engine* engine : services.node->engines) {
      const std::string_view busy =
          engine->scripts() ? engine->scripts()->busy_error_now() : std::string_view();
      if (busy.empty()) continue;
      reply.error(busy);
      return;
    }
  }
  const auto view = services.node->view->get();
  if (call.safe && !call.force && view->enabled() && !view->self().is_replica &&
      view->slot_count_of(view->me()) > 0) {
    services.node->log->warning("Not stopped: SHUTDOWN SAFE, and this node serves slots of the cluster.");
    reply.error("ERR Errors trying to SHUTDOWN. Check logs.");
    return;
  }
  services.node->log->warning("User requested shutdown...");
  services.shut_down(call.save, call.now, call.force, [send = ctx.reply_later()](bool stops) {
    if (!stops) send([](Writer& later) { later.error("ERR Errors trying to SHUTDOWN. Check logs."); });
  });
}

constexpr CommandRow kRows[] = {
    {.name = "shutdown",
     .arity = -1,
     .flags = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale |
              registry::kNoMulti | registry::kAllowBusy,
     .route = Route::kControl,
     .group = "server",
     .since = "1.0.0",
     .summary = "Stops the server, after saving what it is configured to save.",
     .complexity = "O(N), N being the number of keys when it saves, else O(1).",
     .arguments = "abort-selector:oneof(save-selector-block:block(save-selector:oneof(nosave=NOSAVE "
                  "save=SAVE)? now=NOW? force=FORCE? safe=SAFE? failover=FAILOVER?) abort=ABORT)?",
     .run_control = shutdown,
     .history = "7.0.0\tNOW, FORCE and ABORT."},
};

}  // namespace

RowTable shutdown_rows() {
  return kRows;
}

}  // namespace tessera::commands
