// Role: XGROUP and its subcommands. Thread: the shard's.
// Effects: the commands as they came, but "$", which becomes the id it stood for.
#include <optional>
#include <string>

#include "server/commands/stream/group_lookup.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/tables.h"
#include "server/commands/support/arguments.h"
#include "server/registry/help.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Entry;
using store::Key;
using store::Stream;
using store::StreamConsumer;
using store::StreamEdit;
using store::StreamGroup;
using store::StreamId;
using store::Type;

constexpr size_t kKeyAt = 2, kGroupAt = 3, kIdAt = 4;

struct GroupOptions {
  bool make_stream = false;
  int64_t entries_read = StreamGroup::kUnknownRead;
};

bool read_group_options(const Args& args, bool is_create, Writer& reply, GroupOptions& out) {
  for (size_t i = 5; i < args.size(); ++i) {
    if (is_create && token_is(args[i], "MKSTREAM")) {
      out.make_stream = true;
    } else if (token_is(args[i], "ENTRIESREAD") && i + 1 < args.size()) {
      if (!read_int64(args[++i], reply, out.entries_read)) return false;
      if (out.entries_read < 0 && out.entries_read != StreamGroup::kUnknownRead) {
        reply.error("ERR value for ENTRIESREAD must be positive or -1");
        return false;
      }
    } else {
      wrong_subcommand_syntax(args[1], "XGROUP", reply);
      return false;
    }
  }
  return true;
}

// The stream of the key; false: an error was replied. With `may_miss` there may be none.
bool find_stream(Ctx& ctx, const Key& key, bool may_miss, Writer& reply, const Stream*& out) {
  const Entry* entry = ctx.write(key);
  out = nullptr;
  if (entry == nullptr) {
    if (may_miss) return true;
    reply.error(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
        "MKSTREAM "
        "option to create an empty stream automatically.");
    return false;
  }
  if (!Ctx::check_type(*entry, Type::kStream, reply)) return false;
  out = &store::stream_of(*entry);
  return true;
}

// The same with a group that must be there.
bool find_group(Ctx& ctx, const Key& key, std::string_view group, Writer& reply, const Stream*& out) {
  if (!find_stream(ctx, key, false, reply, out)) return false;
  if (out->find_group(group) != nullptr) return true;
  no_group_of_key(key.bytes, group, reply);
  return false;
}

void group_create(Ctx& ctx, const Args& args, Writer& reply) {
  GroupOptions options;
  if (!read_group_options(args, true, reply, options)) return;
  const Key key = ctx.key(args[kKeyAt]);
  const Stream* stream = nullptr;
  if (!find_stream(ctx, key, options.make_stream, reply, stream)) return;
  if (args.size() > 8) {
    wrong_subcommand_syntax(args[1], "XGROUP", reply);
    return;
  }
  StreamId id;
  if (c_text(args[kIdAt]) == "$") {
    if (stream != nullptr) id = stream->last_id();
  } else if (!read_stream_id(args[kIdAt], 0, reply, id)) {
    return;
  }
  if (stream == nullptr) {
    ctx.init_access(store::make_stream(ctx.keyspace(key), ctx.db(), key));
    ctx.changed_silently(key, shard::kEventNew, "new");  // who waits for the key looks at it
    ctx.add_dirty(-1);
  } else if (stream->find_group(args[kGroupAt]) != nullptr) {
    reply.error("BUSYGROUP Consumer Group name already exists");
    return;
  }
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    edit->make_group(args[kGroupAt], id, options.entries_read);
  }
  EffectIds ids;
  ctx.changed(key, shard::kEventStream, "xgroup-create", [&](EffectArgs& effect) {
    effect.add("XGROUP").add("CREATE").add(key.bytes).add(args[kGroupAt]).add(ids(id));
    effect.add("MKSTREAM").add("ENTRIESREAD").add_int(options.entries_read);
  });
  reply.ok();
}

void group_setid(Ctx& ctx, const Args& args, Writer& reply) {
  GroupOptions options;
  if (!read_group_options(args, false, reply, options)) return;
  const Key key = ctx.key(args[kKeyAt]);
  const Stream* stream = nullptr;
  if (!find_group(ctx, key, args[kGroupAt], reply, stream)) return;
  if (args.size() > 7) {
    wrong_subcommand_syntax(args[1], "XGROUP", reply);
    return;
  }
  StreamId id;
  if (c_text(args[kIdAt]) == "$") {
    id = stream->last_id();
  } else if (!read_range_id(args[kIdAt], 0, reply, id)) {
    return;
  }
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    StreamGroup* group = edit->find_group(args[kGroupAt]);
    group->last_id = id;
    group->entries_read = options.entries_read;
  }
  EffectIds ids;
  ctx.changed(key, shard::kEventStream, "xgroup-setid", [&](EffectArgs& effect) {
    effect.add("XGROUP").add("SETID").add(key.bytes).add(args[kGroupAt]).add(ids(id));
    effect.add("ENTRIESREAD").add_int(options.entries_read);
  });
  reply.ok();
}

