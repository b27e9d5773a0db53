// Role: the rows of MULTI, EXEC, DISCARD, WATCH and UNWATCH. Thread: the connection's. Invariant: the four
// without a handler are the pipeline's own (dispatch/transaction.cc), which tells them apart by their first
// letters.
#include "server/commands/transaction/rows.h"

#include "server/dispatch/conn_ctx.h"

namespace tessera::commands {

namespace {

using registry::CommandRow;
using registry::Route;

// Inside a transaction there is nothing left to forget: EXEC has.
void unwatch(dispatch::ConnCtx& ctx, const registry::Args&, resp::Writer& reply) {
  ctx.pipeline().unwatch();
  reply.ok();
}

constexpr uint32_t kAlways = registry::kNoscript | registry::kLoading | registry::kStale;
constexpr uint32_t kQuick = kAlways | registry::kFast | registry::kAllowBusy;

constexpr CommandRow kRows[] = {
    {.name = "multi",
     .arity = 1,
     .flags = kQuick | registry::kNoMulti,
     .acl = registry::kCatTransaction,
     .route = Route::kConn,
     .group = "transactions",
     .since = "1.2.0",
     .summary = "Begins a transaction: commands are queued until EXEC.",
     .complexity = "O(1)"},
    {.name = "exec",
     .arity = 1,
     .flags = kAlways | registry::kSkipSlowlog,
     .acl = registry::kCatTransaction,
     .route = Route::kConn,
     .group = "transactions",
     .since = "1.2.0",
     .summary = "Runs the queued commands as one.",
     .complexity = "That of the queued commands"},
    {.name = "discard",
     .arity = 1,
     .flags = kQuick,
     .acl = registry::kCatTransaction,
     .route = Route::kConn,
     .group = "transactions",
     .since = "2.0.0",
     .summary = "Forgets the queued commands and what is watched.",
     .complexity = "O(N), N being the number of queued commands"},
    {.name = "watch",
     .arity = -2,
     .flags = kQuick | registry::kNoMulti,
     .acl = registry::kCatTransaction,
     .keys = {registry::keys_range(1, -1, 1, registry::kKeyRO)},
     .route = Route::kConn,
     .group = "transactions",
     .since = "2.2.0",
     .summary = "The next EXEC runs only if these keys have not changed until then.",
     .complexity = "O(1) for every key",
     .arguments = "key:key@0*"},
    {.name = "unwatch",
     .arity = 1,
     .flags = kQuick,
     .acl = registry::kCatTransaction,
     .route = Route::kConn,
     .group = "transactions",
     .since = "2.2.0",
     .summary = "Forgets what is watched.",
     .complexity = "O(1)",
     .run_conn = unwatch},
};

}  // namespace

std::span<const registry::CommandRow> transaction_rows() {
  return kRows;
}

}  // namespace tessera::commands
