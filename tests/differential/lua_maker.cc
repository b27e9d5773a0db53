// Role: see lua_maker.h.
#include "tests/differential/lua_maker.h"

#include <cstdio>

namespace tessera::differential {

std::string lua_quoted(const std::string& bytes) {
  std::string out = "'";
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 32 && u < 127 && c != '\'' && c != '\\') {
      out += c;
    } else {
      char text[8];
      std::snprintf(text, sizeof text, "\\%03u", u);
      out += text;
    }
  }
  return out + "'";
}

std::string LuaMaker::fresh() {
  std::string name = "v";
  name += std::to_string(next_name_++);
  return name;
}

std::string LuaMaker::known() {
  if (names_.empty() || v_.percent(20)) return v_.percent(50) ? text() : number();
  return v_.pick(names_);
}

// ---- values

std::string LuaMaker::number() {
  static const std::vector<std::string> kEdges = {"0",      "-0",
                                                  "1",      "-1",
                                                  "3.99",   "-3.99",
                                                  "0.1",    "1e15",
                                                  "2^53",   "-2^53",
                                                  "2^53+2", "2^63",
                                                  "-2^63",  "2^63-1024",
                                                  "2^31",   "-2^31",
                                                  "2^32-1", "1e100",
                                                  "-1e100", "1/0",
                                                  "-1/0",   "1e17",
                                                  "1e14",   "99999999999999",
                                                  "1e-7",   "123456789012345678",
                                                  "0.5",    "1.5",
                                                  "-0.5",   "1e308*10"};
  if (v_.percent(40)) return v_.pick(kEdges);
  return std::to_string(static_cast<int64_t>(v_.below(2000)) - 1000);
}

std::string LuaMaker::text() {
  static const std::vector<std::string> kTexts = {"''",        "'a'",        "'abc'",      "'0'",
                                                  "'10'",      "'3.5'",      "'a\\r\\nb'", "'\\0\\1\\255'",
                                                  "'x\\000y'", "'-ERR a b'", "'OK'",       "'caf\\195\\169'",
                                                  "'\\127'",   "'\"q\"/'"};
  switch (v_.below(6)) {
    case 0: {
      arg_values_.push_back(v_.string());
      return args_ + "[" + std::to_string(arg_values_.size()) + "]";
    }
    case 1: {
      std::string text = v_.string();
      if (text.size() > 200) text.resize(200);
      return lua_quoted(text);
    }
    case 2:
      return "string.rep(" + v_.pick(kTexts) + ", " + std::to_string(v_.below(70)) + ")";
    default:
      return v_.pick(kTexts);
  }
}

// A table that means something as a reply.
std::string LuaMaker::reply_table(int depth) {
  static const std::vector<std::string> kFormats = {"'txt'", "'mkd'", "'t'", "'toolong'", "1"};
  switch (v_.below(9)) {
    case 0:
      return "{ok=" + (v_.percent(85) ? text() : value(depth - 1)) + "}";
    case 1:
      return "{err=" + (v_.percent(85) ? text() : value(depth - 1)) + "}";
    case 2:
      return "{double=" + (v_.percent(90) ? number() : value(depth - 1)) + "}";
    case 3:
      return "{map={" + lua_quoted(v_.string().substr(0, 30)).insert(0, "[") + "]=" + value(depth - 1) +
             (v_.percent(50) ? ", x=" + value(depth - 1) : "") + "}}";
    case 4:
      return "{set={[" + text() + "]=" + (v_.percent(80) ? "true" : value(depth - 1)) + "}}";
    case 5:
      return "{big_number=" + (v_.percent(80) ? "'" + v_.integer() + "'" : value(depth - 1)) + "}";
    case 6:
      return "{verbatim_string={string=" + text() + ", format=" + v_.pick(kFormats) + "}}";
    case 7:
      return "redis.status_reply(" + text() + ")";
    default:
      return "redis.error_reply(" + text() + ")";
  }
}

std::string LuaMaker::table(int depth) {
  std::string out = "{";
  const uint64_t count = v_.below(6);
  for (uint64_t i = 0; i < count; ++i) {
    if (i > 0) out += ", ";
    if (v_.percent(12)) {
      out += "nil";
    } else if (v_.percent(8)) {
      out += "k" + std::to_string(v_.below(3)) + "=" + value(depth - 1);
    } else if (v_.percent(3)) {
      out += "[" + std::to_string(v_.below(9)) + "]=" + value(depth - 1);
    } else {
      out += value(depth - 1);
    }
  }
  return out + "}";
}

