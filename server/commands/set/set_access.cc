#include "server/commands/set/set_access.h"

#include "server/shard/shard.h"

namespace tessera::commands {

using shard::Ctx;
using store::Entry;
using store::Key;

Found read_set(Ctx& ctx, const Key& key, resp::Writer& reply, const Entry** entry) {
  *entry = ctx.read(key);
  if (*entry == nullptr) return Found::kNothing;
  return Ctx::check_type(**entry, store::Type::kSet, reply) ? Found::kSet : Found::kError;
}

SetOfKey::SetOfKey(Ctx& ctx, const Key& key)
    : SetEditor(ctx.keyspace(key), ctx.db(), key, ctx.settings().set_limits) {}

void reply_member(const store::SetMember& member, resp::Writer& reply) {
  if (member.is_int) {
    reply.bulk_int(member.number);
  } else {
    reply.bulk(member.bytes);
  }
}

void note_new_set(Ctx& ctx, const Key& key, Entry* entry, bool existed) {
  if (existed) return;
  ctx.init_access(entry);
  ctx.notify(ctx.db(), key, shard::kEventNew, "new");
}

void store_result(Ctx& ctx, const Key& target, SetOfKey& result, const char* event, resp::Writer& reply) {
  const size_t size = result.size();
  if (size == 0) {
    store_nothing(ctx, target, reply);
    return;
  }
  const bool existed = ctx.peek(target) != nullptr;
  note_stored(ctx, target, result.finish(store::kNoExpire), existed, size, event, reply);
}

void note_stored(Ctx& ctx, const Key& target, Entry* entry, bool existed, size_t size, const char* event,
                 resp::Writer& reply) {
  ctx.init_access(entry);
  if (!existed) ctx.notify(ctx.db(), target, shard::kEventNew, "new");
  ctx.changed_verbatim(target, shard::kEventSet, event);
  reply.integer(static_cast<int64_t>(size));
}

void store_nothing(Ctx& ctx, const Key& target, resp::Writer& reply) {
  if (ctx.peek(target) != nullptr) {
    ctx.keyspace(target).erase(ctx.db(), target);
    ctx.changed_verbatim(target, shard::kEventGeneric, "del");
  }
  reply.integer(0);
}

}  // namespace tessera::commands
