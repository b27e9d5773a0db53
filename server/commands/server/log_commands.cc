// Role: SLOWLOG and COMMANDLOG: commands that took long, or whose request or reply was large, newest first.
// Thread: a part on every thread (each has the log of its clients), then home.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/commands/server/tables.h"
#include "server/dispatch/conn_ctx.h"
#include "server/registry/help.h"

namespace tessera::commands {

namespace {

using dispatch::CommandLogEntry;
using dispatch::CommandLogKind;
using dispatch::ConnCtx;
using dispatch::ThreadCtx;
using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;

constexpr int64_t kUsualCount = 10;
constexpr const char* kBadCount = "ERR count should be greater than or equal to -1";
constexpr const char* kBadType = "ERR type should be one of the following: slow, large-request, large-reply";

std::optional<CommandLogKind> kind_of(std::string_view type) {
  if (text::iequals(type, "slow")) return dispatch::kLogSlow;
  if (text::iequals(type, "large-request")) return dispatch::kLogLargeRequest;
  if (text::iequals(type, "large-reply")) return dispatch::kLogLargeReply;
  return std::nullopt;
}

bool is_slowlog(const Args& args) {
  return text::iequals(args[0], "slowlog");
}

// The log that a call means. SLOWLOG has one; COMMANDLOG names it last. An error is the part's.
std::optional<CommandLogKind> kind_of(const Args& args, Part& part) {
  if (is_slowlog(args)) return dispatch::kLogSlow;
  const auto kind = kind_of(args[args.size() - 1]);
  if (!kind) part.error = kBadType;
  return kind;
}

// How many entries; -1 is all of them.
std::optional<int64_t> count_of(const Args& args, Part& part) {
  if (args.size() == 2) return kUsualCount;
  if (is_slowlog(args) && args.size() > 3) {
    part.error = "ERR unknown subcommand or wrong number of arguments for '" + std::string(args[1]) +
                 "'. Try SLOWLOG HELP.";
    return std::nullopt;
  }
  const auto count = text::parse_int64(args[2]);
  if (!count || *count < -1) {
    part.error = kBadCount;
    return std::nullopt;
  }
  return *count < 0 ? INT64_MAX : *count;
}

// ---- GET

// The newest of this thread: each as its fields, the number of arguments before them.
void get_part(ThreadCtx& ctx, const Args& args, Part& part) {
  const auto count = count_of(args, part);
  if (!count) return;
  const auto kind = kind_of(args, part);
  if (!kind) return;
  part.number = ctx.engine().settings().command_log.max_entries[*kind];
  const auto& entries = ctx.engine().command_log().entries(*kind);
  int64_t left = *count;
  for (auto entry = entries.rbegin(); entry != entries.rend() && left > 0; ++entry, --left) {
    part.items.push_back(text::to_text(entry->number));
    part.items.push_back(text::to_text(entry->second));
    part.items.push_back(text::to_text(entry->value));
    part.items.push_back(entry->peer);
    part.items.push_back(entry->client_name);
    part.items.push_back(text::to_text(static_cast<uint64_t>(entry->args.size())));
    part.items.insert(part.items.end(), entry->args.begin(), entry->args.end());
  }
}

int64_t number_of(const std::string& text) {
  return text::parse_int64(text).value_or(0);
}

void get_merge(std::span<Part> parts, const Args& args, Writer& reply) {
  std::vector<CommandLogEntry> entries;
  for (Part& part : parts) {
    std::vector<std::string>& items = part.items;
    for (size_t i = 0; i + 5 < items.size();) {
      CommandLogEntry entry;
      entry.number = number_of(items[i]);
      entry.second = number_of(items[i + 1]);
      entry.value = number_of(items[i + 2]);
      entry.peer = std::move(items[i + 3]);
      entry.client_name = std::move(items[i + 4]);
      const auto count = static_cast<size_t>(number_of(items[i + 5]));
      i += 6;
      entry.args.assign(std::make_move_iterator(items.begin() + static_cast<ptrdiff_t>(i)),
                        std::make_move_iterator(items.begin() + static_cast<ptrdiff_t>(i + count)));
      i += count;
      entries.push_back(std::move(entry));
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const CommandLogEntry& a, const CommandLogEntry& b) { return a.number > b.number; });
  // Every thread may have as many as the parameter says; of the node's these are the newest.
  Part unused;
  const int64_t most = std::min(count_of(args, unused).value_or(0), parts.empty() ? 0 : parts[0].number);
  if (static_cast<int64_t>(entries.size()) > most) entries.resize(static_cast<size_t>(most));
  reply.array(static_cast<int64_t>(entries.size()));
  for (const CommandLogEntry& entry : entries) {
    reply.array(6);
    reply.integer(entry.number);
    reply.integer(entry.second);
    reply.integer(entry.value);
    reply.array(static_cast<int64_t>(entry.args.size()));
    for (const std::string& arg : entry.args) reply.bulk(arg);
    reply.bulk(entry.peer);
    reply.bulk(entry.client_name);
  }
}

// ---- LEN, RESET

void len_part(ThreadCtx& ctx, const Args& args, Part& part) {
  const auto kind = kind_of(args, part);
  if (!kind) return;
  part.number = static_cast<int64_t>(ctx.engine().command_log().entries(*kind).size());
  part.second = ctx.engine().settings().command_log.max_entries[*kind];
}

void len_merge(std::span<Part> parts, const Args&, Writer& reply) {
  int64_t sum = 0;
  for (const Part& part : parts) sum += part.number;
  reply.integer(parts.empty() ? 0 : std::min(sum, parts[0].second));
}

void reset_part(ThreadCtx& ctx, const Args& args, Part& part) {
  if (const auto kind = kind_of(args, part)) ctx.engine().command_log().reset(*kind);
}

void reset_merge(std::span<Part>, const Args&, Writer& reply) {
  reply.simple("OK");
}

constexpr const char* kSlowlogHelp[] = {
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
};

constexpr const char* kCommandlogHelp[] = {
    "GET <count> <type>",
    "    Up to <count> of the newest entries of a log, -1 for all. <type> is slow, large-request or",
    "    large-reply. An entry is: id, time stamp, microseconds or bytes, arguments, the client's address",
    "    and port, its name.",
    "LEN <type>",
    "    How many entries a log has.",
    "RESET <type>",
    "    Empty a log.",
};

void slowlog_help(ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("SLOWLOG", kSlowlogHelp, reply);
}

void commandlog_help(ConnCtx&, const Args&, Writer& reply) {
  registry::write_help("COMMANDLOG", kCommandlogHelp, reply);
}

constexpr uint32_t kUsual = registry::kAdmin | registry::kLoading | registry::kStale;
constexpr const char* kType = "type:oneof(slow=SLOW large-request=LARGE-REQUEST large-reply=LARGE-REPLY)";
constexpr const char* kCountAndType =
    "count:integer type:oneof(slow=SLOW large-request=LARGE-REQUEST large-reply=LARGE-REPLY)";
constexpr const char* kGetTips = "request_policy:all_nodes nondeterministic_output";
constexpr const char* kLenTips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output";
constexpr const char* kResetTips = "request_policy:all_nodes response_policy:all_succeeded";

constexpr CommandRow kSlowlog[] = {
    {.name = "get",
     .arity = -2,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.2.12",
     .summary = "The newest commands that took long.",
     .complexity = "O(N), N being the number of entries returned.",
     .tips = kGetTips,
     .arguments = "count:integer?",
     .part_threads = get_part,
     .merge = get_merge,
     .history = "4.0.0\tThe client's address, port and name.",
     .full_name = "slowlog|get"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .route = Route::kConn,
     .group = "server",
     .since = "6.2.0",
     .summary = "What SLOWLOG can do.",
     .complexity = "O(1)",
     .run_conn = slowlog_help,
     .full_name = "slowlog|help"},
    {.name = "len",
     .arity = 2,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.2.12",
     .summary = "How many commands that took long are known.",
     .complexity = "O(1)",
     .tips = kLenTips,
     .part_threads = len_part,
     .merge = len_merge,
     .full_name = "slowlog|len"},
    {.name = "reset",
     .arity = 2,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "2.2.12",
     .summary = "Forgets the commands that took long.",
     .complexity = "O(N), N being the number of entries.",
     .tips = kResetTips,
     .part_threads = reset_part,
     .merge = reset_merge,
     .full_name = "slowlog|reset"},
};

constexpr CommandRow kCommandlog[] = {
    {.name = "get",
     .arity = 4,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "8.1.0",
     .summary = "The newest commands of a log.",
     .complexity = "O(N), N being the number of entries returned.",
     .tips = kGetTips,
     .arguments = kCountAndType,
     .part_threads = get_part,
     .merge = get_merge,
     .full_name = "commandlog|get"},
    {.name = "help",
     .arity = 2,
     .flags = registry::kLoading | registry::kStale,
     .route = Route::kConn,
     .group = "server",
     .since = "8.1.0",
     .summary = "What COMMANDLOG can do.",
     .complexity = "O(1)",
     .run_conn = commandlog_help,
     .full_name = "commandlog|help"},
    {.name = "len",
     .arity = 3,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "8.1.0",
     .summary = "How many entries a log has.",
     .complexity = "O(1)",
     .tips = kLenTips,
     .arguments = kType,
     .part_threads = len_part,
     .merge = len_merge,
     .full_name = "commandlog|len"},
    {.name = "reset",
     .arity = 3,
     .flags = kUsual,
     .route = Route::kThreads,
     .group = "server",
     .since = "8.1.0",
     .summary = "Empties a log.",
     .complexity = "O(N), N being the number of entries.",
     .tips = kResetTips,
     .arguments = kType,
     .part_threads = reset_part,
     .merge = reset_merge,
     .full_name = "commandlog|reset"},
};

constexpr CommandRow kRows[] = {
    {.name = "slowlog",
     .arity = -2,
     .group = "server",
     .since = "2.2.12",
     .summary = "Commands that took long.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kSlowlog},
    {.name = "commandlog",
     .arity = -2,
     .group = "server",
     .since = "8.1.0",
     .summary = "Commands that took long, or whose request or reply was large.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kCommandlog},
};

}  // namespace

RowTable log_rows() {
  return kRows;
}

}  // namespace tessera::commands
