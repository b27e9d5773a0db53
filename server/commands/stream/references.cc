// Role: see references.h.
#include "server/commands/stream/references.h"

#include <string>

#include "server/commands/support/arguments.h"

namespace tessera::commands {

using registry::Args;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Key;
using store::Stream;
using store::StreamId;

bool is_referenced(const Stream& stream, StreamId id) {
  for (auto at = stream.groups().first(); at; at.next()) {
    if (id > (*at)->last_id || (*at)->find_pending(id) != nullptr) return true;
  }
  return false;
}

bool drop_references(Stream& stream, StreamId id) {
  bool dropped = false;
  for (auto at = stream.groups().first(); at; at.next()) {
    stream.before_change(**at);
    dropped |= (*at)->erase_pending(id);
  }
  return dropped;
}

void note_acknowledged(Ctx& ctx, const Key& key, std::string_view group, const std::vector<StreamId>& gone) {
  EffectIds ids;
  ctx.changed(key, shard::kEventStream, nullptr, [&](EffectArgs& effect) {
    effect.add("XACK").add(key.bytes).add(group);
    for (const StreamId id : gone) effect.add(ids(id));
  });
}

void note_unreferenced(Ctx& ctx, const Key& key, const std::vector<StreamId>& ids) {
  const Stream& stream = store::stream_of(*ctx.keyspace(key).find(ctx.db(), key));
  for (auto at = stream.groups().first(); at; at.next()) note_acknowledged(ctx, key, (*at)->name(), ids);
}

void note_deleted(Ctx& ctx, const Key& key, const std::vector<StreamId>& gone) {
  EffectIds ids;
  ctx.changed(key, shard::kEventStream, "xdel", [&](EffectArgs& effect) {
    effect.add("XDEL").add(key.bytes);
    for (const StreamId id : gone) effect.add(ids(id));
  });
  ctx.add_dirty(static_cast<int64_t>(gone.size()) - 1);
}

bool read_ids_block(const Args& args, size_t& i, Writer& reply, size_t& ids_at, size_t& ids_count) {
  constexpr const char* kNotPositive = "ERR Number of IDs must be a positive integer";
  int64_t count = 0;
  if (i + 1 >= args.size()) {
    syntax_error(reply);
    return false;
  }
  if (!read_int64(args[i + 1], reply, count, kNotPositive)) return false;
  if (count < 1) {
    reply.error(kNotPositive);
    return false;
  }
  if (static_cast<uint64_t>(count) > args.size() - i - 2) {
    reply.error("ERR The `numids` parameter must match the number of arguments");
    return false;
  }
  ids_at = i + 2;
  ids_count = static_cast<size_t>(count);
  i += 1 + ids_count;
  return true;
}

bool read_ids(const Args& args, size_t ids_at, size_t ids_count, Writer& reply, std::vector<StreamId>& out) {
  out.resize(ids_count);
  for (size_t i = 0; i < ids_count; ++i) {
    if (!read_stream_id(args[ids_at + i], 0, reply, out[i])) return false;
  }
  return true;
}

}  // namespace tessera::commands
