// Role: rules of commands on streams: everything must be equal but times and idle times, which may differ by
// the tolerance, and the number of nodes of an index that only we know. See rules.h.
#include <cstdlib>

#include "tests/differential/rules.h"

namespace tessera::differential {

using support::Value;

namespace {

bool within_tolerance(const Value& a, const Value& b) {
  if (a.type != ':' || b.type != ':') return false;
  return a.integer == b.integer ||
         (a.integer >= 0 && b.integer >= 0 && std::llabs(a.integer - b.integer) <= kTimeToleranceMs);
}

class Comparison {
 public:
  explicit Comparison(bool ignore_seen) : ignore_seen_(ignore_seen) {}

  // Empty: the same. `timed` >= 0: the element at this index of each item of this list is a time.
  std::string compare(const Value& a, const Value& b, int timed = -1) {
    if (a.type != b.type || a.is_null != b.is_null || a.items.size() != b.items.size())
      return "shapes differ";
    if (a.text != b.text || a.integer != b.integer) return "values differ: " + show(a) + " and " + show(b);
    for (size_t i = 0; i < a.items.size(); ++i) {
      const std::string problem = compare_item(a, b, i, timed);
      if (!problem.empty()) return problem;
    }
    return "";
  }

 private:
  static std::string show(const Value& v) {
    return v.type == ':' ? std::to_string(v.integer) : support::printable(v.text, 60);
  }

  std::string compare_item(const Value& a, const Value& b, size_t i, int timed) {
    const std::string name = i > 0 && a.items[i - 1].is_text() ? a.items[i - 1].text : "";
    const Value &ours = a.items[i], &theirs = b.items[i];
    if (name == "seen-time" || name == "idle") {
      if (ignore_seen_ && ours.type == ':' && theirs.type == ':') return "";
      return within_tolerance(ours, theirs) ? "" : name + " differs";
    }
    if (name == "radix-tree-nodes") {
      return ours.type == ':' && (ours.integer > 0) == (theirs.integer > 1) ? "" : "not a number of nodes";
    }
    if (name == "pending" && ours.is_array() && !ours.items.empty()) {
      return compare_pending(ours, theirs, ours.items[0].items.size() == 4 ? 2 : 1);
    }
    return compare(ours, theirs, timed);
  }

 public:
  // A list of pending entries: each has a time at `timed`.
  std::string compare_pending(const Value& a, const Value& b, size_t timed) {
    if (a.type != b.type || a.items.size() != b.items.size()) return "lists of pending entries differ";
    for (size_t i = 0; i < a.items.size(); ++i) {
      const Value &ours = a.items[i], &theirs = b.items[i];
      if (ours.items.size() != theirs.items.size() || ours.items.size() <= timed)
        return "pending entries differ";
      for (size_t k = 0; k < ours.items.size(); ++k) {
        const std::string problem = k == timed
                                        ? (within_tolerance(ours.items[k], theirs.items[k])
                                               ? ""
                                               : "times of pending entries differ: " + show(ours.items[k]) +
                                                     " and " + show(theirs.items[k]))
                                        : compare(ours.items[k], theirs.items[k]);
        if (!problem.empty()) return problem;
      }
    }
    return "";
  }

 private:
  bool ignore_seen_;
};

}  // namespace

std::string compare_stream_info(const Value& ours, const Value& theirs, bool ignore_seen) {
  return Comparison(ignore_seen).compare(ours, theirs);
}

std::string check_stream_info(const RuleInput& in) {
  return compare_stream_info(in.ours, in.theirs, false);
}

std::string check_stream_pending(const RuleInput& in) {
  Comparison comparison(false);
  // The summary has no times.
  const bool is_summary = in.args.size() == 3;
  return is_summary ? comparison.compare(in.ours, in.theirs)
                    : comparison.compare_pending(in.ours, in.theirs, 2);
}

}  // namespace tessera::differential
