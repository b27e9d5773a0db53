// Role: BGREWRITEAOF and WAITAOF. Thread: control asks the journal thread, which answers.
#include "common/text/integers.h"
#include "server/config/config.h"
#include "server/control/control.h"
#include "server/dispatch/node_shared.h"
#include "server/persist/aof/aof.h"
#include "server/persist/rows.h"
#include "server/persist/saves.h"

namespace tessera::persist {

namespace {

using control::ControlCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

void bgrewriteaof(ControlCtx& ctx, const Args&, Writer&) {
  const auto send = ctx.reply_later();
  dispatch::NodeShared& node = *ctx.services().node;
  // Beside a save it waits for that one's cut; in a transaction for the transaction's end.
  const bool waits = node.saves->in_progress() || ctx.in_transaction;
  node.aof->rewrite(node.settings->get()->config->text("dir"), waits, [send](Result<std::string> outcome) {
    send([&](Writer& reply) {
      outcome.ok() ? reply.simple(*outcome) : reply.error("ERR " + outcome.error().message);
    });
  });
}

// How much of the log is durable when it is asked: all that was written by then has to be.
void waitaof(ControlCtx& ctx, const Args& args, Writer& reply) {
  const auto local = text::parse_int64(args[1]);
  const auto replicas = text::parse_int64(args[2]);
  const auto timeout_ms = text::parse_int64(args[3]);
  if (!local || !replicas) {
    reply.error("ERR value is not an integer or out of range");
    return;
  }
  if (*local < 0 || *local > 1 || *replicas < 0) {
    reply.error("ERR value is out of range, must be positive");
    return;
  }
  if (!timeout_ms) {
    reply.error("ERR timeout is not an integer or out of range");
    return;
  }
  if (*timeout_ms < 0) {
    reply.error("ERR timeout is negative");
    return;
  }
  dispatch::NodeShared& node = *ctx.services().node;
  if (*local > 0 && !node.journal->aof().enabled.load()) {
    reply.error("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    return;
  }
  const auto send = ctx.reply_later();
  const auto answer = [send](bool durable) {
    send([&](Writer& out) {
      out.array(2);
      out.integer(durable ? 1 : 0);
      out.integer(0);  // there are no replicas yet
    });
  };
  const uint64_t offset = node.journal->end_offset();
  // Until the file has its first base, what an earlier one had says nothing.
  const auto is_durable = [&durability = node.journal->durability(), offset] {
    return durability.policy() != journal::Durability::Policy::kOff && durability.durable() >= offset;
  };
  // Replicas that are asked for and do not exist are waited for, as long as the caller wants.
  if (*replicas == 0 && (*local == 0 || is_durable())) return answer(is_durable());
  constexpr int64_t kLongest_ms = int64_t{1000} * 3600 * 24 * 365;
  const MonoTime now = node.env->clock().mono();
  const MonoTime deadline =
      *timeout_ms == 0 || *timeout_ms > kLongest_ms ? MonoTime{} : now + millis(*timeout_ms);
  node.aof->wait_durable(*replicas > 0 ? UINT64_MAX : offset, deadline,
                         [answer, is_durable](bool reached) { answer(reached || is_durable()); });
}

constexpr CommandRow kRows[] = {
    {.name = "bgrewriteaof",
     .arity = 1,
     .flags = registry::kAdmin | registry::kNoscript | registry::kNoAsyncLoading,
     .route = Route::kControl,
     .group = "server",
     .since = "1.0.0",
     .summary = "Asynchronously rewrites the append-only file to disk.",
     .complexity = "O(1)",
     .run_control = bgrewriteaof},
    {.name = "waitaof",
     .arity = 4,
     .flags = registry::kBlocking,
     .acl = registry::kCatConnection,
     .route = Route::kControl,
     .group = "generic",
     .since = "7.2.0",
     .summary = "Blocks until all of the preceding write commands sent by the connection are written to the "
                "append-only file of the primary and/or replicas.",
     .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:agg_min",
     .arguments = "numlocal:integer numreplicas:integer timeout:integer",
     .run_control = waitaof},
};

}  // namespace

std::span<const CommandRow> aof_rows() {
  return kRows;
}

}  // namespace tessera::persist
