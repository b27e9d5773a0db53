// Role: commands made by hand: where the grammar alone would be dull (BITFIELD, CONFIG), would harm the run
// (CLIENT PAUSE) or needs an operation of its own (SCAN). Thread: any.
#include <cstring>

#include "tests/differential/generator.h"
#include "tests/differential/special.h"
#include "tests/differential/special_stream.h"

namespace tessera::differential {

Op special_words(Generator& g, const CommandSpec& spec, std::vector<std::string> rest) {
  Op op;
  op.args.push_back(g.values().random_case(spec.name));
  if (!spec.sub.empty()) op.args.push_back(g.values().random_case(spec.sub));
  for (std::string& word : rest) op.args.push_back(std::move(word));
  return op;
}

namespace {

Op plain(std::vector<std::string> args) {
  Op op;
  op.args = std::move(args);
  return op;
}

Op with(Generator& g, const CommandSpec& spec, std::vector<std::string> rest) {
  return special_words(g, spec, std::move(rest));
}

std::string bitfield_encoding(Values& v) {
  static const std::vector<std::string> kEdges = {"u63", "i64", "u1",  "i1",  "u8",
                                                  "i8",  "u16", "i16", "u32", "i32"};
  static const std::vector<std::string> kWrong = {"u64", "i65", "u0", "i0",  "8",  "x8",
                                                  "u",   "u-1", "",   "u8x", "U8", "i064"};
  if (v.percent(4)) return v.pick(kWrong);
  if (v.percent(50)) return v.pick(kEdges);
  return v.percent(50) ? "u" + std::to_string(1 + v.below(63)) : "i" + std::to_string(1 + v.below(64));
}

std::string bitfield_offset(Values& v) {
  if (v.percent(5)) return v.bit_offset();
  return v.percent(30) ? "#" + std::to_string(v.below(12)) : std::to_string(v.below(100));
}

void bitfield_op(Values& v, std::vector<std::string>& args, bool read_only) {
  const uint64_t kind = read_only && !v.percent(3) ? 0 : v.below(4);
  if (kind == 3) {
    static const std::vector<std::string> kModes = {"WRAP", "SAT", "FAIL", "sat", "junk"};
    args.push_back(v.random_case("OVERFLOW"));
    args.push_back(v.pick(kModes));
    return;
  }
  args.push_back(v.random_case(kind == 0 ? "GET" : kind == 1 ? "SET" : "INCRBY"));
  args.push_back(bitfield_encoding(v));
  args.push_back(bitfield_offset(v));
  if (kind != 0) args.push_back(v.integer());
}

Op make_bitfield(Generator& g, const CommandSpec& spec) {
  Op op = with(g, spec, {g.values().key()});
  for (uint64_t i = 0, n = g.values().below(5); i < n; ++i)
    bitfield_op(g.values(), op.args, spec.name == "bitfield_ro");
  return op;
}

Op make_set(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(30)) return g.from_grammar(spec);
  return with(g, spec, {v.key(), v.string()});
}

// INCR on values that are nearly integers, and near the limits.
Op make_incr(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(70)) return g.from_grammar(spec);
  return plain({"SET", v.key(), v.integer()});
}

Op make_incrbyfloat(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (v.percent(40)) return plain({"SET", v.key(), v.real()});
  return with(g, spec, {v.key(), v.real()});
}

// Strings over 1 MB: on keys of their own, and only by commands that cost time in proportion.
Op make_big(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  if (!v.percent(4)) return g.from_grammar(spec);
  const std::string key = v.big_key();
  const std::string near_chunk = std::to_string(1048576 - 20 + v.below(40));
  switch (v.below(14)) {
    case 0:
      return plain({"SETRANGE", key, near_chunk, v.string()});
    case 1:
      return plain({"SETRANGE", key, std::to_string(2097152 - 10 + v.below(20)), v.string()});
    case 2:
      return plain({"APPEND", key, v.string()});
    case 3:
      return plain({"GETRANGE", key, near_chunk, std::to_string(1048576 + v.below(100))});
    case 4:
      return plain({"GETRANGE", key, v.index(), v.index()});
    case 5:
      return plain({"SETBIT", key, std::to_string(8388608 - 8 + v.below(16)), std::to_string(v.below(2))});
    case 6:
      return plain({"GETBIT", key, std::to_string(8388608 - 8 + v.below(16))});
    case 7:
      return plain({"BITCOUNT", key, v.index(), near_chunk});
    case 8:
      return plain({"BITPOS", key, std::to_string(v.below(2)), v.index()});
    case 9: {
      static const std::vector<std::string> kOps = {"AND", "OR", "XOR"};
      return plain({"BITOP", v.pick(kOps), v.big_key(), key, v.big_key()});
    }
    case 10:
      return plain({"COPY", key, v.big_key(), "REPLACE"});
    case 11:
      return plain({"BITFIELD", key, "SET", "u32", std::to_string(8388608 - 40 + v.below(60)), v.integer()});
    case 12:
      return plain({"STRLEN", key});
    default:
      return plain({"DEL", key});
  }
}

