// Role: XINFO STREAM, GROUPS, CONSUMERS. Thread: the shard's.
#include <limits>

#include "server/commands/stream/group_lookup.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/stream_reply.h"
#include "server/commands/stream/tables.h"
#include "server/commands/support/arguments.h"
#include "server/registry/help.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Stream;
using store::StreamConsumer;
using store::StreamCursor;
using store::StreamGroup;
using store::StreamId;
using store::Type;

// nullptr: an error was replied.
const Stream* find_stream(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[2]));
  if (entry == nullptr) {
    reply.error("ERR no such key");
    return nullptr;
  }
  return Ctx::check_type(*entry, Type::kStream, reply) ? &store::stream_of(*entry) : nullptr;
}

void number(Writer& reply, std::string_view name, uint64_t value) {
  reply.bulk(name);
  reply.integer(static_cast<int64_t>(value));
}

void id(Writer& reply, std::string_view name, StreamId value) {
  reply.bulk(name);
  reply_stream_id(value, reply);
}

// What the group has read, and how much of the stream it has not; null where that cannot be told.
void reply_progress(const Stream& stream, const StreamGroup& group, Writer& reply) {
  reply.bulk("entries-read");
  if (group.entries_read == StreamGroup::kUnknownRead) {
    reply.null();
  } else {
    reply.integer(group.entries_read);
  }
  reply.bulk("lag");
  int64_t read = 0;
  if (stream.entries_added() != 0) {
    read = group.entries_read;
    if (read == StreamGroup::kUnknownRead || stream.has_deleted_since(group.last_id)) {
      read = stream.entries_added_up_to(group.last_id);
    }
  }
  if (read == StreamGroup::kUnknownRead) {
    reply.null();
  } else {
    reply.integer(static_cast<int64_t>(stream.entries_added()) - read);
  }
}

void reply_edge(const Stream& stream, bool last, Writer& reply) {
  StreamCursor cursor(stream, {}, StreamId::max(), last);
  if (cursor.next()) {
    reply_stream_entry(cursor.entry(), cursor.fields(), reply);
  } else {
    reply.null();
  }
}

uint64_t at_most(uint64_t size, uint64_t count) {
  return count == 0 || size < count ? size : count;
}

void reply_full_consumer(const StreamGroup& group, const StreamConsumer& consumer, uint64_t count,
                         Writer& reply) {
  reply.map(4);
  reply.bulk("name");
  reply.bulk(consumer.name());
  number(reply, "seen-time", static_cast<uint64_t>(consumer.seen_ms));
  number(reply, "pel-count", consumer.pending.size());
  reply.bulk("pending");
  uint64_t left = at_most(consumer.pending.size(), count);
  reply.array(static_cast<int64_t>(left));
  for (auto at = consumer.pending.first(); left > 0; at.next(), --left) {
    const store::StreamPending* pending = group.find_pending(*at);
    reply.array(3);
    reply_stream_id(*at, reply);
    reply.integer(pending->delivered_ms);
    reply.integer(static_cast<int64_t>(pending->delivery_count));
  }
}

void reply_full_group(const Stream& stream, const StreamGroup& group, uint64_t count, Writer& reply) {
  reply.map(7);
  reply.bulk("name");
  reply.bulk(group.name());
  id(reply, "last-delivered-id", group.last_id);
  reply_progress(stream, group, reply);
  number(reply, "pel-count", group.pending().size());
  reply.bulk("pending");
  uint64_t left = at_most(group.pending().size(), count);
  reply.array(static_cast<int64_t>(left));
  for (auto at = group.pending().first(); left > 0; at.next(), --left) {
    reply.array(4);
    reply_stream_id(at->id, reply);
    reply.bulk(at->consumer == nullptr ? std::string_view() : at->consumer->name());
    reply.integer(at->delivered_ms);
    reply.integer(static_cast<int64_t>(at->delivery_count));
  }
  reply.bulk("consumers");
  reply.array(static_cast<int64_t>(group.consumers().size()));
  for (auto at = group.consumers().first(); at; at.next()) reply_full_consumer(group, **at, count, reply);
}

bool read_stream_options(const Args& args, Writer& reply, bool& full, uint64_t& count) {
  full = args.size() > 3;
  count = 10;
  if (!full) return true;
  const bool has_count = args.size() == 6;
  if ((args.size() != 4 && !has_count) || !token_is(args[3], "FULL") ||
      (has_count && !token_is(args[4], "COUNT"))) {
    wrong_subcommand_syntax(args[1], "XINFO", reply);
    return false;
  }
  int64_t given = 10;
  if (has_count && !read_int64(args[5], reply, given)) return false;
  if (given >= 0) count = static_cast<uint64_t>(given);
  return true;
}

