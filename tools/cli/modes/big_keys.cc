// Role: --bigkeys, --memkeys, --hotkeys: walk the keyspace, ask about every key of a page in one pipeline,
// keep the extremes.
#include <algorithm>
#include <cstdio>
#include <map>

#include "common/text/quoting.h"
#include "tools/cli/modes/modes.h"

namespace tessera::cli {
namespace {

struct TypeStats {
  const char* size_command;  // nothing for types of modules
  const char* unit;
  std::string biggest_key;
  int64_t biggest = 0;
  int64_t count = 0;
  int64_t total = 0;
};

std::map<std::string, TypeStats> known_types() {
  std::map<std::string, TypeStats> types;
  types["string"] = {"STRLEN", "bytes", "", 0, 0, 0};
  types["list"] = {"LLEN", "items", "", 0, 0, 0};
  types["set"] = {"SCARD", "members", "", 0, 0, 0};
  types["hash"] = {"HLEN", "fields", "", 0, 0, 0};
  types["zset"] = {"ZCARD", "members", "", 0, 0, 0};
  types["stream"] = {"XLEN", "entries", "", 0, 0, 0};
  return types;
}

long long ll(int64_t n) {
  return static_cast<long long>(n);
}

double ratio(int64_t a, int64_t b) {
  return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0;
}

int64_t total_keys(Session& session) {
  const resp::Value reply = session.command({"DBSIZE"});
  if (!reply.is(resp::Value::Kind::kInteger)) {
    std::fprintf(stderr, "Couldn't determine DBSIZE: %s\n", reply.text.c_str());
    std::exit(1);
  }
  return reply.integer;
}

void print_head(const char* what) {
  std::printf("\n# Scanning the entire keyspace to find %s keys as well as\n", what);
  std::printf("# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n");
  std::printf("# per 100 SCAN commands (not usually needed).\n\n");
}

// The percentage is of a number that may have changed meanwhile.
double percent_done(int64_t sampled, int64_t total) {
  return std::min(100.0, 100 * ratio(sampled, total));
}

class BigKeys {
 public:
  BigKeys(Session& session, const Options& options)
      : session_(session),
        options_(options),
        memory_(options.mode == Mode::kMemKeys),
        types_(known_types()) {}

  int run() {
    connect_or_exit(session_);
    total_ = total_keys(session_);
    print_head("biggest");
    int64_t pages = 0;
    scan_keys(session_, options_, [&](const std::vector<std::string>& keys) {
      page(keys);
      if (++pages % 100 == 0) pause(options_);
    });
    summary();
    return 0;
  }

 private:
  const char* unit(const TypeStats& type) const { return memory_ ? "bytes" : type.unit; }

  // The type of each key, then its size; keys that went meanwhile have none.
  void page(const std::vector<std::string>& keys) {
    percent_ = percent_done(sampled_, total_);
    for (const std::string& key : keys) session_.client().append({"TYPE", key});
    std::vector<TypeStats*> types;
    for (size_t i = 0; i < keys.size(); ++i) types.push_back(type_of(session_.receive()));
    std::vector<bool> asked;
    for (size_t i = 0; i < keys.size(); ++i)
      asked.push_back(types[i] != nullptr && ask_size(keys[i], *types[i]));
    for (size_t i = 0; i < keys.size(); ++i) {
      if (types[i] == nullptr) continue;
      int64_t size = 0;
      if (asked[i]) {
        const resp::Value reply = session_.receive();
        // WRONGTYPE: replaced meanwhile.
        if (reply.is_error() && !reply.text.starts_with("WRONGTYPE")) {
          std::fprintf(stderr, "Warning:  %s on '%s' failed\n",
                       memory_ ? "MEMORY USAGE" : types[i]->size_command, keys[i].c_str());
          continue;
        }
        size = reply.number();
      }
      count(keys[i], *types[i], size);
    }
  }

  TypeStats* type_of(const resp::Value& reply) {
    if (reply.is_error()) {
      std::fprintf(stderr, "TYPE failed: %s\n", reply.text.c_str());
      std::exit(1);
    }
    if (reply == "none") return nullptr;
    auto [found, is_new] = types_.try_emplace(reply.text, TypeStats{nullptr, "?", "", 0, 0, 0});
    (void)is_new;
    return &found->second;
  }

