// Role: GEORADIUS, GEORADIUSBYMEMBER, both _RO, GEOSEARCH, GEOSEARCHSTORE. Thread: the shard's, or the
// coordinator's. Effects: a stored result as DEL and ZADD.
#include <algorithm>
#include <string>
#include <vector>

#include "common/text/floats.h"
#include "server/commands/geo/arguments.h"
#include "server/commands/geo/search_call.h"
#include "server/commands/geo/tables.h"
#include "server/commands/sorted_set/zset_value.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Key;
using store::RankBound;
using store::ZsetReader;

struct Found {
  std::string member;
  double score;
  GeoPoint point;
  double distance;  // metres, in the end the client's unit
};

// What lies in a cell, in the order of scores. False: there are enough.
bool search_cell(const ZsetReader& set, const GeoCell& cell, const GeoShape& shape, size_t enough,
                 std::vector<Found>& found) {
  const int shift = (kGeoMaxStep - cell.step) * 2;
  const auto low = static_cast<double>(cell.bits << shift),
             high = static_cast<double>((cell.bits + 1) << shift);
  const size_t first = set.count_before(RankBound::of_score(low, false));
  const size_t end = set.count_before(RankBound::of_score(high, false));
  if (end <= first) return true;
  return set.for_range({first, end - first}, false, [&](std::string_view member, double score) {
    Found one = {{}, score, geo_point(score), 0};
    if (!shape.contains(one.point, &one.distance)) return true;
    one.member = member;
    found.push_back(std::move(one));
    return found.size() != enough;
  });
}

std::vector<Found> search(const ZsetReader& set, const GeoCall& call) {
  std::vector<Found> found;
  const size_t enough = call.any ? static_cast<size_t>(call.count) : 0;
  GeoCell last;
  for (const GeoCell& cell : call.shape.cells()) {
    // Cells of a whole hemisphere are each other's neighbours more than once.
    if (cell.none() || cell == last) continue;
    last = cell;
    if (!search_cell(set, cell, call.shape, enough, found)) break;
  }
  if (call.order == GeoCall::Order::kAscending) {
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.distance < b.distance; });
  } else if (call.order == GeoCall::Order::kDescending) {
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.distance > b.distance; });
  }
  if (call.count != 0 && found.size() > static_cast<size_t>(call.count)) {
    found.resize(static_cast<size_t>(call.count));
  }
  for (Found& one : found) one.distance /= call.shape.metres_per_unit;
  return found;
}

void reply_found(const std::vector<Found>& found, const GeoCall& call, Writer& reply) {
  const int64_t more = int64_t{call.with_distance} + call.with_hash + call.with_point;
  reply.array(static_cast<int64_t>(found.size()));
  for (const Found& one : found) {
    if (more > 0) reply.array(1 + more);
    reply.bulk(one.member);
    if (call.with_distance) reply_distance(one.distance, reply);
    if (call.with_hash) reply.integer(static_cast<int64_t>(one.score));
    if (call.with_point) reply_point(one.point, reply);
  }
}

void store_found(Ctx& ctx, std::string_view destination, const std::vector<Found>& found, const GeoCall& call,
                 Writer& reply) {
  const Key key = ctx.key(destination);
  const bool existed = ctx.peek(key) != nullptr;
  reply.integer(static_cast<int64_t>(found.size()));
  ZsetResult result(ctx, key);
  const auto score_of = [&](const Found& one) { return call.store_distance ? one.distance : one.score; };
  for (const Found& one : found) result.add(one.member, score_of(one));
  std::vector<std::string> scores;
  scores.reserve(found.size());
  if (existed && !found.empty()) {
    ctx.changed(key, shard::kEventGeneric, nullptr,
                [&](shard::EffectArgs& effect) { effect.add("DEL").add(destination); });
  }
  result.finish(call.is_search() ? "geosearchstore" : "georadiusstore", [&](shard::EffectArgs& effect) {
    effect.add("ZADD").add(destination);
    for (const Found& one : found) {
      scores.push_back(text::double_text(score_of(one)));  // reserved: the effect keeps views
      effect.add(scores.back()).add(one.member);
    }
  });
  const auto noted = int64_t{existed} + 1;  // the rest are changes, too
  if (!found.empty()) ctx.add_dirty(static_cast<int64_t>(found.size()) - noted);
}

