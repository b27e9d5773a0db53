#include "server/commands/geo/geohash.h"

#include <algorithm>
#include <cmath>

namespace tessera::commands {

namespace {

constexpr double kEarthRadius = 6372797.560856;
constexpr double kRadiansPerDegree = M_PI / 180.0;
constexpr uint64_t kLatitudeBits = 0x5555555555555555ULL;  // at even places
constexpr uint64_t kLongitudeBits = 0xaaaaaaaaaaaaaaaaULL;

double radians(double degrees) {
  return degrees * kRadiansPerDegree;
}

// The lower 32 bits to the even places.
uint64_t spread(uint64_t x) {
  x &= 0xffffffffULL;
  x = (x | x << 16) & 0x0000ffff0000ffffULL;
  x = (x | x << 8) & 0x00ff00ff00ff00ffULL;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fULL;
  x = (x | x << 2) & 0x3333333333333333ULL;
  return (x | x << 1) & kLatitudeBits;
}

uint64_t gather(uint64_t x) {
  x &= kLatitudeBits;
  x = (x | x >> 1) & 0x3333333333333333ULL;
  x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0fULL;
  x = (x | x >> 4) & 0x00ff00ff00ff00ffULL;
  x = (x | x >> 8) & 0x0000ffff0000ffffULL;
  return (x | x >> 16) & 0xffffffffULL;
}

}  // namespace

bool geo_in_range(const GeoPoint& point) {
  return point.longitude >= -kLongitudeMax && point.longitude <= kLongitudeMax &&
         point.latitude >= -kLatitudeMax && point.latitude <= kLatitudeMax;
}

GeoCell geo_cell(const GeoPoint& point, int step, double latitude_max) {
  const double parts = static_cast<double>(uint64_t{1} << step);
  const double north = (point.latitude - -latitude_max) / (latitude_max - -latitude_max) * parts;
  const double east = (point.longitude - -kLongitudeMax) / (kLongitudeMax - -kLongitudeMax) * parts;
  return {spread(static_cast<uint32_t>(north)) | spread(static_cast<uint32_t>(east)) << 1, step};
}

GeoArea geo_area(const GeoCell& cell) {
  const double parts = static_cast<double>(uint64_t{1} << cell.step);
  const auto north = static_cast<uint32_t>(gather(cell.bits));
  const auto east = static_cast<uint32_t>(gather(cell.bits >> 1));
  const double height = kLatitudeMax - -kLatitudeMax, width = kLongitudeMax - -kLongitudeMax;
  GeoArea area;
  area.south = -kLatitudeMax + (north * 1.0 / parts) * height;
  area.north = -kLatitudeMax + ((north + uint64_t{1}) * 1.0 / parts) * height;
  area.west = -kLongitudeMax + (east * 1.0 / parts) * width;
  area.east = -kLongitudeMax + ((east + uint64_t{1}) * 1.0 / parts) * width;
  return area;
}

double geo_score(const GeoPoint& point) {
  return static_cast<double>(geo_cell(point, kGeoMaxStep).bits);
}

GeoPoint geo_point(double score) {
  const GeoArea area = geo_area({static_cast<uint64_t>(score), kGeoMaxStep});
  return {std::clamp((area.west + area.east) / 2, -kLongitudeMax, kLongitudeMax),
          std::clamp((area.south + area.north) / 2, -kLatitudeMax, kLatitudeMax)};
}

std::string geo_text(const GeoPoint& point) {
  static constexpr char kAlphabet[] = "0123456789bcdefghjkmnpqrstuvwxyz";
  const uint64_t bits = geo_cell(point, kGeoMaxStep, 90).bits;
  std::string text(11, '0');  // 52 bits are ten characters of five, the rest is not known
  for (int i = 0; i < 10; ++i) text[static_cast<size_t>(i)] = kAlphabet[bits >> (52 - (i + 1) * 5) & 0x1f];
  return text;
}

GeoCell geo_neighbour(const GeoCell& cell, int east, int north) {
  const uint64_t used = ~uint64_t{0} >> (64 - cell.step * 2);
  uint64_t x = cell.bits & kLongitudeBits, y = cell.bits & kLatitudeBits;
  // With ones at the other coordinate's places a carry passes through them; what leaves the cell's bits is
  // lost: the earth is round. Going back, a borrow passes through zeros by itself. A coordinate that does not
  // move keeps what it has beyond them: a point on the very edge of the map is in a cell behind the last one.
  if (east != 0) x = (east > 0 ? (x | (kLatitudeBits & used)) + 1 : x - 2) & kLongitudeBits & used;
  if (north != 0) y = (north > 0 ? (y | (kLongitudeBits & used)) + 1 : y - 1) & kLatitudeBits & used;
  return {x | y, cell.step};
}

double geo_latitude_distance(double a, double b) {
  return kEarthRadius * std::fabs(radians(b) - radians(a));
}

double geo_distance(const GeoPoint& a, const GeoPoint& b) {
  const double v = std::sin((radians(b.longitude) - radians(a.longitude)) / 2);
  if (v == 0.0) return geo_latitude_distance(a.latitude, b.latitude);
  const double from = radians(a.latitude), to = radians(b.latitude);
  const double u = std::sin((to - from) / 2);
  const double h = u * u + std::cos(from) * std::cos(to) * v * v;
  return 2.0 * kEarthRadius * std::asin(std::sqrt(h));
}

}  // namespace tessera::commands
