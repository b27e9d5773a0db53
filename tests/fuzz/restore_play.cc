// Role: see restore_play.h.
#include "tests/fuzz/restore_play.h"

#include "common/hash/crc64.h"
#include "common/text/quoting.h"
#include "server/commands/bitmap/rows.h"
#include "server/commands/generic/rows.h"
#include "server/commands/hash/rows.h"
#include "server/commands/hyperloglog/rows.h"
#include "server/commands/list/rows.h"
#include "server/commands/set/rows.h"
#include "server/commands/sort/rows.h"
#include "server/commands/sorted_set/rows.h"
#include "server/commands/stream/rows.h"
#include "server/commands/string/rows.h"
#include "server/persist/rows.h"

namespace tessera::fuzz {

namespace {

using Words = std::vector<std::string>;

std::vector<std::span<const registry::CommandRow>> tables() {
  return {commands::string_rows(),      commands::bitmap_rows(), commands::generic_rows(),
          commands::list_rows(),        commands::hash_rows(),   commands::set_rows(),
          commands::sorted_set_rows(),  commands::stream_rows(), commands::sort_rows(),
          commands::hyperloglog_rows(), persist::persist_rows()};
}

std::string word(Random& random) {
  switch (random.below(5)) {
    case 0:
      return std::to_string(random.below(20));
    case 1:
      return std::to_string(static_cast<int64_t>(random.next()) >> random.below(64));
    case 2:
      return "member" + std::to_string(random.below(30));
    case 3:
      return std::string(random.below(100), 'x');
    default:
      return std::string(1, static_cast<char>('a' + random.below(26)));
  }
}

// Commands by type of key; @ stands for the key, ? for a word, # for a small number, ~ for a stream's id. The
// first entry is for every type.
const char* const kAny[] = {"DUMP @",
                            "COPY @ other{k} REPLACE",
                            "RENAME @ @",
                            "EXPIRE @ 1000",
                            "PERSIST @",
                            "OBJECT ENCODING @",
                            "TYPE @",
                            "MOVE @ 1",
                            "SORT @ ALPHA LIMIT 0 10"};
const char* const kString[] = {
    "GET @",    "APPEND @ ?",   "GETRANGE @ # 20", "SETRANGE @ # ?", "INCR @",    "INCRBYFLOAT @ 1.5",
    "STRLEN @", "SETBIT @ # 1", "BITCOUNT @",      "PFADD @ ?",      "PFCOUNT @", "BITFIELD @ INCRBY u8 # 3"};
const char* const kList[] = {"LPUSH @ ?",     "RPUSH @ ? ?",  "LPOP @",     "RPOP @ #",
                             "LRANGE @ 0 -1", "LINDEX @ #",   "LSET @ # ?", "LINSERT @ BEFORE ? ?",
                             "LREM @ 0 ?",    "LTRIM @ # -2", "LPOS @ ?",   "LMOVE @ @ LEFT RIGHT",
                             "LLEN @",        "LRANGE @ -5 #"};
const char* const kSet[] = {"SADD @ ? ?", "SREM @ ?",   "SISMEMBER @ ?",     "SMEMBERS @",
                            "SPOP @",     "SPOP @ #",   "SRANDMEMBER @ #",   "SCARD @",
                            "SSCAN @ 0",  "SINTER @ @", "SUNIONSTORE @ @ @", "SMISMEMBER @ ? ?"};
const char* const kZset[] = {"ZADD @ # ?",      "ZINCRBY @ # ?",
                             "ZREM @ ?",        "ZRANGE @ 0 -1 WITHSCORES",
                             "ZRANK @ ?",       "ZPOPMIN @",
                             "ZPOPMAX @ #",     "ZRANGEBYSCORE @ -inf +inf",
                             "ZCOUNT @ # 100",  "ZREMRANGEBYRANK @ # #",
                             "ZSCAN @ 0",       "ZRANGEBYLEX @ - +",
                             "ZREVRANGE @ 0 5", "ZUNIONSTORE @ 2 @ @",
                             "ZRANDMEMBER @ #"};
const char* const kHash[] = {"HSET @ ? ?",
                             "HDEL @ ?",
                             "HGET @ ?",
                             "HGETALL @",
                             "HINCRBY @ # 3",
                             "HLEN @",
                             "HRANDFIELD @ # WITHVALUES",
                             "HSCAN @ 0",
                             "HPEXPIRE @ 1000 FIELDS 1 ?",
                             "HTTL @ FIELDS 1 ?",
                             "HPERSIST @ FIELDS 1 ?",
                             "HSTRLEN @ ?",
                             "HEXISTS @ ?",
                             "HVALS @"};
const char* const kStream[] = {"XADD @ * ? ?",
                               "XADD @ ~ ? ?",
                               "XDEL @ ~",
                               "XRANGE @ - +",
                               "XREVRANGE @ + - COUNT #",
                               "XLEN @",
                               "XTRIM @ MAXLEN #",
                               "XTRIM @ MINID ~",
                               "XINFO STREAM @ FULL",
                               "XINFO GROUPS @",
                               "XGROUP CREATE @ g 0",
                               "XGROUP CREATE @ new $",
                               "XREADGROUP GROUP g c COUNT 3 STREAMS @ >",
                               "XREADGROUP GROUP g c STREAMS @ 0",
                               "XACK @ g ~",
                               "XPENDING @ g",
                               "XPENDING @ g - + 10",
                               "XAUTOCLAIM @ g d 0 0",
                               "XCLAIM @ g d 0 ~ FORCE",
                               "XGROUP DELCONSUMER @ g c",
                               "XGROUP DESTROY @ new",
                               "XSETID @ ~",
                               "XGROUP SETID @ g 0",
                               "XINFO CONSUMERS @ g",
                               "XTRIM @ MAXLEN ~ #"};

template <size_t N>
const char* pick(const char* const (&lines)[N], Random& random) {
  return lines[random.below(N)];
}

const char* command_for(std::string_view type, Random& random) {
  if (random.one_in(5)) return pick(kAny, random);
  if (type == "+string\r\n") return pick(kString, random);
  if (type == "+list\r\n") return pick(kList, random);
  if (type == "+set\r\n") return pick(kSet, random);
  if (type == "+zset\r\n") return pick(kZset, random);
  if (type == "+hash\r\n") return pick(kHash, random);
  return pick(kStream, random);
}

Words words_of(std::string_view line, const std::string& key, Random& random) {
  Words words;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    const std::string_view part = line.substr(0, end);
    if (part == "@") {
      words.push_back(key);
    } else if (part == "?") {
      words.push_back(word(random));
    } else if (part == "#") {
      words.push_back(std::to_string(random.below(12)));
    } else if (part == "~" && words[0] != "XTRIM") {
      words.push_back(std::to_string(random.below(30)) + "-" + std::to_string(random.below(5)));
    } else {
      words.emplace_back(part);
    }
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

// The bulk of a reply; nothing when it is none.
std::string bulk_of(const std::string& reply) {
  if (reply.empty() || reply[0] != '$' || reply[1] == '-') return {};
  const size_t line = reply.find('\n');
  return reply.substr(line + 1, reply.size() - line - 3);
}

}  // namespace

RestorePlay::RestorePlay(int shard_count)
    : node_(std::make_unique<commands::TestNode>(tables(), shard_count)) {}
RestorePlay::~RestorePlay() = default;

std::string RestorePlay::sealed(std::string_view body, int version) {
  std::string payload(body);
  payload += static_cast<char>(version & 0xff);
  payload += static_cast<char>(version >> 8);
  const uint64_t sum = hash::crc64(0, payload);
  payload.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  return payload;
}

std::vector<std::string> RestorePlay::seeds(Random& random) {
  RestorePlay play(1);
  std::vector<std::string> bodies;
  for (const int n : {1, 8, 300}) {
    std::vector<Words> makers = {{"SET", "k", std::string(static_cast<size_t>(n) * 3, 'v')},
                                 {"SET", "k", "1234567"},
                                 {"RPUSH", "k"},
                                 {"SADD", "k"},
                                 {"SADD", "k"},
                                 {"ZADD", "k"},
                                 {"HSET", "k"}};
    for (int i = 0; i < n; ++i) {
      makers[2].push_back(word(random));
      makers[3].push_back(word(random));
      makers[4].push_back(std::to_string(random.next() >> random.below(60)));
      makers[5].insert(makers[5].end(), {std::to_string(i / 2), "m" + std::to_string(i)});
      makers[6].insert(makers[6].end(), {"f" + std::to_string(i), word(random)});
    }
    for (const Words& maker : makers) {
      (void)play.call({"DEL", "k"});
      (void)play.call(maker);
      bodies.push_back(bulk_of(play.call({"DUMP", "k"})));
    }
    (void)play.call({"HPEXPIRE", "k", "100000", "FIELDS", "1", "f0"});
    bodies.push_back(bulk_of(play.call({"DUMP", "k"})));
    (void)play.call({"DEL", "k"});
    for (int i = 0; i < n; ++i)
      (void)play.call(
          {"XADD", "k", std::to_string(i / 3 + 1) + "-" + std::to_string(i % 3), "f", word(random)});
    (void)play.call({"XGROUP", "CREATE", "k", "g", "0"});
    (void)play.call({"XREADGROUP", "GROUP", "g", "c", "COUNT", "4", "STREAMS", "k", ">"});
    (void)play.call({"XDEL", "k", "1-1"});
    bodies.push_back(bulk_of(play.call({"DUMP", "k"})));
  }
  for (std::string& body : bodies) body.resize(body.size() < 10 ? 0 : body.size() - 10);
  return bodies;
}

std::string RestorePlay::call(const Words& words) {
  for (const std::string& one : words) history_ += text::repr(one.substr(0, 2000)) + " ";
  history_ += "\n";
  return node_->raw(words);
}

std::string RestorePlay::check() {
  for (size_t i = 0; i < node_->shard_count(); ++i) {
    std::string problem = node_->shard(i).keyspace().self_check();
    if (!problem.empty()) return problem;
  }
  return {};
}

std::string RestorePlay::play(std::string_view body, int version, Random& random, int commands,
                              bool* accepted) {
  history_.clear();
  const std::string key = "key{k}";
  const std::string reply = call({"RESTORE", key, "0", sealed(body, version), "REPLACE"});
  *accepted = reply == "+OK\r\n";
  if (!*accepted) return reply[0] == '-' ? std::string() : "RESTORE replied " + reply;
  for (int i = 0; i < commands; ++i) {
    const std::string type = call({"TYPE", key});
    if (type == "+none\r\n") break;
    (void)call(words_of(command_for(type, random), key, random));
  }
  const std::string dumped = bulk_of(call({"DUMP", key}));
  if (!dumped.empty() && call({"RESTORE", "again{k}", "0", dumped, "REPLACE"}) != "+OK\r\n") {
    return "what was dumped cannot be restored";
  }
  std::string problem = check();
  // Nothing may live on, in another database either: the leak checker does not see through a table's words.
  for (size_t i = 0; i < node_->shard_count(); ++i) (void)node_->shard(i).keyspace().detach(-1);
  (void)node_->effects();
  return problem;
}

}  // namespace tessera::fuzz
