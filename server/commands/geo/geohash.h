// Role: longitude and latitude as interleaved bits, cells of the earth and their neighbours, distances.
// Thread: any, pure. Angles are degrees, distances metres.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace tessera::commands {

struct GeoPoint {
  double longitude = 0, latitude = 0;
};

inline constexpr int kGeoMaxStep = 26;  // bits of each coordinate
inline constexpr double kLongitudeMax = 180, kLatitudeMax = 85.05112878;

// A cell: `step` bits of each coordinate. step 0: none.
struct GeoCell {
  uint64_t bits = 0;
  int step = 0;
  bool none() const { return bits == 0 && step == 0; }
  bool operator==(const GeoCell& other) const { return bits == other.bits && step == other.step; }
};

struct GeoArea {
  double west = 0, east = 0, south = 0, north = 0;
};

bool geo_in_range(const GeoPoint& point);
// `latitude_max`: 90 for the geohash everybody else uses. REQUIRES: inside the range
GeoCell geo_cell(const GeoPoint& point, int step, double latitude_max = kLatitudeMax);
GeoArea geo_area(const GeoCell& cell);
// The score of a sorted set, and the middle of the cell it names.
double geo_score(const GeoPoint& point);
GeoPoint geo_point(double score);
// 11 characters, of which the last one is always 0.
std::string geo_text(const GeoPoint& point);
GeoCell geo_neighbour(const GeoCell& cell, int east, int north);

double geo_distance(const GeoPoint& a, const GeoPoint& b);
double geo_latitude_distance(double a, double b);

}  // namespace tessera::commands
