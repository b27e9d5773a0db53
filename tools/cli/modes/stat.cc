// Role: --stat: one line of figures of INFO per interval, until the connection ends.
#include <cstdio>

#include "common/text/integers.h"
#include "common/text/sizes.h"
#include "tools/cli/modes/info_fields.h"
#include "tools/cli/modes/modes.h"

namespace tessera::cli {
namespace {

constexpr int kLinesPerHeader = 20;
constexpr int kDatabases = 64 * 1024;  // more than any server is configured to have

int64_t key_count(const InfoFields& info) {
  int64_t keys = 0;
  for (const auto& [name, value] : info.fields()) {
    // db0:keys=12,expires=0,...
    if (!name.starts_with("db") || !value.starts_with("keys=")) continue;
    const auto number = text::parse_int64(std::string_view(name).substr(2));
    if (number && *number >= 0 && *number < kDatabases) keys += std::atoll(value.c_str() + 5);
  }
  return keys;
}

std::string child_text(const InfoFields& info) {
  const bool save = info.number("bgsave_in_progress") + info.number("rdb_bgsave_in_progress") > 0;
  const bool aof = info.number("aof_rewrite_in_progress") > 0;
  const bool loading = info.number("loading") > 0;
  std::string text;
  const auto add = [&](bool on, const char* name) {
    if (on) text += text.empty() ? name : std::string("+") + name;
  };
  add(save, "SAVE");
  add(aof, "AOF");
  add(loading, "LOAD");
  return text;
}

}  // namespace

int run_stat(Session& session, const Options& given) {
  Options options = given;
  if (options.interval_us == 0) options.interval_us = 1000000;
  connect_or_exit(session);
  int64_t requests_before = 0;
  for (int64_t line = 0; options.repeat <= 1 || line < options.repeat; ++line) {
    const resp::Value reply = session.command({"INFO"});
    if (reply.is_error()) {
      std::printf("ERROR: %s\n", reply.text.c_str());
      return 1;
    }
    const InfoFields info(reply.text);
    if (line % kLinesPerHeader == 0) {
      std::printf(
          "------- data ------ --------------------- load -------------------- - child -\n"
          "keys       mem      clients blocked requests            connections          \n");
    }
    const int64_t requests = info.number("total_commands_processed");
    const std::string load =
        std::to_string(requests) + " (+" + std::to_string(line == 0 ? 0 : requests - requests_before) + ")";
    requests_before = requests;
    std::printf("%-11lld%-9s%-8lld%-8lld%-20s%-12lld%s\n", static_cast<long long>(key_count(info)),
                text::human_bytes(static_cast<uint64_t>(info.number("used_memory"))).c_str(),
                static_cast<long long>(info.number("connected_clients")),
                static_cast<long long>(info.number("blocked_clients")), load.c_str(),
                static_cast<long long>(info.number("total_connections_received")), child_text(info).c_str());
    std::fflush(stdout);
    pause(options);
  }
  return 0;
}

}  // namespace tessera::cli
