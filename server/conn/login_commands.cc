// Role: AUTH and HELLO: who a connection is and which protocol it speaks. Thread: the connection's.
#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/acl/acl_view.h"
#include "server/conn/tables.h"
#include "server/dispatch/refusals.h"
#include "server/registry/version.h"

namespace tessera::conn {

namespace {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

// `wanted`: the name that was given. `command`: as it was sent.
bool log_in(ConnCtx& ctx, acl::UserRef user, std::string_view wanted, std::string_view command,
            const std::string& error, Writer& reply) {
  dispatch::Session& session = ctx.session();
  if (user == nullptr) {
    if (error.rfind("WRONGPASS", 0) == 0) {
      ctx.engine().counters().acl_denied_auth.add();
      dispatch::log_refusal(ctx.engine(), session, acl::Reason::kAuth, command, wanted);
    }
    reply.error(error);
    return false;
  }
  session.user_name = user->name;
  session.user = std::move(user);
  session.acl_version = ctx.engine().acl_version();
  session.authenticated = true;
  return true;
}

void auth(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (args.size() > 3) {
    reply.error("ERR syntax error");
    return;
  }
  const acl::AclView& view = ctx.engine().acl_view();
  std::string error;
  acl::UserRef user = args.size() == 2 ? acl::authenticate_default(view, args[1], error)
                                       : acl::authenticate(view, args[1], args[2], error);
  if (log_in(ctx, std::move(user), args.size() == 2 ? "default" : args[1], args[0], error, reply)) reply.ok();
}

bool read_protocol(std::string_view word, Writer& reply, int64_t& proto) {
  if (!text::parse_int64(word, &proto)) {
    reply.error("ERR Protocol version is not an integer or out of range");
    return false;
  }
  if (proto >= 2 && proto <= 3) return true;
  reply.error("NOPROTO unsupported protocol version");
  return false;
}

// Carries the options out as they come: what stands before a wrong one has happened, as in redis-server.
bool take_options(ConnCtx& ctx, const Args& args, Writer& reply) {
  for (size_t i = 2; i < args.size(); ++i) {
    const size_t more = args.size() - 1 - i;
    if (text::iequals(args[i], "auth") && more >= 2) {
      std::string error;
      acl::UserRef user = acl::authenticate(ctx.engine().acl_view(), args[i + 1], args[i + 2], error);
      if (!log_in(ctx, std::move(user), args[i + 1], args[0], error, reply)) return false;
      i += 2;
    } else if (text::iequals(args[i], "setname") && more >= 1) {
      if (!is_client_word(args[++i])) {
        reply.error(kBadClientName);
        return false;
      }
      ctx.session().name = args[i];
    } else {
      reply.error("ERR Syntax error in HELLO option '" + std::string(args[i]) + "'");
      return false;
    }
  }
  return true;
}

void write_hello(ConnCtx& ctx, Writer& reply) {
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(kRedisVersion);
  reply.bulk("proto");
  reply.integer(ctx.session().proto);
  reply.bulk("id");
  reply.integer(static_cast<int64_t>(ctx.session().id));
  reply.bulk("mode");
  reply.bulk(ctx.settings().cluster_enabled ? "cluster" : "standalone");
  reply.bulk("role");
  const route::ClusterView& view = ctx.engine().view();
  reply.bulk(view.enabled() && view.self().is_replica ? "replica" : "master");
  reply.bulk("modules");
  reply.array(0);
}

void hello(ConnCtx& ctx, const Args& args, Writer& reply) {
  int64_t proto = 0;  // 0: as it is
  if (args.size() > 1 && !read_protocol(args[1], reply, proto)) return;
  if (!take_options(ctx, args, reply)) return;
  dispatch::Session& session = ctx.session();
  if (!session.authenticated) {
    reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> "
        "<pass> option can be used to authenticate the client and select the RESP protocol version at the "
        "same time");
    return;
  }
  if (proto != 0) session.proto = static_cast<int>(proto);
  reply.set_proto(session.proto);
  write_hello(ctx, reply);
}

// HELLO's name and password, wherever AUTH stands.
bool is_hello_secret(const Args& args, size_t position) {
  for (size_t i = 2; i < args.size(); ++i) {
    if (text::iequals(args[i], "auth") && i + 2 < args.size()) {
      if (position == i + 1 || position == i + 2) return true;
      i += 2;
    } else if (text::iequals(args[i], "setname")) {
      ++i;
    }
  }
  return false;
}

constexpr CommandRow kRows[] = {
    {.name = "auth",
     .arity = -2,
     .flags = registry::kNoscript | registry::kLoading | registry::kStale | registry::kFast |
              registry::kNoAuth | registry::kAllowBusy,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Says who the client is, by password.",
     .complexity = "O(N), N being the number of the user's passwords.",
     .arguments = "username:string? password:string",
     .run_conn = auth,
     .history = "6.0.0\tA user may be named.",
     .is_secret = [](const Args&, size_t position) { return position >= 1; }},
    {.name = "hello",
     .arity = -1,
     .flags = registry::kNoscript | registry::kLoading | registry::kStale | registry::kFast |
              registry::kNoAuth | registry::kAllowBusy,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "6.0.0",
     .summary = "Chooses the protocol, and what else a client says first; describes the server.",
     .complexity = "O(1)",
     .arguments = "arguments:block(protover:integer auth:block(username:string password:string)=AUTH? "
                  "clientname:string=SETNAME?)?",
     .run_conn = hello,
     .history = "6.2.0\tWithout a protocol it only describes the server.",
     .is_secret = is_hello_secret},
};

}  // namespace

RowTable login_rows() {
  return kRows;
}

}  // namespace tessera::conn
