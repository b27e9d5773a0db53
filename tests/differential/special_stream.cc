// Role: commands on streams by hand: ids that rise over the run, so that entries can be added, and others
// near them, so that they are met again; edges of 64 bits now and then. Thread: any. XADD is never sent with
// "*": its id would be the clock's. Times are now, or so long ago that two clocks agree on who is idle.
#include "tests/differential/special_stream.h"

#include <charconv>
#include <string>

namespace tessera::differential {
namespace {

using Words = std::vector<std::string>;

Op op_of(Words args) {
  Op op;
  op.args = std::move(args);
  return op;
}

std::string stream_key(Values& v) {
  if (v.percent(2)) return v.key();
  return "stream:" + std::to_string(v.below(7));  // as Values::key_of()
}

std::string group(Values& v) {
  static const Words kGroups = {"g", "g", "g2", "", "a b"};
  return v.percent(1) ? "nosuch" : v.pick(kGroups);
}

std::string consumer(Values& v) {
  static const Words kConsumers = {"c", "c1", "c10", "c2", "", "Z"};
  return v.pick(kConsumers);
}

constexpr uint64_t kFirstMs = 5000000000000;

std::string id_at(uint64_t number, bool with_seq = true) {
  const std::string ms = std::to_string(kFirstMs + number / 8);
  return with_seq ? ms + "-" + std::to_string(number % 8) : ms;
}

std::string odd_id(Values& v) {
  static const Words kIds = {"0",
                             "0-0",
                             "0-1",
                             "1",
                             "1-1",
                             "3-18446744073709551615",
                             "18446744073709551615",
                             "18446744073709551615-0",
                             "18446744073709551614-5",
                             "18446744073709551615-18446744073709551614",
                             "18446744073709551615-18446744073709551615",
                             "9223372036854775807-9223372036854775807",
                             "9223372036854775808-0",
                             "-",
                             "+",
                             "(1",
                             "(0-0",
                             "(18446744073709551615-18446744073709551615",
                             "(-",
                             "(",
                             "",
                             "$",
                             ">",
                             "1-*",
                             "0-*",
                             "5000000000000-*",
                             "abc",
                             "1-",
                             "-1",
                             "1--1",
                             "1--01",
                             " 1",
                             "+1",
                             "01-02",
                             "1-1-1",
                             "18446744073709551616",
                             "1-18446744073709551616"};
  return v.pick(kIds);
}

// Of an entry that may be there.
std::string known_id(Values& v) {
  if (v.percent(3)) return odd_id(v);
  const uint64_t last = v.rising_number();
  const uint64_t back = v.below(v.percent(70) ? 40 : 1500);
  return id_at(last > back ? last - back : 0, !v.percent(10));
}

std::string new_id(Values& v) {
  if (v.percent(2)) return odd_id(v);
  v.raise_number(1 + v.below(v.percent(5) ? 40 : 3));
  const std::string id = id_at(v.rising_number());
  return v.percent(12) ? id.substr(0, id.find('-')) + "-*" : id;
}

std::string range_id(Values& v, bool first) {
  if (v.percent(40)) return first ? "-" : "+";
  return (v.percent(20) ? "(" : "") + known_id(v);
}

// Garbles one word in fourteen commands: left out, doubled, replaced.
Op garble(Values& v, Words args) {
  if (v.percent(7) && args.size() > 1) {
    const size_t at = 1 + v.below(args.size() - 1);
    switch (v.below(4)) {
      case 0:
        args.erase(args.begin() + static_cast<long>(at));
        break;
      case 1:
        args.insert(args.begin() + static_cast<long>(at), args[at]);
        break;
      case 2:
        args[at] = v.percent(50) ? v.junk() : v.integer();
        break;
      default:
        args.push_back(v.junk());
    }
    // What is left must not ask for the clock.
    for (std::string& word : args) {
      if (word == "*") word = "junk";
    }
  }
  return op_of(std::move(args));
}

void add_trim(Values& v, Words& args) {
  args.push_back(v.random_case(v.percent(60) ? "MAXLEN" : "MINID"));
  const bool by_length = args.back()[1] == 'A' || args.back()[1] == 'a';
  const uint64_t kind = v.below(3);
  if (kind > 0) args.push_back(kind == 1 ? "~" : "=");
  if (v.percent(3)) {
    args.push_back(v.integer());
  } else if (by_length) {
    args.push_back(std::to_string(v.below(v.percent(50) ? 20 : 400)));
  } else {
    args.push_back(known_id(v));
  }
  if (kind == 1 ? v.percent(40) : v.percent(3)) {
    args.push_back(v.random_case("LIMIT"));
    args.push_back(v.percent(90) ? std::to_string(v.below(60)) : v.integer());
  }
}

void add_pairs(Values& v, Words& args) {
  static const Words kFields = {"a", "b", "field", "12", ""};
  const uint64_t pairs = v.percent(60) ? 1 : 1 + v.below(v.percent(5) ? 30 : 4);
  for (uint64_t i = 0; i < pairs; ++i) {
    args.push_back(v.percent(90) ? kFields[i % 2] : v.percent(80) ? v.pick(kFields) : v.string());
    args.push_back(v.percent(60) ? std::to_string(v.below(300)) : v.string());
  }
}

Op make_xadd(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XADD"), stream_key(v)};
  if (v.percent(10)) args.push_back(v.random_case("NOMKSTREAM"));
  if (v.percent(25)) add_trim(v, args);
  args.push_back(new_id(v));
  add_pairs(v, args);
  return garble(v, std::move(args));
}

Op make_xtrim(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XTRIM"), stream_key(v)};
  add_trim(v, args);
  return garble(v, std::move(args));
}

Op make_xdel(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XDEL"), stream_key(v)};
  for (uint64_t i = 0, n = 1 + v.below(6); i < n; ++i) args.push_back(known_id(v));
  return garble(v, std::move(args));
}

Op make_xlen(Generator& g, const CommandSpec&) {
  return garble(g.values(), {g.values().random_case("XLEN"), stream_key(g.values())});
}

Op make_xrange(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  const bool backwards = spec.name == "xrevrange";
  Words args = {v.random_case(spec.name), stream_key(v), range_id(v, !backwards), range_id(v, backwards)};
  if (v.percent(60)) {
    args.push_back(v.random_case("COUNT"));
    args.push_back(v.percent(85) ? std::to_string(v.below(12)) : v.count());
  }
  return garble(v, std::move(args));
}

Op make_xsetid(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XSETID"), stream_key(v), known_id(v)};
  if (v.percent(60)) {
    args.push_back(v.random_case("ENTRIESADDED"));
    args.push_back(v.percent(85) ? std::to_string(v.below(2000)) : v.integer());
  }
  if (v.percent(50)) {
    args.push_back(v.random_case("MAXDELETEDID"));
    args.push_back(known_id(v));
  }
  return garble(v, std::move(args));
}

void add_streams(Values& v, Words& args, bool is_group) {
  args.push_back(v.random_case("STREAMS"));
  const uint64_t keys = v.percent(60) ? 1 : 1 + v.below(4);
  for (uint64_t i = 0; i < keys; ++i) args.push_back(stream_key(v));
  for (uint64_t i = 0; i < keys; ++i) {
    if (is_group) {
      args.push_back(v.percent(70) ? ">" : v.percent(50) ? "0" : known_id(v));
    } else {
      args.push_back(v.percent(15) ? "$" : v.percent(30) ? "0-0" : known_id(v));
    }
  }
}

void add_count(Values& v, Words& args) {
  if (!v.percent(60)) return;
  args.push_back(v.random_case("COUNT"));
  args.push_back(v.percent(90) ? std::to_string(v.below(12)) : v.count());
}

// Nothing comes while it waits: see timeouts.h.
void add_block(Values& v, Words& args) {
  static const Words kWrong = {"-1", "abc", "", "1.5", "9223372036854775808"};
  if (!v.percent(8)) return;
  args.insert(args.end(), {v.random_case("BLOCK"), v.percent(30) ? v.pick(kWrong) : "1"});
}

Op make_xread(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XREAD")};
  add_count(v, args);
  add_block(v, args);
  add_streams(v, args, false);
  return garble(v, std::move(args));
}

Op make_xreadgroup(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XREADGROUP"), v.random_case("GROUP"), group(v), consumer(v)};
  add_count(v, args);
  if (v.percent(15)) args.push_back(v.random_case("NOACK"));
  add_block(v, args);
  add_streams(v, args, true);
  return garble(v, std::move(args));
}

// Of what was read: a count that reading takes past 2^63 is negative from then on, in redis-server too, and
// no command can say it again: none for effects to replay.
std::string read_count(Values& v) {
  constexpr int64_t kMost = INT64_MAX - (int64_t{1} << 32);
  std::string text = v.integer();
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number > kMost)
    return std::to_string(kMost);
  return text;
}

Op make_xgroup(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words args = {v.random_case("XGROUP"), v.random_case(spec.sub), stream_key(v), group(v)};
  if (spec.sub == "create" || spec.sub == "setid") {
    args.push_back(v.percent(25) ? "$" : v.percent(40) ? "0" : known_id(v));
    if (spec.sub == "create" && v.percent(60)) args.push_back(v.random_case("MKSTREAM"));
    if (v.percent(30)) {
      args.push_back(v.random_case("ENTRIESREAD"));
      args.push_back(v.percent(80) ? std::to_string(v.below(500)) : v.percent(50) ? "-1" : read_count(v));
    }
  } else if (spec.sub != "destroy") {
    args.push_back(consumer(v));
  }
  return garble(v, std::move(args));
}

Op make_xack(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XACK"), stream_key(v), group(v)};
  for (uint64_t i = 0, n = 1 + v.below(8); i < n; ++i) args.push_back(known_id(v));
  return garble(v, std::move(args));
}

// Nobody is idle for this long but by a claim that says so.
constexpr const char* kLongIdle = "500000000";

std::string min_idle(Values& v) {
  static const Words kEdges = {"-1", "9223372036854775807", "-9223372036854775808", "abc", "", "1.5"};
  if (v.percent(5)) return v.pick(kEdges);
  return v.percent(70) ? "0" : kLongIdle;
}

Op make_xclaim(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XCLAIM"), stream_key(v), group(v), consumer(v), min_idle(v)};
  for (uint64_t i = 0, n = 1 + v.below(6); i < n; ++i) args.push_back(known_id(v));
  static const Words kIdles = {"0", "1000000000000", "-1", "9223372036854775807", "-9223372036854775808",
                               "x"};
  static const Words kTimes = {"0", "1", "1000000000", "-1", "-5", "9223372036854775807", "x"};
  // The highest one that no run counts on from to the end, where redis-server's become negative and ours
  // stay.
  static const Words kCounts = {"0", "1", "7", "-1", "-2", "9223372036850000000", "9223372036854775808", "x"};
  if (v.percent(20)) args.insert(args.end(), {v.random_case("IDLE"), v.pick(kIdles)});
  if (v.percent(15)) args.insert(args.end(), {v.random_case("TIME"), v.pick(kTimes)});
  if (v.percent(20)) args.insert(args.end(), {v.random_case("RETRYCOUNT"), v.pick(kCounts)});
  if (v.percent(30)) args.push_back(v.random_case("FORCE"));
  if (v.percent(30)) args.push_back(v.random_case("JUSTID"));
  if (v.percent(15)) args.insert(args.end(), {v.random_case("LASTID"), known_id(v)});
  return garble(v, std::move(args));
}

Op make_xautoclaim(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XAUTOCLAIM"),
                stream_key(v),
                group(v),
                consumer(v),
                min_idle(v),
                v.percent(60) ? "0" : range_id(v, true)};
  static const Words kCounts = {"0", "-1", "1000000", "576460752303423488", "9223372036854775807", "x"};
  if (v.percent(60)) {
    args.push_back(v.random_case("COUNT"));
    args.push_back(v.percent(85) ? std::to_string(1 + v.below(8)) : v.pick(kCounts));
  }
  if (v.percent(30)) args.push_back(v.random_case("JUSTID"));
  return garble(v, std::move(args));
}

