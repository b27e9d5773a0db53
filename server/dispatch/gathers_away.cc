// Role: see gathers_away.h.
#include "server/dispatch/gathers_away.h"

#include <string>
#include <utility>
#include <vector>

#include "server/dispatch/gather.h"
#include "server/dispatch/pipeline.h"
#include "server/dispatch/scripts.h"

namespace tessera::dispatch {

namespace {

// To every home. One that is parked by somebody else hears it when it is back.
struct BusyWord : Envelope {
  void arrive(Engine& engine) override {
    delete this;
    engine.scripts()->away.refuse_all(engine);
    engine.refuse_held();
  }
  bool arrive_at_busy(Engine& engine) override {
    arrive(engine);
    return true;
  }
};

}  // namespace

void GathersAway::leaves(Engine& home, Gather* gather) {
  if (!gather->may_be_refused(home)) return;
  gather->is_listed = true;
  gather->away_after = last_;
  if (last_) last_->away_before = gather;
  last_ = gather;
  // A script turned out slow since the gate of this command looked, and its word may have passed already.
  hear_busy_again(home);
}

void hear_busy_again(Engine& engine) {
  if (!engine.busy_anywhere().empty()) engine.post(engine.index(), new BusyWord);
}

void GathersAway::came_home(Gather* gather) {
  if (!std::exchange(gather->is_listed, false)) return;
  (gather->away_before ? gather->away_before->away_after : last_) = gather->away_after;
  if (gather->away_after) gather->away_after->away_before = gather->away_before;
}

void GathersAway::refuse_all(Engine& home) {
  const std::string busy(home.busy_anywhere());
  if (busy.empty()) return;  // it has ended
  std::vector<Gather*> refused;
  for (Gather* gather = last_; gather != nullptr; gather = gather->away_after) {
    if (gather->take_back()) refused.push_back(gather);
  }
  for (size_t i = refused.size(); i-- > 0;) {  // who came first is told first
    came_home(refused[i]);
    refused[i]->refuse(home, busy);
  }
}

void tell_homes_busy(Engine& engine) {
  for (Engine* each : engine.node().engines) {
    if (each != &engine) each->loop().post(new BusyWord);
  }
  engine.scripts()->away.refuse_all(engine);
}

bool Gather::may_be_refused(Engine& home) const {
  if (transaction) return !transaction->has_begun();
  if (run) return true;
  if (command_.row == nullptr || is_wake || at_home || Scripts::allowed_while_busy(command())) return false;
  const Pipeline* pipeline = home.clients().find(client_);
  return pipeline != nullptr && !pipeline->runs_transaction();
}

void Gather::refuse(Engine& home, std::string_view error) {
  if (transaction) {
    transaction->refuse_as_busy(home, error);
    TransactionRun::comes_home(home, std::move(transaction));
    return;
  }
  Pipeline* pipeline = home.clients().find(client_);
  if (run) {
    const RequestBatch::Group& group = run->last_group();
    run->refuse_group(home, group, error);
    if (pipeline) pipeline->deliver_run(std::move(run), group.command_count);
  } else {
    resp::OutChain chain(home.chunks());
    resp::Writer reply(chain, bits_.proto);
    reply.error(error);
    home.stats().rejected(command_.row->id);
    home.stats().error("BUSY");
    if (pipeline) pipeline->deliver_barrier(std::move(chain));
  }
  if (pipeline) home.clients().wake(client_);
}

}  // namespace tessera::dispatch
