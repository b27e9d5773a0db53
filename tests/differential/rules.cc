// Role: the table of rules, and those about keys and times. See rules.h.
#include "tests/differential/rules.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tests/differential/values.h"

namespace tessera::differential {

using support::printable;
using support::Value;

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

const Rule* find_rule(const std::vector<std::string>& args) {
  static constexpr Rule kRules[] = {
      {"keys", check_keys, false},
      {"scan", check_scan, true},
      {"randomkey", check_randomkey, true},
      {"ttl", check_ttl_seconds, false},
      {"pttl", check_ttl_ms, false},
      {"expiretime", check_expiretime, false},
      {"pexpiretime", check_pexpiretime, false},
      {"time", check_time, true},
      {"hgetall", check_hgetall, false},
      {"hkeys", check_keys, false},
      {"hvals", check_keys, false},
      {"hscan", check_hscan, true},
      {"hrandfield", check_hrandfield, true},
      {"lolwut", check_text, true},
      {"info", check_info, false},
      {"hello", check_hello, false},
      {"client|id", check_positive_integer, true},
      {"client|list", check_client_list, false},
      {"client|info", check_client_list, false},
      {"object|idletime", check_idletime, false},
      {"lastsave", check_lastsave, true},
      {"config|get", check_config_get, false},
      {"command", check_command_rows, false},
      {"command|info", check_command_rows, false},
      {"command|docs", check_command_docs, false},
      {"command|list", check_command_list, false},
      {"command|count", check_positive_integer, true},
      {"acl|cat", check_command_list, false},
      {"acl|genpass", check_text, true},
      {"memory|usage", check_memory_usage, false},
      {"memory|stats", check_memory_stats, false},
      {"memory|doctor", check_text, true},
      {"memory|malloc-stats", check_text, true},
      {"debug|object", check_debug, false},
      {"cluster|help", check_help, false},
      {"object|encoding", check_encoding, false},
      {"dump", check_dump, false},
      {"function|list", check_function_list, false},
      {"function|load", check_name_is_taken, false, true},
      {"function|restore", check_name_is_taken, false, true},
      {"function|dump", check_function_dump, true},
      {"smembers", check_unordered, false},
      {"sinter", check_unordered, false},
      {"sunion", check_unordered, false},
      {"sdiff", check_unordered, false},
      {"spop", check_spop, false},
      {"sort", check_sort, false},
      {"sort_ro", check_sort, false},
      {"srandmember", check_srandmember, true},
      {"sscan", check_sscan, true},
      {"zscan", check_zscan, true},
      {"zrandmember", check_zrandmember, false},
      {"georadius", check_places, false},
      {"georadius_ro", check_places, false},
      {"georadiusbymember", check_places, false},
      {"georadiusbymember_ro", check_places, false},
      {"geosearch", check_places, false},
      {"xinfo|stream", check_stream_info, false},
      {"xinfo|consumers", check_stream_info, false},
      {"xpending", check_stream_pending, false},
  };
  if (args.empty()) return nullptr;
  const std::string name = lower(args[0]);
  const std::string full = args.size() > 1 ? name + "|" + lower(args[1]) : name;
  if (args.size() == 2 && lower(args[1]) == "help") {
    static constexpr Rule kHelp = {"help", check_help, false};
    for (const char* parent : {"client", "config", "object", "memory", "command", "acl", "debug", "cluster",
                               "module", "latency", "slowlog", "xgroup", "xinfo", "script", "function"}) {
      if (name == parent) return &kHelp;
    }
  }
  for (const Rule& rule : kRules) {
    if (full == rule.name) return &rule;
  }
  for (const Rule& rule : kRules) {
    if (name == rule.name) return &rule;
  }
  return nullptr;
}

std::vector<std::string> sorted_texts(const Value& list) {
  std::vector<std::string> texts;
  texts.reserve(list.items.size());
  for (const Value& item : list.items) texts.push_back(item.text);
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::string compare_lists(const std::vector<std::string>& ours, const std::vector<std::string>& theirs) {
  if (ours == theirs) return "";
  std::vector<std::string> missing, extra;
  std::set_difference(theirs.begin(), theirs.end(), ours.begin(), ours.end(), std::back_inserter(missing));
  std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(), std::back_inserter(extra));
  std::string text =
      "lists differ (" + std::to_string(ours.size()) + " and " + std::to_string(theirs.size()) + " elements)";
  for (size_t i = 0; i < missing.size() && i < 5; ++i) text += "; missing " + printable(missing[i], 200);
  for (size_t i = 0; i < extra.size() && i < 5; ++i) text += "; too many " + printable(extra[i], 200);
  return text;
}

std::string check_keys(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  return compare_lists(sorted_texts(in.ours), sorted_texts(in.theirs));
}

namespace {

constexpr int kTested = 0;
constexpr int kOracle = 1;

bool is_cursor(const std::string& text) {
  return !text.empty() && text.size() <= 20 && text.find_first_not_of("0123456789") == std::string::npos;
}

// Follows a cursor to the end of the iteration. False: a reply was malformed, or the iteration does not end.
bool finish_scan(const RuleInput& in, int side, Value reply, std::set<std::string>& keys) {
  std::vector<std::string> next = in.args;
  for (int round = 0; round < 1000000; ++round) {
    if (reply.items.size() != 2 || !is_cursor(reply.items[0].text) || !reply.items[1].is_array())
      return false;
    for (const Value& key : reply.items[1].items) keys.insert(key.text);
    if (reply.items[0].text == "0") return true;
    next[1] = reply.items[0].text;
    reply = in.ask(side, next);
  }
  return false;
}

}  // namespace

std::string check_scan(const RuleInput& in) {
  if (in.args.size() < 2) return "SCAN without a cursor was not refused";
  std::set<std::string> ours, theirs;
  if (std::strtoull(in.args[1].c_str(), nullptr, 10) != 0) {
    // A cursor out of the blue: what it names is the server's own affair, but keys must exist.
    if (in.ours.items.size() != 2 || !is_cursor(in.ours.items[0].text)) return "not a reply of SCAN";
    for (const Value& key : in.ours.items[1].items) {
      if (in.ask(kOracle, {"EXISTS", key.text}).integer != 1)
        return "no such key: " + printable(key.text, 60);
    }
    return "";
  }
  if (!finish_scan(in, kTested, in.ours, ours)) return "the iteration is malformed or does not end";
  if (!finish_scan(in, kOracle, in.theirs, theirs)) return "the oracle's iteration failed";
  return compare_lists({ours.begin(), ours.end()}, {theirs.begin(), theirs.end()});
}

std::string check_randomkey(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  if (in.ours.is_null != in.theirs.is_null) return "one database has keys, the other has none";
  if (in.ours.is_null) return "";
  if (in.ask(kOracle, {"EXISTS", in.ours.text}).integer == 1) return "";
  // It may have expired in between, but not one key after the other.
  Value key;
  for (int attempt = 0; attempt < 5; ++attempt) {
    key = in.ask(kTested, {"RANDOMKEY"});
    if (key.is_null || in.ask(kOracle, {"EXISTS", key.text}).integer == 1) return "";
  }
  return "no such key: " + printable(key.text, 60);
}

namespace {

// Both must be the same kind of answer; times to come may differ by the tolerance.
std::string compare_times(const RuleInput& in, int64_t unit_ms, bool absolute) {
  if (in.ours.type != ':' || in.theirs.type != ':') return "not an integer";
  const int64_t a = in.ours.integer, b = in.theirs.integer;
  if (a == b) return "";
  if (a < 0 || b < 0) return "one key has no expiry or does not exist";
  if (absolute && (is_exact_time(a * unit_ms) || is_exact_time(b * unit_ms))) return "absolute times differ";
  return std::llabs(a - b) <= kTimeToleranceMs / unit_ms ? "" : "times differ by more than the tolerance";
}

}  // namespace

std::string check_ttl_seconds(const RuleInput& in) {
  return compare_times(in, 1000, false);
}
std::string check_ttl_ms(const RuleInput& in) {
  return compare_times(in, 1, false);
}
std::string check_expiretime(const RuleInput& in) {
  return compare_times(in, 1000, true);
}
std::string check_pexpiretime(const RuleInput& in) {
  return compare_times(in, 1, true);
}

std::string check_time(const RuleInput& in) {
  if (in.ours.items.size() != 2 || in.theirs.items.size() != 2) return "not two elements";
  for (int i : {0, 1}) {
    if (in.ours.items[i].type != '$') return "not bulk strings";
  }
  const int64_t a = std::strtoll(in.ours.items[0].text.c_str(), nullptr, 10);
  const int64_t b = std::strtoll(in.theirs.items[0].text.c_str(), nullptr, 10);
  const int64_t micros = std::strtoll(in.ours.items[1].text.c_str(), nullptr, 10);
  if (std::llabs(a - b) > kTimeToleranceMs / 1000) return "seconds differ";
  return micros >= 0 && micros < 1000000 ? "" : "microseconds out of range";
}

}  // namespace tessera::differential
