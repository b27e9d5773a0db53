// Role: which commands are logged, and how they are shown. See command_log.h.
#include "server/dispatch/command_log.h"

#include <algorithm>

#include "common/text/integers.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/pipeline.h"

namespace tessera::dispatch {

namespace {

constexpr std::string_view kRedacted = "(redacted)";

std::string shown_arg(std::string_view arg) {
  if (arg.size() <= CommandLogEntry::kMaxArgBytes) return std::string(arg);
  std::string text(arg.substr(0, CommandLogEntry::kMaxArgBytes));
  text += "... (" + text::to_text(static_cast<uint64_t>(arg.size() - CommandLogEntry::kMaxArgBytes)) +
          " more bytes)";
  return text;
}

// To the client's home, who knows its name and address, when the command ran elsewhere.
struct LoggedCommand : Envelope {
  ClientRef client;
  CommandLogKind kind = kLogSlow;
  CommandLogEntry entry;

  void arrive(Engine& engine) override {
    const std::unique_ptr<LoggedCommand> mine(this);
    engine.keep_logged(kind, std::move(entry), client);
  }
};

}  // namespace

size_t request_bytes(const registry::Args& args) {
  auto digits = [](size_t n) { return static_cast<size_t>(text::digits(static_cast<uint64_t>(n))); };
  size_t bytes = 3 + digits(args.size());
  for (std::string_view arg : args.views()) bytes += arg.size() + 5 + digits(arg.size());
  return bytes;
}

std::vector<std::string> CommandLogEntry::shown(const registry::CommandRow& row, const registry::Args& args) {
  const size_t shown_count = args.size() > kMaxArgs ? kMaxArgs - 1 : args.size();
  std::vector<std::string> texts;
  texts.reserve(std::min(args.size(), kMaxArgs));
  for (size_t i = 0; i < shown_count; ++i) {
    const bool secret = row.is_secret != nullptr && row.is_secret(args, i);
    texts.push_back(secret ? std::string(kRedacted) : shown_arg(args[i]));
  }
  if (shown_count < args.size()) {
    texts.push_back("... (" + text::to_text(static_cast<uint64_t>(args.size() - shown_count)) +
                    " more arguments)");
  }
  return texts;
}

void Engine::note_and_log(const CommandView& command, const SessionBits& bits, uint64_t began_ticks,
                          const resp::Writer& reply, uint32_t errors_before, size_t reply_bytes) {
  const uint64_t ns = note_call(*command.row, began_ticks, reply, errors_before);
  if (__builtin_expect(is_notable(command.args, ns, reply_bytes), 0))
    log_call(command, bits, ns, reply_bytes);
}

void Engine::log_call(const CommandView& command, const SessionBits& bits, uint64_t ns, size_t reply_bytes) {
  if (command.row->flags & registry::kSkipSlowlog) return;
  const std::array<int64_t, kCommandLogKinds> values = {static_cast<int64_t>(ns / 1000),
                                                        static_cast<int64_t>(request_bytes(command.args)),
                                                        static_cast<int64_t>(reply_bytes)};
  const CommandLogSettings& limits = settings_->command_log;
  for (size_t kind = 0; kind < values.size(); ++kind) {
    if (limits.from[kind] < 0 || values[kind] < limits.from[kind] || limits.max_entries[kind] == 0) continue;
    CommandLogEntry entry;
    entry.number = node_.next_log_number[kind].fetch_add(1, std::memory_order_relaxed);
    entry.second = now_.ms / 1000;
    entry.value = values[kind];
    entry.args = CommandLogEntry::shown(*command.row, command.args);
    if (bits.client.thread == static_cast<uint16_t>(index_)) {
      keep_logged(static_cast<CommandLogKind>(kind), std::move(entry), bits.client);
      continue;
    }
    auto* message = new LoggedCommand;
    message->client = bits.client;
    message->kind = static_cast<CommandLogKind>(kind);
    message->entry = std::move(entry);
    post(bits.client.thread, message);
  }
}

void Engine::keep_logged(CommandLogKind kind, CommandLogEntry&& entry, ClientRef client) {
  if (Pipeline* pipeline = clients_->find(client)) {
    entry.peer = pipeline->session().peer_text;
    entry.client_name = pipeline->session().name;
  } else {
    entry.peer = CommandLogEntry::kNobody;
  }
  command_log_.add(kind, std::move(entry), settings_->command_log.max_entries[kind]);
}

}  // namespace tessera::dispatch
