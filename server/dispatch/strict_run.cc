// Role: runs: what a connection's pipeline does in strict order (standalone mode, several shards) when
// commands for different shards follow each other. See pipeline.h. Thread: the connection's. Invariants: one
// run of a connection is under way at a time, and nothing else of it meanwhile; a run starts when all before
// it is home, and its commands run in their order.
//
// Why: in strict order every change of shard is a hop, and a hop costs a wake-up of another thread (tens of
// microseconds where threads share cores). A run with few changes is passed on from shard to shard. One with
// many is cheaper as a gather: its shards park once, and the run is done where all keys are in reach.
#include <algorithm>

#include "common/base/check.h"
#include "server/dispatch/gather.h"
#include "server/dispatch/pipeline.h"

namespace tessera::dispatch {

namespace {
constexpr size_t kRunCommands = 256;  // about what a gather gets done in its time
constexpr size_t kRunBytes = 256 * 1024;
constexpr int kPassedOn = 2;  // changes of shard up to which a run is passed on
}  // namespace

bool Pipeline::strict_order() const {
  const Settings& settings = engine_.settings();
  return settings.strict_pipelines && !settings.cluster_enabled && engine_.node().engines.size() > 1;
}

// What comes behind each command: whether a message of its own is the best for it.
void Pipeline::look_ahead(std::span<const CommandView> commands) {
  ahead_ = {};
  int target = -1;
  for (size_t i = commands.size(); i-- > 0;) {
    const CommandView& command = commands[i];
    const bool write = command.row != nullptr && (command.row->flags & registry::kWrite) != 0;
    if (write) ahead_.reads_from = std::max(ahead_.reads_from, i + 1);
    const int mine = command.key.bytes.data() != nullptr ? engine_.shard_of(command.key.slot) : -2;
    if (target == -1) target = mine;
    if (mine != target || mine < 0) ahead_.same_from = std::max(ahead_.same_from, i + 1);
  }
}

Pipeline::Step Pipeline::start_in_order(const CommandView& command, int target) {
  const bool may_overlap = (command.row->flags & registry::kReadonly) != 0 && all_reads_;
  const bool may_follow = in_flight_ == 0 || single_target_ == target;
  const bool overlaps = may_overlap && (in_flight_ != 0 || ahead_.at >= ahead_.reads_from);
  const bool follows = may_follow && ahead_.at >= ahead_.same_from;
  if (!has_run() && (overlaps || follows)) return send_one(command, target);
  return add_to_run(command, target);
}

Pipeline::Step Pipeline::add_to_run(const CommandView& command, int target) {
  if (run_ && (run_->commands().size() >= kRunCommands || run_->charged_bytes() >= kRunBytes)) {
    return Step::kStall;
  }
  if (run_ && session_.has(kTrackingOptin | kTrackingOptout)) return Step::kStall;  // as in add_to_group()
  begin_command(command);
  if (!run_) {
    run_ = engine_.new_batch(engine_.index());
    run_->begin_group(session_.ref, new_group(), bits());
    engine_.launch_later(session_.ref);
  }
  run_->add(command);
  run_->targets().push_back(static_cast<uint16_t>(target));
  const uint32_t group = run_->last_group().group_id;
  find_group(group)->outstanding += 1;
  push_slot(group, 0);
  session_.clear(kAskingSession);
  return Step::kDone;
}

bool Pipeline::launch() {
  if (in_flight_ != 0 || barrier_ || !has_run()) return false;
  std::unique_ptr<RequestBatch>& next = back_ ? back_ : run_;
  const RequestBatch::Group& group = next->last_group();
  const auto commands = std::span(next->commands()).subspan(group.command_first);
  const auto targets = std::span(next->targets()).subspan(group.command_first);
  int changes = 0;
  bool all_reads = true, held = false;
  for (size_t i = 0; i < commands.size(); ++i) {
    all_reads &= (commands[i].row->flags & registry::kReadonly) != 0;
    held |= engine_.must_hold(*commands[i].row);
    changes += i > 0 && targets[i] != targets[i - 1];
    if (engine_.outstanding_bytes(targets[i]) > Engine::kCreditBytes) {
      engine_.wait_for_credit(session_.ref);
      return false;
    }
  }
  if (engine_.must_hold(*commands[0].row)) {
    engine_.hold(session_, commands[0].row);
    return false;
  }
  in_flight_ = static_cast<uint32_t>(commands.size());
  all_reads_ = all_reads;
  single_target_ = changes == 0 ? targets[0] : -1;
  home_in_flight_ = static_cast<uint32_t>(std::count(targets.begin(), targets.end(), engine_.index()));
  // One that stops in its middle (CLIENT PAUSE) is a gather: that gives back what it did not run. While a script
  // is busy there are no gathers: each shard runs its commands, or says why not.
  if (!held && (all_reads || changes <= kPassedOn || !engine_.busy_anywhere().empty())) {
    pass_on(*next, !all_reads);
    engine_.recycle(std::move(next));
  } else {
    gather_run(std::move(next));
  }
  return true;
}

// As messages: to each shard its reads, or in order, from shard to shard.
void Pipeline::pass_on(RequestBatch& run, bool ordered) {
  const RequestBatch::Group& group = run.last_group();
  const std::vector<uint16_t>& targets = run.targets();
  size_t slot = slot_head_;
  std::vector<std::string_view> views;
  std::vector<SharedBytes> owners;
  std::vector<uint32_t> ids(engine_.node().engines.size(), 0);  // 0: not yet one for this shard
  RequestBatch* batch = nullptr;
  for (size_t i = group.command_first; i < run.commands().size(); ++i) {
    const int target = targets[i];
    uint32_t& id = ids[static_cast<size_t>(target)];
    if (!ordered || batch == nullptr) {
      batch = &engine_.batch_for(target);
      if (id == 0) batch->begin_group(session_.ref, id = new_group(), group.bits);
    } else if (target != targets[i - 1]) {
      RequestBatch::Group& before = batch->last_group();
      before.then = engine_.new_batch(target);
      before.then_target = target;
      if (batch->target_of_chain) engine_.charge(*batch);
      batch = before.then.get();
      batch->target_of_chain = true;
      batch->begin_group(session_.ref, id = new_group(), group.bits);
    }
    batch->add(run.view(run.commands()[i], views, owners));
    find_group(id)->outstanding += 1;
    while (slots_[slot].group != group.group_id) ++slot;
    slots_[slot].group = id;
  }
  if (batch->target_of_chain) engine_.charge(*batch);
  Group* whole = find_group(group.group_id);
  groups_.erase(groups_.begin() + (whole - groups_.data()));
}

void Pipeline::gather_run(std::unique_ptr<RequestBatch> run) {
  const auto first = run->targets().begin() + run->last_group().command_first;
  std::vector<int> shards(first, run->targets().end());
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  all_reads_ = false;  // nothing may overlap with it, or follow it by itself
  single_target_ = -1;
  gathered_bytes_ = run->charged_bytes();
  engine_.begin_gather(new Gather(engine_.index(), std::move(run), std::move(shards)));
}

void Pipeline::deliver_run(std::unique_ptr<RequestBatch> run, uint32_t done) {
  gathered_bytes_ = 0;
  RequestBatch::Group& group = run->last_group();
  const uint32_t rest = group.command_count - done;
  in_flight_ -= rest;
  deliver_group(group.group_id, std::span(run->commands()).subspan(group.command_first, done),
                run->replies());
  if (rest == 0) {
    engine_.recycle(std::move(run));
    return;
  }
  group.command_first += done;
  group.command_count = rest;
  back_ = std::move(run);
  engine_.launch_later(session_.ref);
}

size_t Pipeline::run_bytes() const {
  return (run_ ? run_->charged_bytes() : 0) + (back_ ? back_->charged_bytes() : 0) + gathered_bytes_;
}

}  // namespace tessera::dispatch
