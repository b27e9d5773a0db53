// Role: votes. See votes.h.
#include "server/cluster/state/votes.h"

#include "common/text/integers.h"
#include "server/cluster/state/faults.h"
#include "server/cluster/state/messages.h"

namespace tessera::cluster::state {

namespace {

using text::to_text;

// Why not; empty: granted.
std::string refusal(const Step& step, const Node& candidate, const bus::Header& request) {
  const State& s = step.s;
  if (request.current_epoch < s.current_epoch) {
    return "reqEpoch (" + to_text(request.current_epoch) + ") < curEpoch(" + to_text(s.current_epoch) + ")";
  }
  if (s.last_vote_epoch == s.current_epoch && !planted(s, Fault::kVoteTwice)) {
    return "already voted for epoch " + to_text(s.current_epoch);
  }
  if (candidate.is_primary()) return "it is a master node";
  const Node* primary = candidate.primary;
  if (primary == nullptr) return "I don't know its master";
  const bool forced = (request.message_flags[0] & bus::kMessageForceAck) != 0;
  if (!primary->is_failed() && !forced) return "its master is up";
  const Micros between = {s.settings.node_timeout.us * 2};
  if (primary->voted_at != kNever && step.since(primary->voted_at) < between &&
      !planted(s, Fault::kVoteTwice)) {
    return "can't vote about this master before " + to_text((between - step.since(primary->voted_at)).ms()) +
           " milliseconds";
  }
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    const auto i = static_cast<size_t>(slot);
    if (!request.slots[i] || s.owner[i] == nullptr || s.owner[i]->config_epoch <= request.config_epoch)
      continue;
    return "slot " + to_text(slot) + " epoch (" + to_text(s.owner[i]->config_epoch) + ") > reqEpoch (" +
           to_text(request.config_epoch) + ")";
  }
  return {};
}

}  // namespace

void on_vote_request(Step& step, Node& candidate, const bus::Header& request, LinkId link) {
  State& s = step.s;
  if (!s.me->counts()) return;  // no right to vote
  const std::string why = refusal(step, candidate, request);
  if (!why.empty()) {
    step.log(LogLevel::kWarning, "Failover auth denied to " + candidate.id + ": " + why);
    return;
  }
  candidate.primary->voted_at = step.now.mono;
  s.last_vote_epoch = s.current_epoch;
  step.save();
  step.notice("Failover auth granted to " + candidate.id + " for epoch " + to_text(s.current_epoch));
  // Candidates read grants on whichever link they come.
  const bool connected = candidate.connected;
  auto grant = new_message(s, bus::MessageType::kAuthAck);
  grant->header.current_epoch = s.last_vote_epoch;
  const LinkId to = connected ? candidate.outbound : link;
  if (planted(s, Fault::kSpeakBeforePersist)) {
    send(step, to, std::move(grant));
    return;
  }
  s.held.push_back({step.next_persist(), 0, Held::Message{to, std::move(grant)}});
}

}  // namespace tessera::cluster::state
