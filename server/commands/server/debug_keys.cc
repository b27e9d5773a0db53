// Role: DEBUG's looks at keys: OBJECT, DIGEST, POPULATE and their like. Thread: a coordinator that holds all
// shards parked, since DEBUG's keys are not known to the router.
#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstring>
#include <vector>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/commands/server/debug.h"
#include "server/commands/support/arguments.h"
#include "server/store/memory.h"
#include "server/store/string_ref.h"
#include "server/store/types/quicklist.h"

namespace tessera::commands {

const store::Entry* debug_look_up(shard::Ctx& ctx, std::string_view name, resp::Writer& reply) {
  const store::Entry* entry = ctx.peek(ctx.key(name));
  if (entry == nullptr) reply.error("ERR no such key");
  return entry;
}

namespace {

using registry::Args;
using resp::Writer;
using shard::Ctx;
using store::Encoding;
using store::Entry;
using store::StringRef;

// ---- OBJECT

bool is_shared_integer(const Entry& entry) {
  if (entry.encoding() != Encoding::kInt) return false;
  const int64_t value = StringRef(entry).int_value();
  return value >= 0 && value < 10000;
}

// Of a list: how many nodes, and how full they are.
std::string nodes_of(const Entry& entry) {
  const auto& list = static_cast<const store::Quicklist&>(store::Keyspace::container(entry));
  size_t bytes = 0;
  for (auto at = list.nodes().first(); at; at = store::ListTree::next(at)) bytes += at.node().size;
  const size_t node_count = list.nodes().node_count();
  const double mean = static_cast<double>(list.element_count()) / static_cast<double>(node_count);
  char text[160];
  std::snprintf(text, sizeof(text),
                " ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d ql_uncompressed_size:%zu",
                node_count, mean, list.limits().max_listpack_size, list.limits().compress_depth != 0 ? 1 : 0,
                bytes);
  return text;
}

// FAST, as Valkey: without what takes long, the length in a file.
void object(Ctx& ctx, const Args& args, Writer& reply) {
  const bool fast = args.size() == 4 && token_is(args[3], "FAST");
  if (args.size() == 4 && !fast) {
    debug_unknown(args, reply);
    return;
  }
  const Entry* entry = debug_look_up(ctx, args[2], reply);
  if (entry == nullptr) return;
  char line[256];
  const std::string length =
      fast ? std::string() : " serializedlength:" + std::to_string(ctx.serialized_bytes(*entry));
  std::snprintf(line, sizeof(line), "Value at:%p refcount:%d encoding:%s%s lru:%u lru_seconds_idle:%lld",
                static_cast<const void*>(entry), is_shared_integer(*entry) ? INT_MAX : 1,
                std::string(store::encoding_name(entry->encoding())).c_str(), length.c_str(), entry->lru(),
                static_cast<long long>(shard::lru_idle_ms(entry->lru(), ctx.now()) / 1000));
  std::string text = line;
  if (entry->encoding() == Encoding::kQuicklist && !store::Keyspace::is_packed(*entry))
    text += nodes_of(*entry);
  reply.simple(text);
}

void sdslen(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = debug_look_up(ctx, args[2], reply);
  if (entry == nullptr) return;
  if (entry->type() != store::Type::kString || entry->encoding() == Encoding::kInt) {
    reply.error("ERR Not an sds encoded string.");
    return;
  }
  const size_t key_size = entry->key().size();
  const size_t bytes = ctx.keyspace(ctx.key(args[2])).entry_bytes(*entry);
  char line[256];
  // Key and value share one allocation: nothing of it is spare room of either.
  std::snprintf(line, sizeof(line),
                "key_sds_len:%zu, key_sds_avail:0, key_zmalloc: %zu, val_sds_len:%zu, val_sds_avail:0, "
                "val_zmalloc: %zu",
                key_size, key_size, StringRef(*entry).size(), bytes > key_size ? bytes - key_size : 0);
  reply.simple(line);
}

// FULL, as Valkey: nothing more is known here.
bool has_only_full(const Args& args, Writer& reply) {
  if (args.size() < 4 || token_is(args[3], "FULL")) return true;
  debug_unknown(args, reply);
  return false;
}

void htstats_key(Ctx& ctx, const Args& args, Writer& reply) {
  if (!has_only_full(args, reply)) return;
  const Entry* entry = debug_look_up(ctx, args[2], reply);
  if (entry == nullptr) return;
  if (entry->encoding() != Encoding::kHashtable && entry->encoding() != Encoding::kSkiplist) {
    reply.error("ERR The value stored at the specified key is not represented using an hash table");
    return;
  }
  reply.verbatim(
      "txt",
      "memory: " + text::to_text(static_cast<uint64_t>(ctx.keyspace(ctx.key(args[2])).entry_bytes(*entry))) +
          "\n");
}

void htstats(Ctx& ctx, const Args& args, Writer& reply) {
  if (!has_only_full(args, reply)) return;
  int64_t db = 0;
  if (!read_int64(args[2], reply, db)) return;
  if (db < 0 || db >= ctx.database_count()) {
    reply.error("ERR Out of range database");
    return;
  }
  std::string text = "[Dictionary HT]\n";
  size_t keys = 0, expires = 0;
  for (size_t i = 0; i < ctx.shard_count(); ++i) {
    const store::Keyspace& space = ctx.keyspace_at(i);
    const size_t own = space.size(static_cast<int>(db));
    keys += own;
    expires += space.expires_count(static_cast<int>(db));
    if (own == 0) continue;
    text += "Tables of shard " + text::to_text(ctx.shard_index_at(i)) +
            ":\n number of elements: " + text::to_text(static_cast<uint64_t>(own)) + "\n memory of tables: " +
            text::to_text(static_cast<uint64_t>(space.table_bytes(static_cast<int>(db)))) + "\n";
  }
  text += keys == 0 ? "No stats available for empty dictionaries\n"
                    : "number of elements: " + text::to_text(static_cast<uint64_t>(keys)) + "\n";
  text += "[Expires HT]\n";
  text += expires == 0 ? "No stats available for empty dictionaries\n"
                       : "number of elements: " + text::to_text(static_cast<uint64_t>(expires)) + "\n";
  reply.verbatim("txt", text);
}

// ---- DIGEST

std::string hex_digest(const unsigned char (&digest)[20]) {
  return text::hex({reinterpret_cast<const char*>(digest), sizeof(digest)});
}

void digest(Ctx& ctx, const Args&, Writer& reply) {
  unsigned char all[20] = {};
  for (int db = 0; db < ctx.database_count(); ++db) {
    size_t keys = 0;
    for (size_t i = 0; i < ctx.shard_count(); ++i) keys += ctx.keyspace_at(i).size(db);
    if (keys == 0) continue;
    store::Keyspace::digest_mix_database(db, all);
    for (size_t i = 0; i < ctx.shard_count(); ++i) ctx.keyspace_at(i).digest_database(db, all);
  }
  reply.simple(hex_digest(all));
}

void digest_value(Ctx& ctx, const Args& args, Writer& reply) {
  reply.array(static_cast<int64_t>(args.size()) - 2);
  for (size_t i = 2; i < args.size(); ++i) {
    unsigned char one[20] = {};
    if (const Entry* entry = ctx.peek(ctx.key(args[i]))) store::Keyspace::digest_value(*entry, one);
    reply.simple(hex_digest(one));
  }
}

// ---- POPULATE

bool read_positive(std::string_view word, Writer& reply, int64_t& out) {
  if (text::parse_int64(word, &out) && out >= 0) return true;
  reply.error("ERR value is out of range, must be positive");
  return false;
}

// ---- LONGEST-TICK

void longest_tick(Ctx& ctx, const Args& args, Writer& reply) {
  const bool reset = args.size() == 3;
  if (reset && !token_is(args[2], "RESET")) {
    debug_unknown(args, reply);
    return;
  }
  uint64_t most = 0;
  for (size_t i = 0; i < ctx.shard_count(); ++i) {
    store::Memory& memory = ctx.keyspace_at(i).memory();
    most = std::max(most, memory.most_touched());
    if (reset) memory.forget_most_touched();
  }
  reply.integer(static_cast<int64_t>(most));
}

// What one step of long work may touch: few, and small values are dealt with in steps as well. And how many
// steps each shard makes from now on, so that tests stand in the middle of one.
void long_work(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t elements = 0, steps = -1;
  if (!read_positive(args[2], reply, elements)) return;
  if (args.size() > 3 && !read_positive(args[3], reply, steps)) return;
  ctx.set_slice(static_cast<uint64_t>(elements), static_cast<uint64_t>(steps));
  reply.ok();
}

// Unlike in redis-server the new keys are journaled: what follows the journal stays equal.
void populate(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t count = 0;
  int64_t size = 0;
  if (!read_positive(args[2], reply, count)) return;
  const std::string prefix(args.size() > 3 ? args[3] : "key");
  if (args.size() > 4 && !read_positive(args[4], reply, size)) return;
  if (size > ctx.max_bulk_bytes()) {
    reply.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return;
  }
  std::string name, value;
  for (int64_t i = 0; i < count; ++i) {
    const std::string number = text::to_text(i);
    name = prefix + ':' + number;
    const store::Key key = ctx.key(name);
    if (ctx.peek(key) != nullptr) continue;
    value = "value:" + number;
    if (size > 0) value.resize(static_cast<size_t>(size), '\0');
    ctx.init_access(ctx.keyspace(key).set_string(ctx.db(), key, value, store::kNoExpire));
    ctx.changed(key, shard::kEventString, "set",
                [&](shard::EffectArgs& effect) { effect.add("SET").add(key.bytes).add(value); });
  }
  reply.ok();
}

constexpr DebugEntry kEntries[] = {
    {.name = "OBJECT", .min_args = 3, .max_args = 4, .parked = object},
    {.name = "LONGEST-TICK", .min_args = 2, .max_args = 3, .parked = longest_tick},
    {.name = "LONG-WORK", .min_args = 3, .max_args = 4, .parked = long_work},
    {.name = "SDSLEN", .min_args = 3, .max_args = 3, .parked = sdslen},
    {.name = "HTSTATS", .min_args = 3, .max_args = 4, .parked = htstats},
    {.name = "HTSTATS-KEY", .min_args = 3, .max_args = 4, .parked = htstats_key},
    {.name = "DIGEST", .min_args = 2, .max_args = 2, .parked = digest},
    {.name = "DIGEST-VALUE", .min_args = 2, .max_args = SIZE_MAX, .parked = digest_value},
    {.name = "POPULATE", .min_args = 3, .max_args = 5, .parked = populate},
};

}  // namespace

std::span<const DebugEntry> debug_key_entries() {
  return kEntries;
}

}  // namespace tessera::commands