std::string LuaMaker::value(int depth) {
  if (depth > 0 && v_.percent(45)) return v_.percent(35) ? reply_table(depth) : table(depth);
  switch (v_.below(10)) {
    case 0:
      return "nil";
    case 1:
      return "true";
    case 2:
      return "false";
    case 3:
    case 4:
    case 5:
      return number();
    case 6:
      return v_.percent(10) ? "function() end" : known();
    default:
      return text();
  }
}

// ---- calls

std::string LuaMaker::argument(const std::string& value, bool is_key) {
  if (is_key && v_.percent(70)) {
    key_values_.push_back(value);
    return keys_ + "[" + std::to_string(key_values_.size()) + "]";
  }
  if (!is_key && v_.percent(20)) {
    arg_values_.push_back(value);
    return args_ + "[" + std::to_string(arg_values_.size()) + "]";
  }
  if (!value.empty() && value.size() < 12 && value.find_first_not_of("0123456789") == std::string::npos &&
      (value == "0" || value[0] != '0') && v_.percent(40)) {
    return value;
  }
  if (!is_key && v_.percent(1)) return this->value(0);
  return lua_quoted(value);
}

std::string LuaMaker::call_arguments() {
  const InnerOp inner = g_.inner_op();
  std::string out;
  for (size_t i = 0; i < inner.args.size(); ++i) {
    if (i > 0) out += ", ";
    out +=
        i == 0 ? lua_quoted(inner.args[0]) : argument(inner.args[i], inner.first_key == static_cast<int>(i));
  }
  return out;
}

std::string LuaMaker::call_statement(const char* how) {
  static const std::vector<std::string> kWrong = {"",
                                                  "'nosuch'",
                                                  "'get'",
                                                  "'set', 'a'",
                                                  "{}",
                                                  "'get', {}",
                                                  "nil",
                                                  "'get', 'key:1', nil",
                                                  "'set', 'key:1', true",
                                                  "'eval', 'return 1', 0",
                                                  "'multi'",
                                                  "'subscribe', 'a'",
                                                  "'watch', 'a'",
                                                  "'script', 'flush'",
                                                  "'client', 'reply', 'off'",
                                                  "'config|get', 'x'",
                                                  "1",
                                                  "'get', 1.5",
                                                  "'set', 'key:2', 1e15",
                                                  "'set', 'key:2', 3.0",
                                                  "'set', 'key:2', 2^53",
                                                  "'set', 'key:2', 0.1",
                                                  "'ping'",
                                                  "'echo', 'a\\r\\nb'",
                                                  "'blpop', 'list:nosuch', 0",
                                                  "'xread', 'block', 0, 'streams', 'x', '$'"};
  const std::string name = fresh();
  const std::string arguments = v_.percent(8) ? v_.pick(kWrong) : call_arguments();
  static const std::vector<std::string> kTables = {"redis", "redis", "redis", "redis"};
  std::string out = "local " + name + " = " + v_.pick(kTables) + "." + how + "(" + arguments + ")";
  names_.push_back(name);
  return out;
}

// ---- libraries

std::string LuaMaker::cjson_statement() {
  const std::string name = fresh();
  std::string out;
  static const std::vector<std::string> kTexts = {"'[1,2,3]'",
                                                  "'{\"a\":1,\"b\":[null,true,false]}'",
                                                  "'[]'",
                                                  "'{}'",
                                                  "'null'",
                                                  "'nul'",
                                                  "'[1,'",
                                                  "'\"\\\\u00e9\"'",
                                                  "'1e400'",
                                                  "'-0'",
                                                  "'0x10'",
                                                  "'[1.5e3, -7]'",
                                                  "'  {  }  '",
                                                  "''",
                                                  "'\"a\\\\/b\"'",
                                                  "'[[[[1]]]]'",
                                                  "'NaN'",
                                                  "'{\"a\":1,\"a\":2}'",
                                                  "'\"\\\\ud83d\\\\ude00\"'",
                                                  "'\"\\\\ud83d\"'",
                                                  "'01'",
                                                  "'{1:2}'"};
  switch (v_.below(5)) {
    case 0:
      out = "local " + name + " = cjson.encode(" + value(3) + ")";
      break;
    case 1:
      out = "local " + name + " = cjson.decode(" + v_.pick(kTexts) + ")";
      break;
    case 2:
      out = "local " + name + " = cjson.decode(cjson.encode(" + value(3) + "))";
      break;
    case 3:
      out = "local _, " + name + " = pcall(cjson.encode, " + value(2) + ")";
      break;
    default:
      out =
          "local _, " + name + " = pcall(cjson.decode, " + (v_.percent(50) ? text() : v_.pick(kTexts)) + ")";
  }
  names_.push_back(name);
  return out;
}

