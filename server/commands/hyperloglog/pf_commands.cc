// Role: PFADD, PFCOUNT, PFMERGE. Thread: the shard's, or the coordinator's for keys of several shards.
// Effects: the commands as they came. Registers of a dense value are written in place, a sparse value is
// rewritten as a whole: it is short.
#include "server/commands/hyperloglog/tables.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

bool check_hll(const Entry& entry, Writer& reply) {
  if (!Ctx::check_type(entry, store::Type::kString, reply)) return false;
  if (entry.encoding() != store::Encoding::kInt) {
    const store::StringRef value(entry);
    if (value.contiguous() ? hll::looks_valid(value.view()) : [&] {
          std::string head(hll::kHeaderBytes, '\0');
          value.copy(0, head.size(), head.data());
          return hll::looks_valid(head);  // long, so that it can only be a sparse one
        }()) {
      return true;
    }
  }
  reply.error("WRONGTYPE Key is not a valid HyperLogLog string value.");
  return false;
}

const Entry* make_hll_raw(Ctx& ctx, const Key& key, const Entry* entry) {
  if (entry->encoding() == store::Encoding::kRaw) return entry;
  std::string scratch;
  const std::string copy(hll_view(*entry, scratch));
  const uint32_t lru = entry->lru();
  Entry* raw = ctx.keyspace(key).set_raw(ctx.db(), key, copy, store::kKeepExpire);
  raw->set_lru(lru);
  return raw;
}

void store_hll(Ctx& ctx, const Key& key, std::string_view value, bool existed) {
  note_new_key(ctx, key, ctx.keyspace(key).set_raw(ctx.db(), key, value, store::kKeepExpire), existed);
}

