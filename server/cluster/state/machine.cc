// Role: takes events apart. See machine.h.
#include "server/cluster/state/machine.h"

#include <algorithm>

#include "server/cluster/state/commands.h"
#include "server/cluster/state/contents.h"
#include "server/cluster/state/failure.h"
#include "server/cluster/state/health.h"
#include "server/cluster/state/links.h"
#include "server/cluster/state/publish.h"
#include "server/cluster/state/receive.h"

namespace tessera::cluster::state {

namespace {

// We were not run for longer than this, or a quarter of the node timeout: nobody can be blamed for what we
// did not hear meanwhile.
constexpr Micros kMissedTicks = millis(500);
constexpr Micros kPersistRetry = seconds(1);

void take_settings(Step& step, const Settings& settings) {
  State& s = step.s;
  Node& me = *s.me;
  // Without an announced address the next message tells what others call us.
  if (!settings.announce_ip.empty()) {
    me.ip = settings.announce_ip;
  } else if (!s.settings.announce_ip.empty()) {
    me.ip.clear();
  }
  me.hostname = settings.announce_hostname;
  me.human_name = settings.announce_human_name;
  me.availability_zone = settings.availability_zone;
  me.client_ipv4 = settings.announce_client_ipv4;
  me.client_ipv6 = settings.announce_client_ipv6;
  me.client_port = settings.announce_client_port;
  me.client_tls_port = settings.announce_client_tls_port;
  me.port = settings.announce_port != 0 ? settings.announce_port : settings.port;
  me.tls_port = settings.announce_tls_port != 0 ? settings.announce_tls_port : settings.tls_port;
  me.bus_port = settings.announce_bus_port != 0 ? settings.announce_bus_port : settings.bus_port;
  if (settings.replica_no_failover) {
    me.set(bus::kFlagNoFailover);
  } else {
    me.clear(bus::kFlagNoFailover);
  }
  s.settings = settings;
  step.changed();
}

void handle(Step& step, const Start& start) {
  State& s = step.s;
  s.started_at = step.now.mono;
  if (start.stored) {
    load_stored(step, *start.stored);
    // What was read is durable.
    if (s.me != nullptr) {
      s.durable = {true,       s.me->id, start.stored->current_epoch, s.me->config_epoch, s.last_vote_epoch,
                   s.me->slots};
    }
  }
  if (s.me == nullptr) {
    s.me = &s.add(start.fresh_id, bus::kFlagMyself | bus::kFlagPrimary, step.now.mono);
  }
  if (s.me->shard_id.empty()) s.me->shard_id = start.fresh_shard_id;
  take_settings(step, start.settings);
}

// What we did not listen to is nobody's silence. The write lease is not helped by it.
void forgive_missed_time(Step& step) {
  State& s = step.s;
  const Micros gap = s.last_tick == kNever ? Micros{} : step.since(s.last_tick);
  s.last_tick = step.now.mono;
  if (gap <= std::min(kMissedTicks, Micros{s.settings.node_timeout.us / 4})) return;
  const Micros missed = gap - tick_period(s.settings);
  const auto later = [&](MonoTime& t) {
    if (t != kNever) t = std::min(step.now.mono, t + missed);
  };
  for (const auto& node : s.nodes) {
    later(node->ping_sent);
    later(node->data_received);
    later(node->created);
  }
  for (auto& [id, link] : s.links) later(link.created);
}

void handle(Step& step, const Tick&) {
  State& s = step.s;
  forgive_missed_time(step);
  std::erase_if(s.blacklist, [&](const auto& entry) { return entry.second <= step.now.mono; });
  give_up_handshakes(step);
  drop_stuck_links(step);
  connect_missing(step);
  ping_due(step);
  suspect_silent(step);
  if (!s.ok) s.todo_health = true;  // patience may be over
  renew_lease(step);
}

void handle(Step& step, const Persisted& event) {
  State& s = step.s;
  if (!s.persist_under_way || event.version != s.persist_version) return;
  s.persist_under_way = false;
  s.persisted_version = event.version;
  s.persist_failures = 0;
  s.durable = s.in_flight;
  s.returning &= ~s.durable.slots;
}

void handle(Step& step, const PersistFailed& event) {
  State& s = step.s;
  if (!s.persist_under_way || event.version != s.persist_version) return;
  step.log(LogLevel::kWarning, "The cluster's configuration file could not be written: " + event.why);
  s.persist_under_way = false;
  s.todo_save = true;  // messages that wait for this version are released by the next
  s.persist_retry_at = step.now.mono + kPersistRetry;
  constexpr int kPatience = 3;
  if (++s.persist_failures < kPatience) return;
  // Clients are told: what they asked for is in force here, but not durable, and nobody hears of it.
  std::erase_if(s.held, [&](Held& held) {
    auto* reply = std::get_if<Reply>(&held.what);
    if (reply == nullptr || held.persist_version <= s.persisted_version ||
        held.view_version > s.adopted_version)
      return false;
    step.out.push_back(
        Reply{reply->token, Reply::Kind::kError, "ERR error saving the cluster node config: " + event.why});
    return true;
  });
}

void handle(Step& step, const Adopted& event) {
  State& s = step.s;
  s.adopted_version = std::max(s.adopted_version, event.version);
  // What is gone for good is no claim should it come back before nodes.conf says that it went: it would be
  // said, taken back when that is written, and said again.
  SlotSet gone;
  std::erase_if(s.leaving, [&](const auto& entry) {
    if (entry.first > s.adopted_version) return false;
    gone |= entry.second;
    return true;
  });
  gone &= ~s.me->slots;
  s.durable.slots &= ~gone;
  s.in_flight.slots &= ~gone;
}

void handle(Step& step, const InboundOpened& event) {
  on_inbound(step, event);
}
void handle(Step& step, const OutboundConnected& event) {
  on_connected(step, event);
}
void handle(Step& step, const LinkClosed& event) {
  on_closed(step, event);
}
void handle(Step& step, const MessageReceived& event) {
  on_message(step, event);
}
void handle(Step& step, const MessagePassedOver& event) {
  on_passed_over(step, event);
}
void handle(Step& step, const SettingsChanged& event) {
  take_settings(step, event.settings);
}
void handle(Step& step, const Publish& event) {
  on_publish(step, event);
}
void handle(Step& step, const Command& event) {
  on_command(step, event);
}

}  // namespace

Machine::Machine(uint64_t seed) : state_(std::make_unique<State>(seed)) {}
Machine::~Machine() = default;
Machine::Machine(Machine&&) noexcept = default;

#ifdef TESSERA_PLANTED_FAULTS
void Machine::plant_fault(int fault) {
  state_->planted_fault = fault;
}
#endif

void Machine::step(const Event& event, Now now, Actions& out) {
  Step step{*state_, now, out};
  if (state_->me == nullptr && !std::holds_alternative<Start>(event)) return;
  std::visit([&](const auto& what) { handle(step, what); }, event);
  finish(step);
}

route::ClusterView Machine::make_view(Now now) const {
  return state::make_view(*state_, now);
}
MonoTime Machine::write_until() const {
  return state_->write_until;
}
Micros Machine::tick_period() const {
  return state::tick_period(state_->settings);
}
const NodeId& Machine::my_id() const {
  return state_->me->id;
}
bool Machine::is_ok() const {
  return state_->ok;
}
const Statistics& Machine::statistics() const {
  return state_->statistics;
}
uint64_t Machine::view_version() const {
  return state_->view_version;
}
Stored Machine::stored(Now now) const {
  return make_stored(*state_, now);
}

std::vector<LinkInfo> Machine::links() const {
  std::vector<LinkInfo> result;
  for (const auto& node : state_->nodes) {
    for (const LinkId link : {node->outbound, node->inbound}) {
      if (link != kNoLink) result.push_back({link, node->id, state_->links.at(link).connected});
    }
  }
  return result;
}

}  // namespace tessera::cluster::state
