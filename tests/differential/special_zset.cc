// Role: see special_zset.h. Keys: "z:" hold anything, "big:z" go beyond a listpack, "lex:" have equal scores,
// "mix:" have few short members and so stay a listpack, "geo:" hold places. Ranges of members are asked of
// "lex:" and "mix:" alone: what they are in a skiplist of different scores is defined by chance.
#include "tests/differential/special_zset.h"

#include <cstdio>

namespace tessera::differential {
namespace {

using Words = std::vector<std::string>;

Op with(Generator& g, const CommandSpec& spec, Words rest) {
  Op op;
  op.args.push_back(g.values().random_case(spec.name));
  for (std::string& word : rest) op.args.push_back(std::move(word));
  // Wrong syntax: a word too many, one too few.
  Values& v = g.values();
  if (v.percent(2)) op.args.push_back(v.junk());
  if (v.percent(2)) op.args.pop_back();
  if (op.args.empty()) op.args.push_back(spec.name);
  return op;
}

std::string zset_key(Values& v) {
  static const Words kKeys = {"z:0", "z:1", "z:2",      "z:3",      "z:4",
                              "z:5", "z:6", "{tag}z:0", "{tag}z:1", "big:z:0"};
  return v.percent(4) ? v.key() : v.pick(kKeys);
}

std::string lex_key(Values& v) {
  static const Words kKeys = {"lex:0", "lex:1", "lex:2", "mix:0", "mix:1"};
  return v.pick(kKeys);
}

std::string member(Values& v) {
  if (v.percent(60)) return "m" + std::to_string(v.below(30));
  if (v.percent(60)) return std::to_string(v.below(60));
  return v.percent(30) ? v.string() : "member:" + std::to_string(1000 + v.below(300));
}

std::string lex_member(Values& v) {
  std::string text(v.below(4), 'a');
  for (char& c : text) c = static_cast<char>('a' + v.below(3));
  return v.percent(10) ? text + std::to_string(v.below(10)) : text;
}

std::string score(Values& v) {
  if (v.percent(55)) return std::to_string(static_cast<int64_t>(v.below(24)) - 4);
  if (v.percent(30)) return std::to_string(v.below(100)) + ".5";
  if (v.percent(20)) return v.percent(50) ? "inf" : "-inf";
  if (v.percent(20)) return v.integer();
  return v.real();
}

std::string score_border(Values& v) {
  static const Words kOdd = {"",    "(",    "( 1", " 1",   "((1",  "1e400",
                             "nan", "(inf", "1 ",  "+inf", "-inf", "0x2"};
  if (v.percent(12)) return v.pick(kOdd);
  return (v.percent(30) ? "(" : "") + score(v);
}

std::string lex_border(Values& v) {
  static const Words kOdd = {"-", "+", "-", "+", "-", "+", "-", "+", "", "a", "-a", "+a", "[", "("};
  if (v.percent(40)) return v.pick(kOdd);
  return (v.percent(50) ? "[" : "(") + lex_member(v);
}

std::string rank_border(Values& v) {
  return v.percent(85) ? std::to_string(static_cast<int64_t>(v.below(40)) - 20) : v.index();
}

void maybe(Generator& g, Words& words, const char* option, unsigned percent) {
  if (g.values().percent(percent)) words.push_back(g.values().random_case(option));
}

void maybe_limit(Generator& g, Words& words, unsigned percent) {
  Values& v = g.values();
  if (!v.percent(percent)) return;
  words.push_back(v.random_case("LIMIT"));
  words.push_back(v.percent(85) ? std::to_string(static_cast<int64_t>(v.below(12)) - 2) : v.index());
  words.push_back(v.percent(85) ? std::to_string(static_cast<int64_t>(v.below(12)) - 2) : v.index());
}

Op make_zadd(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(12)) {  // equal scores
    Words words = {"lex:" + std::to_string(v.below(3))};
    for (uint64_t i = 0, n = 1 + v.below(8); i < n; ++i) words.insert(words.end(), {"0", lex_member(v)});
    Op op;
    op.args = {spec.name};
    op.args.insert(op.args.end(), words.begin(), words.end());
    return op;
  }
  if (v.percent(6)) {
    Op op;
    op.args = {spec.name, "mix:" + std::to_string(v.below(2))};
    for (uint64_t i = 0, n = 1 + v.below(4); i < n; ++i) {
      op.args.insert(op.args.end(),
                     {std::to_string(v.below(3)), std::string(1, static_cast<char>('a' + v.below(20)))});
    }
    return op;
  }
  Words words = {zset_key(v)};
  for (const char* option : {"NX", "XX", "GT", "LT", "CH", "INCR"}) maybe(g, words, option, 8);
  const bool many = words[0] == "big:z:0" && v.percent(10);
  const bool one = words.back().size() == 4 && v.percent(90);  // INCR
  for (uint64_t i = 0, n = many ? 60 : one ? 1 : 1 + v.below(5); i < n; ++i) {
    words.insert(words.end(), {score(v), member(v)});
  }
  return with(g, spec, words);
}

Op make_key_members(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {zset_key(v)};
  for (uint64_t i = 0, n = 1 + v.below(4); i < n; ++i) words.push_back(member(v));
  return with(g, spec, words);
}

Op make_key_member(Generator& g, const CommandSpec& spec) {
  return with(g, spec, {zset_key(g.values()), member(g.values())});
}

Op make_key(Generator& g, const CommandSpec& spec) {
  return with(g, spec, {g.values().percent(80) ? zset_key(g.values()) : lex_key(g.values())});
}

Op make_zincrby(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  return with(g, spec, {zset_key(v), score(v), member(v)});
}

Op make_by_rank(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {zset_key(v), rank_border(v), rank_border(v)};
  if (spec.name == "zrevrange") maybe(g, words, "WITHSCORES", 40);
  return with(g, spec, words);
}

Op make_by_score(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {zset_key(v), score_border(v), score_border(v)};
  if (spec.name == "zrangebyscore" || spec.name == "zrevrangebyscore") {
    maybe(g, words, "WITHSCORES", 40);
    maybe_limit(g, words, 40);
  }
  return with(g, spec, words);
}

Op make_by_lex(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {lex_key(v), lex_border(v), lex_border(v)};
  if (spec.name == "zrangebylex" || spec.name == "zrevrangebylex") maybe_limit(g, words, 40);
  return with(g, spec, words);
}

Op make_zrange(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words;
  if (spec.name == "zrangestore") words.push_back(zset_key(v));
  switch (v.below(4)) {
    case 0:
    case 1:
      words.insert(words.end(), {zset_key(v), rank_border(v), rank_border(v)});
      break;
    case 2:
      words.insert(words.end(), {zset_key(v), score_border(v), score_border(v), v.random_case("BYSCORE")});
      break;
    default:
      words.insert(words.end(), {lex_key(v), lex_border(v), lex_border(v), v.random_case("BYLEX")});
      break;
  }
  maybe(g, words, "REV", 40);
  maybe(g, words, "WITHSCORES", spec.name == "zrangestore" ? 2 : 30);
  maybe_limit(g, words, 35);
  return with(g, spec, words);
}

std::string pop_count(Values& v) {
  return v.percent(80) ? std::to_string(v.below(5)) : v.count();
}

Op make_zpop(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {zset_key(v)};
  if (v.percent(50)) words.push_back(pop_count(v));
  return with(g, spec, words);
}

void add_keys(Values& v, Words& words) {
  const uint64_t n = 1 + v.below(4);
  words.push_back(v.percent(95) ? std::to_string(n) : v.percent(50) ? v.integer() : std::to_string(n + 1));
  for (uint64_t i = 0; i < n; ++i) words.push_back(v.percent(90) ? zset_key(v) : lex_key(v));
}

Op make_zmpop(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words;
  add_keys(v, words);
  words.push_back(v.random_case(v.percent(50) ? "MIN" : "MAX"));
  if (v.percent(50)) words.insert(words.end(), {v.random_case("COUNT"), pop_count(v)});
  return with(g, spec, words);
}

Op make_algebra(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const Words kHow = {"SUM", "MIN", "MAX", "max", "AVG"};
  Words words;
  if (spec.name.size() > 5 && spec.name.substr(spec.name.size() - 5) == "store") words.push_back(zset_key(v));
  const size_t at = words.size();
  add_keys(v, words);
  const size_t keys = words.size() - at - 1;
  const bool diff = spec.name.rfind("zdiff", 0) == 0, card = spec.name == "zintercard";
  if (v.percent(diff || card ? 2 : 30)) {
    words.push_back(v.random_case("WEIGHTS"));
    for (size_t i = 0; i < keys; ++i) words.push_back(v.percent(90) ? std::to_string(v.below(5)) : score(v));
  }
  if (v.percent(diff || card ? 2 : 30)) words.insert(words.end(), {v.random_case("AGGREGATE"), v.pick(kHow)});
  maybe(g, words, "WITHSCORES", at > 0 || card ? 2 : 40);
  if (v.percent(card ? 40 : 1)) words.insert(words.end(), {v.random_case("LIMIT"), pop_count(v)});
  return with(g, spec, words);
}

Op make_zrandmember(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const Words kEdges = {"0", "x", "-9223372036854775808", "9223372036854775807", "1.5"};
  Words words = {zset_key(v)};
  if (v.percent(70))
    words.push_back(v.percent(90) ? std::to_string(static_cast<int64_t>(v.below(40)) - 20) : v.pick(kEdges));
  if (words.size() > 1) maybe(g, words, "WITHSCORES", 40);
  Op op = with(g, spec, words);
  op.alone = true;
  return op;
}

Op make_zscan(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const Words kCursors = {"0", "0", "0", "0", "0", "0", "x", "", "-1", "18446744073709551616", " 0"};
  static const Words kPatterns = {"*", "m*", "*1*", "m[1-3]", "nothing", ""};
  Words words = {v.percent(80) ? zset_key(v) : lex_key(v), v.pick(kCursors)};
  if (v.percent(40)) words.insert(words.end(), {v.random_case("MATCH"), v.pick(kPatterns)});
  if (v.percent(40)) words.insert(words.end(), {v.random_case("COUNT"), v.count()});
  Op op = with(g, spec, words);
  op.alone = true;
  return op;
}

// ---- places

std::string geo_key(Values& v) {
  static const Words kKeys = {"geo:0", "geo:1", "geo:2", "{tag}geo"};
  return v.percent(4) ? zset_key(v) : v.pick(kKeys);
}

std::string place(Values& v) {
  return v.percent(97) ? "p" + std::to_string(v.below(60)) : member(v);
}

std::string decimal(double x) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.8f", x);
  return text;
}

