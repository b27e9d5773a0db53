// Role: XNACK: giving pending entries back, so that anybody may claim them at once. Thread: the shard's.
// Effects: XNACK of each entry with the count it has now, forced.
#include <vector>

#include "server/commands/stream/deliver.h"
#include "server/commands/stream/group_lookup.h"
#include "server/commands/stream/references.h"
#include "server/commands/stream/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Key;
using store::StreamEdit;
using store::StreamGroup;
using store::StreamId;
using store::StreamPending;

enum class Mode : uint8_t { kSilent, kFail, kFatal };

struct NackOptions {
  Mode mode = Mode::kFail;
  bool force = false;
  bool has_count = false;
  int64_t count = 0;
  std::vector<StreamId> ids;
};

bool read_mode(std::string_view arg, Writer& reply, Mode& out) {
  if (token_is(arg, "SILENT")) {
    out = Mode::kSilent;
  } else if (token_is(arg, "FAIL")) {
    out = Mode::kFail;
  } else if (token_is(arg, "FATAL")) {
    out = Mode::kFatal;
  } else {
    syntax_error(reply);
    return false;
  }
  return true;
}

bool read_nack_options(const Args& args, Writer& reply, NackOptions& out) {
  constexpr const char* kBadCount = "ERR Invalid RETRYCOUNT option argument for XNACK";
  if (!read_mode(args[3], reply, out.mode)) return false;
  size_t ids_at = 0, ids_count = 0;
  for (size_t i = 4; i < args.size(); ++i) {
    if (ids_at == 0 && token_is(args[i], "IDS")) {
      if (!read_ids_block(args, i, reply, ids_at, ids_count)) return false;
    } else if (token_is(args[i], "RETRYCOUNT") && i + 1 < args.size()) {
      if (!read_int64(args[++i], reply, out.count, kBadCount)) return false;
      if (out.count < 0) {
        reply.error(kBadCount);
        return false;
      }
      out.has_count = true;
    } else if (token_is(args[i], "FORCE")) {
      out.force = true;
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

uint64_t count_after(const NackOptions& options, uint64_t before) {
  if (options.has_count) return static_cast<uint64_t>(options.count);
  if (options.mode == Mode::kFatal) return StreamPending::kMostDeliveries;
  return options.mode == Mode::kSilent && before > 0 ? before - 1 : before;
}

// nullptr: it is not pending, and is not made so.
const StreamPending* give_back(const store::Stream& stream, StreamGroup& group, StreamId id,
                               const NackOptions& options) {
  StreamPending* pending = group.find_pending(id);
  if (pending == nullptr) {
    if (!options.force || !stream.contains(id)) return nullptr;
    pending = group.make_unowned(id);
  }
  group.release(*pending);
  pending->delivered_ms = 0;
  pending->delivery_count = count_after(options, pending->delivery_count);
  return pending;
}

void xnack(Ctx& ctx, const Args& args, Writer& reply) {
  NackOptions options;
  if (!read_nack_options(args, reply, options)) return;
  const Key key = ctx.key(args[1]);
  if (read_group(ctx, key, args[2], reply) == nullptr) return;
  int64_t released = 0;
  {
    StreamEdit edit(ctx.keyspace(key), ctx.db(), key);
    StreamGroup* group = edit->find_group(args[2]);
    for (const StreamId id : options.ids) {
      const StreamPending* pending = give_back(*edit, *group, id, options);
      if (pending == nullptr) continue;
      ++released;
      EffectIds ids;
      ctx.changed(key, shard::kEventStream, nullptr, [&](EffectArgs& effect) {
        effect.add("XNACK").add(key.bytes).add(args[2]).add("FAIL").add("IDS").add("1").add(ids(id));
        effect.add("RETRYCOUNT").add_int(static_cast<int64_t>(pending->delivery_count)).add("FORCE");
      });
    }
  }
  reply.integer(released);
}

constexpr CommandRow kRows[] = {
    {.name = "xnack",
     .arity = -7,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatStream,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "stream",
     .since = "8.8.0",
     .summary = "Gives pending entries of a consumer group back, so that others may claim them at once.",
     .complexity = "O(log(N)) for each id, N being what is pending.",
     .arguments = "key:key@0 group:string mode:oneof(silent=SILENT fail=FAIL fatal=FATAL) "
                  "ids:block(numids:integer id:string*)=IDS count:integer=RETRYCOUNT? force=FORCE?",
     .run = xnack},
};

}  // namespace

RowTable stream_nack_rows() {
  return kRows;
}

}  // namespace tessera::commands
