// Role: CLIENT PAUSE and UNPAUSE. Thread: control; shards adopt the pause before the reply leaves.
// Invariant: a pause that is still on is only ever extended or made stricter by another one.
#include <algorithm>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/conn/tables.h"
#include "server/control/control.h"
#include "server/dispatch/holding.h"

namespace tessera::conn {

namespace {

using control::ControlCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

bool read_timeout_ms(std::string_view word, Writer& reply, int64_t& timeout_ms) {
  if (!text::parse_int64(word, &timeout_ms)) {
    reply.error("ERR timeout is not an integer or out of range");
    return false;
  }
  if (timeout_ms < 0) {
    reply.error("ERR timeout is negative");
    return false;
  }
  return true;
}

void pause(ControlCtx& ctx, const Args& args, Writer& reply) {
  if (args.size() > 4) {
    reply.error("ERR unknown subcommand or wrong number of arguments for '" + std::string(args[1]) +
                "'. Try CLIENT HELP.");
    return;
  }
  bool all = true;
  if (args.size() == 4) {
    if (text::iequals(args[3], "write")) {
      all = false;
    } else if (!text::iequals(args[3], "all")) {
      reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
      return;
    }
  }
  int64_t timeout_ms = 0;
  if (!read_timeout_ms(args[2], reply, timeout_ms)) return;
  dispatch::NodeShared& node = *ctx.services().node;
  const int64_t now_ms = node.env->clock().wall_ms().ms;
  if (timeout_ms > INT64_MAX - now_ms) {
    reply.error("ERR timeout is out of range");
    return;
  }
  int64_t until_ms = now_ms + timeout_ms;
  const dispatch::Pause& current = node.pauses.own(dispatch::PausedFor::kClient);
  if (current.until_ms > now_ms) {
    until_ms = std::max(until_ms, current.until_ms);
    all |= current.all_until_ms > now_ms;
  }
  node.pauses.set(dispatch::PausedFor::kClient, until_ms, all);
  if (ctx.in_transaction) {
    ctx.hold_reply_until_adopted();
    reply.ok();
    return;
  }
  dispatch::when_held(node, [send = ctx.reply_later()] { send([](Writer& out) { out.ok(); }); });
}

void unpause(ControlCtx& ctx, const Args&, Writer& reply) {
  ctx.services().node->pauses.clear(dispatch::PausedFor::kClient);
  ctx.hold_reply_until_adopted();
  reply.ok();
}

constexpr CommandRow kRows[] = {
    {.name = "pause",
     .arity = -3,
     .flags = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale,
     .acl = registry::kCatConnection,
     .route = Route::kControl,
     .group = "connection",
     .since = "3.0.0",
     .summary = "Lets commands, or writes alone, wait for a time.",
     .complexity = "O(1)",
     .arguments = "timeout:integer mode:oneof(write=WRITE all=ALL)?",
     .run_control = pause,
     .history = "6.2.0\tWrites alone may be paused.",
     .full_name = "client|pause"},
    {.name = "unpause",
     .arity = 2,
     .flags = registry::kAdmin | registry::kNoscript | registry::kLoading | registry::kStale,
     .acl = registry::kCatConnection,
     .route = Route::kControl,
     .group = "connection",
     .since = "6.2.0",
     .summary = "Ends CLIENT PAUSE.",
     .complexity = "O(1)",
     .run_control = unpause,
     .full_name = "client|unpause"},
};

}  // namespace

RowTable client_pause_rows() {
  return kRows;
}

}  // namespace tessera::conn
