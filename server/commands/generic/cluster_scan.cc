// Role: CLUSTERSCAN: the keys of a whole cluster, slot by slot. Thread: the shard that the cursor leads to.
// A cursor is "fingerprint-{tag}-position": the tag leads clients, which take the cursor for a key, to the
// node of the slot to go on with; the fingerprint says whose hash order the position belongs to, "0" that
// there is none yet. Source of the format: Valkey 9.1's documentation. Invariants: a key that stays is
// returned at least once, wherever its slot moves meanwhile; slots that are passed over belong to this node
// and are empty.
#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <iterator>
#include <string>

#include "common/hash/crc16.h"
#include "common/text/glob.h"
#include "common/text/strings.h"
#include "server/commands/generic/pattern_slot.h"
#include "server/commands/generic/scan_page.h"
#include "server/commands/generic/tables.h"
#include "server/commands/support/arguments.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;

constexpr std::string_view kTagDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kMostTagBytes = 3;

// For each slot the shortest text that hashes to it, the first one of these: Valkey's own. 62^3 texts for
// 16,384 slots: every slot has some.
const std::array<std::string, hash::kSlotCount>& slot_tags() {
  static const auto tags = [] {
    std::array<std::string, hash::kSlotCount> made;
    size_t count = 1;
    for (size_t bytes = 1; bytes <= kMostTagBytes; ++bytes) {
      count *= kTagDigits.size();
      std::string tag(bytes, '0');
      for (size_t number = 0; number < count; ++number) {
        size_t left = number;
        for (size_t i = bytes; i-- > 0; left /= kTagDigits.size())
          tag[i] = kTagDigits[left % kTagDigits.size()];
        std::string& place = made[static_cast<size_t>(hash::key_slot(tag))];
        if (place.empty()) place = tag;
      }
    }
    return made;
  }();
  return tags;
}

struct Position {
  std::string fingerprint = "0";
  int slot = 0;
  uint64_t cursor = 0;
};

std::string print(const Position& position) {
  return position.fingerprint + "-{" + slot_tags()[static_cast<size_t>(position.slot)] + "}-" +
         std::to_string(position.cursor);
}

// False: not a cursor of ours or of a peer's.
bool parse(std::string_view text, Position& position) {
  const size_t open = text.find("-{"), close = text.find("}-");
  if (open == std::string_view::npos || open == 0 || close == std::string_view::npos || close < open + 3)
    return false;
  const auto cursor = parse_scan_cursor(text.substr(close + 2));
  if (!cursor || text.size() == close + 2) return false;
  position.fingerprint = std::string(text.substr(0, open));
  position.slot = hash::key_slot(text);
  position.cursor = *cursor;
  return true;
}

// Two nodes, or two lives of one, with other seeds have their keys in another order. The seed itself stays
// secret.
std::string fingerprint(const Ctx& ctx) {
  uint64_t mixed = ctx.hash_seed();
  for (int i = 0; i < 3; ++i) {
    mixed ^= mixed >> 31;
    mixed *= 0x9E3779B97F4A7C15ULL;
  }
  std::string text;
  for (int i = 0; i < 6; ++i, mixed /= kTagDigits.size()) text += kTagDigits[mixed % kTagDigits.size()];
  return text;
}

// Ours and on this shard.
bool is_here(Ctx& ctx, int slot) {
  return store::shard_of_slot(slot, ctx.node_shard_count()) == ctx.shard_index_at(0) && ctx.owns_slot(slot);
}

void write_page(Writer& reply, const std::string& cursor, const std::vector<std::string>& keys) {
  reply.array(2);
  reply.bulk(cursor);
  reply.array(static_cast<int64_t>(keys.size()));
  for (const std::string& key : keys) reply.bulk(key);
}

// The slot to go on with after `slot`; kSlotCount: none. Slots of ours on this shard that are empty are
// passed over.
int next_slot(Ctx& ctx, const store::Keyspace& keys, int slot) {
  for (++slot; slot < hash::kSlotCount; ++slot) {
    if (!is_here(ctx, slot) || keys.slot_size(ctx.db(), slot) > 0) break;
  }
  return slot;
}