void info_stream(Ctx& ctx, const Args& args, Writer& reply) {
  const Stream* stream = find_stream(ctx, args, reply);
  if (stream == nullptr) return;
  bool full = false;
  uint64_t count = 0;
  if (!read_stream_options(args, reply, full, count)) return;
  reply.map(full ? 9 : 10);
  number(reply, "length", stream->length());
  number(reply, "radix-tree-keys", stream->node_count());
  number(reply, "radix-tree-nodes", stream->index_piece_count() + stream->node_count());
  id(reply, "last-generated-id", stream->last_id());
  id(reply, "max-deleted-entry-id", stream->max_deleted_id());
  number(reply, "entries-added", stream->entries_added());
  id(reply, "recorded-first-entry-id", stream->first_id());
  if (!full) {
    number(reply, "groups", stream->groups().size());
    reply.bulk("first-entry");
    reply_edge(*stream, false, reply);
    reply.bulk("last-entry");
    reply_edge(*stream, true, reply);
    return;
  }
  reply.bulk("entries");
  reply_stream_range(*stream, {}, StreamId::max(), count, false, reply);
  reply.bulk("groups");
  reply.array(static_cast<int64_t>(stream->groups().size()));
  for (auto at = stream->groups().first(); at; at.next()) reply_full_group(*stream, **at, count, reply);
}

void info_groups(Ctx& ctx, const Args& args, Writer& reply) {
  const Stream* stream = find_stream(ctx, args, reply);
  if (stream == nullptr) return;
  reply.array(static_cast<int64_t>(stream->groups().size()));
  for (auto at = stream->groups().first(); at; at.next()) {
    const StreamGroup& group = **at;
    reply.map(6);
    reply.bulk("name");
    reply.bulk(group.name());
    number(reply, "consumers", group.consumers().size());
    number(reply, "pending", group.pending().size());
    id(reply, "last-delivered-id", group.last_id);
    reply_progress(*stream, group, reply);
  }
}

void info_consumers(Ctx& ctx, const Args& args, Writer& reply) {
  const Stream* stream = find_stream(ctx, args, reply);
  if (stream == nullptr) return;
  const StreamGroup* group = stream->find_group(args[3]);
  if (group == nullptr) {
    no_group_of_key(args[2], args[3], reply);
    return;
  }
  reply.array(static_cast<int64_t>(group->consumers().size()));
  for (auto at = group->consumers().first(); at; at.next()) {
    const StreamConsumer& consumer = **at;
    reply.map(3);
    reply.bulk("name");
    reply.bulk(consumer.name());
    number(reply, "pending", consumer.pending.size());
    const int64_t idle_ms = ctx.now().ms - consumer.seen_ms;
    number(reply, "idle", static_cast<uint64_t>(idle_ms < 0 ? 0 : idle_ms));
  }
}

constexpr const char* kHelp[] = {
    "CONSUMERS <key> <groupname>",
    "    The consumers of a group.",
    "GROUPS <key>",
    "    The consumer groups of a stream.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    What a stream is made of.",
};

void info_help(dispatch::ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("XINFO", kHelp, reply);
}

constexpr auto kKey = registry::keys_range(2, 0, 1, registry::kKeyRO | registry::kKeyAccess);

constexpr CommandRow kSubcommands[] = {
    {.name = "consumers",
     .arity = 4,
     .flags = registry::kReadonly,
     .acl = registry::kCatStream,
     .keys = kKey,
     .group = "stream",
     .since = "5.0.0",
     .summary = "The consumers of a consumer group.",
     .complexity = "O(N), N being the consumers.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 group:string",
     .run = info_consumers,
     .full_name = "xinfo|consumers"},
    {.name = "groups",
     .arity = 3,
     .flags = registry::kReadonly,
     .acl = registry::kCatStream,
     .keys = kKey,
     .group = "stream",
     .since = "5.0.0",
     .summary = "The consumer groups of a stream.",
     .complexity = "O(N), N being the groups.",
     .arguments = "key:key@0",
     .run = info_groups,
     .history = "7.0.0\tAdded the `entries-read` and `lag` fields",
     .full_name = "xinfo|groups"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .acl = registry::kCatStream,
     .route = registry::Route::kConn,
     .group = "stream",
     .since = "5.0.0",
     .summary = "A list of the subcommands.",
     .complexity = "O(1)",
     .run_conn = info_help,
     .full_name = "xinfo|help"},
    {.name = "stream",
     .arity = -3,
     .flags = registry::kReadonly,
     .acl = registry::kCatStream,
     .keys = kKey,
     .group = "stream",
     .since = "5.0.0",
     .summary = "What a stream is made of; with FULL its entries, groups and what is pending.",
     .complexity = "O(1); with FULL O(N), N being what is returned.",
     .arguments = "key:key@0 full-block:block(full=FULL count:integer=COUNT?)?",
     .run = info_stream,
     .history = "6.0.0\tAdded the `FULL` modifier.\n"
                "7.0.0\tAdded the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, "
                "`entries-read` and `lag` fields",
     .full_name = "xinfo|stream"},
};

constexpr CommandRow kRows[] = {
    {.name = "xinfo",
     .arity = -2,
     .group = "stream",
     .since = "5.0.0",
     .summary = "Looks at streams, consumer groups and consumers.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

RowTable stream_info_rows() {
  return kRows;
}

}  // namespace tessera::commands
