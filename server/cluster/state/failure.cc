// Role: suspicion, failure, evidence. See failure.h.
#include "server/cluster/state/failure.h"

#include <algorithm>

#include "server/cluster/state/faults.h"
#include "server/cluster/state/links.h"
#include "server/cluster/state/messages.h"

namespace tessera::cluster::state {

namespace {

constexpr int kReportValidity = 2;  // in node timeouts
constexpr int kFailUndo = 2;        // in node timeouts
constexpr Micros kAskedLate = seconds(1);
constexpr Micros kRefusedApart = millis(100);
// Up to so many primaries are all told of a suspicion at once. Beyond, those told are a few that depend on
// the suspected node alone, so that everybody's reports meet there: one failure among 1000 nodes stays
// O(nodes).
constexpr size_t kTellAll = 32;
constexpr size_t kTellSome = 5;

// As logs name a node: people may have given it a name of its own.
std::string name_of(const Node& node) {
  return node.human_name.empty() ? node.id.str() : node.id + " (" + node.human_name + ")";
}

// A majority has to hear of it; usual gossip would take a second or more to bring it there.
void tell_primaries(Step& step, const Node& suspect) {
  State& s = step.s;
  std::vector<Node*> primaries;
  for (const auto& node : s.nodes) {
    if (node.get() != s.me && node.get() != &suspect && node->counts()) primaries.push_back(node.get());
  }
  if (primaries.size() > kTellAll) {
    const uint64_t seed = suspect.id.hash(0);
    const auto nearer = [&](const Node* a, const Node* b) { return a->id.hash(seed) < b->id.hash(seed); };
    std::partial_sort(primaries.begin(), primaries.begin() + kTellSome, primaries.end(), nearer);
    primaries.resize(kTellSome);
  }
  for (Node* node : primaries) {
    if (node->connected) send_ping(step, *node);
  }
}

void suspect(Step& step, Node& node) {
  step.log(LogLevel::kDebug, "*** NODE " + name_of(node) + " possibly failing");
  step.s.set_suspected(node, true);
  step.changed();
  mark_failed_if_agreed(step, node);
  // Only of who matters to the cluster's state, and only if our word counts.
  if (node.is_suspected() && node.counts() && step.s.me->counts()) tell_primaries(step, node);
}

void fail(Step& step, Node& node) {
  step.s.set_suspected(node, false);
  node.set(bus::kFlagFail);
  node.failed_at = step.now.mono;
  step.changed();
}

bool has_heir(const Step& step, const Node& node) {
  return std::any_of(node.replicas.begin(), node.replicas.end(), [&](const Node* replica) {
    return !replica->has(bus::kFlagFail | bus::kFlagPfail | bus::kFlagNoFailover) &&
           (replica->is_me() || step.since(replica->data_received) <= step.s.settings.node_timeout);
  });
}

}  // namespace

void suspect_silent(Step& step) {
  State& s = step.s;
  const Micros timeout = s.settings.node_timeout;
  // Who is asked every second and stops to answer is suspected one timeout after its last word, not one
  // timeout after the next question. Where there are too many to be asked so often, the question counts.
  const Micros asked_for = timeout - std::min(ping_interval(s), kAskedLate);
  for (const auto& node : s.nodes) {
    if (node->is_me() || node->in_handshake() || !node->has_address()) continue;
    if (node->ping_sent == kNever || node->has(bus::kFlagPfail | bus::kFlagFail)) continue;
    if (step.since(node->data_received) > timeout && step.since(node->ping_sent) > asked_for) {
      suspect(step, *node);
    }
  }
}

size_t count_reports(Step& step, Node& node) {
  const Micros valid = {step.s.settings.node_timeout.us * kReportValidity};
  std::erase_if(node.reports, [&](const auto& entry) { return step.since(entry.second) > valid; });
  return node.reports.size();
}

void report(Step& step, Node& node, const Node& reporter, bool failing) {
  const auto known = std::find_if(node.reports.begin(), node.reports.end(),
                                  [&](const auto& entry) { return entry.first == &reporter; });
  if (!failing) {
    if (known != node.reports.end()) {
      node.reports.erase(known);
      step.log(LogLevel::kVerbose,
               "Node " + name_of(reporter) + " reported node " + name_of(node) + " is back online.");
    }
    return;
  }
  if (known != node.reports.end()) {
    known->second = step.now.mono;
  } else {
    node.reports.emplace_back(&reporter, step.now.mono);
    step.log(LogLevel::kVerbose,
             "Node " + name_of(reporter) + " reported node " + name_of(node) + " as not reachable.");
  }
  mark_failed_if_agreed(step, node);
}

void mark_failed_if_agreed(Step& step, Node& node) {
  State& s = step.s;
  if (!node.is_suspected() || node.is_failed()) return;
  count_reports(step, node);
  const auto voices = static_cast<int>(std::count_if(node.reports.begin(), node.reports.end(),
                                                     [](const auto& r) { return r.first->counts(); }));
  const int needed = s.voter_count / 2 + 1;
  const int mine = s.me->counts() ? 1 : 0;
  if (voices + mine < needed && !planted(s, Fault::kFailWithoutMajority)) return;
  step.notice("Marking node " + name_of(node) + " as failing (quorum reached).");
  fail(step, node);
  send_fail(step, node);
}

void take_failed(Step& step, Node& node, const Node& sender) {
  if (node.is_failed() || node.is_me()) return;
  step.notice("FAIL message received from " + name_of(sender) + " about " + name_of(node));
  fail(step, node);
}

void answered(Step& step, Node& node) {
  State& s = step.s;
  if (node.is_suspected()) {
    s.set_suspected(node, false);
    step.changed();
  }
  if (!node.is_failed()) return;
  if (node.is_replica() || node.slot_count == 0) {
    step.notice("Clear FAIL state for node " + name_of(node) + ": " +
                (node.is_replica() ? "replica" : "master without slots") + " is reachable again.");
  } else if (step.since(node.failed_at).us > s.settings.node_timeout.us * kFailUndo) {
    // Long enough for an election: nobody wanted its slots.
    step.notice("Clear FAIL state for node " + node.id +
                ": is reachable again and nobody is serving its slots after some time.");
  } else {
    return;
  }
  node.clear(bus::kFlagFail);
  step.changed();
}

void heard_of(Step& step, Node& node) {
  node.data_received = step.now.mono;
  const bool suspected = node.evidence.suspected;
  node.evidence = {};
  if (suspected && node.is_suspected()) {
    step.s.set_suspected(node, false);
    step.changed();
  }
}

void link_broke(Step& step, Node& node) {
  node.evidence.broke_at = step.now.mono;
  node.evidence.refused_count = 0;
}

void connect_refused(Step& step, Node& node) {
  Evidence& evidence = node.evidence;
  // Its own link to us still stands: somebody lives there.
  if (evidence.broke_at == kNever || node.inbound != kNoLink) return;
  if (evidence.refused_count == 0) {
    evidence.first_refused = step.now.mono;
    evidence.refused_count = 1;
    return;
  }
  if (step.since(evidence.first_refused) < kRefusedApart) return;
  ++evidence.refused_count;
  if (!step.s.settings.refused_is_evidence || node.has(bus::kFlagPfail | bus::kFlagFail)) return;
  if (!node.counts() || !has_heir(step, node)) return;
  evidence.suspected = true;
  step.notice("Node " + name_of(node) +
              " refuses connections since its link broke: suspected before the timeout.");
  suspect(step, node);
}

}  // namespace tessera::cluster::state
