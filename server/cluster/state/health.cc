// Role: is the cluster up, and the write lease. See health.h.
#include "server/cluster/state/health.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "server/cluster/state/messages.h"

namespace tessera::cluster::state {

namespace {

constexpr Micros kLeastRejoin = millis(500);
constexpr Micros kMostRejoin = seconds(5);
constexpr Micros kAfterStart = seconds(2);

bool all_slots_served(const State& s) {
  int served = 0;
  for (const auto& node : s.nodes) served += node->is_failed() ? 0 : node->slot_count;
  return served == hash::kSlotCount;
}

}  // namespace

void update_health(Step& step) {
  State& s = step.s;
  s.todo_health = false;
  // After a restart a primary first listens: what it remembers may be outdated.
  if (s.me->is_primary() && !s.ok && step.since(s.started_at) < kAfterStart) return;
  bool ok = !s.settings.view.require_full_coverage || all_slots_served(s);
  int reachable = 0;
  for (const auto& node : s.nodes) {
    if (node->counts() && !node->has(bus::kFlagFail | bus::kFlagPfail)) ++reachable;
  }
  if (reachable < s.voter_count / 2 + 1) {
    ok = false;
    s.minority_at = step.now.mono;
  }
  if (ok == s.ok) return;
  const Micros rejoin = std::clamp(s.settings.node_timeout, kLeastRejoin, kMostRejoin);
  const bool was_minority = s.minority_at != kNever && step.since(s.minority_at) < rejoin;
  if (ok && s.me->is_primary() && was_minority) return;
  s.ok = ok;
  step.notice(std::string("Cluster state changed: ") + (ok ? "ok" : "fail"));
  step.publish();
}

void renew_lease(Step& step) {
  State& s = step.s;
  s.todo_lease = false;
  const int needed = s.voter_count / 2 + 1;
  const int others = needed - 1;  // we hear ourselves
  if (!s.me->counts() || others == 0) {
    s.write_until = MonoTime{INT64_MAX};
    s.lease_over = false;
    return;
  }
  if (!s.lease_over && step.now.mono >= s.write_until) {
    s.lease_over = true;
    for (const auto& node : s.nodes) {
      node->first_answer = kNever;
      node->answered_again = false;
    }
  }
  std::vector<int64_t> heard;
  heard.reserve(static_cast<size_t>(s.voter_count));
  for (const auto& node : s.nodes) {
    if (node.get() == s.me || !node->counts()) continue;
    if (!s.lease_over || node->answered_again) heard.push_back(node->heard.us);
  }
  if (heard.size() < static_cast<size_t>(others)) return;
  const auto last = heard.begin() + (others - 1);
  std::nth_element(heard.begin(), last, heard.end(), std::greater<>());
  s.write_until = *last == 0 ? kNever : MonoTime{*last} + s.settings.node_timeout;
  if (step.now.mono < s.write_until) s.lease_over = false;
}

void note_answer(Step& step, Node& node, MonoTime asked) {
  State& s = step.s;
  node.heard = std::max(node.heard, asked);
  s.todo_lease = true;
  if (!s.lease_over || node.answered_again) return;
  if (node.first_answer == kNever) {
    node.first_answer = step.now.mono;
    if (s.me->counts() && node.counts() && node.connected) send_ping(step, node);
  } else {
    node.answered_again = asked >= node.first_answer;
  }
}

}  // namespace tessera::cluster::state
