// Role: XDELEX and XACKDEL: removing entries with a say in what becomes of references to them. Thread: the
// shard's. Effects: XDEL of what was removed, XACK of what was acknowledged, which any replica understands.
#include <vector>

#include "server/commands/stream/references.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::Stream;
using store::StreamEdit;
using store::StreamGroup;
using store::StreamId;
using store::Type;

// What the reply says of an id.
enum Result : int64_t { kNoSuchId = -1, kRemoved = 1, kStillReferenced = 2 };

struct RemoveOptions {
  StreamReferences references = StreamReferences::kKeep;
  std::vector<StreamId> ids;
};

bool read_remove_options(const Args& args, size_t first, Writer& reply, RemoveOptions& out) {
  bool has_references = false;
  size_t ids_at = 0, ids_count = 0;
  for (size_t i = first; i < args.size(); ++i) {
    if (!has_references && take_references_option(args[i], out.references)) {
      has_references = true;
    } else if (ids_at == 0 && token_is(args[i], "IDS")) {
      if (!read_ids_block(args, i, reply, ids_at, ids_count)) return false;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  if (ids_at == 0) {
    syntax_error(reply);
    return false;
  }
  return read_ids(args, ids_at, ids_count, reply, out.ids);
}

void reply_none(size_t count, Writer& reply) {
  reply.array(static_cast<int64_t>(count));
  for (size_t i = 0; i < count; ++i) reply.integer(kNoSuchId);
}

// What happened to the stream, for the effects.
struct Removal {
  std::vector<StreamId> removed, acknowledged, unreferenced;

  void note(Ctx& ctx, const Key& key, std::string_view group) const {
    if (!acknowledged.empty()) note_acknowledged(ctx, key, group, acknowledged);
    if (!unreferenced.empty()) note_unreferenced(ctx, key, unreferenced);
    if (!removed.empty()) note_deleted(ctx, key, removed);
  }
};

void delex_one(Stream& stream, StreamId id, StreamReferences references, Removal& removal, Writer& reply) {
  const bool there = stream.contains(id);
  if (references == StreamReferences::kDelete && drop_references(stream, id))
    removal.unreferenced.push_back(id);
  if (!there) {
    reply.integer(kNoSuchId);
  } else if (references == StreamReferences::kAcknowledgedOnly &&
             (stream.groups().empty() || is_referenced(stream, id))) {
    reply.integer(kStillReferenced);
  } else {
    stream.erase(id);
    removal.removed.push_back(id);
    reply.integer(kRemoved);
  }
}

void xdelex(Ctx& ctx, const Args& args, Writer& reply) {
  RemoveOptions options;
  if (!read_remove_options(args, 2, reply, options)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    reply_none(options.ids.size(), reply);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kStream, reply)) return;
  Removal removal;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    reply.array(static_cast<int64_t>(options.ids.size()));
    for (const StreamId id : options.ids) delex_one(*edit, id, options.references, removal, reply);
  }
  removal.note(ctx, key, {});
}

void ackdel_one(Stream& stream, StreamGroup& group, StreamId id, StreamReferences references,
                Removal& removal, Writer& reply) {
  if (!group.erase_pending(id)) {
    reply.integer(kNoSuchId);
    return;
  }
  removal.acknowledged.push_back(id);
  if (references == StreamReferences::kDelete && drop_references(stream, id))
    removal.unreferenced.push_back(id);
  if (references == StreamReferences::kAcknowledgedOnly && is_referenced(stream, id)) {
    reply.integer(kStillReferenced);
    return;
  }
  if (stream.erase(id)) removal.removed.push_back(id);
  reply.integer(kRemoved);
}

void xackdel(Ctx& ctx, const Args& args, Writer& reply) {
  RemoveOptions options;
  if (!read_remove_options(args, 3, reply, options)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry != nullptr && !Ctx::check_type(*entry, Type::kStream, reply)) return;
  if (entry == nullptr || store::stream_of(*entry).find_group(args[2]) == nullptr) {
    reply_none(options.ids.size(), reply);
    return;
  }
  Removal removal;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    StreamGroup* group = edit->find_group(args[2]);
    reply.array(static_cast<int64_t>(options.ids.size()));
    for (const StreamId id : options.ids) ackdel_one(*edit, *group, id, options.references, removal, reply);
  }
  removal.note(ctx, key, args[2]);
}

constexpr CommandRow kRows[] = {
    {.name = "xdelex",
     .arity = -5,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "stream",
     .since = "8.2.0",
     .summary = "Removes entries of a stream, and perhaps what consumer groups hold of them.",
     .complexity = "O(G) for each id, G being the consumer groups.",
     .arguments = "key:key@0 condition:oneof(keepref=KEEPREF delref=DELREF acked=ACKED)? "
                  "ids:block(numids:integer id:string*)=IDS",
     .run = xdelex},
    {.name = "xackdel",
     .arity = -6,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate | registry::kKeyDelete),
     .group = "stream",
     .since = "8.2.0",
     .summary = "Tells a consumer group that entries are done with, and removes them from the stream.",
     .complexity = "O(G) for each id, G being the consumer groups.",
     .arguments = "key:key@0 group:string condition:oneof(keepref=KEEPREF delref=DELREF acked=ACKED)? "
                  "ids:block(numids:integer id:string*)=IDS",
     .run = xackdel},
};

}  // namespace

RowTable stream_remove_rows() {
  return kRows;
}

}  // namespace tessera::commands
