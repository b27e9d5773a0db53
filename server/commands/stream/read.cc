// Role: XREAD and XREADGROUP. Thread: the shard's, or the coordinator's where keys lie on several.
// Effects: none of XREAD. XREADGROUP as XCLAIM of each entry with its absolute time, XGROUP CREATECONSUMER,
// and XGROUP SETID with what the group has read.
// Run again for a client that waits, they look at the key that woke them alone, as redis-server 7.0 does: ids
// are those of the first run ("$" means what it meant then), groups are read on from where they are by now.
#include <cstdint>
#include <vector>

#include "common/text/integers.h"
#include "server/commands/stream/deliver.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/stream_reply.h"
#include "server/commands/stream/tables.h"
#include "server/commands/support/arguments.h"
#include "server/shard/waiting.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::Stream;
using store::StreamGroup;
using store::StreamId;
using store::Type;

struct StreamReadOptions {
  static constexpr int64_t kNoBlock = -1;

  int64_t block_ms = kNoBlock;  // 0: without end
  uint64_t count = 0;           // 0: any
  bool is_group = false;        // XREADGROUP
  bool no_ack = false;
  std::string_view group, consumer;
  size_t keys_at = 0;  // first key among the arguments
  size_t key_count = 0;
  // One per key: entries behind this one; kNew: what nobody of the group has got (">").
  static constexpr StreamId kNew = StreamId::max();
  std::vector<StreamId> ids;
};

bool is_group_read(const Ctx& ctx) {
  return std::string_view(ctx.row().name) == "xreadgroup";
}

bool read_timeout(std::string_view arg, Writer& reply, int64_t& out) {
  if (!read_int64(arg, reply, out, "ERR timeout is not an integer or out of range")) return false;
  if (out < 0) {
    reply.error("ERR timeout is negative");
    return false;
  }
  return true;
}

bool only_of_group(Writer& reply, const char* option) {
  reply.errorf("ERR The %s option is only supported by XREADGROUP. You called XREAD instead.", option);
  return false;
}

