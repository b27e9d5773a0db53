// Scripts without a node: values, errors and their texts, the sandbox, and each way that is known to break or
// crash plain Lua or its libraries.
#include "server/script/interpreter.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "common/hash/sha1.h"

namespace tessera::script {
namespace {

// Answers commands from a table of replies, and ends a script after so many looks.
class FakeHost : public Host {
 public:
  std::string_view call(const registry::Args& args, int proto) override {
    ++calls;
    last_proto = proto;
    words.clear();
    for (std::string_view word : args.views()) words.emplace_back(word);
    const auto found = replies.find(words[0]);
    reply = found != replies.end() ? found->second : "-ERR Unknown Redis command called from script\r\n";
    return reply;
  }
  bool stopped() override { return stop; }
  Allowed may_run(const registry::Args& args) override {
    return args[0] == "nosuch" ? Allowed::kNoSuchCommand : Allowed::kYes;
  }
  void log(int, std::string_view text) override { logged = text; }
  void set_replication(int) override {}
  std::string_view interrupted() override {
    return ++looks > looks_allowed ? "Script killed by user with SCRIPT KILL..." : std::string_view();
  }

  std::map<std::string, std::string> replies;
  std::vector<std::string> words;
  std::string reply, logged;
  int calls = 0, last_proto = 0, looks = 0, looks_allowed = 1000;
  bool stop = false;
};

class InterpreterTest : public testing::Test {
 protected:
  std::string run(std::string_view source, std::vector<std::string_view> keys = {},
                  std::vector<std::string_view> args = {}) {
    std::string error;
    const int ref = interpreter.compile(source, "@user_script", error);
    if (ref == 0) return "compile: " + error;
    resp::ChunkPool pool;
    resp::OutChain chain(pool);
    resp::Writer reply(chain, proto);
    Interpreter::Call call;
    call.ref = ref;
    call.name = "S";
    call.keys = keys;
    call.args = args;
    interpreter.run(call, host, reply);
    interpreter.release(ref);
    return chain.to_string();
  }
  static std::string error(std::string_view text) {
    return "-ERR user_script:1: " + std::string(text) + " script: S, on @user_script:1.\r\n";
  }
  bool is_refused(std::string_view source) { return run(source)[0] == '-'; }

