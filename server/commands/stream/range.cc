// Role: XRANGE and XREVRANGE. Thread: the shard's.
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
using store::StreamId;
using store::Type;

void range(Ctx& ctx, const Args& args, Writer& reply, bool backwards) {
  StreamId start, end;
  if (!read_range_start(args[backwards ? 3 : 2], reply, start)) return;
  if (!read_range_end(args[backwards ? 2 : 3], reply, end)) return;
  int64_t count = -1;
  for (size_t i = 4; i < args.size(); i += 2) {
    if (!token_is(args[i], "COUNT") || i + 1 >= args.size()) {
      syntax_error(reply);
      return;
    }
    if (!read_int64(args[i + 1], reply, count)) return;
    if (count < 0) count = 0;
  }
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {
    reply.array(0);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kStream, reply)) return;
  if (count == 0) {
    reply.null_array();
    return;
  }
  const uint64_t most = count < 0 ? 0 : static_cast<uint64_t>(count);
  reply_stream_range(store::stream_of(*entry), start, end, most, backwards, reply);
}

void xrange(Ctx& ctx, const Args& args, Writer& reply) {
  range(ctx, args, reply, false);
}

void xrevrange(Ctx& ctx, const Args& args, Writer& reply) {
  range(ctx, args, reply, true);
}

constexpr CommandRow kRows[] = {
    {.name = "xrange",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Entries of a stream whose ids lie in a range.",
     .complexity = "O(log(N)+M), M being the entries returned.",
     .arguments = "key:key@0 start:string end:string count:integer=COUNT?",
     .run = xrange,
     .history = "6.2.0\tAdded exclusive ranges."},
    {.name = "xrevrange",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "stream",
     .since = "5.0.0",
     .summary = "Entries of a stream whose ids lie in a range, the last ones first.",
     .complexity = "O(log(N)+M), M being the entries returned.",
     .arguments = "key:key@0 end:string start:string count:integer=COUNT?",
     .run = xrevrange,
     .history = "6.2.0\tAdded exclusive ranges."},
};

}  // namespace

RowTable stream_range_rows() {
  return kRows;
}

}  // namespace tessera::commands
