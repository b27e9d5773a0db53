// Role: ACL's rows and handlers; what they do is acl/acl_commands. Thread: the connection's for what only
// reads the adopted view, the control thread for what changes users or the log.
#include "server/acl/acl_commands.h"

#include <array>
#include <memory>

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

constexpr const char* kNoFile =
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL "
    "SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in "
    "order to store users in the Redis configuration.";

// What the pool has read, back on the control thread.
struct FileRead : control::Request {
  explicit FileRead(Result<std::string> t, control::SendReply s) : text(std::move(t)), send(std::move(s)) {}
  Result<std::string> text;
  control::SendReply send;
  void handle(control::Control& control) override {
    const std::unique_ptr<FileRead> mine(this);
    acl::AclStore& store = *control.services().acl;
    const Result<void> done =
        text.ok() ? store.load(*text, store.file()->name()) : Result<void>(text.error());
    if (!done.ok()) {
      send([&](Writer& out) { out.error("ERR " + done.error().message); });
      return;
    }
    control.when_adopted([answer = send] { answer([](Writer& out) { out.ok(); }); });
  }
};

void load(ControlCtx& ctx, const Args&, Writer& reply) {
  acl::AclFile* file = ctx.services().acl->file();
  if (file == nullptr) return reply.error(kNoFile);
  io::Env& env = *ctx.services().node->env;
  env.pool().submit([&env, &control = ctx.control(), file, send = ctx.reply_later()] {
    control.post(new FileRead(file->read(env.files()), send));
  });
}

void save(ControlCtx& ctx, const Args&, Writer& reply) {
  acl::AclStore& store = *ctx.services().acl;
  acl::AclFile* file = store.file();
  if (file == nullptr) return reply.error(kNoFile);
  dispatch::NodeShared& node = *ctx.services().node;
  node.env->pool().submit(
      [&node, file, text = store.save(), turn = file->next_turn(), send = ctx.reply_later()] {
        const Result<void> written = file->write(node.env->files(), text, turn);
        if (!written.ok()) node.log->warning("ACL SAVE: %s", written.error().message.c_str());
        send([&](Writer& out) {
          if (written.ok()) return out.ok();
          out.error(
              "ERR There was an error trying to save the ACLs. Please check the server logs for more "
              "information");
        });
      });
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
        .name = "load",
        .arity = 2,
        .flags = kAdminOnly,
        .route = Route::kControl,
        .group = "server",
        .since = "6.0.0",
        .summary = "Replace all users by those of the ACL file",
        .complexity = "O(N) where N is the number of users and rules",
        .run_control = load,
        .full_name = "acl|load",
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
        .name = "save",
        .arity = 2,
        .flags = kAdminOnly,
        .route = Route::kControl,
        .group = "server",
        .since = "6.0.0",
        .summary = "Write all users to the ACL file",
        .complexity = "O(N) where N is the number of users and rules",
        .tips = "request_policy:all_nodes response_policy:all_succeeded",
        .run_control = save,
        .full_name = "acl|save",
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
        .is_secret = [](const Args&, size_t position) { return position >= 2; },
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