// One slot, or slots one after the other as long as they are ours, lie on this shard, and COUNT is not used
// up.
void scan_slots(Ctx& ctx, Position at, bool one_slot, const ScanCall& call, Writer& reply) {
  const store::Keyspace& keys = ctx.keyspace(ctx.key(print(at)));
  const std::string own = fingerprint(ctx);
  if (at.fingerprint != own) at.cursor = 0;  // of another order: the slot from its beginning
  std::vector<std::string> found;
  uint64_t left = call.count;
  for (;;) {
    uint64_t looked_at = 0;
    at.cursor = keys.scan(ctx.db(), at.cursor, left, at.slot, [&](const Entry& entry) {
      ++looked_at;
      if (entry.expired(ctx.now().ms)) return;
      if (call.type && !text::iequals(*call.type, store::type_name(entry.type()))) return;
      if (!call.pattern || text::glob_match(*call.pattern, entry.key())) found.emplace_back(entry.key());
    });
    at.fingerprint = own;
    if (at.cursor != 0) return write_page(reply, print(at), found);
    at.slot = one_slot ? hash::kSlotCount : next_slot(ctx, keys, at.slot);
    if (at.slot == hash::kSlotCount) return write_page(reply, "0", found);
    if (!ctx.owns_slot(at.slot)) at.fingerprint = "0";  // of whoever has it
    left -= std::min(left, looked_at);
    if (left == 0 || !is_here(ctx, at.slot)) return write_page(reply, print(at), found);
  }
}

// The slot where the keys of MATCH are, if they can only be in one, ends what is before and behind it. True:
// replied.
bool led_by_pattern(const ScanCall& call, int64_t wanted_slot, bool begins, Position& at, Writer& reply) {
  const int slot = call.pattern ? slot_of_pattern(*call.pattern) : -1;
  if (slot < 0) return false;
  if ((wanted_slot >= 0 && wanted_slot != slot) || (!begins && at.slot > slot)) {
    write_page(reply, "0", {});
    return true;
  }
  if (begins || at.slot == slot) {
    at.slot = slot;
    return false;
  }
  write_page(reply, print({"0", slot, 0}), {});
  return true;
}

bool is_type_name(std::string_view name) {
  static constexpr std::string_view kTypes[] = {"string", "list", "set", "zset", "hash", "stream"};
  return std::any_of(std::begin(kTypes), std::end(kTypes),
                     [&](std::string_view type) { return text::iequals(type, name); });
}

// MATCH, COUNT, TYPE and SLOT. False: an error was replied.
bool read_options(const Args& args, ScanCall& call, int64_t& slot, Writer& reply) {
  const auto read_slot = [&](std::string_view name, std::string_view value) {
    if (!token_is(name, "SLOT")) return false;
    if (slot >= 0) {
      reply.error("ERR SLOT option can only be specified once");
      return false;
    }
    if (!read_int64(value, reply, slot)) return false;
    if (slot >= 0 && slot < hash::kSlotCount) return true;
    reply.error("ERR Invalid or out of range slot");
    return false;
  };
  if (!read_scan_options(args, 2, reply, call, read_slot)) return false;
  if (!call.type || is_type_name(*call.type)) return true;
  reply.errorf("ERR unknown type name '%.128s'", std::string(*call.type).c_str());
  return false;
}

void clusterscan(Ctx& ctx, const Args& args, Writer& reply) {
  if (!ctx.is_cluster()) {
    reply.error("ERR This instance has cluster support disabled");
    return;
  }
  ScanCall call;
  int64_t wanted_slot = -1;
  if (!read_options(args, call, wanted_slot, reply)) return;
  Position at;
  if (args[1] == "0") {  // where it begins, for clients to be led there
    at.slot = wanted_slot >= 0 ? static_cast<int>(wanted_slot) : 0;
    if (!led_by_pattern(call, wanted_slot, true, at, reply)) write_page(reply, print(at), {});
    return;
  }
  if (!parse(args[1], at)) {
    reply.error("ERR Invalid cursor");
    return;
  }
  if (wanted_slot >= 0 && wanted_slot != at.slot) {
    reply.error("ERR Cursor slot mismatch");
    return;
  }
  if (led_by_pattern(call, wanted_slot, false, at, reply)) return;
  const bool one_slot = wanted_slot >= 0 || (call.pattern && slot_of_pattern(*call.pattern) >= 0);
  scan_slots(ctx, at, one_slot, call, reply);
}

constexpr CommandRow kRows[] = {
    {.name = "clusterscan",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace,
     .keys = registry::keys_range(1, 0, 1, registry::kKeyNotKey),
     .route = registry::Route::kShard,
     .group = "cluster",
     .since = "9.1.0",
     .summary = "Some of the keys of a cluster, and a cursor that leads to the node to go on with.",
     .complexity = "O(1) for every call, O(N) for a full walk, N being the keys of the cluster.",
     .tips = "nondeterministic_output request_policy:special response_policy:special",
     .arguments = "cursor:string match-pattern:pattern=MATCH? count:integer=COUNT? type:string=TYPE? "
                  "slot:integer=SLOT?",
     .run = clusterscan},
};

}  // namespace

RowTable cluster_scan_rows() {
  return kRows;
}

}  // namespace tessera::commands
