// Role: see minimize.h. First the shortest tail that shows it, then halves, quarters ... are left out (delta
// debugging).
#include "tests/differential/minimize.h"

#include <algorithm>

namespace tessera::differential {
namespace {

// One command and the pipeline it belongs to: what is left of a pipeline stays one.
struct Unit {
  size_t pipeline;
  int connection;
  const Op* op;
};
using Units = std::vector<Unit>;

Units take_apart(const std::vector<Batch>& stream, bool one_by_one) {
  Units units;
  for (size_t i = 0; i < stream.size(); ++i) {
    for (const Op& op : stream[i].ops)
      units.push_back({one_by_one ? units.size() : i, stream[i].connection, &op});
  }
  return units;
}

std::vector<Batch> put_together(const Units& units) {
  std::vector<Batch> stream;
  for (size_t i = 0; i < units.size(); ++i) {
    if (i == 0 || units[i].pipeline != units[i - 1].pipeline) stream.push_back({units[i].connection, {}});
    stream.back().ops.push_back(*units[i].op);
  }
  return stream;
}

class Minimizer {
 public:
  Minimizer(const Shows& shows, int max_runs) : shows_(shows), runs_(max_runs) {}

  bool shows(const Units& units) {
    --runs_;
    return shows_(put_together(units));
  }

  // The shortest tail, of a power of two, that shows it; empty: not even all do.
  Units shortest_tail(const Units& all) {
    for (size_t length = 1; length < all.size() && runs_ > 0; length *= 2) {
      Units tail(all.end() - static_cast<int64_t>(length), all.end());
      if (shows(tail)) return tail;
    }
    return shows(all) ? all : Units{};
  }

  Units leave_out(Units units) {
    for (size_t chunk = std::max<size_t>(1, units.size() / 2); runs_ > 0;
         chunk = std::max<size_t>(1, chunk / 2)) {
      bool shorter = false;
      for (size_t begin = 0; begin < units.size() && runs_ > 0 && units.size() > 1;) {
        const size_t end = std::min(units.size(), begin + chunk);
        Units rest(units.begin(), units.begin() + static_cast<int64_t>(begin));
        rest.insert(rest.end(), units.begin() + static_cast<int64_t>(end), units.end());
        if (!rest.empty() && shows(rest)) {
          units = std::move(rest);
          shorter = true;
        } else {
          begin = end;
        }
      }
      if (chunk == 1 && !shorter) break;
    }
    return units;
  }

 private:
  const Shows& shows_;
  int runs_;
};

}  // namespace

std::vector<Batch> minimize(const std::vector<Batch>& stream, const Shows& shows, int max_runs) {
  Minimizer minimizer(shows, max_runs);
  Units units = minimizer.shortest_tail(take_apart(stream, true));
  if (units.empty()) units = minimizer.shortest_tail(take_apart(stream, false));  // only pipelines show it
  if (units.empty()) return stream;
  return put_together(minimizer.leave_out(std::move(units)));
}

}  // namespace tessera::differential
