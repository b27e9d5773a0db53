// Role: CLIENT's subcommands that speak of their own connection. Thread: the connection's.
#include <algorithm>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/conn/tables.h"
#include "server/registry/help.h"

namespace tessera::conn {

namespace {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

constexpr uint32_t kUsual =
    registry::kNoscript | registry::kLoading | registry::kStale | registry::kAllowBusy;

void id(ConnCtx& ctx, const Args&, Writer& reply) {
  reply.integer(static_cast<int64_t>(ctx.session().id));
}

void info(ConnCtx& ctx, const Args&, Writer& reply) {
  reply.verbatim("txt", ctx.engine().clients().describe(ctx.session()) + "\n");
}

void get_name(ConnCtx& ctx, const Args&, Writer& reply) {
  if (ctx.session().name.empty()) {
    reply.null();
  } else {
    reply.bulk(ctx.session().name);
  }
}

void set_name(ConnCtx& ctx, const Args& args, Writer& reply) {
  if (!is_client_word(args[2])) {
    reply.error(kBadClientName);
    return;
  }
  ctx.session().name = args[2];
  reply.ok();
}

void set_info(ConnCtx& ctx, const Args& args, Writer& reply) {
  std::string* to = nullptr;
  if (text::iequals(args[2], "lib-name")) to = &ctx.session().lib_name;
  if (text::iequals(args[2], "lib-ver")) to = &ctx.session().lib_version;
  if (to == nullptr) {
    reply.error("ERR Unrecognized option '" + std::string(args[2]) + "'");
  } else if (!is_client_word(args[3])) {
    reply.error("ERR " + std::string(args[2]) + " cannot contain spaces, newlines or special characters.");
  } else {
    *to = args[3];
    reply.ok();
  }
}

void set_reply(ConnCtx& ctx, const Args& args, Writer& reply) {
  dispatch::Session& session = ctx.session();
  if (text::iequals(args[2], "on")) {
    session.clear(dispatch::kReplyOff | dispatch::kReplySkip);
    reply.ok();
  } else if (text::iequals(args[2], "off")) {
    session.set(dispatch::kReplyOff);
  } else if (text::iequals(args[2], "skip")) {
    if (!session.has(dispatch::kReplyOff)) session.set(dispatch::kReplySkipNext);
  } else {
    reply.error("ERR syntax error");
  }
}

void set_flag(ConnCtx& ctx, dispatch::SessionFlag flag, std::string_view on_or_off, Writer& reply) {
  if (text::iequals(on_or_off, "on")) {
    ctx.session().set(flag);
  } else if (text::iequals(on_or_off, "off")) {
    ctx.session().clear(flag);
  } else {
    reply.error("ERR syntax error");
    return;
  }
  reply.ok();
}

void no_evict(ConnCtx& ctx, const Args& args, Writer& reply) {
  set_flag(ctx, dispatch::kNoEvict, args[2], reply);
}

void no_touch(ConnCtx& ctx, const Args& args, Writer& reply) {
  set_flag(ctx, dispatch::kNoTouch, args[2], reply);
}

// Capabilities that nobody knows are no error: newer clients meet older servers.
void capa(ConnCtx& ctx, const Args& args, Writer& reply) {
  for (size_t i = 2; i < args.size(); ++i) {
    if (text::iequals(args[i], "redirect")) ctx.session().set(dispatch::kCapaRedirect);
  }
  reply.ok();
}

constexpr const char* kHelp[] = {
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "CAPA <option> [options ...]",
    "    Tell what this client can do: REDIRECT.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR, LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from, or to, an address.",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "    * ID <client-id> [<client-id> ...], MAXAGE <seconds>, IDLE <seconds>, NAME, FLAGS,",
    "      LIB-NAME, LIB-VER, DB, CAPA, IP; and with NOT- in front: ID, TYPE, USER, ADDR,",
    "      LADDR, NAME, FLAGS, LIB-NAME, LIB-VER, DB, CAPA, IP.",
    "LIST [options ...]",
    "    Return information about client connections. Options: as KILL's.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETINFO <option> <value>",
    "    Set what the client says about itself: LIB-NAME, LIB-VER.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Do not touch the LRU or LFU data of keys with this connection's commands.",
};

void help(ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("CLIENT", kHelp, reply);
}

constexpr CommandRow kSelfRows[] = {
    {.name = "id",
     .arity = 2,
     .flags = kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "5.0.0",
     .summary = "The number of this connection.",
     .complexity = "O(1)",
     .run_conn = id,
     .full_name = "client|id"},
    {.name = "info",
     .arity = 2,
     .flags = registry::kNoscript | registry::kLoading | registry::kStale,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "6.2.0",
     .summary = "A line about this connection.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .run_conn = info,
     .full_name = "client|info"},
    {.name = "getname",
     .arity = 2,
     .flags = kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "2.6.9",
     .summary = "The name of this connection.",
     .complexity = "O(1)",
     .run_conn = get_name,
     .full_name = "client|getname"},
    {.name = "setname",
     .arity = 3,
     .flags = kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "2.6.9",
     .summary = "Names this connection.",
     .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .arguments = "connection-name:string",
     .run_conn = set_name,
     .full_name = "client|setname"},
    {.name = "setinfo",
     .arity = 4,
     .flags = kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "7.2.0",
     .summary = "Notes which library the client is made with.",
     .complexity = "O(1)",
     .tips = "request_policy:all_nodes response_policy:all_succeeded",
     .arguments = "attr:oneof(libname:string=LIB-NAME libver:string=LIB-VER)",
     .run_conn = set_info,
     .full_name = "client|setinfo"},
    {.name = "reply",
     .arity = 3,
     .flags = kUsual | registry::kNoMulti,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "3.2.0",
     .summary = "Says whether commands of this connection are replied to.",
     .complexity = "O(1)",
     .arguments = "action:oneof(on=ON off=OFF skip=SKIP)",
     .run_conn = set_reply,
     .full_name = "client|reply"},
    {.name = "no-evict",
     .arity = 3,
     .flags = registry::kAdmin | kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "7.0.0",
     .summary = "Protects this connection when connections take too much memory.",
     .complexity = "O(1)",
     .arguments = "enabled:oneof(on=ON off=OFF)",
     .run_conn = no_evict,
     .full_name = "client|no-evict"},
    {.name = "no-touch",
     .arity = 3,
     .flags = kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "7.2.0",
     .summary = "Says whether commands of this connection count as use of their keys.",
     .complexity = "O(1)",
     .arguments = "enabled:oneof(on=ON off=OFF)",
     .run_conn = no_touch,
     .full_name = "client|no-touch"},
    {.name = "capa",
     .arity = -3,
     .flags = kUsual,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "8.0.0",
     .summary = "Tells what the client can do.",
     .complexity = "O(1)",
     .arguments = "capability:string*",
     .run_conn = capa,
     .full_name = "client|capa"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .acl = registry::kCatConnection,
     .route = Route::kConn,
     .group = "connection",
     .since = "5.0.0",
     .summary = "What CLIENT can do.",
     .complexity = "O(1)",
     .run_conn = help,
     .full_name = "client|help"},
};

}  // namespace

bool is_client_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

RowTable client_self_rows() {
  return kSelfRows;
}

RowTable client_rows() {
  static const auto subcommands = [] {
    std::vector<CommandRow> all;
    for (const RowTable& table : {client_self_rows(), client_unblock_rows(), client_list_rows(),
                                  client_pause_rows(), client_tracking_rows()}) {
      all.insert(all.end(), table.begin(), table.end());
    }
    return all;
  }();
  static const CommandRow rows[] = {
      {.name = "client",
       .arity = -2,
       .group = "connection",
       .since = "2.4.0",
       .summary = "Commands that speak of connections.",
       .complexity = "Depends on the subcommand.",
       .subcommands = subcommands},
  };
  return rows;
}

}  // namespace tessera::conn