void run_search(Ctx& ctx, const Args& args, Writer& reply, GeoCommand command, bool read_only = false) {
  GeoCall call;
  call.command = command;
  call.read_only = read_only;
  const Key key = ctx.key(args[command == GeoCommand::kSearchStore ? 2 : 1]);
  const auto entry = read_zset(ctx, key, reply);
  if (!entry) return;
  std::vector<Found> found;
  if (*entry == nullptr) {
    if (!read_geo_call(args, nullptr, reply, call)) return;
  } else {
    const ZsetReader set(**entry);
    if (!read_geo_call(args, &set, reply, call)) return;
    found = search(set, call);
  }
  if (call.store_at != 0) {
    store_found(ctx, args[call.store_at], found, call, reply);
  } else {
    reply_found(found, call, reply);
  }
}

template <GeoCommand kCommand, bool kReadOnly = false>
void geo_search(Ctx& ctx, const Args& args, Writer& reply) {
  run_search(ctx, args, reply, kCommand, kReadOnly);
}

constexpr CommandRow kRows[] = {
    {.name = "georadius",
     .arity = -6,
     .flags = registry::kDenyOom | registry::kMovableKeys | registry::kWrite,
     .acl = registry::kCatGeo,
     .keys = {first_key(registry::kKeyRO | registry::kKeyAccess),
              registry::keys_after("STORE", 6, 0, 1,
                                   registry::kKeyOW | registry::kKeyUpdate | registry::kKeyVariableFlags),
              registry::keys_after("STOREDIST", 6, 0, 1,
                                   registry::kKeyOW | registry::kKeyUpdate | registry::kKeyVariableFlags)},
     .group = "geo",
     .since = "3.2.0",
     .summary = "The places within a distance of a point; they may be stored.",
     .complexity = "O(N+log(M)), N being the places in the cells around the circle, M the elements of the "
                   "set.",
     .arguments = "key:key@0 longitude:double latitude:double radius:double unit:oneof(m=M km=KM ft=FT "
                  "mi=MI) withcoord=WITHCOORD? withdist=WITHDIST? withhash=WITHHASH? "
                  "count-block:block(count:integer=COUNT any=ANY?)? order:oneof(asc=ASC desc=DESC)? "
                  "store:oneof(storekey:key=STORE@1 storedistkey:key=STOREDIST@2)?",
     .run = geo_search<GeoCommand::kRadius>,
     .key_hook = radius_keys,
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
     .doc_flags = "deprecated",
     .key_flags_hook = radius_key_flags},
    {.name = "georadius_ro",
     .arity = -6,
     .flags = registry::kReadonly,
     .acl = registry::kCatGeo,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "geo",
     .since = "3.2.10",
     .summary = "The places within a distance of a point.",
     .complexity = "O(N+log(M)), N being the places in the cells around the circle, M the elements of the "
                   "set.",
     .arguments = "key:key@0 longitude:double latitude:double radius:double unit:oneof(m=M km=KM ft=FT "
                  "mi=MI) withcoord=WITHCOORD? withdist=WITHDIST? withhash=WITHHASH? "
                  "count-block:block(count:integer=COUNT any=ANY?)? order:oneof(asc=ASC desc=DESC)?",
     .run = geo_search<GeoCommand::kRadius, true>,
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument",
     .doc_flags = "deprecated"},
    {.name = "georadiusbymember",
     .arity = -5,
     .flags = registry::kDenyOom | registry::kMovableKeys | registry::kWrite,
     .acl = registry::kCatGeo,
     .keys = {first_key(registry::kKeyRO | registry::kKeyAccess),
              registry::keys_after("STORE", 5, 0, 1,
                                   registry::kKeyOW | registry::kKeyUpdate | registry::kKeyVariableFlags),
              registry::keys_after("STOREDIST", 5, 0, 1,
                                   registry::kKeyOW | registry::kKeyUpdate | registry::kKeyVariableFlags)},
     .group = "geo",
     .since = "3.2.0",
     .summary = "The places within a distance of another place; they may be stored.",
     .complexity = "O(N+log(M)), N being the places in the cells around the circle, M the elements of the "
                   "set.",
     .arguments = "key:key@0 member:string radius:double unit:oneof(m=M km=KM ft=FT mi=MI) "
                  "withcoord=WITHCOORD? withdist=WITHDIST? withhash=WITHHASH? "
                  "count-block:block(count:integer=COUNT any=ANY?)? order:oneof(asc=ASC desc=DESC)? "
                  "store:oneof(storekey:key=STORE@1 storedistkey:key=STOREDIST@2)?",
     .run = geo_search<GeoCommand::kRadiusByMember>,
     .key_hook = radius_by_member_keys,
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .doc_flags = "deprecated",
     .key_flags_hook = radius_key_flags},
    {.name = "georadiusbymember_ro",
     .arity = -5,
     .flags = registry::kReadonly,
     .acl = registry::kCatGeo,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "geo",
     .since = "3.2.10",
     .summary = "The places within a distance of another place.",
     .complexity = "O(N+log(M)), N being the places in the cells around the circle, M the elements of the "
                   "set.",
     .arguments = "key:key@0 member:string radius:double unit:oneof(m=M km=KM ft=FT mi=MI) "
                  "withcoord=WITHCOORD? withdist=WITHDIST? withhash=WITHHASH? "
                  "count-block:block(count:integer=COUNT any=ANY?)? order:oneof(asc=ASC desc=DESC)?",
     .run = geo_search<GeoCommand::kRadiusByMember, true>,
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .doc_flags = "deprecated"},
    {.name = "geosearch",
     .arity = -7,
     .flags = registry::kReadonly,
     .acl = registry::kCatGeo,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "geo",
     .since = "6.2.0",
     .summary = "The places inside a circle, a box or a polygon.",
     .complexity = "O(N+log(M)), N being the places in the cells around the shape, M the elements of the "
                   "set.",
     .arguments = "key:key@0 from:oneof(member:string=FROMMEMBER "
                  "fromlonlat:block(longitude:double latitude:double)=FROMLONLAT)? "
                  "by:oneof(circle:block(radius:double=BYRADIUS unit:oneof(m=M km=KM ft=FT mi=MI)) "
                  "box:block(width:double=BYBOX height:double unit:oneof(m=M km=KM ft=FT mi=MI)) "
                  "polygon:block(num-vertices:integer=BYPOLYGON vertices:block(longitude:double "
                  "latitude:double)*)) order:oneof(asc=ASC desc=DESC)? "
                  "count-block:block(count:integer=COUNT any=ANY?)? withcoord=WITHCOORD? "
                  "withdist=WITHDIST? withhash=WITHHASH?",
     .run = geo_search<GeoCommand::kSearch>},
    {.name = "geosearchstore",
     .arity = -8,
     .flags = registry::kDenyOom | registry::kWrite,
     .acl = registry::kCatGeo,
     .keys = {first_key(registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_range(2, 0, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "geo",
     .since = "6.2.0",
     .summary = "Stores the places inside a circle, a box or a polygon.",
     .complexity = "O(N+log(M)), N being the places in the cells around the shape, M the elements of the "
                   "set.",
     .arguments = "destination:key@0 source:key@1 from:oneof(member:string=FROMMEMBER "
                  "fromlonlat:block(longitude:double latitude:double)=FROMLONLAT)? "
                  "by:oneof(circle:block(radius:double=BYRADIUS unit:oneof(m=M km=KM ft=FT mi=MI)) "
                  "box:block(width:double=BYBOX height:double unit:oneof(m=M km=KM ft=FT mi=MI)) "
                  "polygon:block(num-vertices:integer=BYPOLYGON vertices:block(longitude:double "
                  "latitude:double)*)) order:oneof(asc=ASC desc=DESC)? "
                  "count-block:block(count:integer=COUNT any=ANY?)? storedist=STOREDIST?",
     .run = geo_search<GeoCommand::kSearchStore>},
};

}  // namespace

RowTable geo_search_rows() {
  return kRows;
}

}  // namespace tessera::commands
