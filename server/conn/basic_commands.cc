// Role: PING, ECHO, QUIT, SELECT, RESET and the cluster flags of a connection. Thread: the connection's.
#include <climits>

#include "common/text/integers.h"
#include "server/conn/tables.h"

namespace tessera::conn {

namespace {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

void ping(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (args.size() > 2) {
    reply.error("ERR wrong number of arguments for 'ping' command");
  } else if (ctx.session().has(dispatch::kSubscribed) && ctx.session().proto == 2) {
    reply.array(2);  // between messages, as one of them
    reply.bulk("pong");
    reply.bulk(args.size() == 2 ? args[1] : std::string_view());
  } else if (args.size() == 2) {
    reply.bulk(args[1]);
  } else {
    reply.simple("PONG");
  }
}

void echo(ConnCtx&, const Args& args, Writer& reply) {
  if (const SharedBytes* owner = args.owner(1)) {
    reply.bulk_shared(*owner, 0, owner->size());
  } else {
    reply.bulk(args[1]);
  }
}

void quit(ConnCtx& ctx, const Args&, Writer& reply) {
  reply.ok();
  ctx.close_after_reply();
}

void select(ConnCtx& ctx, const Args& args, Writer& reply) {
  int64_t index = 0;
  if (!text::parse_int64(args[1], &index)) {
    reply.error("ERR value is not an integer or out of range");
    return;
  }
  if (index < INT_MIN || index > INT_MAX) {
    reply.errorf("ERR value is out of range, value must between %d and %d", INT_MIN, INT_MAX);
    return;
  }
  const int count = ctx.engine().shard().keyspace().database_count();
  if (ctx.settings().cluster_enabled && index != 0 && count == 1) {
    reply.error("ERR SELECT is not allowed in cluster mode");
  } else if (index < 0 || index >= count) {
    reply.error("ERR DB index is out of range");
  } else {
    ctx.session().db = static_cast<int>(index);
    reply.ok();
  }
}

void reset(ConnCtx& ctx, const Args&, Writer& reply) {
  reset_session(ctx);
  reply.set_proto(2);
  reply.simple("RESET");
}

bool require_cluster(ConnCtx& ctx, Writer& reply) {
  if (ctx.settings().cluster_enabled) return true;
  reply.error("ERR This instance has cluster support disabled");
  return false;
}

void readonly(ConnCtx& ctx, const Args&, Writer& reply) {
  if (!require_cluster(ctx, reply)) return;
  ctx.session().set(dispatch::kReadonlySession);
  reply.ok();
}

void readwrite(ConnCtx& ctx, const Args&, Writer& reply) {
  if (!require_cluster(ctx, reply)) return;
  ctx.session().clear(dispatch::kReadonlySession);
  reply.ok();
}

void asking(ConnCtx& ctx, const Args&, Writer& reply) {
  if (!require_cluster(ctx, reply)) return;
  ctx.session().set(dispatch::kAskingSession);
  reply.ok();
}

constexpr uint32_t kAlways = registry::kNoscript | registry::kLoading | registry::kStale | registry::kFast |
                             registry::kNoAuth | registry::kAllowBusy;

constexpr CommandRow kRows[] = {
    {.name = "ping",
     .arity = -1,
     .flags = registry::kFast,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Asks whether the server answers.",
     .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .arguments = "message:string?",
     .run_conn = ping},
    {.name = "echo",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale | registry::kFast,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Sends a message back.",
     .complexity = "O(1)",
     .arguments = "message:string",
     .run_conn = echo},
    {.name = "quit",
     .arity = -1,
     .flags = kAlways,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Closes the connection after a reply.",
     .complexity = "O(1)",
     .run_conn = quit,
     .deprecated_since = "7.2.0",
     .replaced_by = "just closing the connection",
     .doc_flags = "deprecated"},
    {.name = "select",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale | registry::kFast | registry::kAllowBusy,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Chooses the database of this connection.",
     .complexity = "O(1)",
     .arguments = "index:integer",
     .run_conn = select},
    {.name = "reset",
     .arity = 1,
     .flags = kAlways,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "6.2.0",
     .summary = "Puts the connection back to how it began.",
     .complexity = "O(1)",
     .run_conn = reset},
    {.name = "readonly",
     .arity = 1,
     .flags = registry::kLoading | registry::kStale | registry::kFast,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Allows reads from a replica on this connection.",
     .complexity = "O(1)",
     .run_conn = readonly},
    {.name = "readwrite",
     .arity = 1,
     .flags = registry::kLoading | registry::kStale | registry::kFast,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Ends READONLY.",
     .complexity = "O(1)",
     .run_conn = readwrite},
    {.name = "asking",
     .arity = 1,
     .flags = registry::kFast,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Says that the next command follows an ASK redirection.",
     .complexity = "O(1)",
     .run_conn = asking},
};

}  // namespace

void reset_session(dispatch::ConnCtx& ctx) {
  dispatch::Session& session = ctx.session();
  if (session.has(dispatch::kListens)) ctx.engine().push_sink().forget(session);
  ctx.pipeline().end_transaction();
  session.clear(dispatch::kReplyOff | dispatch::kReplySkip | dispatch::kReplySkipNext | dispatch::kNoTouch |
                dispatch::kReadonlySession | dispatch::kAskingSession | dispatch::kMonitor |
                dispatch::kCapaRedirect);
  session.db = 0;
  session.proto = 2;
  session.name.clear();
  ctx.engine().acl_view().welcome(session.user, session.authenticated);
  session.user_name = session.user->name;
  session.acl_version = ctx.engine().acl_version();
}

RowTable basic_rows() {
  return kRows;
}

}  // namespace tessera::conn
