// Role: XREAD and XREADGROUP. Thread: the shard's, or the coordinator's where keys lie on several.
// Effects: none of XREAD. XREADGROUP as XCLAIM of each entry with its absolute time, XGROUP CREATECONSUMER,
// and XGROUP SETID with what the group has read.
#include "server/commands/stream/read.h"

#include <limits>

#include "server/commands/stream/deliver.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/commands/stream/stream_reply.h"
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
using store::StreamGroup;
using store::StreamId;
using store::Type;

bool read_timeout(std::string_view arg, WallMs now, Writer& reply, int64_t& out) {
  if (!read_int64(arg, reply, out, "ERR timeout is not an integer or out of range")) return false;
  if (out < 0) {
    reply.error("ERR timeout is negative");
    return false;
  }
  if (out > std::numeric_limits<int64_t>::max() - now.ms) {
    reply.error("ERR timeout is out of range");
    return false;
  }
  return true;
}

bool only_of_group(Writer& reply, const char* option) {
  reply.errorf("ERR The %s option is only supported by XREADGROUP. You called XREAD instead.", option);
  return false;
}

// The words in front of the keys.
bool read_words(Ctx& ctx, const Args& args, Writer& reply, StreamReadOptions& out) {
  for (size_t i = 1; i < args.size(); ++i) {
    const size_t more = args.size() - i - 1;
    if (token_is(args[i], "BLOCK") && more >= 1) {
      if (!read_timeout(args[++i], ctx.now(), reply, out.block_ms)) return false;
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

}  // namespace

bool read_stream_read_options(Ctx& ctx, const Args& args, Writer& reply, StreamReadOptions& out) {
  out.is_group = std::string_view(ctx.row().name) == "xreadgroup";
  if (!read_words(ctx, args, reply, out)) return false;
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

namespace {

// Whether there is an entry behind `id`.
bool has_entry_behind(const Stream& stream, StreamId id) {
  return stream.length() > 0 && stream.last_id() > id && stream.last_entry_id() > id;
}

// Replies one stream's part, the first of them behind a new `place`; false: there is nothing for it.
bool serve_one(Ctx& ctx, const Args& args, const StreamReadOptions& options, size_t i, const Stream& stream,
               Writer& reply, resp::Chunk*& place) {
  const std::string_view name = args[options.keys_at + i];
  StreamId after = options.ids[i];
  const bool history = options.is_group && after != StreamReadOptions::kNew;
  if (options.is_group && !history) after = stream.find_group(options.group)->last_id;
  if (!history && !has_entry_behind(stream, after)) return false;
  if (place == nullptr) place = reply.deferred();
  if (reply.proto() == 2) reply.array(2);
  reply.bulk(name);
  if (!options.is_group) {
    reply_stream_range(stream, after.next(), StreamId::max(), options.count, false, reply);
    return true;
  }
  deliver(ctx, ctx.key(name),
          {options.group, options.consumer, after, options.count, history, options.no_ack}, reply);
  return true;
}

}  // namespace

bool serve_stream_read(Ctx& ctx, const Args& args, const StreamReadOptions& options, Writer& reply) {
  resp::Chunk* place = nullptr;
  int64_t streams = 0;
  for (size_t i = 0; i < options.key_count; ++i) {
    const Entry* entry = ctx.read(ctx.key(args[options.keys_at + i]));
    if (entry == nullptr) continue;
    streams += serve_one(ctx, args, options, i, store::stream_of(*entry), reply, place);
  }
  if (place == nullptr) return false;
  if (reply.proto() == 2) {
    reply.finish_array(place, streams);
  } else {
    reply.finish_map(place, streams);
  }
  return true;
}

namespace {

void read(Ctx& ctx, const Args& args, Writer& reply) {
  StreamReadOptions options;
  if (!read_stream_read_options(ctx, args, reply, options)) return;
  if (serve_stream_read(ctx, args, options, reply)) return;
  // Without waiting, and where waiting is not allowed, there is nothing.
  reply.null_array();
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
     .run = read},
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
     .run = read},
};

}  // namespace

RowTable stream_read_rows() {
  return kRows;
}

}  // namespace tessera::commands
