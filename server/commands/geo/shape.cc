#include "server/commands/geo/shape.h"

#include <algorithm>
#include <cmath>

namespace tessera::commands {

namespace {

constexpr double kEarthRadius = 6372797.560856;
constexpr double kRadiansPerDegree = M_PI / 180.0;
constexpr double kMercatorMax = 20037726.37;

double degrees(double radians) {
  return radians / kRadiansPerDegree;
}

// How many bits cells need so that nine of them cover a circle.
int steps_for(double metres, double latitude) {
  if (metres == 0) return kGeoMaxStep;
  int step = 1;
  for (; metres < kMercatorMax; metres *= 2) ++step;
  step -= 2;                              // so that the range is inside even at the border of a cell
  if (latitude > 66 || latitude < -66) {  // cells are narrow near the poles
    --step;
    if (latitude > 80 || latitude < -80) --step;
  }
  return std::clamp(step, 1, kGeoMaxStep);
}

}  // namespace

void GeoShape::find_centre() {
  // In space, not on the map: so do the digits of Valkey's documentation.
  double x = 0, y = 0, z = 0;
  for (const GeoPoint& corner : corners) {
    const double east = corner.longitude * kRadiansPerDegree, north = corner.latitude * kRadiansPerDegree;
    x += std::cos(north) * std::cos(east);
    y += std::cos(north) * std::sin(east);
    z += std::sin(north);
  }
  centre = {degrees(std::atan2(y, x)), degrees(std::atan2(z, std::sqrt(x * x + y * y)))};
  if (centre.longitude + 180 >= 360) centre.longitude -= 360;  // cells begin at -180
}

bool GeoShape::inside_polygon(const GeoPoint& point) const {
  bool inside = false;
  for (size_t i = 0, before = corners.size() - 1; i < corners.size(); before = i++) {
    const GeoPoint &a = corners[i], &b = corners[before];
    if ((a.latitude > point.latitude) == (b.latitude > point.latitude)) continue;
    const double crossing =
        (b.longitude - a.longitude) * (point.latitude - a.latitude) / (b.latitude - a.latitude) + a.longitude;
    if (point.longitude < crossing) inside = !inside;
  }
  return inside;
}

bool GeoShape::contains(const GeoPoint& point, double* distance) const {
  switch (kind) {
    case Kind::kNone:
      return false;
    case Kind::kCircle:
      *distance = geo_distance(centre, point);
      return !(*distance > radius * metres_per_unit);
    case Kind::kBox: {
      if (geo_latitude_distance(point.latitude, centre.latitude) > height * metres_per_unit / 2) return false;
      const double across = geo_distance(point, {centre.longitude, point.latitude});
      if (across > width * metres_per_unit / 2) return false;
      break;
    }
    case Kind::kPolygon:
      if (!inside_polygon(point)) return false;
      break;
  }
  *distance = geo_distance(centre, point);
  return true;
}

double GeoShape::half_height() const {
  return metres_per_unit * (kind == Kind::kCircle ? radius : height / 2);
}

double GeoShape::half_width() const {
  return metres_per_unit * (kind == Kind::kCircle ? radius : width / 2);
}

GeoArea GeoShape::bounds() const {
  if (kind == Kind::kPolygon) {
    GeoArea area = {corners[0].longitude, corners[0].longitude, corners[0].latitude, corners[0].latitude};
    for (const GeoPoint& corner : corners) {
      area.west = std::min(area.west, corner.longitude);
      area.east = std::max(area.east, corner.longitude);
      area.south = std::min(area.south, corner.latitude);
      area.north = std::max(area.north, corner.latitude);
    }
    return area;
  }
  const double up = degrees(half_height() / kEarthRadius);
  // The side nearer to the pole spans more degrees.
  const double edge = centre.latitude < 0 ? centre.latitude - up : centre.latitude + up;
  const double side = degrees(half_width() / kEarthRadius / std::cos(edge * kRadiansPerDegree));
  return {centre.longitude - side, centre.longitude + side, centre.latitude - up, centre.latitude + up};
}

std::array<GeoCell, 9> GeoShape::cells() const {
  const GeoArea box = bounds();
  double reach =
      metres_per_unit *
      (kind == Kind::kCircle ? radius : std::sqrt((width / 2) * (width / 2) + (height / 2) * (height / 2)));
  if (kind == Kind::kPolygon) {
    reach = 0;
    for (const GeoPoint& corner : corners) reach = std::max(reach, geo_distance(centre, corner));
  }
  // The middle of corners around a pole, or of some on both sides of the date line, may lie far from all.
  GeoPoint anchor = centre;
  if (kind == Kind::kPolygon && !(box.west <= centre.longitude && centre.longitude <= box.east &&
                                  box.south <= centre.latitude && centre.latitude <= box.north)) {
    anchor = {box.west / 2 + box.east / 2, box.south / 2 + box.north / 2};
  }
  int step = steps_for(reach, centre.latitude);
  GeoCell middle = geo_cell(anchor, step);
  const auto around = [&](int east, int north) { return geo_neighbour(middle, east, north); };
  const auto too_small = [&] {
    return geo_area(around(0, 1)).north < box.north || geo_area(around(0, -1)).south > box.south ||
           geo_area(around(1, 0)).east < box.east || geo_area(around(-1, 0)).west > box.west;
  };
  // Redis does so once. A polygon need not lie around its centre: with cells of step 1 all are searched.
  while (step > 1 && too_small()) {
    middle = geo_cell(anchor, --step);
    if (kind != Kind::kPolygon) break;
  }
  std::array<GeoCell, 9> cells = {middle,       around(0, 1),  around(0, -1), around(1, 0),  around(-1, 0),
                                  around(1, 1), around(-1, 1), around(1, -1), around(-1, -1)};
  if (step < 2) return cells;
  const GeoArea area = geo_area(middle);
  const auto skip = [&](std::initializer_list<size_t> useless) {
    for (const size_t i : useless) cells[i] = {};
  };
  if (area.south < box.south) skip({2, 8, 7});
  if (area.north > box.north) skip({1, 5, 6});
  if (area.west < box.west) skip({4, 8, 6});
  if (area.east > box.east) skip({3, 7, 5});
  return cells;
}

}  // namespace tessera::commands
