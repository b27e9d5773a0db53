// Role: arguments of the commands about places, with the error texts of redis-server 7.0.15. Thread: any.
// Convention: a reader that fails has replied and returns false.
#pragma once

#include <string_view>

#include "common/resp/writer.h"
#include "server/commands/geo/geohash.h"
#include "server/registry/args.h"

namespace tessera::commands {

bool read_point(std::string_view longitude, std::string_view latitude, resp::Writer& reply, GeoPoint& out);
// m, km, ft, mi.
bool read_unit(std::string_view arg, resp::Writer& reply, double& metres_per_unit);
// Any number; else the error.
bool read_number(std::string_view arg, resp::Writer& reply, double& out, const char* not_a_number);
void reply_distance(double distance, resp::Writer& reply);  // four digits behind the point
void reply_point(const GeoPoint& point, resp::Writer& reply);

}  // namespace tessera::commands