// The words SCAN understands; the whole iteration is compared, so a cursor of 0 is followed to its end.
Op make_scan(Generator& g, const CommandSpec& spec) {
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
  static const std::vector<std::string> kTypes = {"string", "STRING", "list", "nosuchtype", "hash", ""};
  Op op = with(g, spec, {v.pick(kCursors)});
  if (v.percent(40)) op.args.insert(op.args.end(), {v.random_case("MATCH"), v.pattern()});
  if (v.percent(40)) op.args.insert(op.args.end(), {v.random_case("COUNT"), v.count()});
  if (v.percent(30)) op.args.insert(op.args.end(), {v.random_case("TYPE"), v.pick(kTypes)});
  if (v.percent(5)) op.args.push_back(v.junk());
  op.alone = true;
  return op;
}

Op make_randomkey(Generator& g, const CommandSpec& spec) {
  Op op = with(g, spec, {});
  if (g.values().percent(5)) op.args.push_back("x");
  op.alone = true;
  return op;
}

Op make_config_get(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kPatterns = {
      "*",          "maxmemory",   "MAXMEMORY", "max*", "*slave*", "save",      "appendonly", "hash-*",
      "list-max-*", "nosuch",      "",          "?a*",  "[m]ax*",  "databases", "port*",      "notify-*",
      "client-*",   "*-ziplist-*", "lfu*",      "oom*", "proto*"};
  std::vector<std::string> rest;
  for (uint64_t i = 0, n = 1 + v.below(3); i < n; ++i) rest.push_back(v.random_case(v.pick(kPatterns)));
  return with(g, spec, rest);
}

// Parameters that change nothing else in the run. Values from valid to absurd.
Op make_config_set(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::vector<std::string>> kParameters = {
      {"hash-max-listpack-entries", "128", "512", "-1", "abc", "99999999999"},
      {"hash-max-ziplist-value", "64", "32", "1k", "-1", ""},
      {"set-max-intset-entries", "512", "10", "1.5"},
      {"list-max-listpack-size", "-2", "-1", "128", "16", "abc", "-2147483649"},
      {"lazyfree-lazy-expire", "yes", "no", "YES", "maybe", "1"},
      {"slowlog-log-slower-than", "10000", "-1", "0", "-2", "x"},
      {"slowlog-max-len", "128", "0", "-1"},
      {"maxmemory-samples", "5", "10", "0", "abc"},
      {"maxmemory-policy", "noeviction", "NOEVICTION", "nosuchpolicy", ""},
      {"hz", "10", "100", "0", "501", "x"},
      {"timeout", "0", "100000", "-1"},
      {"notify-keyspace-events", "", "KEA", "xyz!", "Kx"},
      {"client-output-buffer-limit", "normal 0 0 0", "pubsub 32mb 8mb 60", "nosuch 1 2 3", "normal 1"},
      {"save", "", "3600 1", "abc", "100"},
      {"databases", "16"},
      {"port-nosuch", "1"},
      {"activerehashing", "yes", "no", "2"},
      {"lfu-log-factor", "10", "0", "-1"},
      {"proto-max-bulk-len", "536870912", "512mb", "1"},
      {"list-compress-depth", "0", "1", "-1", "abc"},
      {"loglevel", "notice", "NOTICE", "nosuch"},
      {"active-expire-effort", "1", "10", "11", "0"}};
  std::vector<std::string> rest;
  for (uint64_t i = 0, n = 1 + v.below(v.percent(30) ? 3 : 1); i < n; ++i) {
    const std::vector<std::string>& row = v.pick(kParameters);
    rest.push_back(v.random_case(row[0]));
    rest.push_back(row[1 + v.below(row.size() - 1)]);
  }
  if (v.percent(5)) rest.pop_back();
  return with(g, spec, rest);
}

