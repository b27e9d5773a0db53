// Role: commands on sets made by hand: members that are shared by many sets, sets beyond the limits of their
// encodings, counts that no server could serve left out. Thread: any. See generator.h.
#include "tests/differential/generator.h"
#include "tests/differential/special.h"

namespace tessera::differential {
namespace {

// Small numbers and names in most cases, so that sets have much in common.
std::string member(Values& v) {
  const uint64_t choice = v.below(20);
  if (choice < 8) return std::to_string(static_cast<int64_t>(v.below(40)) - 5);
  if (choice < 15) return "m" + std::to_string(v.below(40));
  if (choice < 17) return v.integer();
  if (choice < 18) return std::string(62 + v.below(5), static_cast<char>('a' + v.below(3)));
  return v.string();
}

// A run of members, none of them twice: more of them than a packed set may hold.
void many_members(Values& v, std::vector<std::string>& args) {
  const bool numbers = v.percent(60);
  const uint64_t count = v.percent(30) ? 500 + v.below(30) : 100 + v.below(60);
  const uint64_t first = v.below(50);
  for (uint64_t i = 0; i < count; ++i) args.push_back((numbers ? "" : "m") + std::to_string(first + i));
}

// Few words, so that the number of words alone decides nothing: what Redis 7.2 thinks of their number differs
// from 7.0's way where the limit was set very low.
Op make_sadd(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Op op = special_words(g, spec, {v.key_of("set")});
  if (v.percent(2)) {
    many_members(v, op.args);
  } else {
    for (uint64_t i = 0, n = 1 + v.below(6); i < n; ++i) op.args.push_back(member(v));
  }
  return op;
}

Op make_with_members(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(5)) return g.from_grammar(spec);
  Op op = special_words(g, spec, {v.key_of("set")});
  for (uint64_t i = 0, n = 1 + (spec.arity < 0 ? v.below(6) : 0); i < n; ++i) op.args.push_back(member(v));
  return op;
}

Op make_smove(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  return special_words(g, spec, {v.key_of("set"), v.key_of("set"), member(v)});
}

// What SPOP took is put right by its rule: nothing else may run in between.
Op make_spop(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kCounts = {"0",
                                                   "1",
                                                   "2",
                                                   "3",
                                                   "5",
                                                   "10",
                                                   "40",
                                                   "100000",
                                                   "-1",
                                                   "x",
                                                   "9223372036854775807",
                                                   "9223372036854775808",
                                                   "-9223372036854775808"};
  Op op = special_words(g, spec, {v.key_of("set")});
  if (v.percent(60)) op.args.push_back(v.pick(kCounts));
  if (v.percent(3)) op.args.push_back(v.junk());
  if (v.percent(3)) op.args.resize(1);
  op.alone = true;
  return op;
}

// No negative count beyond some thousands: redis-server would send that many.
Op make_srandmember(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kCounts = {"0",
                                                   "1",
                                                   "2",
                                                   "5",
                                                   "20",
                                                   "100",
                                                   "100000",
                                                   "-1",
                                                   "-2",
                                                   "-10",
                                                   "-1500",
                                                   "x",
                                                   "-",
                                                   "9223372036854775807",
                                                   "9223372036854775808",
                                                   "-9223372036854775808",
                                                   "-9223372036854775809"};
  Op op = special_words(g, spec, {v.key_of("set")});
  if (v.percent(70)) op.args.push_back(v.pick(kCounts));
  if (v.percent(3)) op.args.push_back(v.junk());
  if (v.percent(3)) op.args.resize(1);
  op.alone = true;
  return op;
}

Op make_sscan(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kCursors = {"0",
                                                    "0",
                                                    "0",
                                                    "0",
                                                    "0",
                                                    "0",
                                                    "00",
                                                    "17",
                                                    "abc",
                                                    "-1",
                                                    "",
                                                    "18446744073709551615",
                                                    "18446744073709551616",
                                                    " 0"};
  static const std::vector<std::string> kPatterns = {"*", "m*", "1*", "m?", "[0-5]*", "-*", "", "nothing*"};
  Op op = special_words(g, spec, {v.key_of("set"), v.pick(kCursors)});
  if (v.percent(40)) op.args.insert(op.args.end(), {v.random_case("MATCH"), v.pick(kPatterns)});
  if (v.percent(40)) op.args.insert(op.args.end(), {v.random_case("COUNT"), v.count()});
  if (v.percent(4)) op.args.insert(op.args.end(), {v.random_case("TYPE"), "set"});
  if (v.percent(4)) op.args.push_back(v.junk());
  op.alone = true;
  return op;
}

}  // namespace

const std::vector<Special>& set_specials() {
  static const std::vector<Special> kTable = {
      {"sadd", make_sadd, 90, true},
      {"srem", make_with_members, 40, true},
      {"sismember", make_with_members, 15, true},
      {"smismember", make_with_members, 15, true},
      {"smove", make_smove, 20, true},
      {"spop", make_spop, 15, false},
      {"srandmember", make_srandmember, 12, false},
      {"sscan", make_sscan, 10, false},
      {"sintercard", nullptr, 20, true},
  };
  return kTable;
}

}  // namespace tessera::differential
