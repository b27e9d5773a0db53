// Role: HyperLogLogs made by hand: elements that fill a sparse one to its limit, and strings that are nearly
// HyperLogLogs. Thread: any.
#include "tests/differential/special.h"

namespace tessera::differential {
namespace {

std::string hll_key(Values& v) {
  return v.percent(97) ? "hll:" + std::to_string(v.below(8)) : v.key();
}

// A header that mostly is one, and runs that seldom add up.
std::string nearly_hll(Values& v) {
  static const std::vector<std::string> kMagics = {"HYLL", "HYLL", "HYLL", "HYLL", "HYLK", "hyll"};
  std::string text = v.pick(kMagics);
  text += static_cast<char>(v.percent(80) ? 1 : v.below(4));
  text.append(3, static_cast<char>(v.below(2)));
  for (int i = 0; i < 7; ++i) text += static_cast<char>(v.percent(80) ? 0 : v.below(256));
  text += static_cast<char>(v.percent(50) ? 0x80 : 0);
  if (v.percent(5)) return text.substr(0, v.below(text.size()));
  switch (v.below(4)) {
    case 0:
      text += "\x7f\xff";
      break;
    case 1:
      text +=
          "\x60\xf3\x80P\xb1\x84K\xfb\x80"
          "BZ";
      break;
    case 2:
      text += "\x7f\xfe\x84";
      break;
    default:
      break;
  }
  if (v.percent(40)) {
    for (uint64_t i = 0, n = v.below(6); i < n; ++i) text += static_cast<char>(v.below(256));
  }
  // Half a run of two bytes at the end makes redis-server read, and later keep, a byte behind the string.
  if ((text.back() & 0xc0) == 0x40) text.back() = '\x3f';
  return text;
}

Op make_pfadd(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  const std::string key = hll_key(v);
  Op op;
  if (v.percent(6)) {
    op.args = {"SET", key, nearly_hll(v)};
    return op;
  }
  if (v.percent(3)) {
    op.args = {"SETRANGE", key, std::to_string(v.below(16)), std::string(1, static_cast<char>(v.below(256)))};
    return op;
  }
  if (v.percent(4)) {
    op.args = {"DEL", key};
    return op;
  }
  op = special_words(g, spec, {key});
  // Many of them now and then, so that some become dense while others stay sparse.
  const uint64_t n = v.percent(8) ? v.below(400) : v.below(5);
  for (uint64_t i = 0; i < n; ++i)
    op.args.push_back("e" + std::to_string(v.below(v.percent(50) ? 300 : 100000)));
  return op;
}

Op make_with_keys(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  std::vector<std::string> keys;
  for (uint64_t i = 0, n = 1 + v.below(v.percent(40) ? 4 : 1); i < n; ++i) keys.push_back(hll_key(v));
  return special_words(g, spec, keys);
}

Op make_pfdebug(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kWords = {"ENCODING", "DECODE", "DECODE", "ENCODING",
                                                  "todense",  "getreg", "nosuch"};
  return special_words(g, spec, {v.pick(kWords), hll_key(v)});
}

Op make_get_hll(Generator& g, const CommandSpec&) {
  Op op;
  op.args = {"GET", hll_key(g.values())};
  return op;
}

Op make_selftest(Generator& g, const CommandSpec& spec) {
  // redis-server's takes seconds.
  return g.values().percent(98) ? make_get_hll(g, spec) : special_words(g, spec, {"x"});
}

}  // namespace

const std::vector<Special>& hyperloglog_specials() {
  static const std::vector<Special> kTable = {
      {"pfadd", make_pfadd, 90, true},          {"pfcount", make_with_keys, 30, true},
      {"pfmerge", make_with_keys, 20, true},    {"pfdebug", make_pfdebug, 20, true},
      {"pfselftest", make_selftest, 30, false},
  };
  return kTable;
}

}  // namespace tessera::differential
