// Role: one step under way: the state, the moment, and what is to be done so far. Thread: control.
// Invariant: what a step changes about ourselves is marked (save, publish), so that its end persists and
// publishes it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "server/cluster/state/state.h"

namespace tessera::cluster::state {

struct Step {
  State& s;
  const Now now;
  Actions& out;

  // nodes.conf would say something else now.
  void save() { s.todo_save = true; }
  // The view would.
  void publish() { s.todo_view = true; }
  // Who owns slots, or who is reachable, changed: whether the cluster is up is looked at again.
  void changed() {
    s.todo_health = true;
    s.todo_save = true;
    s.todo_view = true;
  }

  // The version of nodes.conf, or of the view, that will say all that was changed up to now.
  uint64_t next_persist() const { return s.persist_version + (s.todo_save ? 1 : 0); }
  uint64_t next_view() const { return s.view_version + (s.todo_view ? 1 : 0); }

  void log(LogLevel level, std::string text) { out.push_back(LogLine{level, std::move(text)}); }
  void notice(std::string text) { log(LogLevel::kNotice, std::move(text)); }

  // A wall time for messages and files: when `t` was.
  WallMs wall_of(MonoTime t) const {
    if (t == kNever) return {};
    return {now.wall.ms - (now.mono - t).ms()};
  }
  // Spans since something; for kNever since ever.
  Micros since(MonoTime t) const { return now.mono - t; }
};

// The end of each step: looks at the cluster's health, makes nodes.conf and the view be written, lets go what
// waited.
void finish(Step& step);

}  // namespace tessera::cluster::state