void add_point(Values& v, Words& words) {
  static const Words kLongitudes = {"180", "-180", "0", "179.9999", "-179.9999", "180.1", "x", "1e2", "nan"};
  static const Words kLatitudes = {"85.05112878", "-85.05112878", "0",  "85", "-85",
                                   "66.5",        "85.06",        "90", "",   "81"};
  double longitude = 13.36 + v.random().unit() * 0.1, latitude = 38.1 + v.random().unit() * 0.1;
  if (v.percent(40)) {
    longitude = (v.random().unit() - 0.5) * 360;
    latitude = (v.random().unit() - 0.5) * 170;
  }
  words.push_back(v.percent(8) ? v.pick(kLongitudes) : decimal(longitude));
  words.push_back(v.percent(8) ? v.pick(kLatitudes) : decimal(latitude));
}

std::string length(Values& v) {
  static const Words kLengths = {"0",       "1",        "100", "1000", "5000", "200000",
                                 "3000000", "20000000", "-1",  "x",    "0.5",  "1e8"};
  return v.percent(70) ? v.pick(kLengths) : std::to_string(v.below(100000));
}

std::string unit(Values& v) {
  static const Words kUnits = {"m", "km", "ft", "mi", "M", "KM", "miles", ""};
  return v.percent(70) ? "m" : v.pick(kUnits);
}

