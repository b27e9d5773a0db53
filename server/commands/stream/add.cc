// Role: what puts entries into streams and takes them out: XADD, XLEN, XDEL, XTRIM, XSETID. Thread: the
// shard's. Effects: XADD with its id; trims exactly, by what was left.
#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/stream_trim.h"
#include "server/commands/stream/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"
#include "server/shard/shard.h"

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
using store::StreamEdit;
using store::StreamId;
using store::StreamPairs;
using store::Type;

// The id of a new entry; false: an error was replied.
bool choose_id(const StreamAddOptions& options, StreamId last, WallMs now, Writer& reply, StreamId& out) {
  if (last.is_max()) {
    reply.error("ERR The stream has exhausted the last possible ID, unable to add more items");
    return false;
  }
  if (!options.has_id) {
    const auto ms = static_cast<uint64_t>(now.ms);
    out = ms > last.ms ? StreamId{ms, 0} : last.next();
    return true;
  }
  out = options.id;
  if (options.auto_seq && out.ms == last.ms) {
    if (last.seq == StreamId::max().seq) {
      reply.error("ERR Elements are too large to be stored");
      return false;
    }
    out = last.next();
  }
  if (out <= last) {
    reply.error("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    return false;
  }
  return true;
}

bool check_entry_size(StreamPairs pairs, Writer& reply) {
  size_t bytes = 0;
  for (const std::string_view text : pairs) bytes += text.size();
  if (bytes <= Stream::kMaxEntryBytes) return true;
  reply.error("ERR Elements are too large to be stored");
  return false;
}

void xadd(Ctx& ctx, const Args& args, Writer& reply) {
  StreamAddOptions options;
  if (!read_stream_add_options(args, true, ctx, reply, options)) return;
  const size_t fields_at = options.id_at + 1;
  if (options.id_at == 0 || args.size() < fields_at + 2 || (args.size() - fields_at) % 2 != 0) {
    wrong_arity(ctx.row(), reply);
    return;
  }
  if (options.has_id && !options.auto_seq && options.id.is_zero()) {
    reply.error("ERR The ID specified in XADD must be greater than 0-0");
    return;
  }
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry != nullptr && !Ctx::check_type(*entry, Type::kStream, reply)) return;
  if (entry == nullptr && !options.make_stream) {
    reply.null();
    return;
  }
  const StreamPairs pairs = args.views().subspan(fields_at);
  StreamId id;
  const StreamId last = entry == nullptr ? StreamId{} : store::stream_of(*entry).last_id();
  if (!choose_id(options, last, ctx.now(), reply, id) || !check_entry_size(pairs, reply)) return;
  if (entry == nullptr) {
    auto* const made = store::make_stream(ctx.keyspace(key), ctx.db(), key);
    note_new_key(ctx, key, made, false);
    entry = made;
  }
  StreamTrimmed trimmed;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key, *entry);
    edit->append(id, pairs, ctx.settings().stream_limits);
    if (options.trims) trimmed = trim_stream(edit, options);
  }
  reply_stream_id(id, reply);
  EffectIds ids;
  ctx.changed(key, shard::kEventStream, "xadd", [&](EffectArgs& effect) {
    effect.add("XADD").add(key.bytes);
    if (options.trims) trimmed.add_to(effect, ids);
    effect.add(ids(id));
    for (const std::string_view text : pairs) effect.add(text);
  });
  if (options.trims) trimmed.note(ctx, key);
}

void xlen(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {
    reply.integer(0);
  } else if (Ctx::check_type(*entry, Type::kStream, reply)) {
    reply.integer(static_cast<int64_t>(store::stream_of(*entry).length()));
  }
}

void xdel(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    reply.integer(0);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kStream, reply)) return;
  StreamId id;
  for (size_t i = 2; i < args.size(); ++i) {
    if (!read_stream_id(args[i], 0, reply, id)) return;
  }
  int64_t deleted = 0;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    for (size_t i = 2; i < args.size(); ++i) {
      (void)parse_stream_id(args[i], 0, id);
      deleted += edit->erase(id);
    }
  }
  if (deleted > 0) {
    ctx.changed_verbatim(key, shard::kEventStream, "xdel");
    ctx.add_dirty(deleted - 1);
  }
  reply.integer(deleted);
}

void xtrim(Ctx& ctx, const Args& args, Writer& reply) {
  StreamAddOptions options;
  if (!read_stream_add_options(args, false, ctx, reply, options)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    reply.integer(0);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kStream, reply)) return;
  StreamTrimmed trimmed;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    trimmed = trim_stream(edit, options);
  }
  if (trimmed.removed > 0) {
    if (!trimmed.one_by_one) {
      EffectIds ids;
      ctx.changed(key, shard::kEventStream, nullptr, [&](EffectArgs& effect) {
        effect.add("XTRIM").add(key.bytes);
        trimmed.add_to(effect, ids);
      });
    }
    trimmed.note(ctx, key);
    ctx.add_dirty(static_cast<int64_t>(trimmed.removed) - 1);
  }
  reply.integer(static_cast<int64_t>(trimmed.removed));
}

