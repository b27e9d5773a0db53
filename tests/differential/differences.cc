// Role: see differences.h.
#include "tests/differential/differences.h"

#include <strings.h>

#include <algorithm>

namespace tessera::differential {
namespace {

bool is(const std::string& text, const char* word) {
  return strcasecmp(text.c_str(), word) == 0;
}

bool command_is(const Exchange& e, const char* name) {
  return !e.args.empty() && is(e.args[0], name);
}

// One of `words` among the arguments from `first` on, and the oracle refused the command for its syntax.
bool has_unknown_word(const Exchange& e, size_t first, std::initializer_list<const char*> words) {
  if (!e.theirs.is_error() || e.theirs.text != "ERR syntax error") return false;
  for (size_t i = first; i < e.args.size(); ++i) {
    for (const char* word : words) {
      if (is(e.args[i], word)) return true;
    }
  }
  return false;
}

// Both replies are HELLO's and differ in version and id only.
bool differs_in_version_only(const Exchange& e) {
  if (!e.ours.is_array() || e.ours.type != e.theirs.type || e.ours.items.size() != e.theirs.items.size())
    return false;
  for (size_t i = 0; i + 1 < e.ours.items.size(); i += 2) {
    const support::Value &name = e.ours.items[i], &a = e.ours.items[i + 1], &b = e.theirs.items[i + 1];
    if (name.text != e.theirs.items[i].text || a.type != b.type) return false;
    if (name.text == "id" || name.text == "version") continue;
    if (a.text != b.text || a.integer != b.integer || a.items.size() != b.items.size()) return false;
  }
  return true;
}

}  // namespace

const std::vector<Difference>& differences() {
  static const std::vector<Difference> kRows = {
      {"hello-version",
       "clients switch features on by version: 7.2.4 stands for the command set served",
       {{"HELLO"}},
       "$7\r\nversion\r\n$5\r\n7.2.4\r\n",
       "$7\r\nversion\r\n$6\r\n7.0.15\r\n",
       [](const Exchange& e) { return command_is(e, "hello") && differs_in_version_only(e); }},
      {"set-conditions",
       "SET compares the old value or its digest: options of Valkey 8.1 and Redis 8.4",
       {{"SET", "k", "a"}, {"SET", "k", "b", "IFEQ", "a"}},
       "+OK\r\n",
       "-ERR syntax error\r\n",
       [](const Exchange& e) {
         return command_is(e, "set") && has_unknown_word(e, 3, {"ifeq", "ifne", "ifdeq", "ifdne"});
       }},
      {"hscan-novalues",
       "HSCAN may leave out the values: an option of Valkey 8 and Redis 7.4",
       {{"HSET", "h", "f", "v"}, {"HSCAN", "h", "0", "NOVALUES"}},
       "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nf\r\n",
       "-ERR syntax error\r\n",
       [](const Exchange& e) { return command_is(e, "hscan") && has_unknown_word(e, 3, {"novalues"}); }},
      {"bitcount-start-only",
       "BITCOUNT may leave out the end: an argument form of Valkey 8.1, see the recorded rows",
       {{"SET", "k", "abc"}, {"BITCOUNT", "k", "1"}},
       ":7\r\n",
       "-ERR syntax error\r\n",
       [](const Exchange& e) {
         return command_is(e, "bitcount") && e.args.size() == 3 && e.theirs.is_error() &&
                e.theirs.text == "ERR syntax error";
       }},
      {"zrank-withscore",
       "ZRANK and ZREVRANK can tell the score, too: an option of 7.2",
       {{"ZADD", "k", "1", "a"}, {"ZRANK", "k", "a", "WITHSCORE"}},
       "*2\r\n:0\r\n$1\r\n1\r\n",
       "-ERR wrong number of arguments for 'zrank' command\r\n",
       [](const Exchange& e) {
         return (command_is(e, "zrank") || command_is(e, "zrevrank")) && e.args.size() == 4 &&
                e.theirs.is_error() && e.theirs.text.rfind("ERR wrong number of arguments", 0) == 0;
       }},
      {"arity-of-zrank",
       "COMMAND INFO tells the recorded arity of ZRANK and ZREVRANK, which may tell the score, too",
       {{"COMMAND", "INFO", "zrank"}},
       "$5\r\nzrank\r\n:-3\r\n",
       "$5\r\nzrank\r\n:3\r\n",
       [](const Exchange& e) {
         return command_is(e, "command") && (e.problem.rfind("arity or keys differ: zrank", 0) == 0 ||
                                             e.problem.rfind("arity or keys differ: zrevrank", 0) == 0);
       }},
      {"arity-of-script-debug",
       "COMMAND INFO tells the recorded arity of SCRIPT DEBUG, which has changed since",
       {{"COMMAND", "INFO", "script|debug"}},
       "$12\r\nscript|debug\r\n:-3\r\n",
       "$12\r\nscript|debug\r\n:3\r\n",
       [](const Exchange& e) {
         return command_is(e, "command") && e.problem.rfind("arity or keys differ: script|debug", 0) == 0;
       }},
      {"freq-of-shared-integer",
       "their small integers are one object for all keys, whose use is not counted; each of our keys counts",
       {{"CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"}, {"SET", "k", "1"}, {"OBJECT", "FREQ", "k"}},
       ":5\r\n",
       ":",
       [](const Exchange& e) {
         return command_is(e, "object") && e.args.size() == 3 && is(e.args[1], "freq") &&
                e.ours.type == e.theirs.type && !e.ours.is_error() && e.theirs.integer < e.ours.integer;
       }},
      {"getkeys-of-one-word",
       "COMMAND GETKEYS takes a command without arguments: the arity of the recorded rows",
       {{"COMMAND", "GETKEYS", "PING"}},
       "-ERR The command has no key arguments\r\n",
       "-ERR wrong number of arguments for 'command|getkeys' command\r\n",
       [](const Exchange& e) {
         return command_is(e, "command") && e.args.size() == 3 && is(e.args[1].substr(0, 7), "getkeys") &&
                e.theirs.is_error() &&
                e.theirs.text.rfind("ERR wrong number of arguments for 'command|getkeys", 0) == 0 &&
                e.ours.is_error();
       }},
      {"getkeys-of-zrank-withscore",
       "COMMAND GETKEYS of ZRANK and ZREVRANK with a fourth word: the recorded arity",
       {{"COMMAND", "GETKEYS", "ZRANK", "a", "b", "WITHSCORE"}},
       "*1\r\n$1\r\na\r\n",
       "-ERR Invalid number of arguments specified for command\r\n",
       [](const Exchange& e) {
         return command_is(e, "command") && e.args.size() >= 6 && is(e.args[1].substr(0, 7), "getkeys") &&
                (is(e.args[2], "zrank") || is(e.args[2], "zrevrank")) && !e.ours.is_error() &&
                e.theirs.text.rfind("ERR Invalid number of arguments", 0) == 0;
       }},
      {"getkeys-of-two-stores",
       "COMMAND GETKEYS of GEORADIUS tells every key named to store in: the last one is written, not the "
       "first",
       {{"COMMAND", "GETKEYS", "GEORADIUS", "k", "1", "1", "1", "m", "STORE", "a", "STORE", "b"}},
       "*3\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\nb\r\n",
       "*2\r\n$1\r\nk\r\n$1\r\na\r\n",
       [](const Exchange& e) {
         return command_is(e, "command") && e.args.size() > 8 && is(e.args[1].substr(0, 7), "getkeys") &&
                is(e.args[2].substr(0, 9), "georadius") && e.ours.is_array() && e.theirs.is_array() &&
                e.ours.items.size() > e.theirs.items.size();
       }},
      {"arity-of-getkeys",
       "COMMAND INFO tells the recorded arity of COMMAND GETKEYS, which takes a command without arguments",
       {{"COMMAND", "INFO", "command|getkeys"}},
       "$15\r\ncommand|getkeys\r\n:-3\r\n",
       "$15\r\ncommand|getkeys\r\n:-4\r\n",
       [](const Exchange& e) {
         return command_is(e, "command") && e.problem.rfind("arity or keys differ: command|getkeys", 0) == 0;
       }},
      {"debug-stringmatch-len",
       "DEBUG STRINGMATCH-LEN is there: Debian's 7.0.15 lacks it, test suites of newer servers use it",
       {{"DEBUG", "STRINGMATCH-LEN", "10", "a*"}},
       ":0\r\n",
       "-ERR unknown subcommand or wrong number of arguments for 'STRINGMATCH-LEN'",
       [](const Exchange& e) {
         return command_is(e, "debug") && e.args.size() == 4 && is(e.args[1], "stringmatch-len") &&
                e.theirs.is_error() && e.theirs.text.rfind("ERR unknown subcommand", 0) == 0;
       }},
      {"pause-without-end",
       "a CLIENT PAUSE beyond what a time can be is refused: 7.0 says OK and holds nobody, its end overflows",
       {{"CLIENT", "PAUSE", "9223372036854775807"}},
       "-ERR timeout is out of range\r\n",
       "+OK\r\n",
       [](const Exchange& e) {
         return command_is(e, "client") && e.args.size() >= 3 && is(e.args[1], "pause") &&
                e.ours.is_error() && e.ours.text == "ERR timeout is out of range" && e.theirs.type == '+';
       }},
      {"refcount-of-copied-integer",
       "small integers live inside the entry, so that every one of them counts as shared, a copied one too",
       {{"SET", "k", "1"}, {"COPY", "k", "copy"}, {"OBJECT", "REFCOUNT", "copy"}},
       ":2147483647\r\n",
       ":1\r\n",
       [](const Exchange& e) {
         return command_is(e, "object") && e.args.size() == 3 && is(e.args[1], "refcount") &&
                e.ours.type == ':' && e.ours.integer == 2147483647 && e.theirs.type == ':' &&
                e.theirs.integer == 1;
       }},
  };
  return kRows;
}

const Difference* explain(const Exchange& exchange) {
  for (const Difference& row : differences()) {
    if (row.matches(exchange)) return &row;
  }
  return nullptr;
}

}  // namespace tessera::differential
