// Role: rules of replies about sets: members come in any order, random ones are any of them. See rules.h.
// What SPOP took from the oracle's set is put right here, so that both sets stay the same.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "tests/differential/rules.h"

namespace tessera::differential {

using support::printable;
using support::Value;

namespace {

constexpr int kTested = 0;
constexpr int kOracle = 1;

std::set<std::string> members_of(const RuleInput& in, const std::string& key) {
  std::set<std::string> members;
  for (const Value& item : ask_both(in.ask, {"SMEMBERS", key}).items) members.insert(item.text);
  return members;
}

// One text, or the texts of a list.
std::vector<std::string> texts_of(const Value& reply) {
  if (reply.is_null) return {};
  return reply.is_array() ? sorted_texts(reply) : std::vector<std::string>{reply.text};
}

bool all_distinct(const std::vector<std::string>& sorted) {
  return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

}  // namespace

std::string check_unordered(const RuleInput& in) {
  if (in.ours.type != in.theirs.type || in.ours.is_null != in.theirs.is_null)
    return "types of the replies differ";
  return compare_lists(sorted_texts(in.ours), sorted_texts(in.theirs));
}

std::string check_spop(const RuleInput& in) {
  if (in.ours.type != in.theirs.type || in.ours.is_null != in.theirs.is_null)
    return "types of the replies differ";
  const std::vector<std::string> ours = texts_of(in.ours), theirs = texts_of(in.theirs);
  if (ours.size() != theirs.size()) return "numbers of members differ";
  if (ours == theirs) return "";
  if (!all_distinct(ours)) return "a member came twice";
  // Theirs go back and ours go; never is the set empty meanwhile, so that it keeps its expiry.
  const std::string& key = in.args[1];
  std::vector<std::string> add = {"SADD", key}, remove = {"SREM", key};
  add.insert(add.end(), theirs.begin(), theirs.end());
  remove.insert(remove.end(), ours.begin(), ours.end());
  (void)in.ask(kOracle, add);
  const Value removed = in.ask(kOracle, remove);
  return removed.integer == static_cast<int64_t>(ours.size()) ? "" : "something popped was no member";
}

std::string check_srandmember(const RuleInput& in) {
  if (in.ours.type != in.theirs.type || in.ours.is_null != in.theirs.is_null)
    return "types of the replies differ";
  const std::vector<std::string> ours = texts_of(in.ours);
  if (ours.size() != texts_of(in.theirs).size()) return "numbers of members differ";
  const bool repeats = in.args.size() > 2 && in.args[2][0] == '-';
  if (!repeats && !all_distinct(ours)) return "a member came twice";
  const std::set<std::string> members = members_of(in, in.args[1]);
  for (const std::string& member : ours) {
    if (members.count(member) == 0) return "no member: " + printable(member, 60);
  }
  return "";
}

namespace {

// Follows an element scan to its end. False: a reply was malformed, or it does not end.
bool finish_element_scan(const RuleInput& in, int side, Value reply, std::set<std::string>& elements) {
  std::vector<std::string> next = in.args;
  for (int round = 0; round < 100000; ++round) {
    if (reply.items.size() != 2 || !reply.items[1].is_array()) return false;
    for (const Value& item : reply.items[1].items) elements.insert(item.text);
    if (reply.items[0].text == "0") return true;
    next[2] = reply.items[0].text;
    reply = in.ask(side, next);
  }
  return false;
}

}  // namespace

std::string check_sscan(const RuleInput& in) {
  std::set<std::string> ours, theirs;
  if (std::strtoull(in.args[2].c_str(), nullptr, 10) != 0) {  // a cursor out of the blue
    const std::set<std::string> members = members_of(in, in.args[1]);
    if (in.ours.items.size() != 2) return "not a reply of SSCAN";
    for (const Value& item : in.ours.items[1].items) {
      if (members.count(item.text) == 0) return "no member: " + printable(item.text, 60);
    }
    return "";
  }
  if (!finish_element_scan(in, kTested, in.ours, ours)) return "the iteration is malformed or does not end";
  if (!finish_element_scan(in, kOracle, in.theirs, theirs)) return "the oracle's iteration failed";
  return compare_lists({ours.begin(), ours.end()}, {theirs.begin(), theirs.end()});
}

}  // namespace tessera::differential
