// Role: commands that took long, or whose request or reply was large (SLOWLOG, COMMANDLOG): the latest of one
// thread's clients. Thread: its owner's; others ask by a part on every thread.
// Invariants: an entry holds at most kMaxArgs arguments of at most kMaxArgBytes, secrets never; a log holds
// as many entries as the parameter says, trimmed when one comes. Numbers are the node's, so that the logs of
// all threads can be put in order.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "server/dispatch/session.h"
#include "server/registry/args.h"

namespace tessera::dispatch {

enum CommandLogKind : uint8_t { kLogSlow, kLogLargeRequest, kLogLargeReply, kCommandLogKinds };

struct CommandLogSettings {
  // Microseconds, bytes, bytes; from which on a command is logged. Negative: never.
  std::array<int64_t, kCommandLogKinds> from = {-1, -1, -1};
  std::array<int64_t, kCommandLogKinds> max_entries = {128, 128, 128};
};

struct CommandLogEntry {
  static constexpr size_t kMaxArgs = 32;
  static constexpr size_t kMaxArgBytes = 128;
  static constexpr const char* kNobody = "?:0";  // the peer, where a script called it, or the client has left

  int64_t number = 0;
  int64_t second = 0;  // wall clock
  int64_t value = 0;   // microseconds or bytes
  std::vector<std::string> args;
  std::string peer, client_name;

  // What is kept of a command.
  static std::vector<std::string> shown(const registry::CommandRow& row, const registry::Args& args);
};

class CommandLog {
 public:
  void add(CommandLogKind kind, CommandLogEntry&& entry, int64_t max_entries) {
    std::deque<CommandLogEntry>& log = logs_[kind];
    log.push_back(std::move(entry));
    while (!log.empty() && static_cast<int64_t>(log.size()) > max_entries) log.pop_front();
  }
  const std::deque<CommandLogEntry>& entries(CommandLogKind kind) const { return logs_[kind]; }
  void reset(CommandLogKind kind) { logs_[kind].clear(); }

 private:
  std::array<std::deque<CommandLogEntry>, kCommandLogKinds> logs_;  // oldest first
};

// As redis-server counts a request: the bytes of its RESP form.
size_t request_bytes(const registry::Args& args);
// Whether it may be that many, cheaply; log_call() looks closely.
inline bool request_may_be(const registry::Args& args, size_t bytes) {
  constexpr size_t kMostAround = 32;  // an argument, the whole
  size_t most = kMostAround;
  for (std::string_view arg : args.views()) most += arg.size() + kMostAround;
  return most >= bytes;
}

}  // namespace tessera::dispatch
