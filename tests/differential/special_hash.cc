// Role: commands for hashes: few keys and fields, so that they meet; numbers near the limits; the limits of
// the small encoding move. Thread: any.
#include "tests/differential/generator.h"

namespace tessera::differential {
namespace {

std::string hash_key(Values& v) {
  return v.percent(70) ? "h:" + std::to_string(v.below(12)) : v.key();
}

std::string field(Values& v) {
  switch (v.below(16)) {
    case 0:
      return v.integer();
    case 1:
      return v.string();
    case 2:
      return std::string(62 + v.below(5), 'F');
    case 3:
      return "";
    case 4:
    case 5:
      return std::to_string(v.below(30));
    default:
      return "f" + std::to_string(v.below(v.percent(10) ? 2000 : 40));
  }
}

std::string short_value(Values& v) {
  return v.percent(25) ? v.string() : v.percent(50) ? v.integer() : "v" + std::to_string(v.below(100));
}

Op named(Generator& g, const CommandSpec& spec, std::vector<std::string> rest) {
  Op op;
  op.args = {g.values().random_case(spec.name)};
  for (std::string& word : rest) op.args.push_back(std::move(word));
  return op;
}

Op make_hset(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(1)) {
    static const std::vector<std::string> kEntries = {"512", "32", "128", "512"};
    static const std::vector<std::string> kValues = {"64", "64", "8", "200"};
    Op op;
    op.args = v.percent(50)
                  ? std::vector<std::string>{"CONFIG", "SET", "hash-max-listpack-entries", v.pick(kEntries)}
                  : std::vector<std::string>{"CONFIG", "SET", "hash-max-listpack-value", v.pick(kValues)};
    return op;
  }
  std::vector<std::string> rest = {hash_key(v)};
  for (uint64_t i = 0, n = 1 + v.below(v.percent(10) ? 20 : 3); i < n; ++i) {
    rest.push_back(field(v));
    rest.push_back(short_value(v));
  }
  return named(g, spec, rest);
}

Op make_hsetnx(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  return named(g, spec, {hash_key(v), field(v), short_value(v)});
}

Op make_one_field(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  return named(g, spec, {hash_key(v), field(v)});
}

Op make_fields(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  std::vector<std::string> rest = {hash_key(v)};
  for (uint64_t i = 0, n = 1 + v.below(4); i < n; ++i) rest.push_back(field(v));
  return named(g, spec, rest);
}

Op make_key_only(Generator& g, const CommandSpec& spec) {
  return named(g, spec, {hash_key(g.values())});
}

Op make_hincrby(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  return named(g, spec, {hash_key(v), field(v), v.integer()});
}

Op make_hincrbyfloat(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  return named(g, spec, {hash_key(v), field(v), v.real()});
}

Op make_hscan(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kCursors = {"0",  "0",   "0",  "0", "0", "00",
                                                    "17", "abc", "-1", "",  " 0"};
  static const std::vector<std::string> kPatterns = {"*", "f*", "f1?", "[0-9]*", "nosuch", "", "*\\*"};
  Op op = named(g, spec, {hash_key(v), v.pick(kCursors)});
  if (v.percent(40)) op.args.insert(op.args.end(), {v.random_case("MATCH"), v.pick(kPatterns)});
  if (v.percent(40)) op.args.insert(op.args.end(), {v.random_case("COUNT"), v.count()});
  if (v.percent(5)) op.args.push_back(v.junk());
  if (v.percent(3)) op.args.insert(op.args.end(), {"TYPE", "hash"});
  op.alone = true;
  return op;
}

// Never so many repeated fields that the reply is larger than a machine.
Op make_hrandfield(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kCounts = {"1",
                                                   "2",
                                                   "3",
                                                   "10",
                                                   "50",
                                                   "600",
                                                   "0",
                                                   "-1",
                                                   "-3",
                                                   "-9",
                                                   "-40",
                                                   "-600",
                                                   "",
                                                   "abc",
                                                   "1 ",
                                                   "1.5",
                                                   "-0",
                                                   "+1",
                                                   "-",
                                                   "2 000",
                                                   "9223372036854775807",
                                                   "-9223372036854775808",
                                                   "9223372036854775808"};
  static const std::vector<std::string> kWide = {"4611686018427387903",  "4611686018427387904",
                                                 "-4611686018427387905", "-9223372036854775807",
                                                 "9223372036854775807",  "-9223372036854775808"};
  Op op = named(g, spec, {hash_key(v)});
  if (v.percent(80)) {
    const bool values = v.percent(50);
    op.args.push_back(values && v.percent(20) ? v.pick(kWide) : v.pick(kCounts));
    if (values) op.args.push_back(v.random_case("WITHVALUES"));
  }
  if (v.percent(3)) op.args.push_back("junk");
  op.alone = true;
  return op;
}

}  // namespace

const std::vector<Special>& hash_special_commands() {
  static const std::vector<Special> kRows = {
      {"hset", make_hset, 60, true},         {"hmset", make_hset, 10, true},
      {"hsetnx", make_hsetnx, 15, true},     {"hdel", make_fields, 25, true},
      {"hget", make_one_field, 20, true},    {"hexists", make_one_field, 10, true},
      {"hstrlen", make_one_field, 10, true}, {"hmget", make_fields, 15, true},
      {"hlen", make_key_only, 8, true},      {"hgetall", make_key_only, 8, true},
      {"hkeys", make_key_only, 5, true},     {"hvals", make_key_only, 5, true},
      {"hincrby", make_hincrby, 20, true},   {"hincrbyfloat", make_hincrbyfloat, 20, true},
      {"hscan", make_hscan, 6, false},       {"hrandfield", make_hrandfield, 15, false},
  };
  return kRows;
}

}  // namespace tessera::differential
