// Role: commands on lists made by hand: elements that come back, lists beyond the limits of their nodes,
// counts of keys that redis-server 7.0.15 could not survive left out. Thread: any. See generator.h.
#include "tests/differential/generator.h"
#include "tests/differential/special.h"

namespace tessera::differential {
namespace {

// Few different ones in most cases, so that searching finds some; now and then one that fills a node alone.
std::string element(Values& v) {
  const uint64_t choice = v.below(40);
  if (choice < 14) return "e" + std::to_string(v.below(12));
  if (choice < 24) return std::to_string(static_cast<int64_t>(v.below(30)) - 5);
  if (choice < 27) return v.integer();
  if (choice < 29) return std::string(60 + v.below(8), static_cast<char>('a' + v.below(2)));
  if (choice < 30) return v.percent(50) ? "" : std::string(2000 + v.below(3000), 'p');
  if (choice < 31 && v.percent(30)) return std::string(8180 + v.below(24), 'q');
  return v.string();
}

void elements(Values& v, std::vector<std::string>& args) {
  const uint64_t n = v.percent(4) ? 200 + v.below(400) : 1 + v.below(v.percent(20) ? 40 : 4);
  for (uint64_t i = 0; i < n; ++i) args.push_back(element(v));
}

std::string side(Values& v) {
  if (v.percent(3)) return v.junk();
  return v.random_case(v.percent(50) ? "LEFT" : "RIGHT");
}

std::string position(Values& v) {
  const uint64_t choice = v.below(20);
  if (choice < 8) return std::to_string(v.below(12));
  if (choice < 14) return std::to_string(-static_cast<int64_t>(v.below(12)));
  if (choice < 17) return std::to_string(static_cast<int64_t>(v.below(1200)) - 600);
  return choice < 18 ? v.integer() : v.index();
}

Op make_push(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Op op = special_words(g, spec, {v.key_of("list")});
  elements(v, op.args);
  return op;
}

Op make_pop(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kCounts = {"0",
                                                   "1",
                                                   "2",
                                                   "3",
                                                   "7",
                                                   "50",
                                                   "300",
                                                   "100000",
                                                   "-1",
                                                   "x",
                                                   "",
                                                   "9223372036854775807",
                                                   "9223372036854775808",
                                                   "-9223372036854775808",
                                                   "1.5"};
  Op op = special_words(g, spec, {v.key_of("list")});
  if (v.percent(30)) op.args.push_back(v.pick(kCounts));
  return op;
}

Op make_lmpop(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kWrong = {"0",   "-1", "x", "", "5", "9223372036854775808",
                                                  "1.0", "01"};
  const uint64_t n = 1 + v.below(4);
  Op op = special_words(g, spec, {v.percent(4) ? v.pick(kWrong) : std::to_string(n)});
  for (uint64_t i = 0; i < n; ++i) op.args.push_back(v.key_of("list"));
  if (!v.percent(3)) op.args.push_back(side(v));
  for (uint64_t i = 0, times = v.percent(50) ? 1 + v.percent(4) : 0; i < times; ++i) {
    op.args.push_back(v.percent(3) ? v.junk() : v.random_case("COUNT"));
    if (!v.percent(3)) op.args.push_back(v.percent(85) ? std::to_string(1 + v.below(9)) : v.integer());
  }
  return op;
}

Op make_range(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  // Trimming takes most of a list: often only a little.
  if (spec.name == "ltrim" && v.percent(70)) {
    return special_words(g, spec,
                         {v.key_of("list"), std::to_string(v.below(3)),
                          std::to_string(-1 - static_cast<int64_t>(v.below(3)))});
  }
  return special_words(g, spec, {v.key_of("list"), position(v), position(v)});
}

Op make_lindex(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  return special_words(g, spec, {v.key_of("list"), position(v)});
}

Op make_lset(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  return special_words(g, spec, {v.key_of("list"), position(v), element(v)});
}

Op make_linsert(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  const std::string where = v.percent(3) ? v.junk() : v.percent(50) ? "BEFORE" : "AFTER";
  return special_words(g, spec, {v.key_of("list"), v.random_case(where), element(v), element(v)});
}

Op make_lrem(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  const std::string count =
      v.percent(85) ? std::to_string(static_cast<int64_t>(v.below(9)) - 4) : v.integer();
  return special_words(g, spec, {v.key_of("list"), count, element(v)});
}

Op make_lpos(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Op op = special_words(g, spec, {v.key_of("list"), element(v)});
  for (uint64_t i = 0, n = v.below(4); i < n; ++i) {
    static const std::vector<std::string> kWords = {"RANK", "COUNT", "MAXLEN"};
    op.args.push_back(v.percent(3) ? v.junk() : v.random_case(v.pick(kWords)));
    if (v.percent(2)) continue;
    op.args.push_back(v.percent(85) ? std::to_string(static_cast<int64_t>(v.below(12)) - 4) : v.integer());
  }
  return op;
}

Op make_move(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  const std::string source = v.key_of("list");
  Op op = special_words(g, spec, {source, v.percent(15) ? source : v.key_of("list")});
  if (spec.name == "lmove") op.args.insert(op.args.end(), {side(v), side(v)});
  return op;
}

}  // namespace

const std::vector<Special>& list_specials() {
  static const std::vector<Special> kTable = {
      {"lpush", make_push, 50, true},   {"rpush", make_push, 50, true},
      {"lpushx", make_push, 15, true},  {"rpushx", make_push, 15, true},
      {"lpop", make_pop, 25, true},     {"rpop", make_pop, 25, true},
      {"lmpop", make_lmpop, 20, false}, {"lrange", make_range, 30, true},
      {"ltrim", make_range, 8, true},   {"lindex", make_lindex, 25, true},
      {"lset", make_lset, 25, true},    {"linsert", make_linsert, 30, true},
      {"lrem", make_lrem, 25, true},    {"lpos", make_lpos, 25, true},
      {"lmove", make_move, 25, true},   {"rpoplpush", make_move, 15, true},
  };
  return kTable;
}

}  // namespace tessera::differential