// The words in front of the keys.
bool read_words(const Args& args, Writer& reply, StreamReadOptions& out) {
  for (size_t i = 1; i < args.size(); ++i) {
    const size_t more = args.size() - i - 1;
    if (token_is(args[i], "BLOCK") && more >= 1) {
      if (!read_timeout(args[++i], reply, out.block_ms)) return false;
    } else if (token_is(args[i], "COUNT") && more >= 1) {
      int64_t count = 0;
      if (!read_int64(args[++i], reply, count)) return false;
      out.count = count < 0 ? 0 : static_cast<uint64_t>(count);
    } else if (token_is(args[i], "STREAMS") && more >= 1) {
      out.keys_at = i + 1;
      out.key_count = more / 2;
      if (more % 2 == 0) return true;
      reply.error(
          "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
      return false;
    } else if (token_is(args[i], "GROUP") && more >= 2) {
      if (!out.is_group) return only_of_group(reply, "GROUP");
      out.group = args[i + 1];
      out.consumer = args[i + 2];
      i += 2;
    } else if (token_is(args[i], "NOACK")) {
      if (!out.is_group) return only_of_group(reply, "NOACK");
      out.no_ack = true;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

// The id of one stream; `entry` is what its key holds.
bool read_id(std::string_view arg, const Entry* entry, Writer& reply, bool is_group, StreamId& out) {
  const std::string_view text = c_text(arg);
  if (text == "$") {
    if (is_group) {
      reply.error(
          "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this "
          "consumer "
          "by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an "
          "empty "
          "result set.");
      return false;
    }
    out = entry == nullptr ? StreamId{} : store::stream_of(*entry).last_id();
    return true;
  }
  if (text == ">") {
    if (!is_group) {
      reply.error(
          "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> "
          "option.");
      return false;
    }
    out = StreamReadOptions::kNew;
    return true;
  }
  return read_stream_id(arg, 0, reply, out);
}

// Reads the arguments; "$" becomes the last id as it is now. False: an error was replied.
bool read_options(Ctx& ctx, const Args& args, Writer& reply, StreamReadOptions& out) {
  out.is_group = is_group_read(ctx);
  if (!read_words(args, reply, out)) return false;
  if (out.keys_at == 0) {
    syntax_error(reply);
    return false;
  }
  if (out.is_group && out.group.data() == nullptr) {
    reply.error("ERR Missing GROUP option for XREADGROUP");
    return false;
  }
  out.ids.resize(out.key_count);
  for (size_t i = 0; i < out.key_count; ++i) {
    const std::string_view name = args[out.keys_at + i];
    const Entry* entry = ctx.read(ctx.key(name));
    if (entry != nullptr && !Ctx::check_type(*entry, Type::kStream, reply)) return false;
    if (out.is_group && (entry == nullptr || store::stream_of(*entry).find_group(out.group) == nullptr)) {
      no_group_in_read(name, out.group, reply);
      return false;
    }
    if (!read_id(args[out.keys_at + out.key_count + i], entry, reply, out.is_group, out.ids[i])) return false;
  }
  return true;
}

// Whether there is an entry behind `id`.
bool has_entry_behind(const Stream& stream, StreamId id) {
  return stream.length() > 0 && stream.last_id() > id && stream.last_entry_id() > id;
}

// One stream with its entries behind `after`.
void reply_one(Ctx& ctx, const Args& args, const StreamReadOptions& options, size_t i, const Stream& stream,
               StreamId after, Writer& reply) {
  const std::string_view name = args[options.keys_at + i];
  const bool history = options.is_group && options.ids[i] != StreamReadOptions::kNew;
  if (reply.proto() == 2) reply.array(2);
  reply.bulk(name);
  if (!options.is_group) {
    reply_stream_range(stream, after.next(), StreamId::max(), options.count, false, reply);
    return;
  }
  deliver(ctx, ctx.key(name),
          {options.group, options.consumer, after, options.count, history, options.no_ack}, reply);
}

void finish_streams(Writer& reply, resp::Chunk* place, int64_t streams) {
  if (reply.proto() == 2) {
    reply.finish_array(place, streams);
  } else {
    reply.finish_map(place, streams);
  }
}

// Replies one stream's part, the first of them behind a new `place`; false: there is nothing for it.
bool serve_one(Ctx& ctx, const Args& args, const StreamReadOptions& options, size_t i, const Stream& stream,
               Writer& reply, resp::Chunk*& place) {
  StreamId after = options.ids[i];
  const bool history = options.is_group && after != StreamReadOptions::kNew;
  if (options.is_group && !history) after = stream.find_group(options.group)->last_id;
  if (!history && !has_entry_behind(stream, after)) return false;
  if (place == nullptr) place = reply.deferred();
  reply_one(ctx, args, options, i, stream, after, reply);
  return true;
}

// Replies what there is for these keys, with what that changes in groups. False: there is nothing (and
// nothing was replied).
bool serve_all(Ctx& ctx, const Args& args, const StreamReadOptions& options, Writer& reply) {
  resp::Chunk* place = nullptr;
  int64_t streams = 0;
  for (size_t i = 0; i < options.key_count; ++i) {
    const Entry* entry = ctx.read(ctx.key(args[options.keys_at + i]));
    if (entry == nullptr) continue;
    streams += serve_one(ctx, args, options, i, store::stream_of(*entry), reply, place);
  }
  if (place == nullptr) return false;
  finish_streams(reply, place, streams);
  return true;
}

// The client waits for any of the streams.
bool wait_for_streams(Ctx& ctx, const Args& args, const StreamReadOptions& options) {
  if (options.block_ms == StreamReadOptions::kNoBlock) return false;
  shard::BlockRequest request;
  request.wanted = Type::kStream;
  request.when_gone = options.is_group;
  request.timeout_ms = options.block_ms;
  request.again.assign(args.views().begin(), args.views().end());
  for (size_t i = 0; i < options.key_count; ++i) {
    request.keys.push_back(args[options.keys_at + i]);
    if (options.is_group) continue;
    request.again[options.keys_at + options.key_count + i] = StreamIdText(options.ids[i]).view();
  }
  return ctx.block(request);
}

// The stream that woke a client, for that client; false: it waits on.
bool serve_woken(Ctx& ctx, const Args& args, const StreamReadOptions& options, const Entry* entry,
                 Writer& reply) {
  if (entry == nullptr || entry->type() != Type::kStream) {
    if (!options.is_group) return false;
    reply.error("UNBLOCKED the stream key no longer exists");
    return true;
  }
  const Stream& stream = store::stream_of(*entry);
  StreamId after = options.ids[0];
  if (options.is_group) {
    const StreamGroup* group = stream.find_group(options.group);
    if (group == nullptr) {
      reply.error("NOGROUP the consumer group this client was blocked on no longer exists");
      return true;
    }
    after = group->last_id;
  }
  // An entry that came and went again at once (MAXLEN 0) wakes as well: with an empty list.
  if (stream.last_id() <= after) return false;
  resp::Chunk* const place = reply.deferred();
  reply_one(ctx, args, options, 0, stream, after, reply);
  finish_streams(reply, place, 1);
  return true;
}

void read_woken(Ctx& ctx, const Args& args, std::string_view name, Writer& reply) {
  StreamReadOptions options;
  options.is_group = is_group_read(ctx);
  if (!read_words(args, reply, options)) return;
  size_t i = 0;
  while (args[options.keys_at + i] != name) ++i;
  const Entry* entry = ctx.peek(ctx.key(name));
  StreamId id;
  if (!read_id(args[options.keys_at + options.key_count + i], entry, reply, options.is_group, id)) return;
  options.keys_at += i;
  options.key_count = 1;
  options.ids = {id};
  if (!serve_woken(ctx, args, options, entry, reply)) (void)ctx.block({});
}

void read(Ctx& ctx, const Args& args, Writer& reply) {
  if (const std::string_view* woken_by = ctx.woken_by()) {
    read_woken(ctx, args, *woken_by, reply);
    return;
  }
  StreamReadOptions options;
  options.is_group = is_group_read(ctx);
  if (!read_options(ctx, args, reply, options)) return;
  if (serve_all(ctx, args, options, reply)) return;
  if (!wait_for_streams(ctx, args, options)) reply.null_array();
}

// BLOCK among the words in front of the keys, none of which is refused before it (read_words).
bool may_block(const Args& args) {
  const bool is_group = token_is(args[0], "XREADGROUP");
  for (size_t i = 1; i < args.size(); ++i) {
    const size_t more = args.size() - i - 1;
    int64_t count = 0;
    if (token_is(args[i], "BLOCK") && more >= 1) return true;
    if (token_is(args[i], "COUNT") && more >= 1) {
      if (!text::parse_int64(args[++i], &count)) return false;
    } else if (is_group && token_is(args[i], "GROUP") && more >= 2) {
      i += 2;
    } else if (!is_group || !token_is(args[i], "NOACK")) {
      return false;
    }
  }
  return false;
}

constexpr CommandRow kRows[] = {
    {.name = "xread",
     .arity = -4,
     .flags = registry::kReadonly | registry::kBlocking | registry::kMovableKeys,
     .acl = registry::kCatStream,
     .keys = registry::keys_after("STREAMS", 1, -1, 1, registry::kKeyRO | registry::kKeyAccess, 2),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Entries of streams behind given ids; waits for one if asked to.",
     .complexity = "O(log(N)+M) for each stream, M being the entries returned.",
     .arguments =
         "count:integer=COUNT? milliseconds:integer=BLOCK? streams:block(key:key@0* id:string*)=STREAMS",
     .run = read,
     .may_block = may_block},
    {.name = "xreadgroup",
     .arity = -7,
     .flags = registry::kWrite | registry::kBlocking | registry::kMovableKeys,
     .acl = registry::kCatStream,
     .keys = registry::keys_after("STREAMS", 4, -1, 1, registry::kKeyRO | registry::kKeyAccess, 2),
     .group = "stream",
     .since = "5.0.0",
     .summary =
         "Entries that nobody of a consumer group got yet, or those that are pending for a consumer; waits "
         "if asked to.",
     .complexity = "O(M*log(N)) for each stream, M being the entries returned.",
     .arguments = "group-block:block(group:string consumer:string)=GROUP count:integer=COUNT? "
                  "milliseconds:integer=BLOCK? noack=NOACK? streams:block(key:key@0* id:string*)=STREAMS",
     .run = read,
     .may_block = may_block},
};

}  // namespace

RowTable stream_read_rows() {
  return kRows;
}

}  // namespace tessera::commands
