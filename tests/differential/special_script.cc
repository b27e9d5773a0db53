// Role: scripts and functions: EVAL and its kin over generated texts (lua_maker), libraries of functions with
// all that may be wrong with them, and FUNCTION RESTORE with payloads whole and damaged. Thread: any.
#include <set>

#include "common/hash/crc64.h"
#include "common/hash/sha1.h"
#include "tests/differential/lua_maker.h"
#include "tests/differential/special.h"

namespace tessera::differential {

bool suits_scripts(const CommandSpec& spec) {
  static const std::set<std::string> kGroups = {"string",     "bitmap", "list",        "set",
                                                "sorted-set", "hash",   "hyperloglog", "stream"};
  static const std::set<std::string> kOthers = {
      "del",        "exists", "unlink", "type",     "rename", "renamenx", "persist", "copy",
      "touch",  "move",   "expireat", "expire", "select",   "ping",    "echo"};
  // By chance, by time, or in an order that a table has.
  static const std::set<std::string> kLeftOut = {
      "spop",   "srandmember", "hrandfield", "zrandmember", "smembers", "sinter",  "sunion",    "sdiff",
      "sscan",  "hscan",       "zscan",      "hgetall",     "hkeys",    "hvals",   "xinfo",     "xpending",
      "xclaim", "xautoclaim",  "xreadgroup", "zinterstore", "lcs",      "pfdebug", "pfselftest"};
  if (spec.has_subcommands || spec.sub == "help" || kLeftOut.count(spec.name) != 0) return false;
  return kGroups.count(spec.group) != 0 || kOthers.count(spec.name) != 0;
}

namespace {

std::string first_line(Values& v) {
  static const std::vector<std::string> kLines = {"#!lua",
                                                  "#!lua flags=",
                                                  "#!lua flags=no-writes",
                                                  "#!lua flags=no-writes",
                                                  "#!lua flags=allow-oom,no-cluster",
                                                  "#!lua flags=allow-stale,allow-cross-slot-keys",
                                                  "#!lua flags=nosuch",
                                                  "#!lua flags=no-writes,,",
                                                  "#!lua flags=no-writes flags=allow-oom",
                                                  "#!lua nosuch=1",
                                                  "#!lua name=x",
                                                  "#!python",
                                                  "#!",
                                                  "#!LUA",
                                                  "#!lua  flags=no-writes",
                                                  "#!lua 'flags=no-writes'"};
  return v.pick(kLines);
}

std::string some_text(Generator& g, LuaMaker& maker) {
  Values& v = g.values();
  static const std::vector<std::string> kOdd = {"return",
                                                "",
                                                "return 1 +",
                                                "x",
                                                "if",
                                                "return 'a",
                                                "return KEYS",
                                                "return ARGV",
                                                "\x1bLua",
                                                "return #KEYS + #ARGV",
                                                "return {KEYS[1], ARGV[1]}",
                                                "return redis.REDIS_VERSION_NUM >= 0",
                                                "--[==[ x ]==] return 1",
                                                "return [[a\r\nb]]",
                                                "goto x"};
  std::string text = v.percent(4) ? v.pick(kOdd) : maker.body();
  if (v.percent(12)) text = first_line(v) + (v.percent(95) ? "\n" : "") + text;
  return text;
}

void add_words(Generator& g, Op& op, const std::vector<std::string>& keys,
               const std::vector<std::string>& args) {
  Values& v = g.values();
  static const std::vector<std::string> kWrong = {"-1", "abc", "", "100", "1.5", "99999999999999999999"};
  op.args.push_back(v.percent(3) ? v.pick(kWrong) : std::to_string(keys.size()));
  op.args.insert(op.args.end(), keys.begin(), keys.end());
  op.args.insert(op.args.end(), args.begin(), args.end());
}

Op make_eval(Generator& g, const CommandSpec& spec) {
  LuaMaker maker(g, "KEYS", "ARGV");
  const std::string text = some_text(g, maker);
  std::vector<std::string>& scripts = g.scripts();
  if (scripts.size() < 40) {
    scripts.push_back(text);
  } else {
    scripts[g.values().below(scripts.size())] = text;
  }
  Op op = special_words(g, spec, {text});
  add_words(g, op, maker.keys(), maker.args());
  return op;
}

std::string known_sha(Generator& g) {
  Values& v = g.values();
  static const std::vector<std::string> kOdd = {"", "abc", std::string(40, 'a'), std::string(40, 'z'),
                                                std::string(41, '0')};
  if (g.scripts().empty() || v.percent(4)) return v.pick(kOdd);
  std::string sha = hash::sha1_hex(v.pick(g.scripts()));
  return v.percent(10) ? v.random_case(sha) : sha;
}

Op make_evalsha(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Op op = special_words(g, spec, {known_sha(g)});
  std::vector<std::string> keys, args;
  for (uint64_t i = 0, n = v.below(5); i < n; ++i) keys.push_back(v.key());
  for (uint64_t i = 0, n = v.below(5); i < n; ++i) args.push_back(v.string());
  add_words(g, op, keys, args);
  return op;
}

Op make_script_exists(Generator& g, const CommandSpec& spec) {
  Op op = special_words(g, spec, {});
  for (uint64_t i = 0, n = 1 + g.values().below(3); i < n; ++i) op.args.push_back(known_sha(g));
  return op;
}

Op make_script_load(Generator& g, const CommandSpec& spec) {
  LuaMaker maker(g, "KEYS", "ARGV");
  const std::string text = some_text(g, maker);
  g.scripts().push_back(text);
  if (g.scripts().size() > 40) g.scripts().erase(g.scripts().begin());
  return special_words(g, spec, {text});
}

Op make_flush(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {{},        {"SYNC"}, {"ASYNC"},
                                                               {"async"}, {"JUNK"}, {"SYNC", "x"}};
  return special_words(g, spec, g.values().pick(kForms));
}

// ---- functions

std::string library_name(Values& v) {
  static const std::vector<std::string> kOdd = {"a-b", "", "a b", "caf\xc3\xa9", "LIB0"};
  return v.percent(4) ? v.pick(kOdd) : "lib" + std::to_string(v.below(5));
}

std::string function_name(Values& v) {
  static const std::vector<std::string> kOdd = {"a-b", "", "a b", "FN0", "nosuch"};
  return v.percent(4) ? v.pick(kOdd) : "fn" + std::to_string(v.below(12));
}

// `any_name`: one that is another's in other letters, too; of two such in one library redis-server takes one, by
// chance.
std::string registration(Generator& g, bool any_name) {
  Values& v = g.values();
  static const std::vector<std::string> kFlags = {"",
                                                  ", flags={}",
                                                  ", flags={'no-writes'}",
                                                  ", flags={'no-writes', 'allow-oom'}",
                                                  ", flags={'allow-stale', 'no-cluster'}",
                                                  ", flags={'allow-cross-slot-keys'}",
                                                  ", flags={'nosuch'}",
                                                  ", flags={1}",
                                                  ", flags='no-writes'",
                                                  ", description='what it does'",
                                                  ", description='what', flags={'no-writes'}",
                                                  ", description=1",
                                                  ", nosuch=1"};
  static const std::vector<std::string> kWrong = {
      "redis.register_function()",
      "redis.register_function('x')",
      "redis.register_function(1, function() end)",
      "redis.register_function('x', 1)",
      "redis.register_function('x', function() end, 1)",
      "redis.register_function({function_name='x'})",
      "redis.register_function({callback=function() end})",
      "redis.register_function{function_name=1, callback=function() end}",
      "redis.register_function{function_name='x', callback=1}",
      "redis.register_function{'x', function() end}",
      "redis.register_function('same', function() end) redis.register_function('same', function() end)",
      "redis.call('get', 'x')",
      "redis.setresp(3)",
      "local x = undefined_global",
      "y = 1",
      "error('while loading')",
      "error({err='ERR while loading'})",
      "redis.log(redis.LOG_DEBUG, 'x')",
      "return 1",
      "local x = redis.sha1hex('a')",
      "local x = string.upper('a')",
      "syntax error"};
  if (v.percent(6)) return v.pick(kWrong);
  std::string name = function_name(v);
  if (!any_name && name == "FN0") name = "fn0";
  LuaMaker maker(g, "keys", "args");
  const std::string callback = "function(keys, args)\n" + maker.body() + "\nend";
  if (v.percent(50)) return "redis.register_function('" + name + "', " + callback + ")";
  return "redis.register_function{function_name='" + name + "', callback=" + callback +
         (v.percent(85) ? v.pick(kFlags).substr(0) : std::string()) + "}";
}

std::string library(Generator& g) {
  Values& v = g.values();
  static const std::vector<std::string> kLines = {"",
                                                  "#!lua",
                                                  "#!lua name=",
                                                  "#!LUA name=upper",
                                                  "#!python name=x",
                                                  "#! name=x",
                                                  "#!lua name=a name=b",
                                                  "#!lua nosuch=1",
                                                  "#!lua name=q flags=no-writes",
                                                  "#!lua name='quoted'",
                                                  "#!lua  name=lib0",
                                                  "#!lua name=\"a"};
  std::string text = v.percent(6) ? v.pick(kLines) : "#!lua name=" + library_name(v);
  text += v.percent(97) ? "\n" : " ";
  if (v.percent(30)) text += "local function helper(x) return x end\n";
  const uint64_t count = v.percent(95) ? 1 + v.below(3) : 0;
  for (uint64_t i = 0; i < count; ++i) text += registration(g, count == 1) + "\n";
  return text;
}

Op make_function_load(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Op op = special_words(g, spec, {});
  if (v.percent(60)) op.args.push_back(v.random_case("REPLACE"));
  if (v.percent(2)) op.args.push_back(v.junk());
  op.args.push_back(library(g));
  return op;
}

Op make_function_delete(Generator& g, const CommandSpec& spec) {
  return special_words(g, spec, {library_name(g.values())});
}

Op make_function_list(Generator& g, const CommandSpec& spec) {
  static const std::vector<std::vector<std::string>> kForms = {{},
                                                               {"WITHCODE"},
                                                               {"withcode", "LIBRARYNAME", "lib*"},
                                                               {"LIBRARYNAME", "lib1"},
                                                               {"LIBRARYNAME", "LIB1"},
                                                               {"LIBRARYNAME"},
                                                               {"WITHCODE", "WITHCODE"},
                                                               {"LIBRARYNAME", "a", "LIBRARYNAME", "b"},
                                                               {"JUNK"},
                                                               {""}};
  return special_words(g, spec, g.values().pick(kForms));
}

Op make_function_dump(Generator& g, const CommandSpec& spec) {
  Op op = special_words(g, spec, {});
  op.alone = true;
  return op;
}

// One library per function: opcode, length, source; then the version and the checksum.
std::string payload(Generator& g) {
  Values& v = g.values();
  std::string out;
  for (uint64_t i = 0, n = v.below(4); i < n; ++i) {
    const std::string text = library(g);
    out += v.percent(97) ? '\xf5' : static_cast<char>(v.below(256));
    out += '\x80';
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(text.size() >> shift);
    out += text;
  }
  out += static_cast<char>(v.percent(95) ? 10 : v.below(14) == 11 ? 10 : 99);
  out += '\0';
  const uint64_t crc = hash::crc64(0, out);
  for (int i = 0; i < 8; ++i) out += static_cast<char>(crc >> (8 * i));
  if (v.percent(3)) out[v.below(out.size())] ^= 1;
  if (v.percent(2)) out.resize(v.below(out.size()));
  return out;
}

Op make_function_restore(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  static const std::vector<std::vector<std::string>> kPolicies = {
      {}, {"FLUSH"}, {"APPEND"}, {"REPLACE"}, {"replace"}, {"JUNK"}, {"FLUSH", "x"}};
  Op op = special_words(g, spec, {payload(g)});
  const std::vector<std::string>& policy = v.pick(kPolicies);
  op.args.insert(op.args.end(), policy.begin(), policy.end());
  return op;
}

Op make_fcall(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  Op op = special_words(g, spec, {function_name(v)});
  std::vector<std::string> keys, args;
  for (uint64_t i = 0, n = v.below(5); i < n; ++i) keys.push_back(v.key());
  for (uint64_t i = 0, n = v.below(5); i < n; ++i) args.push_back(v.string());
  add_words(g, op, keys, args);
  return op;
}

}  // namespace

const std::vector<Special>& script_specials() {
  static const std::vector<Special> kTable = {
      {"eval", make_eval, 90, true},
      {"eval_ro", make_eval, 25, true},
      {"evalsha", make_evalsha, 40, true},
      {"evalsha_ro", make_evalsha, 10, true},
      {"script|load", make_script_load, 15, true},
      {"script|exists", make_script_exists, 8, false},
      {"script|flush", make_flush, 1, false},
      {"function|load", make_function_load, 25, true},
      {"function|delete", make_function_delete, 4, false},
      {"function|flush", make_flush, 1, false},
      {"function|list", make_function_list, 6, false},
      {"function|dump", make_function_dump, 3, false},
      {"function|restore", make_function_restore, 6, true},
      {"fcall", make_fcall, 60, true},
      {"fcall_ro", make_fcall, 15, true},
  };
  return kTable;
}

}  // namespace tessera::differential
