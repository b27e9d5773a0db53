// Role: what a stock replica does when its primary failed: asks for votes, counts them, takes over. The
// replica's part is the test's own, as long as our nodes cannot replicate; the voters are the shipped
// machines.
#include "server/cluster/state/messages.h"
#include "tests/sim/host.h"
#include "tests/sim/watcher.h"

namespace tessera::sim {

void Host::campaign() {
  const state::State& s = machine_->state();
  const state::Node* primary = s.me->is_replica() ? s.me->primary : nullptr;
  const bool wanted = primary != nullptr && primary->is_failed() && primary->slot_count > 0;
  if (!wanted) {
    election_ = {};
    return;
  }
  const MonoTime now_mono = scheduler_.now();
  if (election_.start_at == MonoTime{}) {
    election_.start_at =
        now_mono + millis(300) +
        Micros{static_cast<int64_t>(random_.below(static_cast<uint64_t>(options.campaign_spread.us)))};
    return;
  }
  if (now_mono < election_.start_at || now_mono < election_.retry_at) return;
  election_.retry_at = now_mono + Micros{options.node_timeout.us * 4};
  election_.epoch = s.current_epoch + 1;
  election_.voters.clear();
  auto request = state::new_message(s, bus::MessageType::kAuthRequest);
  request->header.current_epoch = election_.epoch;
  // A stock candidate persists its epoch before it asks; here the epoch comes back with the answers.
  for (const auto& node : s.nodes) {
    if (node->is_me() || node->in_handshake() || node->outbound == state::kNoLink) continue;
    if (s.links.at(node->outbound).connected) network_.send(index_, node->outbound, request);
  }
}

void Host::count_vote(const state::MessageReceived& event) {
  const state::State& s = machine_->state();
  const bus::Header& header = event.message->header;
  const state::Node* voter = s.find(header.sender);
  if (election_.epoch == 0 || voter == nullptr || !voter->counts()) return;
  if (header.current_epoch < election_.epoch) return;
  election_.voters[header.sender] = true;
  std::string text = "vote of " + header.sender.str().substr(0, 8) + " in " +
                     std::to_string(election_.epoch) + ", " + std::to_string(election_.voters.size()) +
                     " of " + std::to_string(s.voter_count);
  watcher_.note(*this, text);
  if (static_cast<int>(election_.voters.size()) < s.voter_count / 2 + 1) return;
  const uint64_t epoch = election_.epoch;
  election_.epoch = 0;
  watcher_.elected(*this, epoch);
  command(state::TakeOver{epoch}, [](const state::Reply*) {});
}

}  // namespace tessera::sim
