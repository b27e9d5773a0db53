// Role: members at random: SPOP, SRANDMEMBER. Thread: the shard's.
// Effects: what went, as SREM of so many members at a time; DEL when all of them went.
#include <string>
#include <vector>

#include "server/commands/set/distinct.h"
#include "server/commands/set/set_access.h"
#include "server/commands/set/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/draws.h"
#include "server/shard/shard.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Encoding;
using store::Entry;
using store::Key;
using store::SetMember;
using store::SetProbe;
using store::SetReader;
using store::Type;

constexpr size_t kMembersPerEffect = 1024;
// SPOP: a set of which less than a sixth remains is made anew from what remains (decides its encoding, too).
constexpr size_t kRebuildFactor = 5;
// SRANDMEMBER: below this ratio of members to wanted ones all are walked, above it draws are repeated.
constexpr size_t kWalkFactor = 3;

// Collects members that were removed and tells of them in effects of bounded size.
class Removals {
 public:
  Removals(Ctx& ctx, const Key& key, size_t total) : ctx_(ctx), key_(key) {
    members_.reserve(std::min(total, kMembersPerEffect));
  }
  void add(std::string member) {
    members_.push_back(std::move(member));
    if (members_.size() == kMembersPerEffect) flush();
  }
  void flush() {
    if (members_.empty()) return;
    ctx_.changed(key_, shard::kEventSet, first_ ? "spop" : nullptr, [&](shard::EffectArgs& effect) {
      effect.add("SREM").add(key_.bytes);
      for (const std::string& member : members_) effect.add(member);
    });
    ctx_.add_dirty(static_cast<int64_t>(members_.size()) - 1);
    members_.clear();
    first_ = false;
  }

 private:
  Ctx& ctx_;
  const Key& key_;
  std::vector<std::string> members_;
  bool first_ = true;
};

void reply_all(const SetReader& set, Writer& reply) {
  set.for_each([&](const SetMember& member) {
    reply_member(member, reply);
    return true;
  });
}

void pop_one(Ctx& ctx, const Key& key, const Entry& entry, Writer& reply) {
  SetOfKey set(ctx, key);
  set.open(entry);
  const std::string member = set.pop_random(ctx.random());
  const bool emptied = set.size() == 0;
  set.finish();
  ctx.changed(key, shard::kEventSet, "spop",
              [&](shard::EffectArgs& effect) { effect.add("SREM").add(key.bytes).add(member); });
  if (emptied) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
  reply.bulk(member);
}

void pop_all(Ctx& ctx, const Key& key, const Entry& entry, Writer& reply) {
  const SetReader set(entry);
  const size_t size = set.size();
  reply.set(static_cast<int64_t>(size));
  reply_all(set, reply);
  ctx.notify(ctx.db(), key, shard::kEventSet, "spop");
  ctx.keyspace(key).erase(ctx.db(), key);
  ctx.changed(key, shard::kEventGeneric, "del",
              [&](shard::EffectArgs& effect) { effect.add("DEL").add(key.bytes); });
  ctx.add_dirty(static_cast<int64_t>(size) - 1);
}

void pop_some(Ctx& ctx, const Key& key, const Entry& entry, size_t count, Writer& reply) {
  SetOfKey set(ctx, key);
  set.open(entry);
  Removals removals(ctx, key, count);
  for (size_t i = 0; i < count; ++i) {
    std::string member = set.pop_random(ctx.random());
    reply.bulk(member);
    removals.add(std::move(member));
  }
  set.finish();
  removals.flush();
}

// Nearly all of it: one walk chooses who remains, in a set made anew.
void pop_most(Ctx& ctx, const Key& key, const Entry& entry, size_t count, Writer& reply) {
  const SetReader old(entry);
  SetOfKey remaining(ctx, key);
  remaining.start(old.encoding() == Encoding::kIntset ? Encoding::kIntset : Encoding::kListpack);
  Removals removals(ctx, key, count);
  size_t left = old.size();
  size_t to_keep = left - count;
  old.for_each([&](const SetMember& member) {
    if (ctx.random().below(left--) < to_keep) {
      --to_keep;
      SetProbe kept(member);
      remaining.add(kept);
    } else {
      reply_member(member, reply);
      removals.add(member.to_string());
    }
    return true;
  });
  remaining.finish();
  removals.flush();
}

