// Role: rules about sorted sets: random members, iterations, places that are equally far away. See rules.h.
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

// Members with their scores, whether the reply is flat or of pairs.
std::vector<std::pair<std::string, std::string>> pairs_of(const Value& list, bool with_scores) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const Value& item = list.items[i];
    if (item.items.size() == 2) {
      pairs.emplace_back(item.items[0].text, item.items[1].text);
    } else if (with_scores) {
      pairs.emplace_back(item.text, i + 1 < list.items.size() ? list.items[i + 1].text : "");
      ++i;
    } else {
      pairs.emplace_back(item.text, "");
    }
  }
  return pairs;
}

bool finish_zscan(const RuleInput& in, int side, Value reply, std::map<std::string, std::string>& found) {
  std::vector<std::string> next = in.args;
  for (int round = 0; round < 100000; ++round) {
    if (reply.items.size() != 2 || !reply.items[1].is_array()) return false;
    for (const auto& [member, score] : pairs_of(reply.items[1], true)) found[member] = score;
    if (reply.items[0].text == "0") return true;
    next[2] = reply.items[0].text;
    reply = in.ask(side, next);
  }
  return false;
}

}  // namespace

std::string check_zscan(const RuleInput& in) {
  if (in.args.size() < 3) return "an incomplete ZSCAN was not refused";
  // A cursor out of the blue: what it names is the server's own affair.
  if (std::strtoull(in.args[2].c_str(), nullptr, 10) != 0) return in.ours.is_error() ? "refused" : "";
  std::map<std::string, std::string> ours, theirs;
  if (!finish_zscan(in, kTested, in.ours, ours)) return "the iteration is malformed or does not end";
  if (!finish_zscan(in, kOracle, in.theirs, theirs)) return "the oracle's iteration failed";
  return ours == theirs ? "" : "the iterations found different elements";
}

// With COUNT the order of places that are equally far away, and which of them are returned, is left open by
// redis-server's partial sort.
std::string check_places(const RuleInput& in) {
  if (!in.ours.is_array() || !in.theirs.is_array()) return "kinds of replies differ";
  if (in.ours.items.size() != in.theirs.items.size()) return "numbers of places differ";
  std::vector<std::string> all;  // the same without a count
  for (size_t i = 0; i < in.args.size(); ++i) {
    const std::string word = lower(in.args[i]);
    if (i > 1 && word == "count") {
      ++i;
    } else if (i < 2 || word != "any") {
      all.push_back(in.args[i]);
    }
  }
  all.push_back("WITHDIST");
  std::map<std::string, std::string> distances;
  for (const Value& place : in.ask(kOracle, all).items) {
    if (place.items.size() > 1) distances[place.items[0].text] = place.items[1].text;
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < in.ours.items.size(); ++i) {
    const Value &a = in.ours.items[i], &b = in.theirs.items[i];
    const std::string ours = a.items.empty() ? a.text : a.items[0].text;
    const std::string theirs = b.items.empty() ? b.text : b.items[0].text;
    if (!seen.insert(ours).second) return "a place twice: " + printable(ours, 60);
    if (ours == theirs) continue;
    const auto found = distances.find(ours);
    if (found == distances.end() || found->second != distances[theirs]) {
      return "different places: " + printable(ours, 60) + ", " + printable(theirs, 60);
    }
  }
  return "";
}

std::string check_zrandmember(const RuleInput& in) {
  if (in.ours.type != in.theirs.type || in.ours.is_null != in.theirs.is_null)
    return "kinds of replies differ";
  if (in.args.size() == 2) {
    return in.ask(kOracle, {"ZSCORE", in.args[1], in.ours.text}).is_null ? "no such member" : "";
  }
  const bool with_scores = in.args.size() > 3;
  if (in.ours.items.size() != in.theirs.items.size()) return "numbers of members differ";
  std::set<std::string> seen;
  for (const auto& [member, score] : pairs_of(in.ours, with_scores)) {
    const Value there = in.ask(kOracle, {"ZSCORE", in.args[1], member});
    if (there.is_null) return "no such member: " + printable(member, 60);
    if (with_scores && there.text != score) return "another score: " + printable(member, 60);
    if (!seen.insert(member).second && in.args[2][0] != '-')
      return "a member twice: " + printable(member, 60);
  }
  return "";
}

}  // namespace tessera::differential