Op make_xpending(Generator& g, const CommandSpec&) {
  Values& v = g.values();
  Words args = {v.random_case("XPENDING"), stream_key(v), group(v)};
  if (v.percent(70)) {
    if (v.percent(30)) args.insert(args.end(), {v.random_case("IDLE"), min_idle(v)});
    args.insert(args.end(), {range_id(v, true), range_id(v, false),
                             v.percent(85) ? std::to_string(v.below(12)) : v.count()});
    if (v.percent(40)) args.push_back(consumer(v));
  }
  return garble(v, std::move(args));
}

Op make_xinfo(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words args = {v.random_case("XINFO"), v.random_case(spec.sub), stream_key(v)};
  if (spec.sub == "consumers") args.push_back(group(v));
  if (spec.sub == "stream" && v.percent(60)) {
    args.push_back(v.random_case("FULL"));
    if (v.percent(60)) {
      args.insert(args.end(),
                  {v.random_case("COUNT"), v.percent(85) ? std::to_string(v.below(12)) : v.count()});
    }
  }
  return garble(v, std::move(args));
}

// Now and then a stream goes as a whole, so that those that are stuck at the last id do not fill the run.
Op make_del(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(50)) return g.from_grammar(spec);
  return op_of({v.random_case("DEL"), stream_key(v)});
}

