// Role: what a search looks inside of: circle, box, polygon; and the cells that cover it. Thread: any, pure.
// Lengths are in the unit the client chose, `metres_per_unit` turns them into metres.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "server/commands/geo/geohash.h"

namespace tessera::commands {

struct GeoShape {
  enum class Kind : uint8_t { kNone, kCircle, kBox, kPolygon };
  Kind kind = Kind::kNone;
  GeoPoint centre;
  double metres_per_unit = 1;
  double radius = 0;
  double width = 0, height = 0;
  std::vector<GeoPoint> corners;

  // Sets the centre of a polygon: the mean of its corners.
  void find_centre();
  // Whether it is inside, and how far it is from the centre, in metres.
  bool contains(const GeoPoint& point, double* distance) const;
  // The cell of the centre and its neighbours, without those that cannot have anything: none() where there is
  // nothing to look at.
  std::array<GeoCell, 9> cells() const;

 private:
  double half_height() const;  // in metres
  double half_width() const;
  GeoArea bounds() const;
  bool inside_polygon(const GeoPoint& point) const;
};

}  // namespace tessera::commands
