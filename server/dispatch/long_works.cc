// Role: driving long works, and holding what would write their keys. See long_works.h and README.md, "Long
// works". Thread: the engine's, or the coordinator's while it holds shards parked.
#include "server/dispatch/long_works.h"

#include <algorithm>

#include "common/base/check.h"
#include "server/dispatch/gather.h"
#include "server/dispatch/pipeline.h"
#include "server/registry/command_keys.h"

namespace tessera::dispatch {

LongWorks::~LongWorks() = default;

void AfterHold::arrive(Engine& engine) {
  const std::unique_ptr<AfterHold> mine(this);
  engine.long_works().wait_for(hold, home, std::move(envelope));
}

void LongWorks::begin(const BlockedRef& wait) {
  auto item = std::make_shared<Item>();
  item->wait = wait;
  for (const shard::Hold::Key& key : wait->work->hold()->keys) {
    item->shards.push_back(engine_.shard_of(key.slot));
  }
  std::sort(item->shards.begin(), item->shards.end());
  item->shards.erase(std::unique(item->shards.begin(), item->shards.end()), item->shards.end());
  items_.push_back(std::move(item));
  engine_.come_back();
}

void LongWorks::wait_for(const shard::HoldRef& hold, int home, std::unique_ptr<Envelope> envelope) {
  if (hold->over) {
    engine_.post(home, envelope.release());
    return;
  }
  Waiters& waiters = waiters_[hold.get()];
  waiters.hold = hold;
  waiters.waiters.push_back({home, std::move(envelope)});
}

// What was answered to CLIENT PAUSE holds for works that have begun as well: they publish nothing meanwhile.
bool LongWorks::may_run(const Item& item) const {
  return !item.is_under_way && engine_.shard().slice.steps > 0 &&
         !engine_.must_hold(item.wait->command.view());
}

bool LongWorks::run_some() {
  // One gather at a time: several would be run along with each other, as one park.
  const bool gathers =
      std::any_of(items_.begin(), items_.end(), [](const auto& item) { return item->is_under_way; });
  const auto is_here = [this](const Item& item) {
    return item.shards.size() == 1 && item.shards[0] == engine_.index();
  };
  for (size_t i = items_.size(); i > 0; --i) {
    const std::shared_ptr<Item> item = items_.front();
    items_.splice(items_.end(), items_, items_.begin());
    if (!may_run(*item) || (gathers && !is_here(*item))) continue;
    if (!is_here(*item)) {
      begin_gather(item);
    } else {
      step(*item);
      engine_.serve_after();
      if (item->is_over) items_.remove(item);
    }
    break;
  }
  return std::any_of(items_.begin(), items_.end(),
                     [&](const auto& item) { return may_run(*item) && (!gathers || is_here(*item)); });
}

void LongWorks::begin_gather(const std::shared_ptr<Item>& item) {
  item->is_under_way = true;
  auto* gather = new Gather(engine_.index(), ClientRef{}, SessionBits{}, CommandView{}, item->shards);
  gather->at_home_only = true;
  gather->call = [this, item](resp::Writer&) {
    if (engine_.shard().slice.steps > 0 && !engine_.must_hold(item->wait->command.view())) step(*item);
  };
  gather->at_home = [this, item] {
    item->is_under_way = false;
    if (item->is_over) items_.remove(item);
    engine_.come_back();
  };
  engine_.begin_gather(gather);
}

void LongWorks::step(Item& item) {
  const uint64_t began = Ticks::now();
  if (uint64_t& steps = engine_.shard().slice.steps; steps != UINT64_MAX) --steps;
  BlockedCommand& wait = *item.wait;
  const CommandView view = wait.command.view();
  resp::Writer reply(wait.reply, wait.bits.proto);
  bool done = false;
  if (wait.bits.view_version != engine_.view_version() &&
      !Pipeline::decide_again(engine_, view, wait.bits, reply)) {
    engine_.give_up_long(view, wait.bits, *wait.work, reply);
    done = true;
  } else {
    bool restarted = false;
    done = engine_.step_long(view, wait.bits, *wait.work, item.restarts >= kMostRestarts, restarted, reply);
    item.restarts += restarted;
  }
  item.ns += Ticks::to_ns(Ticks::now() - began);
  if (done) finish(item, reply);
}

void LongWorks::finish(Item& item, const resp::Writer& reply) {
  item.is_over = true;
  const BlockedRef& wait = item.wait;
  const shard::HoldRef& hold = wait->work->hold();
  for (const shard::Hold::Key& key : hold->keys) engine_.held_keys_of(key.slot).remove(hold, key);
  hold->over = true;
  if (const auto at = waiters_.find(hold.get()); at != waiters_.end()) {
    for (Waiter& waiter : at->second.waiters) engine_.post(waiter.home, waiter.envelope.release());
    waiters_.erase(at);
  }
  engine_.come_back();  // who waits here looks again
  const CommandView view = wait->command.view();
  if (reply.error_count() != 0) engine_.stats().error(reply.last_error_code());
  engine_.stats().continued(view.row->id, item.ns, reply.error_count() != 0);
  if (engine_.is_notable(view.args, item.ns, wait->reply.size())) {
    engine_.log_call(view, wait->bits, item.ns, wait->reply.size());
  }
  wait->word.finish();
  engine_.post(wait->home, new BlockingMessage(BlockingMessage::What::kAnswer, wait));
}

// ---- the engine's part

namespace {
// What there is under a key: nothing, something small, or a certain container.
uint64_t mixed(uint64_t seen, const store::Entry* entry) {
  uintptr_t what = entry != nullptr ? 1 : 0;
  if (entry != nullptr && entry->type() != store::Type::kString && !store::Keyspace::is_packed(*entry)) {
    what = reinterpret_cast<uintptr_t>(&store::Keyspace::container(*entry));
  }
  constexpr uint64_t kOddFactor = 0x9e3779b97f4a7c15;
  return ((seen ^ what) * kOddFactor) | 1;
}
}  // namespace

void Engine::prepare_step(const CommandView& command, const SessionBits& bits, const resp::Writer& reply) {
  shard::CtxSetup::command(ctx_, now_, bits.db, reply.proto(), bits.no_touch, *command.row, command.args,
                           command.key);
  shard::CtxSetup::permissions(ctx_, bits.any_key);
  shard::CtxSetup::client(ctx_, bits.changer);
  shard::CtxSetup::begin_effects(ctx_);
}

bool Engine::step_long(const CommandView& command, const SessionBits& bits, shard::LongWork& work,
                       bool at_once, bool& restarted, resp::Writer& reply) {
  prepare_step(command, bits, reply);
  shard::Hold& hold = *work.hold();
  // What is over goes before the step, so that within it nothing changes but by the work itself.
  uint64_t seen = 1;
  for (const shard::Hold::Key& key : hold.keys) {
    if (key.is_read) seen = mixed(seen, ctx_.peek_in(key.db, ctx_.key(key.name)));
  }
  const bool is_other = hold.seen != 0 && hold.seen != seen;  // a key is hidden that was not, for instance
  hold.seen = seen;
  restarted = hold.changed.exchange(false, std::memory_order_acq_rel) || is_other;
  if (restarted) work.give_up(ctx_, command.args);
  const uint64_t elements = at_once ? UINT64_MAX : ctx_.slice_elements();
  const bool done = work.step(ctx_, command.args, elements, reply);
  shard::CtxSetup::end_effects(ctx_);
  return done;
}

void Engine::give_up_long(const CommandView& command, const SessionBits& bits, shard::LongWork& work,
                          const resp::Writer& reply) {
  prepare_step(command, bits, reply);
  work.give_up(ctx_, command.args);
  shard::CtxSetup::end_effects(ctx_);
}

shard::HeldKeys& Engine::held_keys_of(int slot) {
  return node_.engines[static_cast<size_t>(shard_of(slot))]->shard_.held_keys();
}

// Every key's shard is in reach.
void Engine::begin_long(const BlockedRef& wait, const shard::BlockRequest& request) {
  wait->waits = true;
  wait->work = request.work;
  (void)wait->word.claim();  // nobody may stop it
  const shard::HoldRef& hold = wait->work->hold();
  hold->owner = reaches_parked_ ? wait->home : index();
  for (const shard::Hold::Key& key : hold->keys) held_keys_of(key.slot).add(hold, key);
}

bool Engine::parked_hold_keys() const {
  return std::any_of(parked_list_.begin(), parked_list_.end(),
                     [](const shard::Shard* shard) { return !shard->held_keys().empty(); });
}

shard::HoldRef Engine::held_by(const CommandView& command, int db) {
  if (__builtin_expect(!holds_keys(), 1)) return nullptr;
  const registry::CommandRow& row = *command.row;
  if (!(row.flags & (registry::kWrite | registry::kMayReplicate))) return nullptr;
  registry::KeyPositions keys;
  if (!registry::get_keys(row, command.args, keys)) return nullptr;
  constexpr uint16_t kWrites = registry::kKeyRW | registry::kKeyOW | registry::kKeyRM;
  const bool says = std::any_of(keys.begin(), keys.end(),
                                [](const registry::KeyPosition& key) { return (key.flags & kWrites) != 0; });
  for (const registry::KeyPosition& key : keys) {
    // What a command writes that only reads its keys (XREADGROUP) is in them.
    if (says && !(key.flags & kWrites)) continue;
    const std::string_view name = command.args[static_cast<size_t>(key.at)];
    const int slot = store::Keyspace::make_key(name, shard_.hash_seed()).slot;
    if (!in_reach(shard_of(slot))) continue;
    if (shard::HoldRef hold = held_keys_of(slot).find(db, name)) return hold;
  }
  return nullptr;
}

void Engine::go_home_after(const shard::HoldRef& hold, int home, Envelope* envelope) {
  if (hold == nullptr) {
    post(home, envelope);
  } else {
    post(hold->owner, new AfterHold(hold, home, std::unique_ptr<Envelope>(envelope)));
  }
}

}  // namespace tessera::dispatch