Op make_geoadd(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {geo_key(v)};
  for (const char* option : {"NX", "XX", "CH"}) maybe(g, words, option, 8);
  for (uint64_t i = 0, n = 1 + v.below(4); i < n; ++i) {
    add_point(v, words);
    words.push_back(place(v));
  }
  return with(g, spec, words);
}

Op make_geodist(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {geo_key(v), place(v), place(v)};
  if (v.percent(50)) words.push_back(unit(v));
  return with(g, spec, words);
}

Op make_geo_members(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {geo_key(v)};
  for (uint64_t i = 0, n = 1 + v.below(4); i < n; ++i) words.push_back(place(v));
  return with(g, spec, words);
}

void add_geo_options(Generator& g, Words& words, bool with_replies) {
  Values& v = g.values();
  for (const char* option : {"WITHCOORD", "WITHDIST", "WITHHASH"})
    maybe(g, words, option, with_replies ? 25 : 2);
  if (v.percent(30)) {
    words.insert(words.end(),
                 {v.random_case("COUNT"), v.percent(90) ? std::to_string(1 + v.below(6)) : v.count()});
    // What is stored has to be the same, so that a count must not have to choose among equals.
    maybe(g, words, "ANY", with_replies ? 25 : 100);
  }
  maybe(g, words, v.percent(50) ? "ASC" : "DESC", 40);
}

