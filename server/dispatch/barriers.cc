// Role: commands that run alone on their connection: barriers, what may wait, gathers; and the end of each.
// See pipeline.h. Thread: the connection's. Invariant: nothing is in flight when one starts.
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "server/acl/access.h"
#include "server/dispatch/conn_ctx.h"
#include "server/dispatch/control_call.h"
#include "server/dispatch/fan_out.h"
#include "server/dispatch/gates.h"
#include "server/dispatch/gather.h"
#include "server/dispatch/pipeline_impl.h"
#include "server/dispatch/transaction.h"

namespace tessera::dispatch {

using registry::Route;

Pipeline::Step Pipeline::start_barrier(const CommandView& command, Route route) {
  if (in_flight_ != 0 || !slots_empty()) return Step::kStall;
  // A client may always leave.
  if (engine_.must_hold(command) && std::string_view(command.row->name) != "quit") {
    engine_.hold(session_, command.row);
    return Step::kStall;
  }
  if (refused_now(command)) return Step::kDone;
  if (route != Route::kConn && refused_as_busy(command)) return Step::kDone;
  begin_command(command);
  if (route == Route::kConn) {
    run_conn(command);
    return Step::kDone;
  }
  barrier_ = true;
  SessionBits session_bits = bits();
  if (route == Route::kGather && !session_bits.any_key) {
    session_bits.any_key = acl::may_read_any_key(*session_.user, *command.row, command.args);
  }
  switch (route) {
    case Route::kControl:
      start_control_call(engine_, session_.ref, session_bits, command, false);
      break;
    case Route::kFanout:
      start_fan_out(engine_, session_.ref, session_bits, command, false);
      break;
    case Route::kThreads:
      start_fan_out(engine_, session_.ref, session_bits, command, true);
      break;
    default: {
      std::vector<int> all(engine_.node().engines.size());
      for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
      engine_.begin_gather(new Gather(engine_.index(), session_.ref, session_bits, command, std::move(all)));
    }
  }
  return Step::kDone;
}

// A command that may wait is a barrier: what comes behind it must not run before it is over.
Pipeline::Step Pipeline::start_blocking(const CommandView& command, int target) {
  if (in_flight_ != 0 || !slots_empty() || has_run()) return Step::kStall;
  begin_command(command);
  const SessionBits session_bits = bits();
  session_.clear(kAskingSession);
  const int home = engine_.index();
  if (target != home) {
    barrier_ = true;
    auto wait = std::make_shared<BlockedCommand>(home, session_.ref, session_bits, command);
    engine_.post(target, new BlockingMessage(BlockingMessage::What::kRun, std::move(wait)));
    return Step::kDone;
  }
  engine_.counters().local_commands.add();
  BlockedRef wait;
  write_in_place([&](resp::Writer& reply) {
    wait = engine_.run_blocking(command, session_bits, home, session_.ref, reply);
  });
  if (wait) {
    barrier_ = true;
    engine_.blocked().begins(wait);
    return Step::kDone;
  }
  note_wrote((command.row->flags & registry::kWrite) != 0);
  if (__builtin_expect(engine_.log_state().holds_reads, 0)) note_shown(command);
  return Step::kDone;
}

void Pipeline::wait_begins(const BlockedRef& wait) {
  wait_ = wait;
  session_.set(kBlocked);
  release_pushes();
}

void Pipeline::wait_ended() {
  wait_.reset();
  session_.clear(kBlocked);
}

void Pipeline::retry_barrier(OwnedCommand&& command) {
  end_barrier();
  queued_bytes_ += command.size_bytes();
  queued_.push_front(std::move(command));
  again_ = true;
  // It counts once.
  --session_.commands_count;
  engine_.counters().commands_processed.add(-1);
  if (session_.has(kReplySkip)) {
    session_.clear(kReplySkip);
    session_.set(kReplySkipNext);
  }
}

void Pipeline::run_conn(const CommandView& command) {
  const uint64_t began = Ticks::now();
  resp::OutChain scratch(engine_.chunks());
  const bool was_off = session_.has(kReplyOff);
  resp::Writer reply(scratch, session_.proto);
  ConnCtx ctx(engine_, *this, session_, *command.row);
  command.row->run_conn(ctx, command.args, reply);
  note_wrote((command.row->flags & registry::kWrite) != 0);  // FUNCTION LOAD
  const uint64_t ns = engine_.note_call(*command.row, began, reply, 0);
  if (engine_.is_notable(command.args, ns, scratch.size()))
    engine_.log_call(command, bits(), ns, scratch.size());
  // What a command says about replies holds for its own: CLIENT REPLY ON answers, OFF and SKIP do not.
  if (muted() || (was_off && session_.has(kReplyOff))) return;
  out_.append_chain(std::move(scratch));
}

void Pipeline::deliver_barrier(resp::OutChain&& reply, bool wrote) {
  if (transaction_ && take_for_transaction(reply)) return;
  const registry::CommandRow* row = session_.last_row;
  note_wrote(wrote || (row != nullptr && (row->flags & (registry::kWrite | registry::kMayReplicate)) != 0));
  if (__builtin_expect(engine_.log_state().holds_reads, 0) && row != nullptr &&
      (row->flags & registry::kReadonly)) {
    gate_.read_any();
  }
  if (!muted()) out_.append_chain(std::move(reply));
  end_barrier();
}

void Pipeline::gather_call(const CommandView& command, std::function<void(resp::Writer&)> call) {
  barrier_ = gather_called_ = true;
  std::vector<int> all(engine_.node().engines.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  auto* gather = new Gather(engine_.index(), session_.ref, bits(), command, std::move(all));
  gather->call = std::move(call);
  engine_.begin_gather(gather);
}

void Pipeline::gather_instead(const CommandView& command, std::vector<int> shards) {
  engine_.begin_gather(new Gather(engine_.index(), session_.ref, bits(), command, std::move(shards)));
}

}  // namespace tessera::dispatch