namespace {

// ---- PFADD

// In place. The entry moves with every write, so it is found again.
int64_t add_to_dense(Ctx& ctx, const Key& key, const Args& args) {
  store::Keyspace& keys = ctx.keyspace(key);
  int64_t raised = 0;
  std::string scratch;
  for (size_t i = 2; i < args.size(); ++i) {
    const hll::Place place = hll::place_of(args[i]);
    const std::string_view value = hll_view(*keys.find(ctx.db(), key), scratch);
    if (hll::dense_register(value, place.index) >= place.rank) continue;
    const hll::DensePatch patch = hll::dense_patch(value, place.index, place.rank);
    keys.write_range(ctx.db(), key, hll::kDenseBytes, patch.at, {patch.bytes, patch.size});
    ++raised;
  }
  if (raised == 0) return 0;
  const auto mark =
      static_cast<unsigned char>(hll_view(*keys.find(ctx.db(), key), scratch)[hll::kCacheMarkAt]);
  const char stale = static_cast<char>(mark | hll::kStale);
  keys.write_range(ctx.db(), key, hll::kDenseBytes, hll::kCacheMarkAt, {&stale, 1});
  return raised;
}

struct Added {
  int64_t raised = 0;
  size_t corrupt_at = 0;  // the argument that met a corrupt part; 0: none did
};

Added add_to_value(std::string& value, const Args& args, size_t sparse_limit) {
  Added added;
  for (size_t i = 2; i < args.size(); ++i) {
    const hll::Change change = hll::raise(value, hll::place_of(args[i]), sparse_limit);
    if (change == hll::Change::kCorrupt) {
      added.corrupt_at = i;
      break;
    }
    added.raised += change == hll::Change::kChanged;
  }
  return added;
}

// `end`: the effect has the arguments before it.
void note_added(Ctx& ctx, const Key& key, const Args& args, size_t end, int64_t raised) {
  ctx.changed(key, shard::kEventString, "pfadd", [&](shard::EffectArgs& effect) {
    for (size_t i = 0; i < end; ++i) effect.add(args[i]);
  });
  ctx.add_dirty(raised - 1);
}

void pfadd(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  const bool existed = entry != nullptr;
  std::string value;
  if (existed) {
    if (!check_hll(*entry, reply)) return;
    entry = make_hll_raw(ctx, key, entry);
    const std::string_view view = hll_view(*entry, value);
    if (hll::form_of(view) == hll::Form::kDense) {
      const int64_t raised = add_to_dense(ctx, key, args);
      if (raised > 0) note_added(ctx, key, args, args.size(), raised);
      reply.integer(raised > 0);
      return;
    }
    if (view.data() != value.data()) value.assign(view);
  } else {
    value = hll::make_empty();
  }
  const Added added = add_to_value(value, args, sparse_limit(ctx));
  const int64_t changes = added.raised + !existed;
  if (changes > 0) {
    // Of a corrupt value what came before stays, as in redis-server.
    hll::make_stale(value);
    store_hll(ctx, key, value, existed);
    note_added(ctx, key, args, added.corrupt_at != 0 ? added.corrupt_at : args.size(), changes);
  }
  if (added.corrupt_at != 0) {
    reply.error(kCorruptHll);
  } else {
    reply.integer(changes > 0);
  }
}

// ---- PFCOUNT

// Adds the registers of a key that may be missing. False: an error was replied.
bool merge_key(Ctx& ctx, const Key& key, hll::Registers& registers, bool& any_dense, Writer& reply) {
  const Entry* entry = ctx.read(key);
  if (entry == nullptr) return true;
  if (!check_hll(*entry, reply)) return false;
  std::string scratch;
  const std::string_view value = hll_view(*entry, scratch);
  any_dense |= hll::form_of(value) == hll::Form::kDense;
  if (hll::merge_into(registers, value)) return true;
  reply.error(kCorruptHll);
  return false;
}

void count_one(Ctx& ctx, const Key& key, Writer& reply) {
  const Entry* entry = ctx.read(key);
  if (entry == nullptr) {
    reply.integer(0);
    return;
  }
  if (!check_hll(*entry, reply)) return;
  entry = make_hll_raw(ctx, key, entry);
  std::string scratch;
  const std::string_view value = hll_view(*entry, scratch);
  if (const auto known = hll::cached(value)) {
    reply.integer(static_cast<int64_t>(*known));
    return;
  }
  const auto estimated = hll::estimate(value);
  if (!estimated) {
    reply.error(kCorruptHll);
    return;
  }
  const std::array<char, 8> bytes = hll::cache_bytes(*estimated);
  ctx.keyspace(key).write_range(ctx.db(), key, value.size(), hll::kCardinalityAt,
                                {bytes.data(), bytes.size()});
  ctx.changed_verbatim(key, shard::kEventString, nullptr);
  reply.integer(static_cast<int64_t>(*estimated));
}

void pfcount(Ctx& ctx, const Args& args, Writer& reply) {
  if (args.size() == 2) {
    count_one(ctx, ctx.key(args[1]), reply);
    return;
  }
  hll::Registers registers{};
  bool any_dense = false;
  for (size_t i = 1; i < args.size(); ++i) {
    if (!merge_key(ctx, ctx.key(args[i]), registers, any_dense, reply)) return;
  }
  reply.integer(static_cast<int64_t>(hll::estimate(registers)));
}

// ---- PFMERGE

void pfmerge(Ctx& ctx, const Args& args, Writer& reply) {
  hll::Registers registers{};
  bool dense = false;
  for (size_t i = 1; i < args.size(); ++i) {
    if (!merge_key(ctx, ctx.key(args[i]), registers, dense, reply)) return;
  }
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  const bool existed = entry != nullptr;
  std::string scratch;
  std::string value = existed ? std::string(hll_view(*entry, scratch)) : hll::make_empty();
  if (dense && !hll::make_dense(value)) {
    reply.error(kCorruptHll);
    return;
  }
  for (size_t i = 0; i < hll::kRegisters; ++i) {
    if (registers[i] == 0) continue;
    (void)hll::raise(value, {static_cast<uint32_t>(i), registers[i]}, sparse_limit(ctx));
  }
  hll::make_stale(value);
  store_hll(ctx, key, value, existed);
  ctx.changed_verbatim(key, shard::kEventString, "pfadd");  // a PFADD of many elements
  reply.ok();
}

constexpr CommandRow kRows[] = {
    {.name = "pfadd",
     .arity = -2,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatHyperloglog,
     .keys = first_key(registry::kKeyRW | registry::kKeyInsert),
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Counts elements in, for an estimate of how many different ones there were.",
     .complexity = "O(1) for each element.",
     .arguments = "key:key@0 element:string?*",
     .run = pfadd},
    {.name = "pfcount",
     .arity = -2,
     .flags = registry::kReadonly | registry::kMayReplicate,  // it keeps what it has counted
     .acl = registry::kCatHyperloglog,
     .keys = all_keys(registry::kKeyRW | registry::kKeyAccess),
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "About how many different elements were counted in.",
     .complexity = "O(1) for one key; O(N) for several, N being their number, with a large constant.",
     .arguments = "key:key@0*",
     .run = pfcount},
    {.name = "pfmerge",
     .arity = -2,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatHyperloglog,
     .keys = {first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyInsert),
              registry::keys_range(2, -1, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Makes a key count what others have counted, beside its own.",
     .complexity = "O(N), N being the number of keys, with a large constant.",
     .arguments = "destkey:key@0 sourcekey:key@1?*",
     .run = pfmerge},
};

}  // namespace

RowTable pf_rows() {
  return kRows;
}

}  // namespace tessera::commands
