// Role: the shard's side of blocked clients: first runs of blocking commands, and serving those who wait when
// a command has made their key ready. See README.md, "Blocked clients". Thread: the shard's, or the
// coordinator's while it holds shards parked.
#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "server/dispatch/gather.h"
#include "server/dispatch/gathers_away.h"
#include "server/dispatch/pipeline.h"

namespace tessera::dispatch {

namespace {

store::Key make_key(const shard::Shard& shard, std::string_view bytes) {
  return store::Keyspace::make_key(bytes, shard.hash_seed());
}

// What a command waits as, where that is not what it ran as ($ of XREAD is an id by then).
OwnedCommand waiting_form(const registry::CommandRow* row, const shard::BlockRequest& request) {
  const std::vector<std::string_view> views(request.again.begin(), request.again.end());
  return OwnedCommand({row, registry::Args(views), {}});
}

}  // namespace

bool Engine::may_block(const CommandView& command) {
  const registry::CommandRow& row = *command.row;
  if (row.flags & (registry::kMayTakeLong | registry::kMayTakeLongGathered)) return true;
  return (row.flags & registry::kBlocking) && (row.may_block == nullptr || row.may_block(command.args));
}

void Engine::run_row(const CommandView& command, const SessionBits& bits, resp::Writer& reply,
                     std::function<void(const shard::BlockRequest&)>* blocker, std::string_view woken_by) {
  shard::CtxSetup::command(ctx_, now_, bits.db, reply.proto(), bits.no_touch, *command.row, command.args,
                           command.key);
  shard::CtxSetup::permissions(ctx_, bits.any_key);
  shard::CtxSetup::client(ctx_, bits.changer);
  shard::CtxSetup::blocking(ctx_, blocker, woken_by);
  shard::CtxSetup::begin_effects(ctx_);
  command.row->run(ctx_, command.args, reply);
  shard::CtxSetup::end_effects(ctx_);
  if (__builtin_expect(bits.remembers, 0)) remember_keys(command, bits);
  shard::CtxSetup::blocking(ctx_, nullptr, {});
}

BlockedRef Engine::run_blocking(const CommandView& command, const SessionBits& bits, int home,
                                ClientRef client, resp::Writer& reply) {
  const uint64_t began = Ticks::now();
  const uint32_t errors = reply.error_count();
  const size_t size_before = reply.out().size();
  BlockedRef wait;
  std::function<void(const shard::BlockRequest&)> blocker = [&](const shard::BlockRequest& request) {
    wait = std::make_shared<BlockedCommand>(home, client, bits, command);
    if (!request.again.empty()) wait->command = waiting_form(command.row, request);
    begin_wait(wait, request);
  };
  run_row(command, bits, reply, &blocker, {});
  shard_.counters().commands.add();
  if (wait && wait->work && !reaches_parked_) long_works_.begin(wait);  // else at home
  const uint64_t ns = note_call(*command.row, began, reply, errors);
  const size_t reply_bytes = reply.out().size() - size_before;
  // One that waits is logged when it is served, and never when it is not.
  if (!wait && is_notable(command.args, ns, reply_bytes)) log_call(command, bits, ns, reply_bytes);
  if (!frozen_) serve_ready();
  return wait;
}

// Every key's shard is in reach: it is ours, or parked for us.
void Engine::begin_wait(const BlockedRef& wait, const shard::BlockRequest& request) {
  if (request.work) {
    begin_long(wait, request);
    return;
  }
  wait->waits = true;
  wait->wanted = request.wanted;
  wait->when_gone = request.when_gone;
  // Beyond some hundred thousand years: for ever, as a sum that overflows in redis-server is.
  if (request.timeout_ms > 0 && request.timeout_ms < (INT64_MAX - mono_.us) / 1000) {
    wait->deadline = mono_ + millis(request.timeout_ms);
  }
  for (std::string_view key : request.touches) {
    wait->needs.push_back(shard_of(make_key(shard_, key).slot));
  }
  for (std::string_view key : request.keys) {
    const int at = shard_of(make_key(shard_, key).slot);
    wait->spots.push_back({at, std::string(key)});
  }
  for (const BlockedCommand::Spot& spot : wait->spots) {
    node_.engines[static_cast<size_t>(spot.shard)]->shard_.waiting().add(wait->bits.db, spot.key, wait);
  }
}

// At the shard of its keys, when that is not the client's home.
void Engine::run_for_another(const BlockedRef& wait) {
  using What = BlockingMessage::What;
  const CommandView view = wait->command.view();
  if (must_hold(view)) {
    post(wait->home, new BlockingMessage(What::kRetry, wait));
    return;
  }
  if (const shard::HoldRef hold = held_by(view, wait->bits.db)) {
    go_home_after(hold, wait->home, new BlockingMessage(What::kRetry, wait));
    return;
  }
  counters_.remote_commands.add();
  resp::Writer reply(wait->reply, wait->bits.proto);
  if (wait->bits.view_version != view_.version() && !Pipeline::decide_again(*this, view, wait->bits, reply)) {
    // Answered with a redirection: the slots moved while the command was on its way.
  } else if ((view.row->flags & registry::kDenyOom) && over_maxmemory()) {
    reply.error("OOM command not allowed when used memory > 'maxmemory'.");
    stats_.rejected(view.row->id);
    stats_.error("OOM");
  } else {
    const uint64_t began = Ticks::now();
    OwnedCommand ran;  // holds the words of `view`, and so of the request, to the end
    std::function<void(const shard::BlockRequest&)> blocker = [&](const shard::BlockRequest& request) {
      if (!request.again.empty()) ran = std::exchange(wait->command, waiting_form(view.row, request));
      begin_wait(wait, request);
    };
    run_row(view, wait->bits, reply, &blocker, {});
    shard_.counters().commands.add();
    const uint64_t ns = note_call(*view.row, began, reply, 0);
    if (!wait->waits && is_notable(view.args, ns, wait->reply.size())) {
      log_call(view, wait->bits, ns, wait->reply.size());
    }
  }
  if (!wait->waits) wait->word.finish();
  if (wait->work) long_works_.begin(wait);
  post(wait->home, new BlockingMessage(wait->waits ? What::kBegins : What::kAnswer, wait));
  if (!frozen_) serve_ready();
}

// ---- serving

bool Engine::in_reach(int shard) const {
  if (shard == index()) return true;
  return reaches_parked_ && parked_by_index_[static_cast<size_t>(shard)] != nullptr;
}

// The shard whose first ready key changed before all others.
shard::Shard* Engine::first_ready() {
  if (!reaches_parked_) return shard_.waiting().has_ready() ? &shard_ : nullptr;
  shard::Shard* first = nullptr;
  for (shard::Shard* each : parked_list_) {
    if (!each->waiting().has_ready()) continue;
    if (first == nullptr || each->waiting().first_ready().order < first->waiting().first_ready().order) {
      first = each;
    }
  }
  return first;
}

bool Engine::serve_ready() {
  while (shard::Shard* from = first_ready()) {
    shard::Waiting::Ready ready = from->waiting().take_first_ready();
    if (serve_key(*from, ready.db, ready.key)) continue;
    // Nothing that could touch the key may run before the shards are there that this needs.
    from->waiting().put_back_ready(std::move(ready));
    if (!std::exchange(frozen_, true) && scripts_) hear_busy_again(*this);
    if (!reaches_parked_) ask_for_wake();
    return false;
  }
  if (frozen_) thaw();
  return true;
}

// Everybody who waits for the key, in order, as long as there is something to give. False: `missing_` are the
// shards that the next one needs.
bool Engine::serve_key(shard::Shard& from, int db, const std::string& name) {
  shard::Waiting::Queue* queue = from.waiting().find(db, name);
  if (queue == nullptr) return true;
  const store::Key key = make_key(from, name);
  bool is_tried = false;        // by another shard, which may give it back
  size_t left = queue->size();  // the last one takes the queue with it
  for (auto at = queue->begin(); left > 0; --left) {
    const auto place = at++;
    const auto wait = std::static_pointer_cast<BlockedCommand>(place->wait);
    const store::Entry* entry = from.keyspace().find(db, key);
    const bool is_there = entry != nullptr && entry->type() == wait->wanted && !entry->expired(now_.ms);
    if (!is_there && !wait->when_gone) continue;
    missing_.clear();
    for (int shard : wait->needs) {
      if (!in_reach(shard)) missing_.push_back(shard);
    }
    if (!missing_.empty() && !wait->word.done()) {
      missing_.push_back(from.index());
      return false;
    }
    if (!wait->word.claim()) {
      if (wait->word.done()) {
        from.waiting().remove(db, name, place);
      } else {
        is_tried = true;
      }
      continue;
    }
    const Served served = serve_one(wait, key);
    if (served != Served::kWaits) from.waiting().remove(db, name, place);
  }
  if (is_tried) {
    from.waiting().touched_later(db, name);
    more_work_ = true;
  }
  return true;
}

Engine::Served Engine::serve_one(const BlockedRef& wait, const store::Key& key) {
  const uint64_t began = Ticks::now();
  bool again = false;
  std::function<void(const shard::BlockRequest&)> blocker = [&](const shard::BlockRequest&) { again = true; };
  resp::Writer reply(wait->reply, wait->bits.proto);
  run_row(wait->command.view(), wait->bits, reply, &blocker, key.bytes);
  if (again) {
    if (wait->word.give_back()) return Served::kWaits;
    post(wait->home, new BlockingMessage(BlockingMessage::What::kStopped, wait));
    return Served::kStopped;
  }
  // The call was counted when it began to wait.
  if (reply.error_count() != 0) stats_.error(reply.last_error_code());
  const uint64_t ns = Ticks::to_ns(Ticks::now() - began);
  stats_.continued(wait->command.row->id, ns, reply.error_count() != 0);
  const CommandView view = wait->command.view();
  if (is_notable(view.args, ns, wait->reply.size())) log_call(view, wait->bits, ns, wait->reply.size());
  wait->word.finish();
  post(wait->home, new BlockingMessage(BlockingMessage::What::kAnswer, wait));
  return Served::kAnswered;
}

// ---- wakes that need other shards

void Engine::ask_for_wake() {
  if (wake_asked_) return;
  wake_asked_ = true;
  std::vector<int> shards = missing_;
  shards.push_back(index());
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  // An empty gather: whoever holds parked shards serves what is ready there before anything else.
  auto* gather = new Gather(index(), ClientRef{}, SessionBits{}, CommandView{}, std::move(shards));
  gather->call = [](resp::Writer&) {};
  gather->is_wake = true;
  begin_gather(gather);
}

void Engine::wake_done() {
  wake_asked_ = false;
  if (!parked_) (void)serve_ready();
}

void Engine::thaw() {
  frozen_ = false;
  more_work_ = true;
  pause_changes_at_ms_ = 0;  // at the top of a tick, where what runs reaches our own shard: let_held_go()
}

}  // namespace tessera::dispatch
