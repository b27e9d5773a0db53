// Role: builds commands. In cluster mode keys of the built-in tests carry "{tag}".
#include "tools/benchmark/workload.h"

#include "common/resp/value.h"

namespace tessera::benchmark {
namespace {

constexpr std::string_view kRandom = "__rand_int__";
constexpr std::string_view kData = "__data__";
constexpr std::string_view kTag = "{tag}";

// Not a run of one letter: a server or a link may compress.
std::string make_data(int bytes) {
  std::string data(static_cast<size_t>(bytes), '\0');
  uint32_t state = 1234;
  for (char& c : data) {
    state = state * 1103515245 + 12345;
    c = static_cast<char>('0' + ((state >> 16) & 63));
  }
  return data;
}

void find_all(const std::string& in, std::string_view what, size_t shift, std::vector<uint32_t>& out) {
  for (size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + what.size()))
    out.push_back(static_cast<uint32_t>(at + shift));
}

Workload make(std::string title, std::string bytes, const Options& options) {
  Workload work{std::move(title), std::move(bytes), {}, {}};
  // Without -r the placeholder is the key, as it is for redis-benchmark.
  if (options.random_keys) find_all(work.bytes, kRandom, 0, work.randoms);
  if (options.cluster) find_all(work.bytes, kTag, 1, work.tags);
  return work;
}

std::string replaced(std::string text, std::string_view what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

struct Test {
  const char* names;  // any of them selects it
  const char* title;
  const char* command;  // words; '@' after a key is the place of the tag
};

// redis-benchmark's, in its order.
constexpr Test kTests[] = {
    {"ping_inline,ping", "PING_INLINE", ""},
    {"ping_mbulk,ping", "PING_MBULK", "PING"},
    {"set", "SET", "SET key@:__rand_int__ __data__"},
    {"get", "GET", "GET key@:__rand_int__"},
    {"incr", "INCR", "INCR counter@:__rand_int__"},
    {"lpush", "LPUSH", "LPUSH mylist@ __data__"},
    {"rpush", "RPUSH", "RPUSH mylist@ __data__"},
    {"lpop", "LPOP", "LPOP mylist@"},
    {"rpop", "RPOP", "RPOP mylist@"},
    {"sadd", "SADD", "SADD myset@ element:__rand_int__"},
    {"hset", "HSET", "HSET myhash@ element:__rand_int__ __data__"},
    {"spop", "SPOP", "SPOP myset@"},
    {"zadd", "ZADD", "ZADD myzset@ __rand_score__ element:__rand_int__"},
    {"zpopmin", "ZPOPMIN", "ZPOPMIN myzset@"},
    {"lrange,lrange_100,lrange_300,lrange_500,lrange_600", "LPUSH (needed to benchmark LRANGE)",
     "LPUSH mylist@ __data__"},
    {"lrange,lrange_100", "LRANGE_100 (first 100 elements)", "LRANGE mylist@ 0 99"},
    {"lrange,lrange_300", "LRANGE_300 (first 300 elements)", "LRANGE mylist@ 0 299"},
    {"lrange,lrange_500", "LRANGE_500 (first 500 elements)", "LRANGE mylist@ 0 499"},
    {"lrange,lrange_600", "LRANGE_600 (first 600 elements)", "LRANGE mylist@ 0 599"},
    {"mset", "MSET (10 keys)", "MSET*"},
    {"xadd", "XADD", "XADD mystream@ * myfield __data__"},
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    size_t end = text.find(separator, at);
    if (end == std::string_view::npos) end = text.size();
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool is_selected(const Test& test, const Options& options) {
  if (options.tests.empty()) return true;
  for (const std::string& name : split(test.names, ',')) {
    if (options.tests.find("," + name + ",") != std::string::npos) return true;
  }
  return false;
}

Workload build(const Test& test, const Options& options, const std::string& data) {
  if (test.command[0] == '\0') return make(test.title, "PING\r\n", options);
  std::string command = test.command;
  if (command == "MSET*") {
    command = "MSET";
    for (int i = 0; i < 10; ++i) command += " key@:__rand_int__ __data__";
  }
  command = replaced(command, "@", options.cluster ? ":{tag}" : "");
  // A placeholder that is not replaced is no score.
  command = replaced(command, "__rand_score__", options.random_keys ? std::string(kRandom) : "0");
  std::vector<std::string> args;
  for (std::string& word : split(command, ' ')) args.push_back(word == kData ? data : std::move(word));
  std::string bytes;
  resp::append_command(bytes, args);
  return make(test.title, std::move(bytes), options);
}

}  // namespace

std::vector<Workload> selected_tests(const Options& options) {
  const std::string data = make_data(options.data_bytes);
  std::vector<Workload> out;
  for (const Test& test : kTests) {
    if (is_selected(test, options)) out.push_back(build(test, options, data));
  }
  return out;
}

Workload command_workload(const std::vector<std::string>& args, const Options& options) {
  const std::string data = make_data(options.data_bytes);
  std::string title;
  std::vector<std::string> filled;
  for (const std::string& arg : args) {
    if (!title.empty()) title += ' ';
    title += arg;
    filled.push_back(replaced(arg, kData, data));
  }
  std::string bytes;
  resp::append_command(bytes, filled);
  return make(std::move(title), std::move(bytes), options);
}

void write_digits(char* at, uint64_t number) {
  for (size_t i = kRandomDigits; i-- > 0;) {
    at[i] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

TagTable::TagTable() : tags_(hash::kSlotCount) {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  int missing = hash::kSlotCount;
  for (const char a : kLetters) {
    for (const char b : kLetters) {
      for (const char c : kLetters) {
        const std::array<char, kTagBytes> tag{a, b, c};
        auto& place = tags_[hash::crc16({tag.data(), tag.size()}) % hash::kSlotCount];
        if (place[0] != '\0') continue;
        place = tag;
        if (--missing == 0) return;
      }
    }
  }
}

}  // namespace tessera::benchmark
