// Role: COMMAND's rows; what they do is registry/introspection. Thread: the connection's.
#include "server/commands/server/tables.h"
#include "server/dispatch/conn_ctx.h"
#include "server/registry/introspection.h"

namespace tessera::commands {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::CommandTable;
using registry::Route;
using resp::Writer;

namespace {

using Answer = void (*)(const CommandTable&, const Args&, Writer&);
using ShortAnswer = void (*)(const CommandTable&, Writer&);

template <Answer answer>
void pass_on(ConnCtx& ctx, const Args& args, Writer& reply) {
  answer(*ctx.node().commands, args, reply);
}

template <ShortAnswer answer>
void pass_on(ConnCtx& ctx, const Args&, Writer& reply) {
  answer(*ctx.node().commands, reply);
}

void help(ConnCtx&, const Args&, Writer& reply) {
  registry::command_help(reply);
}

constexpr uint32_t kFlags = registry::kLoading | registry::kStale;

constexpr CommandRow kCommandSubcommands[] = {
    {
        .name = "count",
        .arity = 2,
        .flags = kFlags,
        .acl = registry::kCatConnection,
        .route = Route::kConn,
        .group = "server",
        .since = "2.8.13",
        .summary = "How many commands there are",
        .complexity = "O(1)",
        .run_conn = pass_on<registry::command_count>,
        .full_name = "command|count",
    },
    {
        .name = "docs",
        .arity = -2,
        .flags = kFlags,
        .acl = registry::kCatConnection,
        .route = Route::kConn,
        .group = "server",
        .since = "7.0.0",
        .summary = "Summary, version and arguments of commands",
        .complexity = "O(N) where N is the number of commands asked for",
        .tips = "nondeterministic_output_order",
        .arguments = "command-name:string?*",
        .run_conn = pass_on<registry::command_docs>,
        .full_name = "command|docs",
    },
    {
        .name = "getkeys",
        .arity = -3,
        .flags = kFlags,
        .acl = registry::kCatConnection,
        .route = Route::kConn,
        .group = "server",
        .since = "2.8.13",
        .summary = "Which arguments of a call are keys",
        .complexity = "O(N) where N is the number of arguments",
        .arguments = "command:string arg:string?*",
        .run_conn = pass_on<registry::command_getkeys>,
        .full_name = "command|getkeys",
    },
    {
        .name = "getkeysandflags",
        .arity = -3,
        .flags = kFlags,
        .acl = registry::kCatConnection,
        .route = Route::kConn,
        .group = "server",
        .since = "7.0.0",
        .summary = "Which arguments of a call are keys, and what it does to each",
        .complexity = "O(N) where N is the number of arguments",
        .arguments = "command:string arg:string?*",
        .run_conn = pass_on<registry::command_getkeys_and_flags>,
        .full_name = "command|getkeysandflags",
    },
    {
        .name = "help",
        .arity = 2,
        .flags = kFlags,
        .acl = registry::kCatConnection,
        .route = Route::kConn,
        .group = "server",
        .since = "5.0.0",
        .summary = "The subcommands of COMMAND",
        .complexity = "O(1)",
        .run_conn = help,
        .full_name = "command|help",
    },
    {
        .name = "info",
        .arity = -2,
        .flags = kFlags,
        .acl = registry::kCatConnection,
        .route = Route::kConn,
        .group = "server",
        .since = "2.8.13",
        .summary = "Arity, flags, keys and categories of commands",
        .complexity = "O(N) where N is the number of commands asked for",
        .tips = "nondeterministic_output_order",
        .arguments = "command-name:string?*",
        .run_conn = pass_on<registry::command_info>,
        .full_name = "command|info",
    },
    {
        .name = "list",
        .arity = -2,
        .flags = kFlags,
        .acl = registry::kCatConnection,
        .route = Route::kConn,
        .group = "server",
        .since = "7.0.0",
        .summary = "Names of commands, all or those a filter lets pass",
        .complexity = "O(N) where N is the number of commands",
        .tips = "nondeterministic_output_order",
        .arguments = "filterby:oneof(module-name:string=MODULE category:string=ACLCAT "
                     "pattern:pattern=PATTERN)=FILTERBY?",
        .run_conn = pass_on<registry::command_list>,
        .full_name = "command|list",
    },
};

constexpr CommandRow kRows[] = {
    {
        .name = "command",
        .arity = -1,
        .flags = kFlags,
        .acl = registry::kCatConnection,
        .route = Route::kConn,
        .group = "server",
        .since = "2.8.13",
        .summary = "All commands with their properties",
        .complexity = "O(N) where N is the number of commands",
        .tips = "nondeterministic_output_order",
        .run_conn = pass_on<registry::command_all>,
        .subcommands = kCommandSubcommands,
    },
};

}  // namespace

RowTable command_rows() {
  return kRows;
}

}  // namespace tessera::commands
