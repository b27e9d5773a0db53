// Role: slots among arguments. See slot_arguments.h.
#include "server/cluster/slot_arguments.h"

#include "common/text/integers.h"

namespace tessera::cluster {

int parse_slot(std::string_view text) {
  const auto slot = text::parse_int64(text);
  return slot && *slot >= 0 && *slot < hash::kSlotCount ? static_cast<int>(*slot) : -1;
}

namespace {

std::string read_ranges(const registry::Args& args, std::vector<std::pair<int, int>>& ranges, bool pairs) {
  for (size_t i = 2; i < args.size(); i += pairs ? 2 : 1) {
    const int first = parse_slot(args[i]);
    const int last = pairs ? parse_slot(args[i + 1]) : first;
    if (first < 0 || last < 0) return "ERR Invalid or out of range slot";
    if (first > last) {
      return "ERR start slot number " + std::to_string(first) + " is greater than end slot number " +
             std::to_string(last);
    }
    ranges.emplace_back(first, last);
  }
  return {};
}

}  // namespace

std::string read_slots(const registry::Args& args, bool ranges, bool take, const SlotSet& mine,
                       SlotSet& slots) {
  std::vector<std::pair<int, int>> wanted;
  std::string error = read_ranges(args, wanted, ranges);
  if (!error.empty()) return error;
  for (const auto& [first, last] : wanted) {
    for (int slot = first; slot <= last; ++slot) {
      const auto place = static_cast<size_t>(slot);
      if (take && mine[place]) return "ERR Slot " + std::to_string(slot) + " is already busy";
      if (!take && !mine[place]) return "ERR Slot " + std::to_string(slot) + " is already unassigned";
      if (slots[place]) return "ERR Slot " + std::to_string(slot) + " specified multiple times";
      slots[place] = true;
    }
  }
  return {};
}

}  // namespace tessera::cluster
