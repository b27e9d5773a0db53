// Role: CLUSTERSCAN: the keys of a whole cluster, slot by slot. Thread: the shard that the cursor leads to.
// A cursor is "fingerprint-{tag}-position": the tag leads clients, which take the cursor for a key, to the
// node of the slot to go on with; the fingerprint says whose hash order the position belongs to, "0" that
// there is none yet. Source of the format: Valkey 9.1's documentation. Invariants: a key that stays is
// returned at least once, wherever its slot moves meanwhile; slots that are passed over belong to this node
// and are empty.
#include <array>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "common/hash/crc16.h"
#include "common/text/glob.h"
#include "common/text/strings.h"
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
constexpr size_t kTagBytes = 3;
using Tag = std::array<char, kTagBytes>;

// For each slot three characters that hash to it. 62^3 texts for 16,384 slots: every slot has some.
const std::array<Tag, hash::kSlotCount>& slot_tags() {
  static const auto tags = [] {
    std::array<Tag, hash::kSlotCount> made{};
    for (const char a : kTagDigits) {
      for (const char b : kTagDigits) {
        for (const char c : kTagDigits) {
          const Tag tag{a, b, c};
          Tag& place = made[static_cast<size_t>(hash::key_slot({tag.data(), tag.size()}))];
          if (place[0] == 0) place = tag;
        }
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
  const Tag& tag = slot_tags()[static_cast<size_t>(position.slot)];
  return position.fingerprint + "-{" + std::string(tag.data(), tag.size()) + "}-" +
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

void write_page(Writer& reply, const std::string& cursor, const std::vector<std::string>& keys) {
  reply.array(2);
  reply.bulk(cursor);
  reply.array(static_cast<int64_t>(keys.size()));
  for (const std::string& key : keys) reply.bulk(key);
}

// The slot to go on with after `slot`; kSlotCount: none. Slots of ours on this shard that are empty are
// passed over.
int next_slot(Ctx& ctx, const store::Keyspace& keys, int slot) {
  const int shard = ctx.shard_index_at(0);
  for (++slot; slot < hash::kSlotCount; ++slot) {
    if (store::shard_of_slot(slot, ctx.node_shard_count()) != shard || !ctx.owns_slot(slot)) break;
    if (keys.slot_size(ctx.db(), slot) > 0) break;
  }
  return slot;
}

void scan_slots(Ctx& ctx, Position at, bool one_slot, const ScanCall& call, Writer& reply) {
  const store::Keyspace& keys = ctx.keyspace(ctx.key(print(at)));
  const std::string own = fingerprint(ctx);
  if (at.fingerprint != own) at.cursor = 0;  // of another order: the slot from its beginning
  std::vector<std::string> found;
  const auto next = keys.scan(ctx.db(), at.cursor, call.count, at.slot, [&](const Entry& entry) {
    if (entry.expired(ctx.now().ms)) return;
    if (call.type && !text::iequals(*call.type, store::type_name(entry.type()))) return;
    if (!call.pattern || text::glob_match(*call.pattern, entry.key())) found.emplace_back(entry.key());
  });
  if (next != 0) {
    write_page(reply, print({own, at.slot, next}), found);
    return;
  }
  const int slot = one_slot ? hash::kSlotCount : next_slot(ctx, keys, at.slot);
  write_page(reply, slot == hash::kSlotCount ? "0" : print({"0", slot, 0}), found);
}

void clusterscan(Ctx& ctx, const Args& args, Writer& reply) {
  if (!ctx.is_cluster()) {
    reply.error("ERR This instance has cluster support disabled");
    return;
  }
  ScanCall call;
  int64_t wanted_slot = -1;
  const bool understood =
      read_scan_options(args, 2, reply, call, [&](std::string_view name, std::string_view value) {
        if (!token_is(name, "SLOT")) return false;
        if (!read_int64(value, reply, wanted_slot)) return false;
        if (wanted_slot >= 0 && wanted_slot < hash::kSlotCount) return true;
        reply.error("ERR Invalid or out of range slot");
        return false;
      });
  if (!understood) return;
  Position at;
  if (args[1] == "0") {  // where it begins, for clients to be led there
    at.slot = wanted_slot >= 0 ? static_cast<int>(wanted_slot) : 0;
    write_page(reply, print(at), {});
    return;
  }
  if (!parse(args[1], at)) {
    reply.error("ERR invalid cursor");
    return;
  }
  if (wanted_slot >= 0 && wanted_slot != at.slot) {
    reply.error("ERR cursor does not belong to the slot");
    return;
  }
  scan_slots(ctx, at, wanted_slot >= 0, call, reply);
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
