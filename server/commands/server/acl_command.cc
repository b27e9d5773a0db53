// Role: ACL's rows and handlers; what they do is acl/acl_commands. Thread: the connection's for what only
// reads the adopted view, the control thread for what changes users or the log.
#include "server/acl/acl_commands.h"

#include <array>

#include "server/commands/server/tables.h"
#include "server/control/control.h"
#include "server/dispatch/conn_ctx.h"

namespace tessera::commands {

using control::ControlCtx;
using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;

namespace {

void cat(ConnCtx& ctx, const Args& args, Writer& reply) {
  acl::acl_cat(*ctx.node().commands, args, reply);
}

void dryrun(ConnCtx& ctx, const Args& args, Writer& reply) {
  acl::acl_dryrun(ctx.engine().acl_view(), *ctx.node().commands, args, reply);
}

void genpass(ConnCtx& ctx, const Args& args, Writer& reply) {
  std::array<unsigned char, 512> entropy;
  ctx.node().env->random_bytes(entropy);
  acl::acl_genpass(args, {reinterpret_cast<const char*>(entropy.data()), entropy.size()}, reply);
}

void getuser(ConnCtx& ctx, const Args& args, Writer& reply) {
  acl::acl_getuser(ctx.engine().acl_view(), *ctx.node().commands, args, reply);
}

void help(ConnCtx&, const Args&, Writer& reply) {
  acl::acl_help(reply);
}

void list(ConnCtx& ctx, const Args&, Writer& reply) {
  acl::acl_list(ctx.engine().acl_view(), *ctx.node().commands, reply);
}

void users(ConnCtx& ctx, const Args&, Writer& reply) {
  acl::acl_users(ctx.engine().acl_view(), reply);
}

void whoami(ConnCtx& ctx, const Args&, Writer& reply) {
  acl::acl_whoami(ctx.session().user_name, reply);
}

// Whoever reads the reply may count on the change: no shard lets an old right pass any more.
void setuser(ControlCtx& ctx, const Args& args, Writer& reply) {
  acl::acl_setuser(*ctx.services().acl, args, reply);
  ctx.hold_reply_until_adopted();
}

void deluser(ControlCtx& ctx, const Args& args, Writer& reply) {
  acl::acl_deluser(*ctx.services().acl, args, reply);
  ctx.hold_reply_until_adopted();
}

void log(ControlCtx& ctx, const Args& args, Writer& reply) {
  acl::acl_log(*ctx.services().acl, args, ctx.services().node->env->clock().wall_ms(), reply);
}

constexpr uint32_t kOpen = registry::kNoscript | registry::kLoading | registry::kStale;
constexpr uint32_t kAdminOnly = kOpen | registry::kAdmin;

constexpr CommandRow kAclSubcommands[] = {
    {
        .name = "cat",
        .arity = -2,
        .flags = kOpen,
        .route = Route::kConn,
        .group = "server",
        .since = "6.0.0",
        .summary = "The categories of commands, or the commands of one",
        .complexity = "O(N) where N is the number of commands",
        .arguments = "category:string?",
        .run_conn = cat,
        .full_name = "acl|cat",
    },
    {
        .name = "deluser",
        .arity = -3,
        .flags = kAdminOnly,
        .route = Route::kControl,
        .group = "server",
        .since = "6.0.0",
        .summary = "Remove users and close their connections",
        .complexity = "O(N) where N is the number of users",
        .tips = "request_policy:all_nodes response_policy:all_succeeded",
        .arguments = "username:string*",
        .run_control = deluser,
        .full_name = "acl|deluser",
    },
    {
        .name = "dryrun",
        .arity = -4,
        .flags = kAdminOnly,
        .route = Route::kConn,
        .group = "server",
        .since = "7.0.0",
        .summary = "Whether a user could run a command",
        .complexity = "O(N) where N is the number of keys and rules",
        .arguments = "username:string command:string arg:string?*",
        .run_conn = dryrun,
        .full_name = "acl|dryrun",
    },
    {
        .name = "genpass",
        .arity = -2,
        .flags = kOpen,
        .route = Route::kConn,
        .group = "server",
        .since = "6.0.0",
        .summary = "A random password in hexadecimal",
        .complexity = "O(1)",
        .arguments = "bits:integer?",
        .run_conn = genpass,
        .full_name = "acl|genpass",
    },
    {
        .name = "getuser",
        .arity = 3,
        .flags = kAdminOnly,
        .route = Route::kConn,
        .group = "server",
        .since = "6.0.0",
        .summary = "What a user may do",
        .complexity = "O(N) where N is the number of commands and rules",
        .arguments = "username:string",
        .run_conn = getuser,
        .full_name = "acl|getuser",
    },
    {
        .name = "help",
        .arity = 2,
        .flags = registry::kLoading | registry::kStale,
        .route = Route::kConn,
        .group = "server",
        .since = "6.0.0",
        .summary = "The subcommands of ACL",
        .complexity = "O(1)",
        .run_conn = help,
        .full_name = "acl|help",
    },
    {
        .name = "list",
        .arity = 2,
        .flags = kAdminOnly,
        .route = Route::kConn,
        .group = "server",
        .since = "6.0.0",
        .summary = "All users as the rules that make them",
        .complexity = "O(N) where N is the number of users",
        .run_conn = list,
        .full_name = "acl|list",
    },
    {
        .name = "log",
        .arity = -2,
        .flags = kAdminOnly,
        .route = Route::kControl,
        .group = "server",
        .since = "6.0.0",
        .summary = "What was refused lately",
        .complexity = "O(N) where N is the number of entries",
        .arguments = "operation:oneof(count:integer reset=RESET)?",
        .run_control = log,
        .full_name = "acl|log",
    },
    {
        .name = "setuser",
        .arity = -3,
        .flags = kAdminOnly,
        .route = Route::kControl,
        .group = "server",
        .since = "6.0.0",
        .summary = "Make or change a user",
        .complexity = "O(N) where N is the number of rules",
        .tips = "request_policy:all_nodes response_policy:all_succeeded",
        .arguments = "username:string rule:string?*",
        .run_control = setuser,
        .full_name = "acl|setuser",
    },
    {
        .name = "users",
        .arity = 2,
        .flags = kAdminOnly,
        .route = Route::kConn,
        .group = "server",
        .since = "6.0.0",
        .summary = "The names of all users",
        .complexity = "O(N) where N is the number of users",
        .run_conn = users,
        .full_name = "acl|users",
    },
    {
        .name = "whoami",
        .arity = 2,
        .flags = kOpen,
        .route = Route::kConn,
        .group = "server",
        .since = "6.0.0",
        .summary = "The user of this connection",
        .complexity = "O(1)",
        .run_conn = whoami,
        .full_name = "acl|whoami",
    },
};

constexpr CommandRow kRows[] = {
    {
        .name = "acl",
        .arity = -2,
        .route = Route::kConn,
        .group = "server",
        .since = "6.0.0",
        .summary = "Users and what they may do",
        .complexity = "Depends on subcommand.",
        .subcommands = kAclSubcommands,
    },
};

}  // namespace

RowTable acl_rows() {
  return kRows;
}

}  // namespace tessera::commands
