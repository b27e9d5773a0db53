// Role: sets by their members: SADD, SREM, SMOVE, SCARD, SISMEMBER, SMISMEMBER, SMEMBERS. Thread: the
// shard's, or the coordinator's. Effects: the commands themselves.
#include "server/commands/set/set_access.h"
#include "server/commands/set/tables.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::SetMember;
using store::SetProbe;
using store::SetReader;
using store::Type;

void sadd(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  const bool existed = entry != nullptr;
  if (existed && !Ctx::check_type(*entry, Type::kSet, reply)) return;
  SetOfKey set(ctx, key);
  if (existed) {
    set.open(*entry);
    set.expect(args.size() - 2);
  } else {
    set.start_for(args[2], args.size() - 2);
  }
  int64_t added = 0;
  for (size_t i = 2; i < args.size(); ++i) {
    SetProbe member(args[i]);
    if (set.add(member)) ++added;
  }
  note_new_set(ctx, key, set.finish(), existed);
  if (added > 0) {
    ctx.changed_verbatim(key, shard::kEventSet, "sadd");
    if (added > 1) ctx.add_dirty(added - 1);
  }
  reply.integer(added);
}

void srem(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    reply.integer(0);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kSet, reply)) return;
  SetOfKey set(ctx, key);
  set.open(*entry);
  int64_t removed = 0;
  bool emptied = false;
  for (size_t i = 2; i < args.size() && !emptied; ++i) {
    SetProbe member(args[i]);
    if (!set.remove(member)) continue;
    ++removed;
    emptied = set.size() == 0;
  }
  set.finish();
  if (removed > 0) {
    ctx.changed_verbatim(key, shard::kEventSet, "srem");
    if (emptied) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
    if (removed > 1) ctx.add_dirty(removed - 1);
  }
  reply.integer(removed);
}

// False: it was not there.
bool take_member(Ctx& ctx, const Key& key, const Entry& entry, SetProbe& member) {
  SetOfKey set(ctx, key);
  set.open(entry);
  if (!set.remove(member)) return false;
  const bool emptied = set.size() == 0;
  set.finish();
  ctx.changed_verbatim(key, shard::kEventSet, "srem");
  if (emptied) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
  return true;
}

void give_member(Ctx& ctx, const Key& key, const Entry* entry, SetProbe& member) {
  SetOfKey set(ctx, key);
  if (entry != nullptr) {
    set.open(*entry);
  } else {
    set.start_for(member.text(), 1);
  }
  const bool added = set.add(member);
  note_new_set(ctx, key, set.finish(), entry != nullptr);
  if (added) ctx.changed_silently(key, shard::kEventSet, "sadd");
}

void smove(Ctx& ctx, const Args& args, Writer& reply) {
  const Key from = ctx.key(args[1]);
  const Key to = ctx.key(args[2]);
  ctx.write(from);
  const Entry* target = ctx.write(to);
  const Entry* source = ctx.peek(from);  // again: a target that had expired has gone meanwhile
  if (source == nullptr) {
    reply.integer(0);
    return;
  }
  if (!Ctx::check_type(*source, Type::kSet, reply)) return;
  if (target != nullptr && !Ctx::check_type(*target, Type::kSet, reply)) return;
  SetProbe member(args[3]);
  if (args[1] == args[2]) {
    reply.integer(SetReader(*source).contains(member) ? 1 : 0);
    return;
  }
  if (!take_member(ctx, from, *source, member)) {
    reply.integer(0);
    return;
  }
  give_member(ctx, to, ctx.write(to), member);
  reply.integer(1);
}

void scard(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = nullptr;
  const Found found = read_set(ctx, ctx.key(args[1]), reply, &entry);
  if (found == Found::kError) return;
  reply.integer(found == Found::kSet ? static_cast<int64_t>(SetReader(*entry).size()) : 0);
}

void sismember(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = nullptr;
  const Found found = read_set(ctx, ctx.key(args[1]), reply, &entry);
  if (found == Found::kError) return;
  SetProbe member(args[2]);
  reply.integer(found == Found::kSet && SetReader(*entry).contains(member) ? 1 : 0);
}

void smismember(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = nullptr;
  const Found found = read_set(ctx, ctx.key(args[1]), reply, &entry);
  if (found == Found::kError) return;
  reply.array(static_cast<int64_t>(args.size()) - 2);
  for (size_t i = 2; i < args.size(); ++i) {
    SetProbe member(args[i]);
    reply.integer(found == Found::kSet && SetReader(*entry).contains(member) ? 1 : 0);
  }
}

void smembers(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = nullptr;
  const Found found = read_set(ctx, ctx.key(args[1]), reply, &entry);
  if (found == Found::kError) return;
  if (found == Found::kNothing) {
    reply.set(0);
    return;
  }
  const SetReader set(*entry);
  reply.set(static_cast<int64_t>(set.size()));
  set.for_each([&](const SetMember& member) {
    reply_member(member, reply);
    return true;
  });
}

constexpr CommandRow kRows[] = {
    {.name = "sadd",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyInsert),
     .group = "set",
     .since = "1.0.0",
     .summary = "Adds members to a set, which is made when there is none.",
     .complexity = "O(1) for every member.",
     .arguments = "key:key@0 member:string*",
     .run = sadd,
     .history = "2.4.0\tSeveral members in one call.",
     .member_at = 2},
    {.name = "srem",
     .arity = -3,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "set",
     .since = "1.0.0",
     .summary = "Removes members from a set; the last one takes the key along.",
     .complexity = "O(1) for every member.",
     .arguments = "key:key@0 member:string*",
     .run = srem,
     .history = "2.4.0\tSeveral members in one call.",
     .member_at = 2},
    {.name = "smove",
     .arity = 4,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatSet,
     .keys = {first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
              registry::keys_range(2, 0, 1, registry::kKeyRW | registry::kKeyInsert)},
     .group = "set",
     .since = "1.0.0",
     .summary = "Moves a member from one set to another.",
     .complexity = "O(1)",
     .arguments = "source:key@0 destination:key@1 member:string",
     .run = smove},
    {.name = "scard",
     .arity = 2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRO),
     .group = "set",
     .since = "1.0.0",
     .summary = "The number of members of a set.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = scard},
    {.name = "sismember",
     .arity = 3,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRO),
     .group = "set",
     .since = "1.0.0",
     .summary = "Whether something is a member of a set.",
     .complexity = "O(1)",
     .arguments = "key:key@0 member:string",
     .run = sismember,
     .member_at = 2},
    {.name = "smismember",
     .arity = -3,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "6.2.0",
     .summary = "Whether each of several is a member of a set.",
     .complexity = "O(N), N being the members asked for.",
     .arguments = "key:key@0 member:string*",
     .run = smismember,
     .member_at = 2},
    {.name = "smembers",
     .arity = 2,
     .flags = registry::kReadonly,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "1.0.0",
     .summary = "All members of a set.",
     .complexity = "O(N), N being the members of the set.",
     .tips = "nondeterministic_output_order",
     .arguments = "key:key@0",
     .run = smembers},
};

}  // namespace

RowTable set_member_rows() {
  return kRows;
}

}  // namespace tessera::commands
