// Role: the end of a step: health, nodes.conf, view, and what waited for them. See step.h.
#include <algorithm>
#include <utility>

#include "server/cluster/state/contents.h"
#include "server/cluster/state/faults.h"
#include "server/cluster/state/health.h"
#include "server/cluster/state/messages.h"

namespace tessera::cluster::state {

namespace {

void start_persist(Step& step) {
  State& s = step.s;
  if (!s.todo_save || s.persist_under_way || step.now.mono < s.persist_retry_at) return;
  s.todo_save = false;
  s.persist_under_way = true;
  ++s.persist_version;
  s.in_flight = {true, s.me->id, s.current_epoch, s.me->config_epoch, s.last_vote_epoch, s.me->slots};
  step.out.push_back(Persist{s.persist_version, std::make_shared<Stored>(make_stored(s, step.now))});
}

void let_go(Step& step, Held& held) {
  State& s = step.s;
  if (auto* reply = std::get_if<Reply>(&held.what)) {
    step.out.push_back(std::move(*reply));
  } else if (auto* message = std::get_if<Held::Message>(&held.what)) {
    if (s.links.find(message->link) == s.links.end()) return;  // the link ended meanwhile
    const bus::Header before = std::exchange(message->message->header, make_header(s));
    message->message->header.message_flags = before.message_flags;
    // A grant is for the epoch in which it was given; a later one would count in a later election as well.
    if (message->message->type == bus::MessageType::kAuthAck) {
      message->message->header.current_epoch = before.current_epoch;
    }
    send(step, message->link, std::move(message->message));
  } else {
    send_pong_to_all(step);
  }
}

void release_held(Step& step) {
  State& s = step.s;
  const auto waits = [&](const Held& held) {
    return held.persist_version > s.persisted_version || held.view_version > s.adopted_version;
  };
  const auto ready = std::stable_partition(s.held.begin(), s.held.end(), waits);
  if (ready == s.held.end()) return;
  std::vector<Held> free(std::make_move_iterator(ready), std::make_move_iterator(s.held.end()));
  s.held.erase(ready, s.held.end());
  for (Held& held : free) let_go(step, held);
}

}  // namespace

void finish(Step& step) {
  State& s = step.s;
  if (s.me == nullptr) return;
  if (s.todo_health) {
    update_health(step);
    renew_lease(step);
  } else if (s.todo_lease && step.now.mono + Micros{s.settings.node_timeout.us / 2} >= s.write_until) {
    renew_lease(step);  // what is not urgent, the next tick does
  }
  if (s.todo_view) {
    s.todo_view = false;
    step.out.push_back(PublishView{++s.view_version});
  }
  start_persist(step);
  release_held(step);
}

}  // namespace tessera::cluster::state
