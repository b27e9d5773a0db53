// Role: rules for replies about the server itself: INFO, CLIENT LIST, CONFIG GET, COMMAND, MEMORY, help
// texts. What both servers name must agree where it says something about data or protocol; process facts are
// checked for presence and shape.
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <set>

#include "tests/differential/rules.h"

namespace tessera::differential {

using support::printable;
using support::Value;

namespace {

using Fields = std::map<std::string, std::string>;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end; (end = text.find(separator, begin)) != std::string::npos; begin = end + 1) {
    parts.push_back(text.substr(begin, end - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// "k=v k=v" or "k:v\r\nk:v".
Fields read_fields(const std::string& text, char between, char separator) {
  Fields fields;
  for (std::string part : split(text, between)) {
    while (!part.empty() && (part.back() == '\r' || part.back() == '\n')) part.pop_back();
    const size_t at = part.find(separator);
    if (at != std::string::npos) fields[part.substr(0, at)] = part.substr(at + 1);
  }
  return fields;
}

std::string missing_field(const Fields& ours, const Fields& theirs) {
  for (const auto& [name, value] : theirs) {
    if (ours.count(name) == 0) return name;
  }
  return "";
}

std::string compare_named(const Fields& ours, const Fields& theirs,
                          std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto a = ours.find(name), b = theirs.find(name);
    if (b == theirs.end()) continue;
    if (a == ours.end()) return std::string("no field ") + name;
    if (a->second != b->second) return std::string(name) + " is " + a->second + ", not " + b->second;
  }
  return "";
}

// Of "keys=5,expires=2,avg_ttl=0": without what depends on clocks.
std::string without_avg_ttl(const std::string& line) {
  std::string kept;
  for (const std::string& part : split(line, ',')) {
    if (part.rfind("keys=", 0) == 0 || part.rfind("expires=", 0) == 0) kept += part + ",";
  }
  return kept;
}

std::set<std::string> sections(const std::string& text) {
  std::set<std::string> found;
  for (const std::string& line : split(text, '\n')) {
    if (line.rfind("# ", 0) == 0) found.insert(line);
  }
  return found;
}

}  // namespace

std::string check_info(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  const std::string ours_text(in.ours.body()), theirs_text(in.theirs.body());
  const std::set<std::string> ours_sections = sections(ours_text), theirs_sections = sections(theirs_text);
  for (const std::string& section : theirs_sections) {
    if (ours_sections.count(section) == 0) return "no section " + section;
  }
  if (theirs_sections.empty() && !ours_sections.empty()) return "sections where there are none";
  Fields ours = read_fields(ours_text, '\n', ':'), theirs = read_fields(theirs_text, '\n', ':');
  for (auto& [name, value] : theirs) {
    const bool keyspace = name.rfind("db", 0) == 0 && value.rfind("keys=", 0) == 0;
    if (keyspace && without_avg_ttl(ours[name]) != without_avg_ttl(value)) {
      return name + " is " + ours[name] + ", not " + value;
    }
    // Which commands ran, and how often, is compared by the session at the end; histograms hold times.
    if (name.rfind("latency_percentiles_usec_", 0) == 0) continue;
    // Several errors within one reply of a script count as one here (tests/README.md).
    if (name.rfind("errorstat_", 0) == 0) continue;
    if (name.rfind("cmdstat_", 0) == 0 && !in.common_command(name.substr(8))) continue;
    if (ours.count(name) == 0) return "no field " + name;
  }
  return compare_named(ours, theirs,
                       {"redis_mode", "role", "maxmemory", "maxmemory_policy", "cluster_enabled",
                        "connected_slaves", "loading", "arch_bits", "blocked_clients", "tracking_clients",
                        "evicted_keys", "pubsub_channels", "pubsub_patterns"});
}

// CLIENT LIST and CLIENT INFO: "id=3 addr=... fd=8 name= age=0 ...".
std::string check_client_list(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  std::vector<std::string> ours = split(std::string(in.ours.body()), '\n');
  std::vector<std::string> theirs = split(std::string(in.theirs.body()), '\n');
  // The driver's own connections answer different questions on the two sides.
  for (std::vector<std::string>* list : {&ours, &theirs}) {
    const auto own = [](const std::string& line) {
      return line.empty() || line.find(" name=differential-") != std::string::npos;
    };
    list->erase(std::remove_if(list->begin(), list->end(), own), list->end());
  }
  if (ours.size() != theirs.size()) {
    return std::to_string(ours.size()) + " clients, not " + std::to_string(theirs.size());
  }
  std::vector<std::string> ours_state, theirs_state;
  for (size_t i = 0; i < ours.size(); ++i) {
    const Fields a = read_fields(ours[i], ' ', '='), b = read_fields(theirs[i], ' ', '=');
    const std::string missing = missing_field(a, b);
    if (!missing.empty()) return "no field " + missing;
    const auto state = [](const Fields& f) {
      std::string text;
      for (const char* name : {"name", "flags", "db", "sub", "psub", "ssub", "multi", "cmd", "user",
                               "redir", "resp"}) {
        const auto found = f.find(name);
        (text += name) += "=" + (found != f.end() ? found->second : "?") + " ";
      }
      return text;
    };
    ours_state.push_back(state(a));
    theirs_state.push_back(state(b));
  }
  std::sort(ours_state.begin(), ours_state.end());
  std::sort(theirs_state.begin(), theirs_state.end());
  return compare_lists(ours_state, theirs_state);
}

std::string check_positive_integer(const RuleInput& in) {
  if (in.ours.type != ':') return "not an integer";
  return in.ours.integer > 0 ? "" : "not positive";
}

std::string check_idletime(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  // redis-server's small integers are one object for all keys: its time is that of whoever used it last.
  constexpr int64_t kShared = 2147483647;
  const Ask& ask = in.ask;
  if (in.ours.integer >= 0 && in.args.size() == 3 && std::llabs(in.ours.integer - in.theirs.integer) > 10 &&
      ask(1, {"OBJECT", "REFCOUNT", in.args[2]}).integer == kShared) {
    return "";
  }
  return std::llabs(in.ours.integer - in.theirs.integer) <= 10 ? "" : "idle times differ by more than 10 s";
}

// Who saves after FLUSHALL asks for save points a moment later, so the two may save at different times: what is
// compared is that both tell a time of the last day.
std::string check_lastsave(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  constexpr int64_t kDay = 86400;
  const int64_t now = std::time(nullptr);
  return in.ours.integer <= now && now - in.ours.integer < kDay ? "" : "not a time of the last day";
}

namespace {

Fields read_pairs(const Value& list) {
  Fields fields;
  for (size_t i = 0; i + 1 < list.items.size(); i += 2) fields[list.items[i].text] = list.items[i + 1].text;
  return fields;
}

// Parameters whose value is the process's own.
bool is_own_parameter(const std::string& name) {
  static const std::set<std::string> kOwn = {
      "port",         "dir",      "logfile",    "pidfile",   "unixsocket", "bind", "cluster-config-file",
      "cluster-port", "tls-port", "io-threads", "maxclients"};
  return kOwn.count(name) != 0;
}

}  // namespace

std::string check_config_get(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  const Fields ours = read_pairs(in.ours), theirs = read_pairs(in.theirs);
  for (const auto& [name, value] : theirs) {
    const auto found = ours.find(name);
    if (found == ours.end()) return "no parameter " + name;
    if (found->second != value && !is_own_parameter(name)) {
      return name + " is " + printable(found->second, 60) + ", not " + printable(value, 60);
    }
  }
  return "";
}

std::string check_command_list(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  const auto common = [&](const Value& list) {
    std::vector<std::string> names;
    for (const std::string& name : sorted_texts(list)) {
      if (in.common_command(name)) names.push_back(name);
    }
    return names;
  };
  if (in.args.size() == 2 && lower(in.args[0]) == "acl")
    return compare_lists(sorted_texts(in.ours), sorted_texts(in.theirs));
  return compare_lists(common(in.ours), common(in.theirs));
}

// COMMAND and COMMAND INFO: rows of newer servers carry more flags and tips (they are compared with the facts
// by tests/integration); name, arity and keys must agree.
std::string check_command_rows(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  std::map<std::string, const Value*> ours;
  for (const Value& row : in.ours.items) {
    if (row.items.size() >= 6) ours[row.items[0].text] = &row;
  }
  if (in.args.size() > 1 && in.ours.items.size() != in.theirs.items.size()) return "numbers of rows differ";
  for (const Value& row : in.theirs.items) {
    if (row.items.size() < 6 || !in.common_command(row.items[0].text)) continue;
    const auto found = ours.find(row.items[0].text);
    if (found == ours.end()) return "no row " + row.items[0].text;
    if (found->second->items.size() != row.items.size())
      return "rows of different length: " + row.items[0].text;
    for (size_t i : {size_t{1}, size_t{3}, size_t{4}, size_t{5}}) {
      if (found->second->items[i].integer != row.items[i].integer)
        return "arity or keys differ: " + row.items[0].text;
    }
  }
  return "";
}

std::string check_command_docs(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  const Fields ours = read_pairs(in.ours), theirs = read_pairs(in.theirs);
  for (size_t i = 0; i + 1 < in.theirs.items.size(); i += 2) {
    const std::string& name = in.theirs.items[i].text;
    if (!in.common_command(name)) continue;
    if (ours.count(name) == 0) return "no docs of " + name;
    for (size_t j = 0; j + 1 < in.ours.items.size(); j += 2) {
      if (in.ours.items[j].text != name) continue;
      const Fields a = read_pairs(in.ours.items[j + 1]), b = read_pairs(in.theirs.items[i + 1]);
      for (const char* field : {"summary", "since", "group", "complexity"}) {
        if (b.count(field) != 0 && a.count(field) == 0) return name + " has no " + field;
      }
      const std::string problem = compare_named(a, b, {"group"});
      if (!problem.empty()) return name + ": " + problem;
    }
  }
  return "";
}

std::string check_hello(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  if (in.ours.items.size() != in.theirs.items.size()) return "numbers of fields differ";
  for (size_t i = 0; i + 1 < in.theirs.items.size(); i += 2) {
    const std::string& name = in.theirs.items[i].text;
    const Value &a = in.ours.items[i + 1], &b = in.theirs.items[i + 1];
    if (in.ours.items[i].text != name) return "field " + in.ours.items[i].text + " in place of " + name;
    if (a.type != b.type) return "another type: " + name;
    if (name == "id") {
      if (a.integer <= 0) return "id is not positive";
    } else if (a.text != b.text || a.integer != b.integer || a.items.size() != b.items.size()) {
      return name + " differs";
    }
  }
  return "";
}

// The texts are ours, the shape is theirs: simple strings, the first names the command, the last two are
// HELP's own.
std::string check_help(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  if (in.ours.items.size() < 3) return "too short";
  for (const Value& line : in.ours.items) {
    if (line.type != in.theirs.items[0].type) return "a line of another type";
  }
  const std::string name = lower(in.args[0]);
  if (lower(in.ours.items[0].text).rfind(name, 0) != 0) return "does not begin with the command's name";
  return "";
}

std::string check_text(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  return in.ours.body().empty() ? "empty" : "";
}

std::string check_memory_usage(const RuleInput& in) {
  if (in.ours.type != in.theirs.type || in.ours.is_null != in.theirs.is_null)
    return "types of the replies differ";
  if (in.ours.is_null) return "";
  if (in.ours.integer <= 0) return "not positive";
  // A key costs at least its bytes; more than four times the oracle's figure (and not small) is a wrong
  // count.
  return in.ours.integer <= 4 * in.theirs.integer + 4096 ? "" : "far more than the oracle's";
}

std::string check_memory_stats(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  const Fields ours = read_pairs(in.ours), theirs = read_pairs(in.theirs);
  const std::string missing = missing_field(ours, theirs);
  return missing.empty() ? "" : "no field " + missing;
}

// "Value at:0x... refcount:1 encoding:embstr serializedlength:5 lru:123 lru_seconds_idle:0"
std::string check_debug(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  const Fields ours = read_fields(in.ours.text, ' ', ':'), theirs = read_fields(in.theirs.text, ' ', ':');
  const auto our_encoding = ours.find("encoding"), their_encoding = theirs.find("encoding");
  if (our_encoding != ours.end() && their_encoding != theirs.end() &&
      our_encoding->second != their_encoding->second &&
      encodings_agree(in.args[2], our_encoding->second, their_encoding->second, in.ask)) {
    return "";  // what differs has another length and other fields
  }
  const std::string missing = missing_field(ours, theirs);
  if (!missing.empty()) return "no field " + missing;
  // The length of collections in a file is known where files are written.
  const bool is_string =
      our_encoding != ours.end() &&
      (our_encoding->second == "int" || our_encoding->second == "embstr" || our_encoding->second == "raw");
  if (!is_string) return compare_named(ours, theirs, {"encoding"});
  return compare_named(ours, theirs, {"encoding", "serializedlength"});
}

}  // namespace tessera::differential
