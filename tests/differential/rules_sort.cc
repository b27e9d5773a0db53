// Role: when two replies of SORT that differ are both right: elements that compare equal may come in any
// order, and a set that is not sorted has none. See rules.h.
#include <strings.h>
#include <algorithm>

#include "tests/differential/rules.h"

namespace tessera::differential {
namespace {

using support::printable;
using support::Value;

constexpr int kTested = 0;
constexpr int kOracle = 1;

struct Call {
  std::string by;  // the last one
  size_t gets = 0;
  bool keep_order = false, alpha = false, limit = false;
};

bool is(const std::string& word, const char* name) {
  return strcasecmp(word.c_str(), name) == 0;
}

Call read_call(const std::vector<std::string>& args) {
  Call call;
  for (size_t i = 2; i < args.size(); ++i) {
    if (is(args[i], "by") && i + 1 < args.size()) {
      call.by = args[++i];
      call.keep_order |= call.by.find('*') == std::string::npos;
    } else if (is(args[i], "get") && i + 1 < args.size()) {
      ++call.gets;
      ++i;
    } else if (is(args[i], "limit")) {
      call.limit = true;
      i += 2;
    } else if (is(args[i], "alpha")) {
      call.alpha = true;
    }
  }
  return call;
}

// The weight of an element as text; nothing there is a text of its own.
std::string weight_of(const RuleInput& in, const Call& call, const std::string& element) {
  if (call.by.empty()) return element.substr(0, element.find('\0'));
  const size_t star = call.by.find('*');
  const size_t arrow = call.by.find("->", star);
  const bool is_field = arrow != std::string::npos && arrow + 2 < call.by.size();
  const std::string key = call.by.substr(0, star) + element +
                          call.by.substr(star + 1, is_field ? arrow - star - 1 : std::string::npos);
  // No question that a server would count as a failed one.
  if (is_field && in.ask(kOracle, {"TYPE", key}).text != "hash") return std::string("\0none", 5);
  const Value reply = is_field ? ask_both(in.ask, {"HMGET", key, call.by.substr(arrow + 2)})
                               : ask_both(in.ask, {"MGET", key});
  if (reply.items.size() != 1 || reply.items[0].is_null) return std::string("\0none", 5);
  const Value& value = reply.items[0];
  return value.text.substr(0, value.text.find('\0'));
}

// The same call with the elements themselves behind what it gets, without a destination: rows.
std::vector<std::vector<std::string>> rows_of(const RuleInput& in, int side, const Call& call) {
  std::vector<std::string> args = in.args;
  if (call.gets != 0) args.insert(args.end(), {"GET", "#"});
  const Value reply = in.ask(side, args);
  const size_t width = call.gets == 0 ? 1 : call.gets + 1;
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i + width <= reply.items.size(); i += width) {
    std::vector<std::string> row;
    for (size_t k = 0; k < width; ++k) {
      const Value& item = reply.items[i + k];
      row.push_back(item.is_null ? std::string("\0null", 5) : item.text);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::string check_sort(const RuleInput& in) {
  if (in.ours.type != in.theirs.type || in.ours.items.size() != in.theirs.items.size())
    return "replies differ in type or length";
  if (!in.ours.is_array()) return "replies differ";
  const Call call = read_call(in.args);
  auto ours = rows_of(in, kTested, call), theirs = rows_of(in, kOracle, call);
  if (ours.size() != theirs.size()) return "numbers of elements differ";
  const bool is_set = in.ask(kOracle, {"TYPE", in.args[1]}).text == "set";
  if (call.keep_order && !is_set) return "the order of elements differs";
  if (!call.keep_order) {
    if (!call.alpha) return "numbers have one order only";
    for (size_t i = 0; i < ours.size(); ++i) {
      if (ours[i].back() == theirs[i].back()) continue;
      if (weight_of(in, call, ours[i].back()) != weight_of(in, call, theirs[i].back()))
        return "not in order: " + printable(ours[i].back(), 60) + " and " + printable(theirs[i].back(), 60);
    }
  }
  if (call.limit) return "";
  std::sort(ours.begin(), ours.end());
  std::sort(theirs.begin(), theirs.end());
  return ours == theirs ? "" : "elements or values differ";
}

}  // namespace tessera::differential