Op make_copy(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(70)) return g.from_grammar(spec);
  return op_of({v.random_case("COPY"), stream_key(v), stream_key(v), "REPLACE"});
}

}  // namespace

const std::vector<Special>& stream_specials() {
  static const std::vector<Special> kTable = {
      {"xadd", make_xadd, 90, false},
      {"xtrim", make_xtrim, 8, false},
      {"xdel", make_xdel, 25, false},
      {"xlen", make_xlen, 6, false},
      {"xrange", make_xrange, 20, false},
      {"xrevrange", make_xrange, 20, false},
      {"xsetid", make_xsetid, 4, false},
      {"xread", make_xread, 20, false},
      {"xreadgroup", make_xreadgroup, 50, false},
      {"xgroup|create", make_xgroup, 14, false},
      {"xgroup|setid", make_xgroup, 6, false},
      {"xgroup|destroy", make_xgroup, 2, false},
      {"xgroup|createconsumer", make_xgroup, 5, false},
      {"xgroup|delconsumer", make_xgroup, 3, false},
      {"xack", make_xack, 30, false},
      {"xclaim", make_xclaim, 25, false},
      {"xautoclaim", make_xautoclaim, 15, false},
      {"xpending", make_xpending, 25, false},
      {"xinfo|stream", make_xinfo, 15, false},
      {"xinfo|groups", make_xinfo, 10, false},
      {"xinfo|consumers", make_xinfo, 10, false},
      {"del", make_del, 10, true},
      {"copy", make_copy, 6, true},
  };
  return kTable;
}

}  // namespace tessera::differential
