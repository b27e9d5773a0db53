// Role: what arrives at a shard's thread from others: batches of requests, the commands of them that are
// held, batches with replies; and waking who waited for them. See engine.h. Thread: the shard's. Invariants:
// the commands of one client run in its order, those behind a held one wait with it.
#include <algorithm>
#include <deque>
#include <iterator>
#include <memory>
#include <unordered_set>
#include <utility>

#include "server/dispatch/engine.h"
#include "server/dispatch/pipeline.h"

namespace tessera::dispatch {

// ---- requests

void Engine::prefetch(RequestBatch& batch, uint32_t first, uint32_t count) {
  const std::vector<RequestBatch::Command>& commands = batch.commands();
  store::Key key;
  for (uint32_t i = first; i < first + count; ++i) {
    if (commands[i].key_arg == 0) continue;
    key.hash = commands[i].key_hash;
    key.slot = commands[i].key_slot;
    shard_.keyspace().prefetch_bucket(0, key);
  }
}

bool Engine::run_group(RequestBatch& batch, RequestBatch::Group& group, uint32_t& done, uint32_t until) {
  resp::Writer reply(batch.replies(), group.bits.proto);
  const bool decide_again = group.bits.view_version != view_.version() || lease_over();
  held_now_.reset();
  while (done < until) {
    RequestBatch::Command& command = batch.commands()[group.command_first + done];
    const CommandView view = batch.view(command, views_, owners_);
    if (must_hold(view)) return false;
    if (__builtin_expect(holds_keys(), 0) && (held_now_ = held_by(view, group.bits.db)) != nullptr)
      return false;
    const size_t before = batch.replies().size();
    if (decide_again && !Pipeline::decide_again(*this, view, group.bits, reply)) {
      // Answered with a redirection: the slots moved while the command was on its way, or the lease is over.
    } else if ((view.row->flags & registry::kDenyOom) && over_maxmemory()) {
      reply.error("OOM command not allowed when used memory > 'maxmemory'.");
      stats_.rejected(view.row->id);
      stats_.error("OOM");
    } else {
      run_here(view, group.bits, reply);
      command.wrote = (view.row->flags & registry::kWrite) != 0;
    }
    command.reply_size = batch.replies().size() - before;
    ++done;
  }
  return true;
}

void Engine::hold(RequestBatch& batch, RequestBatch::Group& group, uint32_t done) {
  // The rest of the group moves into a batch of its own, which goes home when it has run.
  auto rest = std::make_unique<RequestBatch>(batch.home(), index());
  rest->begin_group(group.client, group.group_id, group.bits);
  for (uint32_t i = done; i < group.command_count; ++i) {
    rest->add(batch.view(batch.commands()[group.command_first + i], views_, owners_));
  }
  RequestBatch::Group& moved = rest->last_group();
  moved.first_in_group = group.first_in_group + done;
  moved.then = std::move(group.then);
  moved.then_target = group.then_target;
  group.command_count = done;
  counters_.held_commands.add(moved.command_count);
  count_held(*rest, 1);
  held_.push_back({std::move(rest)});
  held_idle_ = false;
}

void Engine::count_held(const RequestBatch& batch, int sign) {
  counters_.client_memory_bytes.add(sign * static_cast<int64_t>(batch.charged_bytes() + sizeof(batch)));
  const ClientRef& client = batch.first_group().client;
  if (sign > 0) {
    ++held_groups_[client];
  } else if (const auto at = held_groups_.find(client); --at->second == 0) {
    held_groups_.erase(at);
  }
}

void Engine::process(std::unique_ptr<RequestBatch> batch) {
  const auto total = static_cast<uint32_t>(batch->commands().size());
  prefetch(*batch, 0, std::min<uint32_t>(total, 32));
  for (RequestBatch::Group& group : batch->groups()) {
    // Behind a held group of the same connection its later commands wait as well.
    const bool behind = !held_.empty() && held_groups_.count(group.client) != 0;
    uint32_t done = 0;
    if (behind || !run_group(*batch, group, done)) {
      hold(*batch, group, done);
    } else if (group.then) {
      const int next = group.then_target;
      post(next, group.then.release());
    }
  }
  counters_.remote_commands.add(total);
  batch->returning = true;
  const int home = batch->home();
  post(home, batch.release());
}

// Once over all of them, in their order; what goes on waiting is collected anew.
void Engine::run_held() {
  std::unordered_set<ClientRef, ClientRefHash> stay;  // who waits for a hold, and so with all commands behind
  std::deque<Held> queue = std::exchange(held_, {});
  while (!queue.empty()) {
    Held held = std::move(queue.front());
    queue.pop_front();
    RequestBatch& batch = *held.batch;
    RequestBatch::Group& group = batch.groups()[0];
    const ClientRef client = group.client;
    if (stay.count(client) != 0) {
      held_.push_back(std::move(held));
      continue;
    }
    uint32_t done = 0;
    const bool all = run_group(batch, group, done);
    const bool by_pause = !all && held_now_ == nullptr;  // everybody behind it waits as well
    if (!all) stay.insert(client);
    if (!all && done == 0) {
      held_.push_back(std::move(held));
    } else {
      if (!all) {
        hold(batch, group, done);
      } else if (group.then) {
        const int next = group.then_target;
        post(next, group.then.release());
      }
      count_held(batch, -1);
      batch.returning = true;
      const int home = batch.home();
      post(home, held.batch.release());
    }
    if (!by_pause) continue;
    std::move(queue.begin(), queue.end(), std::back_inserter(held_));
    return;
  }
  held_idle_ = true;
}

// ---- replies

void Engine::deliver(std::unique_ptr<RequestBatch> batch) {
  size_t command = 0;
  for (RequestBatch::Group& group : batch->groups()) {
    size_t size = 0;
    for (uint32_t i = 0; i < group.command_count; ++i) size += batch->commands()[command + i].reply_size;
    Pipeline* pipeline = clients_->find(group.client);
    if (pipeline) {
      pipeline->deliver_group(group.group_id,
                              std::span(batch->commands()).subspan(command, group.command_count),
                              batch->replies());
      clients_->wake(group.client);
    } else {
      batch->replies().consume(size);
    }
    command = group.command_first + group.command_count;
    // A group that was held in part: its other commands stand behind, without replies.
    const size_t next_first = (&group == &batch->groups().back())
                                  ? batch->commands().size()
                                  : static_cast<size_t>((&group + 1)->command_first);
    command = next_first;
  }
  size_t& outstanding = outstanding_[static_cast<size_t>(batch->target())];
  outstanding -= std::min(outstanding, batch->charged);
  recycle(std::move(batch));
  if (!credit_waiters_.empty()) wake_all(credit_waiters_);
}

void Engine::wake_all(std::vector<ClientRef>& waiters) {
  std::vector<ClientRef> woken;
  woken.swap(waiters);  // who still has to wait says so again
  for (ClientRef waiter : woken) {
    clients_->wake(waiter);
    launch_later(waiter);
  }
}

void Engine::hold(Session& session, const registry::CommandRow* row) {
  session.last_row = row;
  if (session.has(kHeld)) return;
  session.set(kHeld);
  counters_.blocked_clients.add();
  held_clients_.push_back(session.ref);
}

void Engine::forget_held(Session& session) {
  session.clear(kHeld);
  counters_.blocked_clients.add(-1);
  std::erase(held_clients_, session.ref);
}

// What is held less from now on, or not any more. Who still has to wait says so again.
void Engine::let_held_go() {
  const int64_t next_ms = pause_->all_until_ms > now_.ms ? pause_->all_until_ms : pause_->until_ms;
  pause_changes_at_ms_ = next_ms > now_.ms ? next_ms : kNever;
  if (!held_clients_.empty()) wake_held_clients();
  for (Envelope* part : std::exchange(parts_put_off_, {})) part->arrive(*this);
}

void Engine::wake_held_clients() {
  for (ClientRef client : held_clients_) clients_->find(client)->session().clear(kHeld);
  counters_.blocked_clients.add(-static_cast<int64_t>(held_clients_.size()));
  wake_all(held_clients_);
}

void Engine::launch_runs() {
  for (size_t i = 0; i < launches_.size(); ++i) {
    Pipeline* pipeline = clients_->find(launches_[i]);
    if (pipeline == nullptr || !pipeline->launch() || !pipeline->stalled()) continue;
    clients_->wake(launches_[i]);  // there is room for the next run
    more_work_ = true;
  }
  launches_.clear();
}

void RequestBatch::arrive(Engine& engine) {
  std::unique_ptr<RequestBatch> mine(this);
  if (returning) {
    engine.deliver(std::move(mine));
  } else {
    engine.process(std::move(mine));
  }
}

}  // namespace tessera::dispatch
