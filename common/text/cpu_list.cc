// Role: see cpu_list.h.
#include "common/text/cpu_list.h"

#include <algorithm>
#include <cstdint>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::text {

namespace {

constexpr int64_t kMostCpus = 4096;

bool read_number(std::string_view text, int64_t least, int64_t& out) {
  return parse_int64(text, &out) && out >= least && out < kMostCpus;
}

}  // namespace

std::optional<std::vector<int>> parse_cpu_list(std::string_view list) {
  std::vector<int> cpus;
  for (std::string_view part : split(list, ',')) {
    part = trim(part, " \t");
    int64_t first = 0, last = 0, step = 1;
    const size_t colon = part.find(':');
    const std::string_view range = part.substr(0, colon);
    const size_t dash = range.find('-');
    // A step means something for a range only.
    if (colon != std::string_view::npos &&
        (dash == std::string_view::npos || !read_number(part.substr(colon + 1), 1, step)))
      return std::nullopt;
    if (!read_number(range.substr(0, dash), 0, first)) return std::nullopt;
    last = first;
    if (dash != std::string_view::npos && !read_number(range.substr(dash + 1), 0, last)) return std::nullopt;
    if (last < first) std::swap(first, last);
    for (int64_t cpu = first; cpu <= last; cpu += step) {
      if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end()) cpus.push_back(static_cast<int>(cpu));
    }
  }
  if (cpus.empty()) return std::nullopt;
  return cpus;
}

}  // namespace tessera::text
