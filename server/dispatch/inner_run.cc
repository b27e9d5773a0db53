// Role: commands inside another one. See inner_run.h.
#include "server/dispatch/inner_run.h"

#include <utility>

#include "server/dispatch/conn_ctx.h"
#include "server/dispatch/scripts.h"

namespace tessera::dispatch {

using registry::Route;

namespace {

Route route_of(const registry::CommandRow& row, const registry::Args& args) {
  return row.route_hook ? row.route_hook(row, args) : row.route;
}

// Of the connection only by their route: their handlers do not change it.
bool runs_anywhere(const registry::CommandRow& row) {
  const std::string_view name = row.full_name;
  return name == "ping" || name == "echo" || name == "time";
}

}  // namespace

InnerNeeds inner_needs(const registry::CommandRow& row, const registry::Args& args, bool cluster_enabled) {
  switch (route_of(row, args)) {
    case Route::kShard:
      return InnerNeeds::kKeys;
    case Route::kGather:
      // In cluster mode a command with keys belongs to their slot, whatever else it wants to look at.
      return row.first_key_at != 0 && cluster_enabled ? InnerNeeds::kKeys : InnerNeeds::kAllShards;
    case Route::kFanout:
      return InnerNeeds::kAllShards;
    case Route::kConn:
      if (runs_anywhere(row)) return InnerNeeds::kNothing;
      // It may ask for a gather of its own (ConnCtx::run_parked).
      return std::string_view(row.full_name) == "client|tracking" ? InnerNeeds::kElsewhere
                                                                  : InnerNeeds::kConnection;
    case Route::kControl:
    case Route::kThreads:
      break;
  }
  return InnerNeeds::kElsewhere;
}

uint32_t flags_in_transaction(const registry::CommandRow& row) {
  const bool may_write = is_script(row) && !(row.flags & registry::kReadonly);
  return row.flags | (may_write ? uint32_t{registry::kMayReplicate} : 0);
}

bool find_keys(const registry::CommandRow& row, const registry::Args& args, registry::KeyPositions& keys) {
  keys.clear();
  if (row.first_key_at == 0) return false;
  if (!registry::get_keys(row, args, keys, registry::FakeKeys::kInclude)) {
    registry::get_fitting_keys(row, args, keys);
  }
  return !keys.empty();
}

InnerRun::InnerRun(Engine& engine, const shard::Ctx& outer)
    : ended_ticks_(Ticks::now()), engine_(engine), outer_(outer), ctx_(engine.enter_inner()) {
  shard::CtxSetup::same_reach(ctx_, outer_);
  shard::CtxSetup::begin_effects(ctx_);  // part of the outer command's, which have begun
}

InnerRun::~InnerRun() {
  shard::CtxSetup::end_effects(ctx_);
  engine_.leave_inner();
}

void InnerRun::run(const CommandView& command, const SessionBits& bits, resp::Writer& reply) {
  const registry::CommandRow& row = *command.row;
  const uint32_t errors = reply.error_count();
  const size_t size_before = reply.out().size();
  if (__builtin_expect(row.run == nullptr, 0)) {
    if (row.route == Route::kFanout) {
      run_parts(command, bits, reply);
    } else if (row.route == Route::kConn) {
      Session session;
      session.id = bits.client_id;
      session.db = bits.db;
      session.proto = reply.proto();
      run_unconnected(engine_, command, session, reply);
    } else {
      engine_.scripts()->run_inside(command, bits, reply);
    }
  } else {
    shard::CtxSetup::command(ctx_, engine_.now(), bits.db, reply.proto(), bits.no_touch, row, command.args,
                             command.key);
    shard::CtxSetup::permissions(ctx_, bits.any_key);
    row.run(ctx_, command.args, reply);
    if (__builtin_expect(bits.remembers, 0)) engine_.remember_keys(command, bits);
  }
  engine_.shard().counters().commands.add();
  engine_.counters().commands_processed.add();
  const uint64_t began = std::exchange(ended_ticks_, Ticks::now());
  const uint64_t ns = engine_.note_call(row, began, ended_ticks_, reply, errors);
  const size_t reply_bytes = reply.out().size() - size_before;
  if (__builtin_expect(engine_.is_notable(command.args, ns, reply_bytes), 0))
    engine_.log_call(command, bits, ns, reply_bytes);
}

void run_unconnected(Engine& engine, const CommandView& command, Session& session, resp::Writer& reply) {
  Pipeline pipeline(engine, session);
  ConnCtx ctx(engine, pipeline, session, *command.row);
  command.row->run_conn(ctx, command.args, reply);
}

// The parts of a fan-out one after another, in the order of shards, as if they were a fan-out's.
void InnerRun::run_parts(const CommandView& command, const SessionBits& bits, resp::Writer& reply) {
  const registry::CommandRow& row = *command.row;
  std::vector<registry::Part> parts(outer_.shard_count());
  for (size_t i = 0; i < parts.size(); ++i) {
    shard::CtxSetup::narrow(ctx_, outer_, i);
    shard::CtxSetup::command(ctx_, engine_.now(), bits.db, reply.proto(), bits.no_touch, row, command.args,
                             command.key);
    shard::CtxSetup::permissions(ctx_, bits.any_key);
    row.part(ctx_, command.args, parts[i]);
  }
  shard::CtxSetup::same_reach(ctx_, outer_);
  for (const registry::Part& part : parts) {
    if (part.error.empty()) continue;
    reply.error(part.error);
    return;
  }
  row.merge(parts, command.args, reply);
}

}  // namespace tessera::dispatch
