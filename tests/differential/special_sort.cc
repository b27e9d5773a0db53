// Role: SORT and SORT_RO made by hand: patterns that meet keys, weights of all kinds, ranges beyond all
// bounds. Thread: any. See generator.h.
#include "tests/differential/generator.h"
#include "tests/differential/special.h"

namespace tessera::differential {
namespace {

std::string source(Values& v) {
  static const std::vector<std::string> kGroups = {"list", "list", "set", "sorted-set"};
  return v.key_of(v.pick(kGroups));
}

// What lists and sets hold often (see special_set.cc), so that the keys of patterns are met.
std::string common_element(Values& v) {
  return v.percent(60) ? std::to_string(static_cast<int64_t>(v.below(40)) - 5)
                       : "m" + std::to_string(v.below(40));
}

std::string pattern(Values& v) {
  static const std::vector<std::string> kPatterns = {
      "weight:*", "weight:*",  "weight:*",    "{tag}*",       "key:*",
      "*",        "hash:*->f", "weight:*->f", "hash:*->",     "hash:*->m1",
      "->*",      "a*b*c",     "weight:*->*", "hash:*->f->g", "nothing:*"};
  return v.pick(kPatterns);
}

std::string get_pattern(Values& v) {
  if (v.percent(35)) return "#";
  if (v.percent(8)) return v.percent(50) ? "nostar" : "";
  if (v.percent(4)) return std::string("weight:*\0x", 10);
  return pattern(v);
}

std::string weight(Values& v) {
  const uint64_t choice = v.below(10);
  if (choice < 6) return std::to_string(static_cast<int64_t>(v.below(20)) - 5);
  if (choice < 7) return v.real();
  if (choice < 8) return v.integer();
  return v.string();
}

// Strings that patterns find, and lists of numbers to sort.
Op provision(Generator& g) {
  Values& v = g.values();
  Op op;
  if (v.percent(50) || g.grammar().find("rpush") == nullptr) {
    op.args = {"SET", (v.percent(80) ? "weight:" : "{tag}") + common_element(v), weight(v)};
  } else if (v.percent(30) && g.grammar().find("hset") != nullptr) {
    op.args = {"HSET", "hash:" + common_element(v), v.percent(70) ? "f" : "m1", weight(v)};
  } else {
    op.args = {"RPUSH", v.key_of("list")};
    for (uint64_t i = 0, n = 1 + v.below(12); i < n; ++i)
      op.args.push_back(v.percent(97) ? common_element(v) : v.real());
  }
  return op;
}

// Which of two equal ones comes first is redis-server's chance, but where a list is sorted as a whole: such a
// result is not stored.
Op make_sort(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(45)) return provision(g);
  Op op = special_words(g, spec, {source(v)});
  bool alpha = false, by_star = false;
  std::vector<std::string>& args = op.args;
  const auto option = [&](const char* word) { args.push_back(v.random_case(word)); };
  if (v.percent(45)) {
    by_star = v.percent(70);
    option("BY");
    args.push_back(by_star ? pattern(v) : "nosort");
  }
  if (v.percent(50)) {
    option("ALPHA");
    alpha = true;
  }
  if (v.percent(45)) option(v.percent(60) ? "DESC" : "ASC");
  if (v.percent(35)) {
    option("LIMIT");
    args.push_back(v.percent(60) ? std::to_string(v.below(6)) : v.index());
    args.push_back(v.percent(60) ? std::to_string(v.below(12)) : v.index());
  }
  if (v.percent(35)) {
    for (uint64_t i = 0, n = 1 + v.below(3); i < n; ++i) {
      option("GET");
      args.push_back(get_pattern(v));
    }
  }
  if (spec.name == "sort" && v.percent(30) && !(alpha && by_star)) {
    option("STORE");
    args.push_back(v.key_of("list"));
  } else if (v.percent(6)) {  // wrong syntax of all kinds
    static const std::vector<std::string> kEnds = {"STORE", "GET", "BY", "LIMIT", "junk", "ALPHA", ""};
    args.push_back(v.pick(kEnds));
    const bool would_store = args.back() == "STORE" && alpha && by_star;
    if (v.percent(30) && !would_store) args.push_back("1");
  }
  op.alone = true;
  return op;
}

}  // namespace

const std::vector<Special>& sort_specials() {
  static const std::vector<Special> kTable = {
      {"sort", make_sort, 40, false},
      {"sort_ro", make_sort, 20, false},
  };
  return kTable;
}

}  // namespace tessera::differential
