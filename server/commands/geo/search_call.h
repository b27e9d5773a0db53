// Role: what GEORADIUS, GEORADIUSBYMEMBER, GEOSEARCH and GEOSEARCHSTORE are asked for. Thread: the shard's.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "common/resp/writer.h"
#include "server/commands/geo/shape.h"
#include "server/registry/args.h"
#include "server/store/types/zset.h"

namespace tessera::commands {

enum class GeoCommand : uint8_t { kRadius, kRadiusByMember, kSearch, kSearchStore };

struct GeoCall {
  enum class Order : uint8_t { kNone, kAscending, kDescending };

  GeoCommand command = GeoCommand::kRadius;
  bool read_only = false;  // the _RO commands, which cannot store
  GeoShape shape;
  enum class From : uint8_t { kNowhere, kMember, kPoint };
  From from = From::kNowhere;
  bool with_distance = false, with_hash = false, with_point = false;
  int64_t count = 0;  // 0: all
  bool any = false;
  Order order = Order::kNone;
  size_t store_at = 0;  // argument with the destination; 0: none
  bool store_distance = false;

  bool is_search() const { return command == GeoCommand::kSearch || command == GeoCommand::kSearchStore; }
};

// Reads everything behind the key; `set` is what the key holds, if anything: members are looked up in it on
// the way. False: an error was replied.
bool read_geo_call(const registry::Args& args, const store::ZsetReader* set, resp::Writer& reply,
                   GeoCall& call);

// For the rows of GEORADIUS and GEORADIUSBYMEMBER: the key, and all that may be a destination.
bool radius_keys(const registry::Args& args, std::vector<int>& positions);
bool radius_by_member_keys(const registry::Args& args, std::vector<int>& positions);
uint16_t radius_key_flags(const registry::Args& args, int position);

}  // namespace tessera::commands
