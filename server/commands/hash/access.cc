#include "server/commands/hash/access.h"

#include "server/shard/shard.h"

namespace tessera::commands {

using shard::Ctx;
using store::Entry;
using store::HashEditor;
using store::HashReader;
using store::Key;

Opened open_hash(Ctx& ctx, const Key& key, resp::Writer& reply, std::optional<HashReader>& out) {
  const Entry* entry = ctx.read(key);
  if (entry == nullptr) return Opened::kMissing;
  if (!Ctx::check_type(*entry, store::Type::kHash, reply)) return Opened::kWrong;
  out.emplace(*entry, ctx.expiry_now_ms());
  return Opened::kFound;
}

bool edit_hash(Ctx& ctx, const Key& key, resp::Writer& reply, std::optional<HashEditor>& out) {
  const Entry* entry = ctx.write(key);
  if (entry && !Ctx::check_type(*entry, store::Type::kHash, reply)) return false;
  out.emplace(ctx.keyspace(key), ctx.db(), key, entry, ctx.settings().hash_limits, ctx.expiry_now_ms());
  return true;
}

void finish_put(Ctx& ctx, const Key& key, HashEditor& editor, bool existed) {
  const Entry* entry = editor.finish();
  if (existed || entry == nullptr) return;
  ctx.init_access(const_cast<Entry*>(entry));
  ctx.notify(ctx.db(), key, shard::kEventNew, "new");
}

bool finish_erase(HashEditor& editor) {
  const bool had = editor.size() > 0 || editor.changed();
  return editor.finish() == nullptr && had;
}

namespace {

template <typename Hash>
void reply_field_of(const Hash& hash, std::string_view field, resp::Writer& reply) {
  store::HashValue value;
  hash.get(field, value) ? reply.bulk(value.text) : reply.null();
}

}  // namespace

void reply_field(const HashReader& hash, std::string_view field, resp::Writer& reply) {
  reply_field_of(hash, field, reply);
}

void reply_field(const HashEditor& hash, std::string_view field, resp::Writer& reply) {
  reply_field_of(hash, field, reply);
}

}  // namespace tessera::commands
