// Role: rules for hashes: fields in no order, random ones, iterations.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "tests/differential/rules.h"

namespace tessera::differential {

using support::printable;
using support::Value;

namespace {

constexpr int kTested = 0;
constexpr int kOracle = 1;

// Elements two by two, each pair as one text.
std::vector<std::string> pairs_of(const std::vector<Value>& items) {
  std::vector<std::string> pairs;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    pairs.push_back(std::to_string(items[i].text.size()) + ":" + items[i].text + "=" + items[i + 1].text);
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

// The pairs of a whole iteration. False: a reply was malformed, or the iteration does not end.
bool finish_hscan(const RuleInput& in, int side, Value reply, std::set<std::string>& pairs) {
  std::vector<std::string> next = in.args;
  for (int round = 0; round < 1000000; ++round) {
    if (reply.items.size() != 2 || !reply.items[1].is_array() || reply.items[1].items.size() % 2 != 0) {
      return false;
    }
    for (std::string& pair : pairs_of(reply.items[1].items)) pairs.insert(std::move(pair));
    if (reply.items[0].text == "0") return true;
    next[2] = reply.items[0].text;
    reply = in.ask(side, next);
  }
  return false;
}

std::string check_random_field(const RuleInput& in, const std::string& field, const Value* value) {
  const Value theirs = in.ask(kOracle, {"HGET", in.args[1], field});
  if (theirs.is_null) return "no such field: " + printable(field, 60);
  if (value && value->text != theirs.text) return "another value of field " + printable(field, 60);
  return "";
}

}  // namespace

std::string check_hgetall(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  return compare_lists(pairs_of(in.ours.items), pairs_of(in.theirs.items));
}

std::string check_hscan(const RuleInput& in) {
  if (in.ours.is_error() || in.theirs.is_error()) {
    return in.ours.text == in.theirs.text ? "" : "errors differ";
  }
  if (in.ours.items.size() != 2) return "not a reply of HSCAN";
  if (std::strtoull(in.args[2].c_str(), nullptr, 10) != 0) {
    for (size_t i = 0; i + 1 < in.ours.items[1].items.size(); i += 2) {
      const std::string wrong =
          check_random_field(in, in.ours.items[1].items[i].text, &in.ours.items[1].items[i + 1]);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }
  std::set<std::string> ours, theirs;
  if (!finish_hscan(in, kTested, in.ours, ours)) return "the iteration is malformed or does not end";
  if (!finish_hscan(in, kOracle, in.theirs, theirs)) return "the oracle's iteration failed";
  return compare_lists({ours.begin(), ours.end()}, {theirs.begin(), theirs.end()});
}

std::string check_hrandfield(const RuleInput& in) {
  if (in.ours.type != in.theirs.type || in.ours.is_null != in.theirs.is_null) {
    return "types of the replies differ";
  }
  if (in.ours.is_error()) return in.ours.text == in.theirs.text ? "" : "errors differ";
  if (in.ours.is_null) return "";
  if (in.args.size() == 2) return check_random_field(in, in.ours.text, nullptr);
  if (in.ours.items.size() != in.theirs.items.size()) return "another number of fields";
  const bool values = in.args.size() == 4;
  std::map<std::string, int> seen;
  const std::vector<Value>& items = in.ours.items;
  for (size_t i = 0; i < items.size(); ++i) {
    const bool nested = values && items[i].is_array();
    if (nested && items[i].items.size() != 2) return "not a field and its value";
    const std::string& field = nested ? items[i].items[0].text : items[i].text;
    const Value* value = nested                           ? &items[i].items[1]
                         : values && i + 1 < items.size() ? &items[i + 1]
                                                          : nullptr;
    const std::string wrong = check_random_field(in, field, value);
    if (!wrong.empty()) return wrong;
    ++seen[field];
    if (values && !nested) ++i;
  }
  if (in.args[2][0] == '-') return "";
  for (const auto& [field, times] : seen) {
    if (times > 1) return "a field twice: " + printable(field, 60);
  }
  return "";
}

}  // namespace tessera::differential