  Interpreter interpreter{Flavor::kScripts, 1, size_t{64} << 20};
  FakeHost host;
  int proto = 2;
};

TEST_F(InterpreterTest, ValuesBecomeReplies) {
  EXPECT_EQ(run("return 3.9"), ":3\r\n");
  EXPECT_EQ(run("return 1e30"), ":-9223372036854775808\r\n");
  EXPECT_EQ(run("return 'a\\0b'"), std::string("$3\r\na\0b\r\n", 9));
  EXPECT_EQ(run("return {1,'x',nil,4}"), "*2\r\n:1\r\n$1\r\nx\r\n");
  EXPECT_EQ(run("return {ok='fine'}"), "+fine\r\n");
  EXPECT_EQ(run("return {err='My bad\\nline'}"), "-My bad line\r\n");
  EXPECT_EQ(run("return {KEYS, ARGV}", {"k"}, {"a", "b"}),
            "*2\r\n*1\r\n$1\r\nk\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(run("return true"), ":1\r\n");
  EXPECT_EQ(run("return false"), "$-1\r\n");
  proto = 3;
  EXPECT_EQ(run("return {map={a=1}}"), "%1\r\n$1\r\na\r\n:1\r\n");
  EXPECT_EQ(run("return {double=3.5}"), ",3.5\r\n");
  EXPECT_EQ(run("redis.setresp(3) return true"), "#t\r\n");
  EXPECT_EQ(run("return {verbatim_string={string='x',format='txt'}}"), "=5\r\ntxt:x\r\n");
  EXPECT_EQ(run("return {set={a=true}}"), "~1\r\n$1\r\na\r\n");
}

TEST_F(InterpreterTest, RepliesBecomeValues) {
  host.replies = {{"int", ":7\r\n"},
                  {"bulk", "$1\r\nx\r\n"},
                  {"null", "$-1\r\n"},
                  {"status", "+OK\r\n"},
                  {"map", "%1\r\n$1\r\nk\r\n:1\r\n"},
                  {"real", ",1.5\r\n"},
                  {"array", "*2\r\n:1\r\n*1\r\n$1\r\ny\r\n"},
                  {"err", "-CODE text\r\n"}};
  EXPECT_EQ(run("return redis.call('int')+1"), ":8\r\n");
  EXPECT_EQ(run("return redis.call('status').ok"), "$2\r\nOK\r\n");
  EXPECT_EQ(run("return tostring(redis.call('null'))"), "$5\r\nfalse\r\n");
  EXPECT_EQ(run("return redis.call('array')[2][1]"), "$1\r\ny\r\n");
  EXPECT_EQ(run("return redis.call('map').map.k"), ":1\r\n");
  EXPECT_EQ(run("return tostring(redis.call('real').double)"), "$3\r\n1.5\r\n");
  EXPECT_EQ(run("return redis.pcall('err').err"), "$9\r\nCODE text\r\n");
  EXPECT_EQ(run("return redis.call('err')"), "-CODE text script: S, on @user_script:1.\r\n");
  EXPECT_EQ(run("local ok, e = pcall(redis.call, 'err') return e"), "$9\r\nCODE text\r\n");
  EXPECT_EQ(run("return redis.call('bulk', 1, 2.5, 1e20)"), "$1\r\nx\r\n");
  EXPECT_EQ(host.words, (std::vector<std::string>{"bulk", "1", "2.5", "1e+20"}));
}

TEST_F(InterpreterTest, ErrorsSayWhere) {
  EXPECT_EQ(run("error('x')"), error("x"));
  EXPECT_EQ(run("\n\nfoo()"),
            "-ERR user_script:3: Script attempted to access nonexistent global variable 'foo' script: S, on "
            "@user_script:3.\r\n");
  EXPECT_EQ(run("error({err='CODE y'})"), "-CODE y script: S, on @user_script:1.\r\n");
  EXPECT_EQ(run("return redis.error_reply('one\\r\\ntwo')"), "-ERR one  two\r\n");
  EXPECT_EQ(run("return redis.error_reply('\\r\\none\\r\\n')"), "-ERR one\r\n");
  EXPECT_EQ(run("return redis.error_reply('-CODE \\n')"), "-CODE \r\n");
  EXPECT_EQ(run("error({})"), "-ERR unknown error script: S, on @user_script:1.\r\n");
}

TEST_F(InterpreterTest, GlobalsLibrariesAndMetatablesStayAsTheyAre) {
  for (const char* source :
       {"x = 1", "redis.call = nil", "string.rep = nil", "math.pi = 3", "cjson.null = 1", "KEYS = {}"}) {
    EXPECT_EQ(run(source), error("Attempt to modify a readonly table")) << source;
  }
  for (const char* source :
       {"rawset(_G, 'x', 1)", "rawset(redis, 'x', 1)", "setmetatable(_G, {})", "setmetatable(string, {})",
        "getmetatable('').__index = nil", "getmetatable('').x = 1", "setmetatable(getmetatable(''), {})",
        "getmetatable(_G).__index = nil", "table.insert(redis, 1)", "table.insert(_G, 1, 1)"}) {
    EXPECT_TRUE(is_refused(source)) << source;
  }
  EXPECT_EQ(run("return tostring(rawget(_G, 'x')) .. tostring(rawget(redis, 'x'))"), "$6\r\nnilnil\r\n");
  EXPECT_EQ(run("return ('x'):rep(3)"), "$3\r\nxxx\r\n");
  EXPECT_EQ(run("local n = 0 for k in pairs(redis) do n = n + 1 end return n > 20"), ":1\r\n");
  EXPECT_EQ(run("KEYS[1] = 'own' return KEYS[1]"), "$3\r\nown\r\n");
}

TEST_F(InterpreterTest, NothingOfTheProcessIsInReach) {
  for (const char* name : {"os", "io", "require", "package", "debug", "dofile", "loadfile", "print",
                           "newproxy", "getfenv", "setfenv", "module", "loadlib"}) {
    EXPECT_TRUE(is_refused(std::string("return ") + name)) << name;
  }
}

TEST_F(InterpreterTest, SourcesAreTextAndBounded) {
  EXPECT_EQ(run("return tostring(loadstring(string.dump(function() return 1 end)))"), "$3\r\nnil\r\n");
  EXPECT_EQ(run("local s = string.dump(function() end) local done return tostring(load(function() if not "
                "done then done = "
                "true return s end end))"),
            "$3\r\nnil\r\n");
  std::string binary = "\033Lua";
  EXPECT_TRUE(run(binary).starts_with("compile: "));
  EXPECT_EQ(run("return tostring(load(function() return 'x = 1 ' end))"), "$3\r\nnil\r\n");  // for ever
  EXPECT_TRUE(run(std::string(Interpreter::kMaxSourceBytes + 1, ' ')).starts_with("compile: "));
  // A bracket of many levels; deep nesting.
  EXPECT_TRUE(run("return [" + std::string(1 << 20, '=') + "[").starts_with("compile: "));
  EXPECT_TRUE(run("return " + std::string(100000, '(')).starts_with("compile: "));
  EXPECT_TRUE(run("return " + std::string(100000, '{')).starts_with("compile: "));
}

TEST_F(InterpreterTest, TheCollectorStandsStillWhileParsing) {
  // Chunk names and strings that only the parser knows, while there is much garbage.
  EXPECT_EQ(run("for i = 1, 300 do local t = {} for j = 1, 100 do t[j] = 'g' .. i .. j end "
                "loadstring(string.rep('local a = \"' .. i .. '\" ', 50) .. ' return {', 'chunk' .. i) end "
                "return 1"),
            ":1\r\n");
}

TEST_F(InterpreterTest, RangesAreChecked) {
  EXPECT_EQ(run("return unpack({}, -2147483648, 2147483647)"), error("too many results to unpack"));
  EXPECT_EQ(run("return unpack({}, 0, 2147483647)"), error("too many results to unpack"));
  EXPECT_TRUE(is_refused("return string.rep('x', 2^31 - 1)"));
  EXPECT_EQ(run("return string.rep('', 2^31 - 1)"), "$0\r\n\r\n");
  EXPECT_TRUE(is_refused("table.concat({}, 'x', 1, 2^31 - 1)"));
  EXPECT_TRUE(is_refused("table.insert({}, -2147483648, 1)"));
  EXPECT_TRUE(is_refused("table.insert({}, 2^31, 1)"));
  EXPECT_EQ(run("return bit.tohex(1, -2147483648)"), "$8\r\n00000001\r\n");
  EXPECT_EQ(run("return bit.tohex(-1, 2147483647)"), "$8\r\nffffffff\r\n");
  EXPECT_EQ(run("return bit.rol(1, -2147483648)"), ":1\r\n");
  EXPECT_TRUE(is_refused("return struct.pack('I2147483648', 1)"));
  EXPECT_TRUE(is_refused("return struct.unpack('c2147483647', 'x')"));
  EXPECT_TRUE(is_refused("return struct.unpack('i4', 'abcd', 2^40)"));
  EXPECT_TRUE(is_refused("return struct.unpack('i4', 'abcd', -2^31)"));
  EXPECT_TRUE(is_refused("return string.find(string.rep('a', 30000), string.rep('a?', 30000))"));
}

TEST_F(InterpreterTest, DepthIsBounded) {
  EXPECT_TRUE(is_refused("local a = {} a.a = a return cjson.encode(a)"));
  EXPECT_TRUE(is_refused("cjson.decode_max_depth(2^31 - 1) return cjson.decode(string.rep('[', 1000000))"));
  EXPECT_TRUE(
      is_refused("cjson.encode_max_depth(2^31 - 1) local a = {} for i = 1, 100000 do a = {a} end "
                 "return cjson.encode(a)"));
  EXPECT_TRUE(is_refused("return cmsgpack.unpack(string.rep('\\145', 1000000))"));
  EXPECT_TRUE(is_refused("return cmsgpack.unpack(string.rep('\\129\\1', 1000000))"));
  EXPECT_FALSE(is_refused("local a = {} a.a = a return cmsgpack.pack(a)"));
  EXPECT_TRUE(is_refused("local function f() return 1 + f() end return f()"));
  EXPECT_TRUE(is_refused("local function f() return pcall(f) end error(tostring(f()))"));
  EXPECT_TRUE(is_refused("local function f() return coroutine.wrap(f)() end return f()"));
  EXPECT_TRUE(
      is_refused("local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end "
                 "return t.x"));
  EXPECT_FALSE(run("local t = {} for i = 1, 100000 do t = {t} end return t").empty());
}

TEST_F(InterpreterTest, MemoryIsBounded) {
  EXPECT_TRUE(is_refused("local t = {} for i = 1, 1e9 do t[i] = {} end"));
  EXPECT_TRUE(is_refused("local s = 'x' for i = 1, 60 do s = s .. s end return #s"));
  EXPECT_TRUE(is_refused("local a = {} for i = 1, 40 do a = {a, a} end return cjson.encode(a)"));
  EXPECT_TRUE(
      is_refused("local s = string.rep('x', 2^20) local a = {} for i = 1, 200 do a[i] = s end "
                 "return #cmsgpack.pack(a)"));
  EXPECT_TRUE(is_refused("cjson.encode_sparse_array(false, 0) return cjson.encode({[2^30] = 1})"));
  EXPECT_TRUE(
      is_refused("cjson.encode_keep_buffer(false) cjson.encode_sparse_array(true, 0) local t = {} "
                 "for i = 1, 30 do t = {t, t, t} end return cjson.encode(t)"));
  EXPECT_TRUE(is_refused("return cjson.decode('[' .. string.rep('[],', 2^22) .. '[]]')"));
  EXPECT_EQ(run("return 1"), ":1\r\n");
  EXPECT_LT(interpreter.memory_bytes(), size_t{32} << 20);
}

TEST_F(InterpreterTest, OptionsOfCjsonHoldForOneScript) {
  EXPECT_EQ(run("cjson.encode_max_depth(2) return cjson.encode_max_depth()"), ":2\r\n");
  EXPECT_EQ(run("return cjson.encode_max_depth()"), ":1000\r\n");
  EXPECT_EQ(run("return cjson.new().encode({1, {a = cjson.null}})"), "$14\r\n[1,{\"a\":null}]\r\n");
}

TEST_F(InterpreterTest, WhatEndsAScriptIsNotCaught) {
  host.looks_allowed = 2;
  const std::string killed = "-ERR Script killed by user with SCRIPT KILL...";
  for (const char* source :
       {"while true do end", "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function(e) return e end) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do pcall(redis.call, 'x') end"}) {
    host.looks = 0;
    EXPECT_TRUE(run(source).starts_with(killed)) << source;
  }
  host.looks = 0;
  EXPECT_EQ(run("return 5"), ":5\r\n");
  host.stop = true;
  host.calls = 0;
  EXPECT_TRUE(is_refused("for i = 1, 5 do redis.pcall('x') end return 1"));
  EXPECT_EQ(host.calls, 1);
}

TEST_F(InterpreterTest, ACompiledScriptMayBeReleasedWhileItRuns) {
  std::string compile_error;
  const int ref = interpreter.compile("redis.call('flush') return KEYS[1]", "@user_script", compile_error);
  ASSERT_NE(ref, 0);
  struct Flusher : FakeHost {
    std::string_view call(const registry::Args&, int) override {
      flush();
      return "+OK\r\n";
    }
    std::function<void()> flush;
  } flusher;
  flusher.flush = [&] { interpreter.release(ref); };
  resp::ChunkPool pool;
  resp::OutChain chain(pool);
  resp::Writer reply(chain, 2);
  const std::string_view keys[] = {"k"};
  interpreter.run({ref, "S", keys, {}}, flusher, reply);
  EXPECT_EQ(chain.to_string(), "$1\r\nk\r\n");
}

TEST(FunctionsTest, ALibraryRegistersAndIsCalled) {
  Interpreter interpreter(Flavor::kFunctions, 1);
  FakeHost host;
  std::string error;
  std::vector<RegisteredFunction> functions;
  const auto load = [&](std::string_view source) {
    const int ref = interpreter.compile(source, "@user_function", error);
    if (ref == 0) return false;
    const bool loaded = interpreter.load_library(ref, functions, host, error);
    interpreter.release(ref);
    return loaded;
  };
  ASSERT_TRUE(
      load("local function f(k, a) return {k[1], a[1], type(pairs)} end "
           "redis.register_function{function_name='f', callback=f, flags={'no-writes'}, description='d'}"))
      << error;
  ASSERT_EQ(functions.size(), 1u);
  EXPECT_EQ(functions[0].name, "f");
  EXPECT_EQ(functions[0].description, "d");
  resp::ChunkPool pool;
  resp::OutChain chain(pool);
  resp::Writer reply(chain, 2);
  const std::string_view keys[] = {"k"}, args[] = {"a"};
  interpreter.run({functions[0].ref, "f", keys, args}, host, reply);
  EXPECT_EQ(chain.to_string(), "*3\r\n$1\r\nk\r\n$1\r\na\r\n$8\r\nfunction\r\n");

  EXPECT_FALSE(load("redis.call('get', 'x')"));
  EXPECT_EQ(error, "ERR user_function:1: Script attempted to access nonexistent global variable 'call'");
  EXPECT_FALSE(load("x = 1"));
  EXPECT_FALSE(load("redis.register_function('a b', function() end)"));
  EXPECT_FALSE(load("local t = pairs"));
  host.looks_allowed = 0;
  EXPECT_FALSE(load("while true do end"));
}

}  // namespace
}  // namespace tessera::script