  bool ask_size(const std::string& key, const TypeStats& type) {
    if (memory_) {
      std::vector<std::string> args{"MEMORY", "USAGE", key};
      if (options_.memkeys_samples >= 0)
        args.insert(args.end(), {"SAMPLES", std::to_string(options_.memkeys_samples)});
      session_.client().append(args);
      return true;
    }
    if (type.size_command == nullptr) return false;
    session_.client().append({type.size_command, key});
    return true;
  }

  void count(const std::string& key, TypeStats& type, int64_t size) {
    ++sampled_;
    name_bytes_ += static_cast<int64_t>(key.size());
    ++type.count;
    type.total += size;
    if (size <= type.biggest) return;
    type.biggest = size;
    type.biggest_key = text::repr(key);
    const auto name =
        std::find_if(types_.begin(), types_.end(), [&](const auto& t) { return &t.second == &type; });
    std::printf("[%05.2f%%] Biggest %-6s found so far '%s' with %lld %s\n", percent_, name->first.c_str(),
                type.biggest_key.c_str(), ll(size), unit(type));
    std::fflush(stdout);
  }

  void summary() const {
    std::printf("\n-------- summary -------\n\n");
    std::printf("Sampled %lld keys in the keyspace!\n", ll(sampled_));
    std::printf("Total key length in bytes is %lld (avg len %.2f)\n\n", ll(name_bytes_),
                ratio(name_bytes_, sampled_));
    for (const auto& [name, type] : types_) {
      if (type.biggest_key.empty()) continue;
      std::printf("Biggest %6s found '%s' has %lld %s\n", name.c_str(), type.biggest_key.c_str(),
                  ll(type.biggest), unit(type));
    }
    std::printf("\n");
    for (const auto& [name, type] : types_) {
      std::printf("%lld %ss with %lld %s (%05.2f%% of keys, avg size %.2f)\n", ll(type.count), name.c_str(),
                  ll(type.total), unit(type), 100 * ratio(type.count, sampled_),
                  ratio(type.total, type.count));
    }
  }

  Session& session_;
  const Options& options_;
  const bool memory_;
  std::map<std::string, TypeStats> types_;
  int64_t total_ = 0;
  int64_t sampled_ = 0;
  int64_t name_bytes_ = 0;
  double percent_ = 0;  // before the page
};

constexpr size_t kHotKeys = 16;

}  // namespace

int run_big_keys(Session& session, const Options& options) {
  return BigKeys(session, options).run();
}

int run_hot_keys(Session& session, const Options& options) {
  connect_or_exit(session);
  const int64_t total = total_keys(session);
  print_head("hot");
  int64_t sampled = 0, pages = 0;
  std::vector<std::pair<int64_t, std::string>> hottest;  // the coolest of them first
  scan_keys(session, options, [&](const std::vector<std::string>& keys) {
    const double percent = percent_done(sampled, total);
    for (const std::string& key : keys) session.client().append({"OBJECT", "FREQ", key});
    for (const std::string& key : keys) {
      const resp::Value reply = session.receive();
      if (reply.is_error()) {
        std::fprintf(stderr, "Error: %s\n", reply.text.c_str());
        std::exit(1);
      }
      ++sampled;
      if (reply.is_null() || reply.integer == 0) continue;
      if (hottest.size() == kHotKeys && reply.integer <= hottest.front().first) continue;
      hottest.emplace_back(reply.integer, text::repr(key));
      std::sort(hottest.begin(), hottest.end());
      if (hottest.size() > kHotKeys) hottest.erase(hottest.begin());
      std::printf("[%05.2f%%] Hot key '%s' found so far with counter %lld\n", percent,
                  text::repr(key).c_str(), ll(reply.integer));
    }
    if (++pages % 100 == 0) pause(options);
  });
  std::printf("\n-------- summary -------\n\nSampled %lld keys in the keyspace!\n", ll(sampled));
  for (auto hot = hottest.rbegin(); hot != hottest.rend(); ++hot)
    std::printf("hot key found with counter: %lld\tkeyname: %s\n", ll(hot->first), hot->second.c_str());
  return 0;
}

}  // namespace tessera::cli