Op make_debug(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::string> kProtocol = {"string", "integer", "double",   "null",
                                                     "array",  "set",     "map",      "bignum",
                                                     "true",   "false",   "verbatim", "nosuch"};
  switch (v.below(10)) {
    case 0: {
      Op op = with(g, spec, {"OBJECT", v.key()});
      op.alone = true;  // its rule asks more about the key
      return op;
    }
    case 1:
      return with(g, spec, {v.random_case("DIGEST")});
    case 2:
      return with(g, spec, {"DIGEST-VALUE", v.key(), v.key()});
    case 3:
      return with(g, spec, {"SLEEP", v.percent(50) ? "0" : "0.0001"});
    case 4:
      return with(g, spec, {"SET-ACTIVE-EXPIRE", "1"});
    case 5: {
      std::vector<std::string> rest = {"POPULATE", std::to_string(v.below(5))};
      if (v.percent(60)) rest.push_back("key");
      if (rest.size() == 3 && v.percent(50)) rest.push_back(std::to_string(v.below(40)));
      return with(g, spec, rest);
    }
    case 6:
      return with(g, spec, {"STRINGMATCH-LEN", std::to_string(v.below(2000)), v.pattern()});
    case 7:
    case 8:
      return with(g, spec, {v.random_case("PROTOCOL"), v.pick(kProtocol)});
    default:
      return with(g, spec, {v.percent(50) ? "NOSUCH" : "OBJECT"});
  }
}

Op make_hello(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::vector<std::string>> kForms = {{},
                                                               {"2"},
                                                               {"3"},
                                                               {"3"},
                                                               {"3"},
                                                               {"1"},
                                                               {"4"},
                                                               {"abc"},
                                                               {""},
                                                               {"3", "SETNAME", "name"},
                                                               {"3", "setname", "bad name"},
                                                               {"2", "AUTH"},
                                                               {"3", "AUTH", "default", "nopass"},
                                                               {"3", "AUTH", "nosuch", "pass"},
                                                               {"3", "AUTH", "default"},
                                                               {"3", "JUNK"},
                                                               {"3", "SETNAME"},
                                                               {"2", "SETNAME", ""},
                                                               {"3", "AUTH", "default", "x", "SETNAME", "y"},
                                                               {"9223372036854775807"},
                                                               {"3.0"}};
  return with(g, spec, v.pick(kForms));
}

Op make_auth(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {
      {"pass"}, {"default", "pass"}, {"nosuch", "pass"}, {""}, {"a", "b", "c"}, {}, {"default", ""}};
  return with(g, spec, g.values().pick(kForms));
}

Op make_client_setname(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::string> kNames = {
      "", "name", "bad name", "tab\t", "\x7f", "~!", "nl\n", "\xff", "a-very-long-name-of-a-client"};
  return with(g, spec, {g.values().pick(kNames)});
}

Op make_client_kill(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {{"1.2.3.4:5"},
                                                               {"ID", "999999999"},
                                                               {"ID", "abc"},
                                                               {"ID", "0"},
                                                               {"ID", "-1"},
                                                               {"ADDR", "1.2.3.4:5"},
                                                               {"LADDR", "1.2.3.4:5"},
                                                               {"TYPE", "nosuch"},
                                                               {"TYPE", "pubsub", "ID", "99999999"},
                                                               {"USER", "nosuch"},
                                                               {"USER", "default", "ID", "99999999"},
                                                               {"SKIPME", "maybe"},
                                                               {"SKIPME", "yes", "ID", "99999999"},
                                                               {"NOSUCH", "x"},
                                                               {"ID"},
                                                               {"ID", "99999999", "ADDR"},
                                                               {""},
                                                               {"type", "MASTER"},
                                                               {"TYPE", "replica"},
                                                               {"TYPE", "slave", "SKIPME", "no"}};
  return with(g, spec, g.values().pick(kForms));
}

Op make_client_pause(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {
      {"0"},  {"1"},   {"1", "WRITE"}, {"0", "ALL"},        {"1", "JUNK"},
      {"-1"}, {"abc"}, {"1.5"},        {"0", "write", "x"}, {"9223372036854775808"},
      {""}};
  return with(g, spec, g.values().pick(kForms));
}

Op make_client_list(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {{},
                                                               {"TYPE", "normal"},
                                                               {"type", "pubsub"},
                                                               {"TYPE", "master"},
                                                               {"TYPE", "replica"},
                                                               {"TYPE", "nosuch"},
                                                               {"ID", "99999999"},
                                                               {"ID", "abc"},
                                                               {"ID"},
                                                               {"JUNK"},
                                                               {"TYPE"},
                                                               {"TYPE", "normal", "x"},
                                                               {"ID", "-1", "99999"}};
  return with(g, spec, g.values().pick(kForms));
}