std::string LuaMaker::msgpack_statement() {
  const std::string name = fresh();
  std::string out;
  switch (v_.below(5)) {
    case 0:
      out = "local " + name + " = cmsgpack.pack(" + value(3) + ")";
      break;
    case 1:
      out = "local " + name + " = cmsgpack.pack(" + value(2) + ", " + value(2) + ")";
      break;
    case 2:
      out = "local " + name + " = cmsgpack.unpack(cmsgpack.pack(" + value(3) + "))";
      break;
    case 3:
      out = "local " + name + " = {cmsgpack.unpack_limit(cmsgpack.pack(" + value(1) + ", " + value(1) +
            "), " + std::to_string(v_.below(3)) + ", " + std::to_string(v_.below(3)) + ")}";
      break;
    default:
      out = "local _, " + name + " = pcall(cmsgpack.unpack, " + text() + ")";
  }
  names_.push_back(name);
  return out;
}

std::string LuaMaker::library_statement() {
  static const std::vector<std::string> kFormats = {"'>I2I4'",  "'<i4'", "'bBhH'", "'s'",   "'c0'",
                                                    "'!4i1i4'", "'d'",   "'f'",    "'>I8'", "'=x'",
                                                    "'c5'",     "'I3'",  "'z'",    "'i17'"};
  static const std::vector<std::string> kBits = {"tobit", "bnot",   "bswap",  "tohex",   "band", "bor",
                                                 "bxor",  "lshift", "rshift", "arshift", "rol",  "ror"};
  static const std::vector<std::string> kStrings = {
      "string.upper", "string.lower", "string.reverse", "string.len", "tostring", "tonumber", "type"};
  const std::string name = fresh();
  std::string out = "local " + name + " = ";
  switch (v_.below(13)) {
    case 0:
      out += "redis.sha1hex(" + (v_.percent(90) ? text() : value(0)) + ")";
      break;
    case 1:
      out += "struct.pack(" + v_.pick(kFormats) + ", " + number() + ", " + number() + ")";
      break;
    case 2:
      out += "{struct.unpack(" + v_.pick(kFormats) + ", string.rep('ab\\1\\200', 5)" +
             (v_.percent(30) ? ", " + number() : "") + ")}";
      break;
    case 3:
      out += "bit." + v_.pick(kBits) + "(" + number() + (v_.percent(60) ? ", " + number() : "") + ")";
      break;
    case 4:
      out += v_.pick(kStrings) + "(" + (v_.percent(80) ? text() : number()) + ")";
      break;
    case 5:
      out += "string.format('%s|%d|%5.2f|%q|%x', " + text() + ", " + number() + ", " + number() + ", " +
             text() + ", " + std::to_string(v_.below(100000)) + ")";
      break;
    case 6:
      out += "{string.gsub(" + text() + ", '[%w]', '<%0>')}";
      break;
    case 7:
      out += "{string.find(" + text() + ", " + (v_.percent(50) ? "'a'" : "'(.)%1'") + ")}";
      break;
    case 8:
      out += "{string.byte(" + text() + ", 1, 5)}";
      break;
    case 9:
      out += "table.concat({" + text() + ", " + number() + ", " + text() + "}, " + text() + ")";
      break;
    case 10:
      out += "{unpack(" + table(0) + ")}";
      break;
    case 11:
      out += "{math.floor(" + number() + "), math.abs(" + number() + "), math.max(" + number() + ", 1)}";
      break;
    default:
      out += "string.sub(" + text() + ", " + std::to_string(static_cast<int>(v_.below(9)) - 4) + ", " +
             std::to_string(static_cast<int>(v_.below(9)) - 4) + ")";
  }
  names_.push_back(name);
  return out;
}

// ---- what goes wrong

