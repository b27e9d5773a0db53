// Role: OBJECT, a look at how values are kept. Thread: the shard's; HELP: the connection's.
#include <climits>
#include <iterator>

#include "server/commands/generic/tables.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;

// nullptr: the null was replied.
const Entry* look_up(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.peek(ctx.key(args[2]), true, false);
  if (entry == nullptr) reply.null();
  return entry;
}

void object_encoding(Ctx& ctx, const Args& args, Writer& reply) {
  if (const Entry* entry = look_up(ctx, args, reply)) reply.bulk(store::encoding_name(entry->encoding()));
}

void object_refcount(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = look_up(ctx, args, reply);
  if (entry == nullptr) return;
  // redis-server shares the integers 0..9999 among all keys and says so with the largest count; clients know
  // it.
  constexpr int64_t kSharedIntegers = 10000;
  bool shared = false;
  if (entry->encoding() == store::Encoding::kInt) {
    const int64_t value = store::StringRef(*entry).int_value();
    shared = value >= 0 && value < kSharedIntegers;
  }
  reply.integer(shared ? INT_MAX : 1);
}

void object_idletime(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = look_up(ctx, args, reply);
  if (entry == nullptr) return;
  if (ctx.policy_is_lfu()) {
    reply.error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching "
        "between "
        "policies at runtime LRU and LFU data will take some time to adjust.");
    return;
  }
  reply.integer(shard::lru_idle_ms(entry->lru(), ctx.now()) / 1000);
}

void object_freq(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = look_up(ctx, args, reply);
  if (entry == nullptr) return;
  if (!ctx.policy_is_lfu()) {
    reply.error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when "
        "switching "
        "between policies at runtime LRU and LFU data will take some time to adjust.");
    return;
  }
  reply.integer(shard::lfu_decayed(entry->lru(), ctx.now(), ctx.lfu_decay_minutes()));
}

// The lines redis-server 7.0.15 replies with.
constexpr const char* kHelp[] = {
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
};

void object_help(dispatch::ConnCtx&, const Args&, Writer& reply) {
  reply.array(std::size(kHelp));
  for (const char* line : kHelp) reply.simple(line);
}

constexpr auto kKey = registry::keys_range(2, 0, 1, registry::kKeyRO);

constexpr CommandRow kSubcommands[] = {
    {.name = "encoding",
     .arity = 3,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace,
     .keys = kKey,
     .group = "generic",
     .since = "2.2.3",
     .summary = "The name of the form in which a value is kept.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0",
     .run = object_encoding,
     .full_name = "object|encoding"},
    {.name = "freq",
     .arity = 3,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace,
     .keys = kKey,
     .group = "generic",
     .since = "4.0.0",
     .summary = "How often a key is used, on a logarithmic scale.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0",
     .run = object_freq,
     .full_name = "object|freq"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .acl = registry::kCatKeyspace,
     .route = registry::Route::kConn,
     .group = "generic",
     .since = "6.2.0",
     .summary = "A list of the subcommands.",
     .complexity = "O(1)",
     .run_conn = object_help,
     .full_name = "object|help"},
    {.name = "idletime",
     .arity = 3,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace,
     .keys = kKey,
     .group = "generic",
     .since = "2.2.3",
     .summary = "The seconds since a key was last used.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0",
     .run = object_idletime,
     .full_name = "object|idletime"},
    {.name = "refcount",
     .arity = 3,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace,
     .keys = kKey,
     .group = "generic",
     .since = "2.2.3",
     .summary = "How many owners a value has.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0",
     .run = object_refcount,
     .full_name = "object|refcount"},
};

constexpr CommandRow kRows[] = {
    {.name = "object",
     .arity = -2,
     .group = "generic",
     .since = "2.2.3",
     .summary = "Looks at how values are kept.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

RowTable object_rows() {
  return kRows;
}

}  // namespace tessera::commands
