// Role: GEOADD, GEODIST, GEOHASH, GEOPOS. Thread: the shard's. Effects: GEOADD as the ZADD it is.
#include <vector>

#include "server/commands/geo/arguments.h"
#include "server/commands/geo/tables.h"
#include "server/commands/sorted_set/add.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Key;
using store::ZsetReader;

void geoadd(Ctx& ctx, const Args& args, Writer& reply) {
  AddOptions options;
  size_t first = 2;
  for (; first < args.size(); ++first) {
    if (token_is(args[first], "NX")) {
      options.nx = true;
    } else if (token_is(args[first], "XX")) {
      options.xx = true;
    } else if (token_is(args[first], "CH")) {
      options.changed = true;
    } else {
      break;
    }
  }
  const size_t words = args.size() - first;
  if (words == 0 || words % 3 != 0 || (options.nx && options.xx)) {
    syntax_error(reply);
    return;
  }
  std::vector<ScoredMember> members(words / 3);
  for (size_t i = 0; i < members.size(); ++i) {
    GeoPoint point;
    if (!read_point(args[first + 3 * i], args[first + 3 * i + 1], reply, point)) return;
    members[i] = {geo_score(point), args[first + 3 * i + 2]};
  }
  const Key key = ctx.key(args[1]);
  if (!add_members(ctx, key, options, members, reply)) return;
  ctx.changed(key, shard::kEventZset, "zadd", [&](shard::EffectArgs& effect) {
    effect.add("ZADD").add(key.bytes);
    for (size_t i = 2; i < first; ++i) effect.add(args[i]);
    for (const ScoredMember& one : members) {
      effect.add_int(static_cast<int64_t>(one.score)).add(one.member);
    }
  });
}

void geodist(Ctx& ctx, const Args& args, Writer& reply) {
  double metres_per_unit = 1;
  if (args.size() > 5) {
    syntax_error(reply);
    return;
  }
  if (args.size() == 5 && !read_unit(args[4], reply, metres_per_unit)) return;
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  double a = 0, b = 0;
  if (*entry == nullptr || !ZsetReader(**entry).find(args[2], &a) || !ZsetReader(**entry).find(args[3], &b)) {
    reply.null();
    return;
  }
  reply_distance(geo_distance(geo_point(a), geo_point(b)) / metres_per_unit, reply);
}

// f(score) replies for a member that is there; null(): for one that is not.
template <typename F, typename Null>
void for_members(Ctx& ctx, const Args& args, Writer& reply, F&& f, Null&& null) {
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  reply.array(static_cast<int64_t>(args.size()) - 2);
  for (size_t i = 2; i < args.size(); ++i) {
    double score = 0;
    if (*entry != nullptr && ZsetReader(**entry).find(args[i], &score)) {
      f(score);
    } else {
      null();
    }
  }
}

void geohash(Ctx& ctx, const Args& args, Writer& reply) {
  for_members(
      ctx, args, reply, [&](double score) { reply.bulk(geo_text(geo_point(score))); }, [&] { reply.null(); });
}

void geopos(Ctx& ctx, const Args& args, Writer& reply) {
  for_members(
      ctx, args, reply, [&](double score) { reply_point(geo_point(score), reply); },
      [&] { reply.null_array(); });
}

constexpr CommandRow kRows[] = {
    {.name = "geoadd",
     .arity = -5,
     .flags = registry::kDenyOom | registry::kWrite,
     .acl = registry::kCatGeo,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "geo",
     .since = "3.2.0",
     .summary = "Adds places with their longitude and latitude to a set.",
     .complexity = "O(log(N)) for each place, N being the elements of the set.",
     .arguments = "key:key@0 condition:oneof(nx=NX xx=XX)? change=CH? data:block(longitude:double "
                  "latitude:double member:string)*",
     .run = geoadd},
    {.name = "geodist",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatGeo,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "geo",
     .since = "3.2.0",
     .summary = "The distance between two places.",
     .complexity = "O(1)",
     .arguments = "key:key@0 member1:string member2:string unit:oneof(m=M km=KM ft=FT mi=MI)?",
     .run = geodist},
    {.name = "geohash",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatGeo,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "geo",
     .since = "3.2.0",
     .summary = "The geohashes of places as text.",
     .complexity = "O(M), M being the places asked for.",
     .arguments = "key:key@0 member:string?*",
     .run = geohash},
    {.name = "geopos",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatGeo,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "geo",
     .since = "3.2.0",
     .summary = "Longitude and latitude of places.",
     .complexity = "O(M), M being the places asked for.",
     .arguments = "key:key@0 member:string?*",
     .run = geopos},
};

}  // namespace

RowTable geo_point_rows() {
  return kRows;
}

}  // namespace tessera::commands