struct SetIdOptions {
  StreamId id, max_deleted;
  int64_t entries_added = -1;
};

bool read_setid_options(const Args& args, Writer& reply, SetIdOptions& out) {
  if (!read_stream_id(args[2], 0, reply, out.id)) return false;
  for (size_t i = 3; i < args.size(); i += 2) {
    const bool has_value = i + 1 < args.size();
    if (token_is(args[i], "ENTRIESADDED") && has_value) {
      if (!read_int64(args[i + 1], reply, out.entries_added)) return false;
      if (out.entries_added < 0) {
        reply.error("ERR entries_added must be positive");
        return false;
      }
    } else if (token_is(args[i], "MAXDELETEDID") && has_value) {
      if (!read_stream_id(args[i + 1], 0, reply, out.max_deleted)) return false;
      if (out.id < out.max_deleted) {
        reply.error("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        return false;
      }
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

// Why the options do not suit the stream; nullptr: they do.
const char* setid_problem(const Stream& stream, const SetIdOptions& options) {
  if (stream.length() == 0) return nullptr;
  if (options.id < stream.last_entry_id()) {
    return "ERR The ID specified in XSETID is smaller than the target stream top item";
  }
  if (options.entries_added != -1 && stream.length() > static_cast<uint64_t>(options.entries_added)) {
    return "ERR The entries_added specified in XSETID is smaller than the target stream length";
  }
  return nullptr;
}

void xsetid(Ctx& ctx, const Args& args, Writer& reply) {
  SetIdOptions options;
  if (!read_setid_options(args, reply, options)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    reply.error("ERR no such key");
    return;
  }
  if (!Ctx::check_type(*entry, Type::kStream, reply)) return;
  if (const char* problem = setid_problem(store::stream_of(*entry), options)) {
    reply.error(problem);
    return;
  }
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    edit->set_last_id(options.id);
    if (options.entries_added != -1) edit->set_entries_added(static_cast<uint64_t>(options.entries_added));
    if (!options.max_deleted.is_zero()) edit->set_max_deleted_id(options.max_deleted);
  }
  ctx.changed_verbatim(key, shard::kEventStream, "xsetid");
  reply.ok();
}

constexpr CommandRow kRows[] = {
    {.name = "xadd",
     .arity = -5,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Adds an entry to the end of a stream, which is made if it is not there.",
     .complexity = "O(1), and O(N) for trimming N entries.",
     .tips = "nondeterministic_output",
     .arguments =
         "key:key@0 nomkstream=NOMKSTREAM? condition:oneof(keepref=KEEPREF delref=DELREF acked=ACKED)? "
         "trim:block(strategy:oneof(maxlen=MAXLEN minid=MINID) "
         "operator:oneof(equal='=' approximately='~')? threshold:string count:integer=LIMIT?)? "
         "id-selector:oneof(auto-id='*' id:string) data:block(field:string value:string)*",
     .run = xadd,
     .history = "6.2.0\tAdded the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.\n"
                "7.0.0\tAdded support for the `<ms>-*` explicit ID form.\n"
                "8.2.0\tAdded the `KEEPREF`, `DELREF` and `ACKED` options."},
    {.name = "xlen",
     .arity = 2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRO),
     .group = "stream",
     .since = "5.0.0",
     .summary = "The number of entries of a stream.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = xlen},
    {.name = "xdel",
     .arity = -3,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Removes entries of a stream by their ids; says how many there were.",
     .complexity = "O(1) for each id, whatever the stream's size.",
     .arguments = "key:key@0 id:string*",
     .run = xdel},
    {.name = "xtrim",
     .arity = -4,
     .flags = registry::kWrite,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Removes the oldest entries of a stream, down to a length or up to an id.",
     .complexity = "O(N), N being the entries removed; whole nodes go at once.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 trim:block(strategy:oneof(maxlen=MAXLEN minid=MINID) "
                  "operator:oneof(equal='=' approximately='~')? threshold:string count:integer=LIMIT? "
                  "condition:oneof(keepref=KEEPREF delref=DELREF acked=ACKED)?)",
     .run = xtrim,
     .history = "6.2.0\tAdded the `MINID` trimming strategy and the `LIMIT` option.\n"
                "8.2.0\tAdded the `KEEPREF`, `DELREF` and `ACKED` options."},
    {.name = "xsetid",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Sets the last id of a stream, for replicas and loading.",
     .complexity = "O(1)",
     .arguments =
         "key:key@0 last-id:string entries-added:integer=ENTRIESADDED? max-deleted-id:string=MAXDELETEDID?",
     .run = xsetid,
     .history = "7.0.0\tAdded the `entries_added` and `max_deleted_entry_id` arguments."},
};

}  // namespace

RowTable stream_add_rows() {
  return kRows;
}

}  // namespace tessera::commands
