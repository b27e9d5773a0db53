// Role: all keys at once: KEYS, RANDOMKEY, DBSIZE. Thread: parts on every shard, merged at home.
#include <string>

#include "common/text/glob.h"
#include "server/commands/generic/pattern_slot.h"
#include "server/commands/generic/tables.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using registry::Part;
using resp::Writer;
using shard::Ctx;
using store::Entry;

void dbsize_part(Ctx& ctx, const Args&, Part& part) {
  part.number = static_cast<int64_t>(ctx.keyspace_at(0).size(ctx.db()));
}

void dbsize_merge(std::span<Part> parts, const Args&, Writer& reply) {
  int64_t sum = 0;
  for (const Part& part : parts) sum += part.number;
  reply.integer(sum);
}

void keys_part(Ctx& ctx, const Args& args, Part& part) {
  const std::string_view pattern = args[1];
  const bool all = text::matches_all(pattern);
  ctx.keyspace_at(0).for_each(ctx.db(), slot_of_pattern(pattern), [&](const Entry& entry) {
    if (!entry.expired(ctx.now().ms) && (all || text::glob_match(pattern, entry.key()))) {
      part.items.emplace_back(entry.key());
    }
    return true;
  });
}

void keys_merge(std::span<Part> parts, const Args&, Writer& reply) {
  size_t count = 0;
  for (const Part& part : parts) count += part.items.size();
  reply.array(static_cast<int64_t>(count));
  for (const Part& part : parts) {
    for (const std::string& key : part.items) reply.bulk(key);
  }
}

// A key that has not expired, drawn with the same chance as any other; expired ones that are met are removed.
bool draw_key(Ctx& ctx, std::string& key) {
  constexpr int kDraws = 100;  // nearly everything has expired: then the first one will do
  store::Keyspace& keys = ctx.keyspace_at(0);
  for (int i = 0; i < kDraws; ++i) {
    const Entry* entry = keys.random_entry(ctx.db(), ctx.random());
    if (entry == nullptr) return false;
    key = entry->key();
    if (!entry->expired(ctx.now().ms)) return true;
    ctx.peek(ctx.key(key));
  }
  bool found = false;
  keys.for_each(ctx.db(), -1, [&](const Entry& entry) {
    if (entry.expired(ctx.now().ms)) return true;
    key = entry.key();
    found = true;
    return false;
  });
  return found;
}

// number: keys of the shard, second: randomness for the choice among shards.
void randomkey_part(Ctx& ctx, const Args&, Part& part) {
  std::string key;
  if (!draw_key(ctx, key)) return;
  part.items.push_back(std::move(key));
  part.number = static_cast<int64_t>(ctx.keyspace_at(0).size(ctx.db()));
  part.second = static_cast<int64_t>(ctx.random().next() >> 1);
}

void randomkey_merge(std::span<Part> parts, const Args&, Writer& reply) {
  uint64_t total = 0;
  uint64_t random = 0;
  for (const Part& part : parts) {
    total += static_cast<uint64_t>(part.number);
    random ^= static_cast<uint64_t>(part.second);
  }
  if (total == 0) {
    reply.null();
    return;
  }
  uint64_t place = random % total;  // a shard's chance is its share of the keys
  for (const Part& part : parts) {
    const auto size = static_cast<uint64_t>(part.number);
    if (place < size) {
      reply.bulk(part.items[0]);
      return;
    }
    place -= size;
  }
}

constexpr CommandRow kRows[] = {
    {.name = "dbsize",
     .arity = 1,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatKeyspace,
     .route = registry::Route::kFanout,
     .group = "server",
     .since = "1.0.0",
     .summary = "The number of keys in the selected database.",
     .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:agg_sum",
     .part = dbsize_part,
     .merge = dbsize_merge},
    {.name = "keys",
     .arity = 2,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace | registry::kCatDangerous,
     .route = registry::Route::kFanout,
     .group = "generic",
     .since = "1.0.0",
     .summary = "All keys that match a pattern.",
     .complexity = "O(N), N being the keys of the database, or of one slot where the pattern fixes it.",
     .tips = "request_policy:all_shards nondeterministic_output_order",
     .arguments = "pattern:pattern",
     .part = keys_part,
     .merge = keys_merge},
    {.name = "randomkey",
     .arity = 1,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace,
     .route = registry::Route::kFanout,
     .group = "generic",
     .since = "1.0.0",
     .summary = "A key of the selected database, drawn at random.",
     .complexity = "O(1)",
     .tips = "request_policy:all_shards response_policy:special nondeterministic_output",
     .part = randomkey_part,
     .merge = randomkey_merge},
};

}  // namespace

RowTable key_list_rows() {
  return kRows;
}

}  // namespace tessera::commands