void spop(Ctx& ctx, const Args& args, Writer& reply) {
  if (args.size() > 3) {
    syntax_error(reply);
    return;
  }
  const bool counted = args.size() == 3;
  int64_t wanted = 0;
  constexpr const char* kNotPositive = "ERR value is out of range, must be positive";
  if (counted && !read_int64(args[2], reply, wanted, kNotPositive)) return;
  if (wanted < 0) {
    reply.error(kNotPositive);
    return;
  }
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    if (counted) {
      reply.set(0);
    } else {
      reply.null();
    }
    return;
  }
  if (!Ctx::check_type(*entry, Type::kSet, reply)) return;
  if (!counted) {
    pop_one(ctx, key, *entry, reply);
    return;
  }
  const auto count = static_cast<size_t>(wanted);
  const size_t size = SetReader(*entry).size();
  if (count > 0 && count >= size) {
    pop_all(ctx, key, *entry, reply);
    return;
  }
  reply.set(wanted);
  if (count == 0) return;
  if ((size - count) * kRebuildFactor > count) {
    pop_some(ctx, key, *entry, count, reply);
  } else {
    pop_most(ctx, key, *entry, count, reply);
  }
}

// The same member may come again.
void draw(Ctx& ctx, const SetReader& set, size_t count, Writer& reply) {
  reply.array(static_cast<int64_t>(count));
  for (size_t i = 0; i < count; ++i) reply_member(set.random(ctx.random()), reply);
}

// Each member once, fewer than there are.
void draw_distinct(Ctx& ctx, const SetReader& set, size_t count, Writer& reply) {
  reply.array(static_cast<int64_t>(count));
  size_t left = set.size();
  if (set.encoding() == Encoding::kListpack || count * kWalkFactor > left) {
    size_t wanted = count;
    set.for_each([&](const SetMember& member) {
      if (ctx.random().below(left--) < wanted) {
        --wanted;
        reply_member(member, reply);
      }
      return wanted > 0;
    });
    return;
  }
  Distinct drawn(ctx.hash_seed(), count);
  while (drawn.size() < count) {
    const SetMember member = set.random(ctx.random());
    if (drawn.insert(member)) reply_member(member, reply);
  }
}

void srandmember_count(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t wanted = 0;
  if (!read_int64(args[2], reply, wanted)) return;
  if (wanted == INT64_MIN) {
    reply.error("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
    return;
  }
  const Entry* entry = nullptr;
  const Found found = read_set(ctx, ctx.key(args[1]), reply, &entry);
  if (found == Found::kError) return;
  if (found == Found::kNothing || wanted == 0) {
    reply.array(0);
    return;
  }
  const SetReader set(*entry);
  const auto count = static_cast<size_t>(wanted < 0 ? -wanted : wanted);
  if (refuse_many_draws(ctx, wanted, reply)) return;
  if (wanted < 0 || wanted == 1) {
    draw(ctx, set, count, reply);
  } else if (count >= set.size()) {
    reply.array(static_cast<int64_t>(set.size()));
    reply_all(set, reply);
  } else {
    draw_distinct(ctx, set, count, reply);
  }
}

void srandmember(Ctx& ctx, const Args& args, Writer& reply) {
  if (args.size() > 3) {
    syntax_error(reply);
    return;
  }
  if (args.size() == 3) {
    srandmember_count(ctx, args, reply);
    return;
  }
  const Entry* entry = nullptr;
  const Found found = read_set(ctx, ctx.key(args[1]), reply, &entry);
  if (found == Found::kNothing) reply.null();
  if (found == Found::kSet) reply_member(SetReader(*entry).random(ctx.random()), reply);
}

constexpr CommandRow kRows[] = {
    {.name = "spop",
     .arity = -2,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
     .group = "set",
     .since = "1.0.0",
     .summary = "Removes members of a set at random and returns them.",
     .complexity = "O(1) without a count, else O(N), N being the count.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 count:integer?",
     .run = spop,
     .history = "3.2.0\tA count may be given."},
    {.name = "srandmember",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "1.0.0",
     .summary = "Members of a set at random, each once, or repeatedly for a negative count.",
     .complexity = "O(1) without a count, else O(N), N being the count.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 count:integer?",
     .run = srandmember,
     .history = "2.6.0\tA count may be given."},
};

}  // namespace

RowTable set_random_rows() {
  return kRows;
}

}  // namespace tessera::commands