Op make_client_reply(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {{"ON"}, {"on"}, {"JUNK"}, {""}};
  return with(g, spec, g.values().pick(kForms));
}

Op make_client_toggle(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {{"on"},    {"OFF"},       {"off"}, {"ON"},
                                                               {"maybe"}, {"on", "off"}, {}};
  return with(g, spec, g.values().pick(kForms));
}

Op make_info(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {{},
                                                               {"server"},
                                                               {"CLIENTS"},
                                                               {"memory"},
                                                               {"persistence"},
                                                               {"stats"},
                                                               {"replication"},
                                                               {"cpu"},
                                                               {"commandstats"},
                                                               {"cluster"},
                                                               {"keyspace"},
                                                               {"keyspace"},
                                                               {"keyspace", "cluster"},
                                                               {"all"},
                                                               {"everything"},
                                                               {"default"},
                                                               {"nosuch"},
                                                               {"errorstats"},
                                                               {"latencystats"},
                                                               {"modules"},
                                                               {"nosuch", "keyspace"},
                                                               {""}};
  return with(g, spec, g.values().pick(kForms));
}

// COMMAND GETKEYS over commands made by the generator itself.
Op make_getkeys(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  const CommandSpec& target = v.pick(g.grammar().commands);
  if (target.name == "command") return with(g, spec, {"get", v.key()});
  Op op = with(g, spec, {});
  Op inner = g.from_grammar(target);
  op.newer = inner.newer;
  op.args.insert(op.args.end(), inner.args.begin(), inner.args.end());
  return op;
}

Op make_command_info(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  std::vector<std::string> names;
  for (uint64_t i = 0, n = v.below(4); i < n; ++i) {
    names.push_back(v.percent(80) ? v.random_case(v.pick(g.grammar().commands).full_name()) : "nosuch");
  }
  if (names.empty() && spec.sub != "list") names.push_back("get");
  if (spec.sub == "list") {
    static const std::vector<std::vector<std::string>> kForms = {{},
                                                                 {"FILTERBY", "ACLCAT", "bitmap"},
                                                                 {"FILTERBY", "PATTERN", "get*"},
                                                                 {"filterby", "module", "nosuch"},
                                                                 {"FILTERBY"},
                                                                 {"FILTERBY", "JUNK", "x"},
                                                                 {"FILTERBY", "ACLCAT", "nosuch"},
                                                                 {"JUNK"},
                                                                 {"FILTERBY", "PATTERN", "*", "x"}};
    names = v.pick(kForms);
  }
  return with(g, spec, names);
}

Op make_acl_cat(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {
      {}, {"string"}, {"bitmap"}, {"nosuch"}, {"keyspace"}, {"READ"}, {"a", "b"}, {"dangerous"}};
  return with(g, spec, g.values().pick(kForms));
}

Op make_flush(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {{},        {"SYNC"}, {"ASYNC"},
                                                               {"async"}, {"JUNK"}, {"SYNC", "x"}};
  return with(g, spec, g.values().pick(kForms));
}

Op make_quit(Generator& g, const CommandSpec& spec) {
  Op op = with(g, spec, {});
  if (g.values().percent(20)) op.args.push_back("x");
  op.alone = true;
  op.closes = true;
  return op;
}

Op make_alone(Generator& g, const CommandSpec& spec) {
  Op op = g.from_grammar(spec);
  op.alone = true;
  return op;
}

Op make_memory_usage(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Op op = with(g, spec, {v.key()});
  if (v.percent(40)) op.args.insert(op.args.end(), {v.random_case("SAMPLES"), v.small_integer()});
  return op;
}

}  // namespace

