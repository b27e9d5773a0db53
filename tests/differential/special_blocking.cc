// Role: pops that wait, on keys that mostly hold something of their type: what is there is given at once,
// what is not within a millisecond (timeouts.h). Thread: any. See generator.h.
#include "tests/differential/generator.h"
#include "tests/differential/special.h"

namespace tessera::differential {
namespace {

std::string timeout(Values& v) {
  static const std::vector<std::string> kEdges = {"",     "x",    "-1",     "-0.5",   "nan",   "inf",
                                                  "-inf", "1e-3", "0x0.01", " 0.001", "1e400", "0.001s"};
  return v.percent(4) ? v.pick(kEdges) : "0.001";
}

// Of the command's type; now and then of another one, or of none.
std::string key(Values& v, const CommandSpec& spec) {
  if (v.percent(3)) return v.key_of(v.percent(50) ? "stream" : "set");
  return v.key_of(spec.group);
}

Op make_pop(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Op op = special_words(g, spec, {});
  for (uint64_t i = 0, n = 1 + v.below(3); i < n; ++i) op.args.push_back(key(v, spec));
  op.args.push_back(timeout(v));
  return op;
}

Op make_multi_pop(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kWrong = {"0",   "-1", "x", "", "5", "9223372036854775808",
                                                  "1.0", "01"};
  const uint64_t n = 1 + v.below(3);
  Op op = special_words(g, spec, {timeout(v), v.percent(3) ? v.pick(kWrong) : std::to_string(n)});
  for (uint64_t i = 0; i < n; ++i) op.args.push_back(key(v, spec));
  const bool is_list = spec.group == "list";
  const std::string side = v.percent(50) ? (is_list ? "LEFT" : "MIN") : (is_list ? "RIGHT" : "MAX");
  op.args.push_back(v.percent(2) ? v.junk() : v.random_case(side));
  if (v.percent(50)) {
    op.args.push_back(v.random_case("COUNT"));
    op.args.push_back(v.percent(85) ? std::to_string(1 + v.below(6)) : v.integer());
  }
  return op;
}

Op make_move(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  const std::string source = key(v, spec);
  Op op = special_words(g, spec, {source, v.percent(15) ? source : key(v, spec)});
  if (spec.name == "blmove") {
    for (int i = 0; i < 2; ++i) op.args.push_back(v.random_case(v.percent(50) ? "LEFT" : "RIGHT"));
  }
  op.args.push_back(timeout(v));
  return op;
}

}  // namespace

const std::vector<Special>& blocking_specials() {
  static const std::vector<Special> kTable = {
      {"blpop", make_pop, 5, true},        {"brpop", make_pop, 4, true},
      {"blmove", make_move, 5, true},      {"brpoplpush", make_move, 4, true},
      {"blmpop", make_multi_pop, 5, true}, {"bzpopmin", make_pop, 5, true},
      {"bzpopmax", make_pop, 5, true},     {"bzmpop", make_multi_pop, 5, true},
  };
  return kTable;
}

}  // namespace tessera::differential
