#include "server/commands/geo/arguments.h"

#include "common/text/floats.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

bool read_point(std::string_view longitude, std::string_view latitude, resp::Writer& reply, GeoPoint& out) {
  if (!read_number(longitude, reply, out.longitude, kNotAFloat) ||
      !read_number(latitude, reply, out.latitude, kNotAFloat)) {
    return false;
  }
  if (geo_in_range(out)) return true;
  reply.errorf("ERR invalid longitude,latitude pair %f,%f", out.longitude, out.latitude);
  return false;
}

bool read_unit(std::string_view arg, resp::Writer& reply, double& metres_per_unit) {
  if (token_is(arg, "M")) {
    metres_per_unit = 1;
  } else if (token_is(arg, "KM")) {
    metres_per_unit = 1000;
  } else if (token_is(arg, "FT")) {
    metres_per_unit = 0.3048;
  } else if (token_is(arg, "MI")) {
    metres_per_unit = 1609.34;
  } else {
    reply.error("ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
  }
  return true;
}

bool read_number(std::string_view arg, resp::Writer& reply, double& out, const char* not_a_number) {
  const auto number = text::parse_double(arg);
  if (!number) {
    reply.error(not_a_number);
    return false;
  }
  out = *number;
  return true;
}

void reply_distance(double distance, resp::Writer& reply) {
  reply.bulk(text::fixed_text(distance, 4));
}

void reply_point(const GeoPoint& point, resp::Writer& reply) {
  reply.array(2);
  reply.human_double(static_cast<long double>(point.longitude));
  reply.human_double(static_cast<long double>(point.latitude));
}

}  // namespace tessera::commands
