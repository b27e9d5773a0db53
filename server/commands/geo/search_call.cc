#include "server/commands/geo/search_call.h"

#include <algorithm>
#include <string>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/commands/geo/arguments.h"
#include "server/commands/support/arguments.h"
#include "server/registry/command_row.h"

namespace tessera::commands {

using registry::Args;
using resp::Writer;
using store::ZsetReader;

namespace {

constexpr const char* kNoRadius = "ERR need numeric radius";

bool read_radius(std::string_view arg, std::string_view unit, Writer& reply, GeoShape& shape) {
  if (!read_number(arg, reply, shape.radius, kNoRadius)) return false;
  if (shape.radius < 0) {
    reply.error("ERR radius cannot be negative");
    return false;
  }
  shape.kind = GeoShape::Kind::kCircle;
  return read_unit(unit, reply, shape.metres_per_unit);
}

bool read_box(const Args& args, size_t at, Writer& reply, GeoShape& shape) {
  if (!read_number(args[at], reply, shape.width, "ERR need numeric width") ||
      !read_number(args[at + 1], reply, shape.height, "ERR need numeric height")) {
    return false;
  }
  if (shape.height < 0 || shape.width < 0) {
    reply.error("ERR height or width cannot be negative");
    return false;
  }
  shape.kind = GeoShape::Kind::kBox;
  return read_unit(args[at + 2], reply, shape.metres_per_unit);
}

bool read_polygon(const Args& args, size_t& i, Writer& reply, GeoCall& call) {
  const auto count = text::parse_int64(args[i + 1]);
  if (!count || *count < 3) {
    reply.error("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
    return false;
  }
  const size_t left = args.size() - i - 2;
  if (static_cast<uint64_t>(*count) > left / 2) {
    syntax_error(reply);
    return false;
  }
  i += 2;
  for (int64_t k = 0; k < *count; ++k, i += 2) {
    GeoPoint corner;
    if (!read_point(args[i], args[i + 1], reply, corner)) return false;
    call.shape.corners.push_back(corner);
  }
  --i;
  call.shape.kind = GeoShape::Kind::kPolygon;
  call.shape.find_centre();
  return true;
}

// A missing set is none of our concern: the reply will be empty.
bool read_member(std::string_view member, const ZsetReader* set, Writer& reply, GeoCall& call) {
  call.from = GeoCall::From::kMember;
  if (set == nullptr) return true;
  double score = 0;
  if (!set->find(member, &score)) {
    reply.error("ERR could not decode requested zset member");
    return false;
  }
  call.shape.centre = geo_point(score);
  return true;
}

bool read_count(std::string_view arg, Writer& reply, int64_t& count) {
  if (!read_int64(arg, reply, count)) return false;
  if (count > 0) return true;
  reply.error("ERR COUNT must be > 0");
  return false;
}

enum class Taken { kYes, kNo, kFailed };

Taken taken(bool fine) {
  return fine ? Taken::kYes : Taken::kFailed;
}

// Where to look, of GEOSEARCH.
Taken take_shape(const Args& args, size_t& i, const ZsetReader* set, Writer& reply, GeoCall& call) {
  const size_t behind = args.size() - i - 1;
  if (behind >= 1 && call.from != GeoCall::From::kPoint && token_is(args[i], "FROMMEMBER")) {
    return taken(read_member(args[++i], set, reply, call));
  }
  if (behind >= 2 && call.from != GeoCall::From::kMember && token_is(args[i], "FROMLONLAT")) {
    i += 2;
    call.from = GeoCall::From::kPoint;
    return taken(read_point(args[i - 1], args[i], reply, call.shape.centre));
  }
  const GeoShape::Kind kind = call.shape.kind;
  if (behind >= 2 && (kind == GeoShape::Kind::kNone || kind == GeoShape::Kind::kCircle) &&
      token_is(args[i], "BYRADIUS")) {
    i += 2;
    return taken(read_radius(args[i - 1], args[i], reply, call.shape));
  }
  if (behind >= 3 && (kind == GeoShape::Kind::kNone || kind == GeoShape::Kind::kBox) &&
      token_is(args[i], "BYBOX")) {
    i += 3;
    return taken(read_box(args, i - 2, reply, call.shape));
  }
  if (behind >= 1 && kind == GeoShape::Kind::kNone && token_is(args[i], "BYPOLYGON")) {
    return taken(read_polygon(args, i, reply, call));
  }
  return Taken::kNo;
}

// Where to store, of GEORADIUS and GEOSEARCHSTORE.
bool take_store(const Args& args, size_t& i, GeoCall& call) {
  if (call.command == GeoCommand::kSearchStore && token_is(args[i], "STOREDIST")) {
    call.store_distance = true;
    return true;
  }
  if (call.is_search() || call.read_only || i + 1 >= args.size()) return false;
  const bool distance = token_is(args[i], "STOREDIST");
  if (!distance && !token_is(args[i], "STORE")) return false;
  call.store_at = ++i;
  call.store_distance = distance;
  return true;
}

bool take_flag(std::string_view arg, GeoCall& call) {
  if (token_is(arg, "WITHDIST")) {
    call.with_distance = true;
  } else if (token_is(arg, "WITHHASH")) {
    call.with_hash = true;
  } else if (token_is(arg, "WITHCOORD")) {
    call.with_point = true;
  } else if (token_is(arg, "ANY")) {
    call.any = true;
  } else if (token_is(arg, "ASC")) {
    call.order = GeoCall::Order::kAscending;
  } else if (token_is(arg, "DESC")) {
    call.order = GeoCall::Order::kDescending;
  } else {
    return false;
  }
  return true;
}

bool read_options(const Args& args, size_t i, const ZsetReader* set, Writer& reply, GeoCall& call) {
  for (; i < args.size(); ++i) {
    if (take_flag(args[i], call)) continue;
    if (i + 1 < args.size() && token_is(args[i], "COUNT")) {
      if (!read_count(args[++i], reply, call.count)) return false;
      continue;
    }
    if (take_store(args, i, call)) continue;
    const Taken shape = call.is_search() ? take_shape(args, i, set, reply, call) : Taken::kNo;
    if (shape == Taken::kFailed) return false;
    if (shape == Taken::kYes) continue;
    syntax_error(reply);
    return false;
  }
  return true;
}

bool check(const Args& args, Writer& reply, const GeoCall& call) {
  if (call.store_at != 0 && (call.with_distance || call.with_hash || call.with_point)) {
    reply.errorf("ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                 call.is_search() ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    return false;
  }
  const std::string name(c_text(args[0]));
  if (call.is_search() && call.from == GeoCall::From::kNowhere &&
      call.shape.kind != GeoShape::Kind::kPolygon) {
    reply.errorf("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %s", name.c_str());
    return false;
  }
  if (call.shape.kind == GeoShape::Kind::kNone) {
    reply.errorf("ERR exactly one of BYRADIUS and BYBOX can be specified for %s", name.c_str());
    return false;
  }
  if (call.is_search() && call.from != GeoCall::From::kNowhere &&
      call.shape.kind == GeoShape::Kind::kPolygon) {
    syntax_error(reply);
    return false;
  }
  if (call.any && call.count == 0) {
    reply.error("ERR the ANY argument requires COUNT argument");
    return false;
  }
  return true;
}

}  // namespace

bool read_geo_call(const Args& args, const ZsetReader* set, Writer& reply, GeoCall& call) {
  size_t options_at = 2;
  switch (call.command) {
    case GeoCommand::kRadius:
      options_at = 6;
      call.from = GeoCall::From::kPoint;
      if (!read_point(args[2], args[3], reply, call.shape.centre) ||
          !read_radius(args[4], args[5], reply, call.shape)) {
        return false;
      }
      break;
    case GeoCommand::kRadiusByMember:
      options_at = 5;
      if (set == nullptr) {
        call.from = GeoCall::From::kMember;
        call.shape.kind = GeoShape::Kind::kCircle;  // its radius is not looked at either
      } else if (!read_member(args[2], set, reply, call) ||
                 !read_radius(args[3], args[4], reply, call.shape)) {
        return false;
      }
      break;
    case GeoCommand::kSearch:
      break;
    case GeoCommand::kSearchStore:
      options_at = 3;
      call.store_at = 1;
      break;
  }
  if (!read_options(args, options_at, set, reply, call) || !check(args, reply, call)) return false;
  // A count without an order means the nearest, unless any will do.
  if (call.count != 0 && call.order == GeoCall::Order::kNone && !call.any) {
    call.order = GeoCall::Order::kAscending;
  }
  return true;
}

// ---- keys

namespace {

bool keys_from(const Args& args, size_t first, std::vector<int>& positions) {
  positions.push_back(1);
  const auto add = [&](size_t at) {
    const int position = static_cast<int>(at);
    if (std::find(positions.begin(), positions.end(), position) == positions.end())
      positions.push_back(position);
  };
  // As the key specifications find them: the first of each word.
  for (const char* word : {"store", "storedist"}) {
    for (size_t i = first; i < args.size(); ++i) {
      if (!text::iequals(args[i], word)) continue;
      if (i + 1 < args.size()) add(i + 1);
      break;
    }
  }
  // And the one that counts, which is the last.
  size_t last = 0;
  for (size_t i = first; i + 1 < args.size(); ++i) {
    if (token_is(args[i], "STORE") || token_is(args[i], "STOREDIST")) last = ++i;
  }
  if (last != 0) add(last);
  return true;
}

}  // namespace

bool radius_keys(const Args& args, std::vector<int>& positions) {
  return keys_from(args, 6, positions);
}

bool radius_by_member_keys(const Args& args, std::vector<int>& positions) {
  return keys_from(args, 5, positions);
}

uint16_t radius_key_flags(const Args&, int position) {
  return position == 1 ? registry::kKeyRO | registry::kKeyAccess : registry::kKeyOW | registry::kKeyUpdate;
}

}  // namespace tessera::commands
