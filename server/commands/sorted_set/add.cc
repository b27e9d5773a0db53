// Role: ZADD, ZINCRBY. Thread: the shard's. Effects: the commands as they came.
#include "server/commands/sorted_set/add.h"

#include <cmath>

#include "server/commands/sorted_set/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::ZsetEditor;

namespace {

enum class Outcome { kNothing, kSame, kUpdated, kAdded, kNotANumber };

// `score` becomes what the member has afterwards.
Outcome add_one(ZsetEditor& set, const AddOptions& options, std::string_view member, double& score) {
  double before;
  if (!set.find(member, &before)) {
    if (options.xx) return Outcome::kNothing;
    set.add(member, score);
    return Outcome::kAdded;
  }
  if (options.nx) return Outcome::kNothing;
  if (options.increment) {
    score += before;
    if (std::isnan(score)) return Outcome::kNotANumber;
  }
  if ((options.lt && score >= before) || (options.gt && score <= before)) return Outcome::kNothing;
  if (score == before) return Outcome::kSame;
  set.update(member, before, score);
  return Outcome::kUpdated;
}

}  // namespace

bool add_members(Ctx& ctx, const Key& key, const AddOptions& options,
                 const std::vector<ScoredMember>& members, Writer& reply) {
  const auto found = write_zset(ctx, key, reply);
  if (!found) return false;
  const Entry* const entry = *found;
  int64_t added = 0, updated = 0;
  double score = 0;
  bool counts = false;
  if (entry != nullptr || !options.xx) {
    ZsetEditor set(ctx.keyspace(key), ctx.db(), key, zset_limits(ctx));
    entry != nullptr ? set.open(*entry) : set.start();
    for (const ScoredMember& one : members) {
      score = one.score;
      const Outcome outcome = add_one(set, options, one.member, score);
      if (outcome == Outcome::kNotANumber) {
        reply.error("ERR resulting score is not a number (NaN)");
        return false;
      }
      added += outcome == Outcome::kAdded;
      updated += outcome == Outcome::kUpdated;
      counts |= outcome != Outcome::kNothing;
    }
    if (Entry* made = set.finish()) note_new_key(ctx, key, made, entry != nullptr);
  }
  if (options.increment) {
    counts ? reply.real(score) : reply.null();
  } else {
    reply.integer(options.changed ? added + updated : added);
  }
  if (added + updated > 1) ctx.add_dirty(added + updated - 1);
  return added + updated > 0;
}

namespace {

// The options; `i` gets the place of the first score.
void take_options(const Args& args, size_t& i, AddOptions& options) {
  for (; i < args.size(); ++i) {
    if (token_is(args[i], "NX")) {
      options.nx = true;
    } else if (token_is(args[i], "XX")) {
      options.xx = true;
    } else if (token_is(args[i], "CH")) {
      options.changed = true;
    } else if (token_is(args[i], "INCR")) {
      options.increment = true;
    } else if (token_is(args[i], "GT")) {
      options.gt = true;
    } else if (token_is(args[i], "LT")) {
      options.lt = true;
    } else {
      return;
    }
  }
}

// Null: fine.
const char* what_contradicts(const AddOptions& options, size_t members) {
  if (options.nx && options.xx) return "ERR XX and NX options at the same time are not compatible";
  if ((options.gt && options.nx) || (options.lt && options.nx) || (options.gt && options.lt)) {
    return "ERR GT, LT, and/or NX options at the same time are not compatible";
  }
  if (options.increment && members > 1) return "ERR INCR option supports a single increment-element pair";
  return nullptr;
}

void add_and_note(Ctx& ctx, const Args& args, size_t first, const AddOptions& options, Writer& reply) {
  std::vector<ScoredMember> members((args.size() - first) / 2);
  for (size_t i = 0; i < members.size(); ++i) {
    if (!read_score(args[first + 2 * i], reply, members[i].score)) return;
    members[i].member = args[first + 2 * i + 1];
  }
  const Key key = ctx.key(args[1]);
  if (add_members(ctx, key, options, members, reply)) {
    ctx.changed_verbatim(key, shard::kEventZset, options.increment ? "zincr" : "zadd");
  }
}

void zadd(Ctx& ctx, const Args& args, Writer& reply) {
  AddOptions options;
  size_t first = 2;
  take_options(args, first, options);
  const size_t words = args.size() - first;
  if (words == 0 || words % 2 != 0) {
    syntax_error(reply);
    return;
  }
  if (const char* error = what_contradicts(options, words / 2)) {
    reply.error(error);
    return;
  }
  add_and_note(ctx, args, first, options, reply);
}

void zincrby(Ctx& ctx, const Args& args, Writer& reply) {
  AddOptions options;
  options.increment = true;
  add_and_note(ctx, args, 2, options, reply);
}

constexpr CommandRow kRows[] = {
    {.name = "zadd",
     .arity = -4,
     .flags = registry::kDenyOom | registry::kFast | registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Adds members with scores to a sorted set, or changes their scores.",
     .complexity = "O(log(N)) for each member, N being the elements of the set.",
     .arguments = "key:key@0 condition:oneof(nx=NX xx=XX)? comparison:oneof(gt=GT lt=LT)? change=CH? "
                  "increment=INCR? data:block(score:double member:string)*",
     .run = zadd,
     .member_at = -1},
    {.name = "zincrby",
     .arity = 4,
     .flags = registry::kDenyOom | registry::kFast | registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate),
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Adds to the score of a member.",
     .complexity = "O(log(N)), N being the elements of the set.",
     .arguments = "key:key@0 increment:integer member:string",
     .run = zincrby,
     .member_at = 3},
};

}  // namespace

RowTable zset_add_rows() {
  return kRows;
}

}  // namespace tessera::commands