std::string LuaMaker::failing_statement() {
  static const std::vector<std::string> kFailures = {"error('oops')",
                                                     "error('oops', 0)",
                                                     "error('oops', 2)",
                                                     "error({err='ERR mine'})",
                                                     "error({err='-ERR mine'})",
                                                     "error({err='My Error', x=1})",
                                                     "error(redis.error_reply('CODE my text'))",
                                                     "error(redis.error_reply('line\\r\\nbreak'))",
                                                     "error('a\\r\\nb')",
                                                     "error(12)",
                                                     "local x = nil; x.y = 1",
                                                     "local x = {}; x.y.z = 1",
                                                     "local x = 'a' + 1",
                                                     "local x = {} .. 'a'",
                                                     "local x = 1 < 'a'",
                                                     "undefined_function()",
                                                     "undefined_global = 1",
                                                     "local x = undefined_global",
                                                     "redis.nosuch()",
                                                     "redis.call = 1",
                                                     "string.format = nil",
                                                     "KEYS[1]()",
                                                     "assert(false)",
                                                     "assert(nil, 'asserted')",
                                                     "assert(false, {err='ERR asserted'})",
                                                     "string.rep()",
                                                     "string.format('%d', 'x')",
                                                     "table.concat({{}})",
                                                     "setmetatable(_G, {})",
                                                     "rawset(_G, 'a', 1)",
                                                     "getmetatable('').__index = 1",
                                                     "redis.sha1hex()",
                                                     "redis.error_reply()",
                                                     "redis.status_reply(1, 2)",
                                                     "redis.setresp(4)",
                                                     "redis.setresp()",
                                                     "redis.log()",
                                                     "redis.log(10, 'x')",
                                                     "redis.set_repl()",
                                                     "redis.acl_check_cmd()",
                                                     "redis.acl_check_cmd('nosuch')",
                                                     "redis.register_function('x', function() end)",
                                                     "loadstring('return 1 +')()",
                                                     "local f = loadstring('error(1)'); f()",
                                                     "cjson.encode({[1.5]=1})",
                                                     "cjson.encode(function() end)",
                                                     "cjson.encode({1, 2, [100000]=3})",
                                                     "cjson.decode('{')",
                                                     "cjson.encode(1/0)",
                                                     "cmsgpack.unpack('\\220')",
                                                     "cmsgpack.pack()",
                                                     "struct.pack('i17', 1)",
                                                     "bit.band()",
                                                     "select(0)",
                                                     "for i = 1, 'x' do end",
                                                     "return redis.call('incr', 'key:0', 1, 2)",
                                                     "redis.call()"};
  return v_.pick(kFailures);
}

// ---- statements

std::string LuaMaker::block(int depth) {
  const size_t outer = names_.size();
  std::string out;
  for (uint64_t i = 0, n = 1 + v_.below(3); i < n; ++i) out += statement(depth) + "\n";
  names_.resize(outer);
  return out;
}

std::string LuaMaker::statement(int depth) {
  static const std::vector<std::string> kSettings = {"redis.setresp(3)",
                                                     "redis.setresp(2)",
                                                     "redis.setresp(3)",
                                                     "redis.replicate_commands()",
                                                     "redis.log(redis.LOG_DEBUG, 'x')",
                                                     "redis.set_repl(redis.REPL_ALL)",
                                                     "redis.breakpoint()"};
  const uint64_t kind = v_.below(100);
  if (kind < 35) return call_statement("call");
  if (kind < 50) return call_statement("pcall");
  if (kind < 58) return library_statement();
  if (kind < 64) return cjson_statement();
  if (kind < 70) return msgpack_statement();
  if (kind < 75) return v_.pick(kSettings);
  if (kind < 84) {
    const std::string name = fresh();
    std::string out = "local " + name + " = " + value(3);
    names_.push_back(name);
    return out;
  }
  if (kind < 87 || depth <= 0) {
    const std::string name = fresh();
    std::string out = "local _, " + name + " = pcall(function() " +
                      (v_.percent(50) ? failing_statement() : "return " + value(1)) + " end)";
    names_.push_back(name);
    return out;
  }
  if (kind < 90) return "do " + failing_statement() + " end";
  if (kind < 94) return "for i = 1, " + std::to_string(1 + v_.below(3)) + " do\n" + block(depth - 1) + "end";
  if (kind < 97) return "if " + known() + " then\n" + block(depth - 1) + "else\n" + block(depth - 1) + "end";
  const std::string name = fresh();
  std::string out =
      "local " + name + " = (function()\n" + block(depth - 1) + "return " + known() + "\nend)()";
  names_.push_back(name);
  return out;
}

std::string LuaMaker::returned() {
  const uint64_t kind = v_.below(10);
  if (kind < 4) {
    std::string out = "return {";
    for (size_t i = 0; i < names_.size() && i < 12; ++i) out += (i > 0 ? ", " : "") + names_[i];
    return out + "}";
  }
  if (kind < 7) return "return " + known();
  if (kind < 9) return "return " + value(4);
  return v_.percent(50) ? "" : "return " + value(2) + ", " + value(1);
}

std::string LuaMaker::body() {
  std::string out;
  for (uint64_t i = 0, n = v_.below(5); i < n; ++i) out += statement(2) + (v_.percent(80) ? "\n" : "; ");
  return out + returned();
}

}  // namespace tessera::differential
