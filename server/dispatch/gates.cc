// Role: gates. See gates.h.
#include "server/dispatch/gates.h"

#include "server/acl/access.h"
#include "server/dispatch/inner_run.h"
#include "server/dispatch/listening.h"
#include "server/dispatch/refusals.h"
#include "server/route/decide.h"

namespace tessera::dispatch {

namespace {

// DEBUG and what loads modules: refused before anything else is looked at.
GateResult check_protected(const Engine& engine, const Session& session, const registry::CommandRow& row) {
  const bool debug = std::string_view(row.name) == "debug";
  const int allowed = debug ? engine.settings().debug_command : engine.settings().module_command;
  if (allowed == Settings::kAllowYes || (allowed == Settings::kAllowLocal && session.local)) return {};
  const std::string option = debug ? "enable-debug-command" : "enable-module-command";
  return {
      false,
      std::string("ERR ") + (debug ? "DEBUG" : "MODULE") + " command not allowed. If the " + option +
          " option is set to \"local\", you can run it from a local connection, otherwise you need to set " +
          "this option in the configuration file, and then restart the server."};
}

// A newer set of users: the session's own may have changed or gone.
bool adopt_user(Engine& engine, Session& session) {
  session.acl_version = engine.acl_version();
  if (!session.authenticated) {
    session.user = engine.acl_view().default_user();
    return true;
  }
  session.user = engine.acl_view().find(session.user_name);
  if (session.user != nullptr) return true;
  session.set(kCloseAsap);  // as redis-server: connections of a user that was deleted are closed
  return false;
}

// MULTI and WATCH have an answer of their own; redis-server lets CLIENT REPLY in.
bool is_kept_from_transactions(const registry::CommandRow& row) {
  return (row.flags & registry::kNoMulti) && !is_of_transactions(row) &&
         std::string_view(row.full_name) != "client|reply";
}

GateResult refuse(Engine& engine, Session& session, const CommandView& command, const acl::Access& access) {
  ThreadCounters& counters = engine.counters();
  const bool is_command = access.denied == acl::Denied::kCommand, is_key = access.denied == acl::Denied::kKey;
  (is_command ? counters.acl_denied_cmd
   : is_key   ? counters.acl_denied_key
              : counters.acl_denied_channel)
      .add();
  session.last_row = command.row;  // what the log shows of the client is as of this command
  log_refusal(engine, session,
              is_command ? acl::Reason::kCommand
              : is_key   ? acl::Reason::kKey
                         : acl::Reason::kChannel,
              is_command ? command.row->full_name : command.args[static_cast<size_t>(access.at)],
              session.user_name);
  return {false, acl::denial_text(access, *command.row)};
}

bool snapshot_refuses(Engine& engine) {
  return engine.node().snapshot_status.refuse_writes.load(std::memory_order_relaxed);
}

}  // namespace

GateResult check_gates(Engine& engine, Session& session, const CommandView& command,
                       registry::KeyPositions& scratch) {
  const uint32_t flags = command.row->flags;
  if (__builtin_expect((flags & registry::kProtected) != 0, 0)) {
    GateResult gate = check_protected(engine, session, *command.row);
    if (!gate.open) return gate;
  }
  if (__builtin_expect(session.acl_version != engine.acl_version(), 0) && !adopt_user(engine, session)) {
    return {false, "NOAUTH Authentication required."};
  }
  if (__builtin_expect(!session.authenticated, 0) && !(flags & registry::kNoAuth)) {
    return {false, "NOAUTH Authentication required."};
  }
  if (__builtin_expect(session.has(kMulti), 0) && is_kept_from_transactions(*command.row)) {
    return {false, "ERR Command not allowed inside a transaction"};
  }
  if (__builtin_expect(!session.user->unrestricted, 0) && session.authenticated) {
    const acl::Access access = acl::check(*session.user, *command.row, command.args, scratch);
    if (!access.allowed()) return refuse(engine, session, command, access);
  }
  return {};
}

std::string state_refusal(Engine& engine, const Session& session, const CommandView& command) {
  if (session.has(kSubscribed) && session.proto == 2 && !allowed_while_subscribed(*command.row)) {
    return std::string("ERR Can't execute '") + command.row->full_name +
           "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
  }
  if (engine.node().loading.load(std::memory_order_relaxed) && !(command.row->flags & registry::kLoading)) {
    return "LOADING Redis is loading the dataset in memory";
  }
  return {};
}

bool disk_refuses(Engine& engine) {
  return snapshot_refuses(engine) || engine.log_state().refuses_writes;
}

std::string disk_refusal(Engine& engine, bool script) {
  constexpr const char* kScripts =
      "Writable scripts are blocked. Use 'no-writes' flag for read only scripts.";
  if (snapshot_refuses(engine)) {
    return std::string(
               "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
               "disk. ") +
           (script ? kScripts
                   : "Commands that may modify the data set are disabled, because this instance is "
                     "configured to "
                     "report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error "
                     "option). "
                     "Please check the Redis logs for details about the RDB error.");
  }
  if (!engine.log_state().refuses_writes) return {};
  const std::string why = engine.node().journal->durability().failure_text();
  if (!script) return "MISCONF Errors writing to the AOF file: " + why;
  return std::string(
             "MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to "
             "disk. ") +
         kScripts + " AOF error: " + why;
}

namespace {

GateResult decide_slot(Engine& engine, uint32_t row_flags, KeysOfCommand keys, bool asking, bool readonly,
                       route::ClientSide client) {
  const route::ClusterView& view = engine.view();
  const bool lease_over = (row_flags & registry::kWrite) != 0 && engine.lease_over();
  if (__builtin_expect(view.serves(keys.slot) && !keys.cross_slot && !lease_over, 1)) return {};
  route::Question question;
  question.slot = keys.slot;
  question.cross_slot = keys.cross_slot;
  question.several_keys = keys.several;
  question.write = (row_flags & registry::kWrite) != 0;
  question.asking = asking || (row_flags & registry::kAsking);
  question.readonly = readonly;
  question.pubsub_shard = (row_flags & registry::kPubsub) != 0;
  route::Decision decision = route::decide(view, question);
  // Nobody may acknowledge a write that a majority has not been heard for: another primary may be elected.
  if (decision.serve() && lease_over) decision.verdict = route::verdict_when_down(view.options(), question);
  if (decision.serve()) return {};
  return {false, route::error_text(view, decision, client)};
}

}  // namespace

GateResult check_slot(Engine& engine, const Session& session, const CommandView& command,
                      KeysOfCommand keys) {
  return decide_slot(engine, command.row->flags, keys, session.has(kAskingSession),
                     session.has(kReadonlySession), {.ipv6 = session.ipv6});
}

GateResult check_slot_of(Engine& engine, uint32_t row_flags, KeysOfCommand keys, const SessionBits& bits) {
  return decide_slot(engine, row_flags & ~uint32_t{registry::kPubsub}, keys, bits.asking, bits.readonly,
                     {.ipv6 = bits.ipv6});
}

GateResult check_slot_bits(Engine& engine, const SessionBits& bits, const CommandView& command,
                           KeysOfCommand keys) {
  return decide_slot(engine, command.row->flags, keys, bits.asking, bits.readonly, {.ipv6 = bits.ipv6});
}

}  // namespace tessera::dispatch