namespace {

const std::vector<Special>& common_specials() {
  static const std::vector<Special> kTable = {
      {"set", make_set, 90, true},
      {"get", make_big, 40, true},
      {"append", make_big, 25, true},
      {"incr", make_incr, 30, true},
      {"incrby", make_incr, 30, true},
      {"decrby", make_incr, 25, true},
      {"incrbyfloat", make_incrbyfloat, 40, true},
      {"bitfield", make_bitfield, 50, true},
      {"bitfield_ro", make_bitfield, 15, true},
      {"lcs", nullptr, 8, true},
      {"keys", nullptr, 4, true},
      {"scan", make_scan, 10, false},
      {"randomkey", make_randomkey, 8, false},
      {"dbsize", nullptr, 8, true},
      {"select", nullptr, 12, true},
      {"swapdb", nullptr, 2, true},
      {"flushdb", make_flush, 1, false},
      {"flushall", make_flush, 1, false},
      {"config|get", make_config_get, 6, false},
      {"config|set", make_config_set, 8, false},
      {"debug", make_debug, 12, false},
      {"hello", make_hello, 5, false},
      {"auth", make_auth, 2, false},
      {"client|setname", make_client_setname, 4, false},
      {"client|kill", make_client_kill, 3, false},
      {"client|pause", make_client_pause, 2, false},
      {"client|list", make_client_list, 2, false},
      {"client|reply", make_client_reply, 2, false},
      {"client|no-evict", make_client_toggle, 2, false},
      {"client|no-touch", make_client_toggle, 2, false},
      {"info", make_info, 3, false},
      {"command|getkeys", make_getkeys, 8, false},
      {"command|getkeysandflags", make_getkeys, 8, false},
      {"command|info", make_command_info, 3, false},
      {"command|docs", make_command_info, 2, false},
      {"command|list", make_command_info, 3, false},
      {"acl|cat", make_acl_cat, 2, false},
      {"reset", nullptr, 2, false},
      {"quit", make_quit, 1, false},
      {"memory|usage", make_memory_usage, 6, true},
      {"object|idletime", make_alone, 4, true},
      {"object|encoding", make_alone, 4, false},
  };
  return kTable;
}

}  // namespace

const std::vector<Special>& special_commands() {
  static const std::vector<Special> kTable = [] {
    std::vector<Special> all;
    for (const std::vector<Special>* part :
         {&common_specials(), &set_specials(), &sort_specials(), &list_specials(), &stream_specials(),
          &hyperloglog_specials(), &blocking_specials(), &dump_specials(), &script_specials()}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  }();
  return kTable;
}

const char* not_sent_reason(const std::string& full_name) {
  struct Reason {
    const char* name;
    const char* why;
  };
  static constexpr Reason kReasons[] = {
      {"shutdown", "ends the server: tests/integration"},
      {"monitor", "turns the connection into a stream: tests/integration"},
      {"subscribe", "pushes between replies, channels in any order: tests/integration/test_pubsub.py"},
      {"unsubscribe", "pushes between replies, channels in any order: tests/integration/test_pubsub.py"},
      {"psubscribe", "pushes between replies, channels in any order: tests/integration/test_pubsub.py"},
      {"punsubscribe", "pushes between replies, channels in any order: tests/integration/test_pubsub.py"},
      {"ssubscribe", "pushes between replies, channels in any order: tests/integration/test_pubsub.py"},
      {"sunsubscribe", "pushes between replies, channels in any order: tests/integration/test_pubsub.py"},
      {"pubsub", "pushes between replies, channels in any order: tests/integration/test_pubsub.py"},
      {"script|debug", "there is no debugger: tests/integration/test_scripts.py"},
      {"config|rewrite", "no file is given: tests/integration"},
      {"config|resetstat", "the counters are compared at the end of the run"},
      {"client|unblock", "names clients: tests/integration"},
      {"client|tracking", "pushes between replies"},
      {"client|caching", "pushes between replies"},
      {"acl|log", "names addresses and ages of clients"},
      {"acl|setuser", "would lock the run out"},
      {"acl|deluser", "would lock the run out"},
      {"acl|load", "needs a file"},
      {"acl|save", "needs a file"},
      {"migrate", "needs a third server"},
      {"wait", "timed"},
      {"waitaof", "timed"},
      {"module", "loads code"},
      {"slowlog", "timed"},
      {"latency", "timed"},
      {"save", "persistence: not in this driver"},
      {"bgsave", "persistence: not in this driver"},
      {"bgrewriteaof", "persistence: not in this driver"},
      {"replicaof", "replication: not in this driver"},
      {"slaveof", "replication: not in this driver"},
      {"psync", "replication: not in this driver"},
      {"sync", "replication: not in this driver"},
      {"replconf", "replication: not in this driver"},
      {"failover", "replication: not in this driver"},
  };
  const std::string parent = full_name.substr(0, full_name.find('|'));
  for (const Reason& reason : kReasons) {
    if (full_name == reason.name || parent == reason.name) return reason.why;
  }
  return nullptr;
}

}  // namespace tessera::differential