// Its rule asks the oracle about places that are equally far away.
Op placed(Op op) {
  for (const std::string& word : op.args) op.alone |= word == "COUNT" || word == "count";
  return op;
}

Op make_georadius(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Words words = {geo_key(v)};
  if (spec.name.rfind("georadiusbymember", 0) == 0) {
    words.push_back(place(v));
  } else {
    add_point(v, words);
  }
  words.insert(words.end(), {length(v), unit(v)});
  const bool stores = v.percent(spec.name.find("_ro") != std::string::npos ? 2 : 30);
  add_geo_options(g, words, !stores);
  if (stores) {
    const std::string where = v.percent(90) ? "{tag}stored" : geo_key(v);
    words.insert(words.end(), {v.random_case(v.percent(50) ? "STORE" : "STOREDIST"), where});
    if (v.percent(10)) words.insert(words.end(), {"STOREDIST", geo_key(v)});
  }
  return placed(with(g, spec, words));
}

Op make_geosearch(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  const bool stores = spec.name == "geosearchstore";
  Words words;
  if (stores) words.push_back(v.percent(90) ? "{tag}stored" : geo_key(v));
  words.push_back(geo_key(v));
  if (v.percent(50)) {
    words.insert(words.end(), {v.random_case("FROMMEMBER"), place(v)});
  } else {
    words.push_back(v.random_case("FROMLONLAT"));
    add_point(v, words);
  }
  if (v.percent(3)) words.insert(words.end(), {"FROMMEMBER", place(v)});
  if (v.percent(50)) {
    words.insert(words.end(), {v.random_case("BYRADIUS"), length(v), unit(v)});
  } else {
    words.insert(words.end(), {v.random_case("BYBOX"), length(v), length(v), unit(v)});
  }
  add_geo_options(g, words, !stores);
  maybe(g, words, "STOREDIST", stores ? 30 : 1);
  return placed(with(g, spec, words));
}

}  // namespace

const std::vector<Special>& zset_specials() {
  static const std::vector<Special> kTable = {
      {"zadd", make_zadd, 70, false},
      {"zincrby", make_zincrby, 20, false},
      {"zrem", make_key_members, 20, false},
      {"zcard", make_key, 8, false},
      {"zscore", make_key_member, 12, false},
      {"zmscore", make_key_members, 12, false},
      {"zrank", make_key_member, 12, false},
      {"zrevrank", make_key_member, 12, false},
      {"zcount", make_by_score, 12, false},
      {"zlexcount", make_by_lex, 8, false},
      {"zrange", make_zrange, 30, false},
      {"zrangestore", make_zrange, 15, false},
      {"zrevrange", make_by_rank, 12, false},
      {"zrangebyscore", make_by_score, 15, false},
      {"zrevrangebyscore", make_by_score, 15, false},
      {"zrangebylex", make_by_lex, 10, false},
      {"zrevrangebylex", make_by_lex, 10, false},
      {"zremrangebyrank", make_by_rank, 3, false},
      {"zremrangebyscore", make_by_score, 4, false},
      {"zremrangebylex", make_by_lex, 3, false},
      {"zpopmin", make_zpop, 8, false},
      {"zpopmax", make_zpop, 8, false},
      {"zmpop", make_zmpop, 8, false},
      {"zunion", make_algebra, 12, false},
      {"zinter", make_algebra, 12, false},
      {"zdiff", make_algebra, 10, false},
      {"zunionstore", make_algebra, 8, false},
      {"zinterstore", make_algebra, 6, false},
      {"zdiffstore", make_algebra, 5, false},
      {"zintercard", make_algebra, 8, false},
      {"zrandmember", make_zrandmember, 8, false},
      {"zscan", make_zscan, 6, false},
      {"geoadd", make_geoadd, 40, false},
      {"geodist", make_geodist, 12, false},
      {"geohash", make_geo_members, 10, false},
      {"geopos", make_geo_members, 10, false},
      {"georadius", make_georadius, 25, false},
      {"georadius_ro", make_georadius, 8, false},
      {"georadiusbymember", make_georadius, 20, false},
      {"georadiusbymember_ro", make_georadius, 8, false},
      {"geosearch", make_geosearch, 30, false},
      {"geosearchstore", make_geosearch, 12, false},
  };
  return kTable;
}

}  // namespace tessera::differential