void group_destroy(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[kKeyAt]);
  const Stream* stream = nullptr;
  if (!find_stream(ctx, key, false, reply, stream)) return;
  if (stream->find_group(args[kGroupAt]) == nullptr) {
    reply.integer(0);
    return;
  }
  {
    const StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    edit.erase_group(args[kGroupAt]);
  }
  ctx.changed_verbatim(key, shard::kEventStream, "xgroup-destroy");
  reply.integer(1);
}

void group_createconsumer(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[kKeyAt]);
  const Stream* stream = nullptr;
  if (!find_group(ctx, key, args[kGroupAt], reply, stream)) return;
  if (stream->find_group(args[kGroupAt])->find_consumer(args[4]) != nullptr) {
    reply.integer(0);
    return;
  }
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    edit->find_group(args[kGroupAt])->make_consumer(args[4], ctx.now().ms);
  }
  note_consumer_made(ctx, key, args[kGroupAt], args[4]);
  reply.integer(1);
}

void group_delconsumer(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[kKeyAt]);
  const Stream* stream = nullptr;
  if (!find_group(ctx, key, args[kGroupAt], reply, stream)) return;
  if (stream->find_group(args[kGroupAt])->find_consumer(args[4]) == nullptr) {
    reply.integer(0);
    return;
  }
  size_t pending = 0;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    StreamGroup* group = edit->find_group(args[kGroupAt]);
    pending = group->erase_consumer(group->find_consumer(args[4]));
  }
  ctx.changed_verbatim(key, shard::kEventStream, "xgroup-delconsumer");
  reply.integer(static_cast<int64_t>(pending));
}

constexpr const char* kHelp[] = {
    "CREATE <key> <groupname> <id|$> [option]",
    "    Make a consumer group. Options are:",
    "    * MKSTREAM",
    "      Make an empty stream if there is none.",
    "    * ENTRIESREAD entries_read",
    "      How many entries the group has read (for internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Make a consumer in a group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove a consumer with what is pending for it.",
    "DESTROY <key> <groupname>",
    "    Remove a group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set what a group got last, and how many entries it has read.",
};

void group_help(dispatch::ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("XGROUP", kHelp, reply);
}

constexpr registry::KeySpec key_at_two(uint16_t flags) {
  return registry::keys_range(2, 0, 1, flags);
}

constexpr CommandRow kSubcommands[] = {
    {.name = "create",
     .arity = -5,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatStream,
     .keys = key_at_two(registry::kKeyRW | registry::kKeyInsert),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Makes a consumer group.",
     .complexity = "O(1)",
     .arguments = "key:key@0 group:string id-selector:oneof(id:string new-id='$') mkstream=MKSTREAM? "
                  "entriesread:integer=ENTRIESREAD?",
     .run = group_create,
     .history = "7.0.0\tAdded the `entries_read` named argument.",
     .full_name = "xgroup|create"},
    {.name = "createconsumer",
     .arity = 5,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatStream,
     .keys = key_at_two(registry::kKeyRW | registry::kKeyInsert),
     .group = "stream",
     .since = "6.2.0",
     .summary = "Makes a consumer in a consumer group.",
     .complexity = "O(1)",
     .arguments = "key:key@0 group:string consumer:string",
     .run = group_createconsumer,
     .full_name = "xgroup|createconsumer"},
    {.name = "delconsumer",
     .arity = 5,
     .flags = registry::kWrite,
     .acl = registry::kCatStream,
     .keys = key_at_two(registry::kKeyRW | registry::kKeyDelete),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Removes a consumer from a consumer group; says how much was pending for it.",
     .complexity = "O(N), N being what is pending for the consumer.",
     .arguments = "key:key@0 group:string consumer:string",
     .run = group_delconsumer,
     .full_name = "xgroup|delconsumer"},
    {.name = "destroy",
     .arity = 4,
     .flags = registry::kWrite,
     .acl = registry::kCatStream,
     .keys = key_at_two(registry::kKeyRW | registry::kKeyDelete),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Removes a consumer group.",
     .complexity = "O(N), N being what is pending in the group.",
     .arguments = "key:key@0 group:string",
     .run = group_destroy,
     .full_name = "xgroup|destroy"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .acl = registry::kCatStream,
     .route = registry::Route::kConn,
     .group = "stream",
     .since = "5.0.0",
     .summary = "A list of the subcommands.",
     .complexity = "O(1)",
     .run_conn = group_help,
     .full_name = "xgroup|help"},
    {.name = "setid",
     .arity = -5,
     .flags = registry::kWrite,
     .acl = registry::kCatStream,
     .keys = key_at_two(registry::kKeyRW | registry::kKeyUpdate),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Sets which entry a consumer group got last.",
     .complexity = "O(1)",
     .arguments =
         "key:key@0 group:string id-selector:oneof(id:string new-id='$') entriesread:integer=ENTRIESREAD?",
     .run = group_setid,
     .history = "7.0.0\tAdded the optional `entries_read` argument.",
     .full_name = "xgroup|setid"},
};

constexpr CommandRow kRows[] = {
    {.name = "xgroup",
     .arity = -2,
     .group = "stream",
     .since = "5.0.0",
     .summary = "Makes and removes consumer groups and consumers.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

RowTable stream_group_rows() {
  return kRows;
}

}  // namespace tessera::commands
