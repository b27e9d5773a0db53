#include "server/dispatch/listening.h"

#include <algorithm>

#include "common/text/integers.h"

namespace tessera::dispatch {

namespace {

// redis-server shows a command when it has run: by then SELECT and RESET have changed the database.
int database_behind(Engine& engine, int db, const CommandView& command) {
  const std::string_view name = command.row->name;
  if (name == "reset") return 0;
  int64_t wanted = 0;
  const bool selects = name == "select" && command.args.size() == 2 &&
                       text::parse_int64(command.args[1], &wanted) && wanted >= 0 &&
                       wanted < engine.shard().keyspace().database_count();
  return selects ? static_cast<int>(wanted) : db;
}

}  // namespace

bool remembers_keys(const Session& session) {
  if (session.has(kTrackingBcast)) return false;
  if (session.has(kTrackingOptin)) return session.has(kTrackingCachingNow);
  if (session.has(kTrackingOptout)) return !session.has(kTrackingCachingNow);
  return true;
}

void next_caching(Session& session, const registry::CommandRow& row) {
  // CLIENT's own commands may stand between.
  if (row.full_name != nullptr && std::string_view(row.full_name).rfind("client|", 0) == 0) return;
  if (session.has(kTrackingCaching)) {
    session.clear(kTrackingCaching);
    session.set(kTrackingCachingNow);
  } else {
    session.clear(kTrackingCachingNow);
  }
}

std::string name_for_monitors(const Session& session) {
  return session.has(kUnixSocket) ? "unix:" + session.local_text : session.peer_text;
}

void show_to_monitors(Engine& engine, const Session& session, const CommandView& command) {
  show_to_monitors(engine, name_for_monitors(session), session.db, command);
}

void show_call_to_monitors(Engine& engine, int db, const CommandView& command) {
  show_to_monitors(engine, "lua", db, command);
}

void show_to_monitors(Engine& engine, const std::string& who, int db, const CommandView& command) {
  db = database_behind(engine, db, command);
  // Scripts are shown where they start, though their rows say no: in front of what they call.
  const bool script = command.row->run == nullptr && command.row->route == registry::Route::kShard;
  const uint32_t hidden = registry::kAdmin | (script ? 0u : registry::kSkipMonitor);
  if (command.row->flags & hidden) return;
  if (command.row->is_secret == nullptr) {
    engine.note_for_monitors(command, db, who);
    return;
  }
  std::vector<std::string_view> shown;
  for (size_t i = 0; i < command.args.size(); ++i) {
    shown.push_back(command.row->is_secret(command.args, i) ? "(redacted)" : command.args[i]);
  }
  engine.note_for_monitors({command.row, registry::Args(shown), {}}, db, who);
}

bool allowed_while_subscribed(const registry::CommandRow& row) {
  constexpr std::string_view kAllowed[] = {"subscribe",    "unsubscribe", "psubscribe",
                                           "punsubscribe", "ssubscribe",  "sunsubscribe",
                                           "ping",         "quit",        "reset"};
  return std::find(std::begin(kAllowed), std::end(kAllowed), std::string_view(row.name)) !=
         std::end(kAllowed);
}

}  // namespace tessera::dispatch
