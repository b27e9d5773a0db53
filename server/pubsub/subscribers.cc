// Role: who is subscribed to what. See subscribers.h; deliver.cc has the way of messages.
#include "server/pubsub/subscribers.h"

#include "common/base/check.h"
#include "common/hash/crc16.h"
#include "common/resp/writer.h"
#include "server/acl/access.h"

namespace tessera::pubsub {

using dispatch::Pipeline;
using dispatch::Session;

namespace {

size_t index_of(Scope scope) {
  return static_cast<size_t>(scope);
}

// Replicas serve subscribers of their primary's slots.
bool serves(const route::ClusterView& view, int slot) {
  if (!view.enabled() || view.is_mine(slot)) return true;
  return view.self().is_replica && view.owner(slot) == view.self().primary;
}

}  // namespace

Subscribers::Subscribers(dispatch::Engine& engine)
    : engine_(engine),
      feed_(*engine.node().feed),
      trackers_(engine,
                [this](Session& session, Pipeline& pipeline) { return has_room(session, pipeline); }) {}

Subscribers::~Subscribers() = default;

feed::Audience& Subscribers::audience() {
  return feed_.audience(engine_.index());
}

Subscribers::Client* Subscribers::find(const Session& session) const {
  const auto at = clients_.find(session.id);
  return at == clients_.end() ? nullptr : at->second.get();
}

Subscribers::Client& Subscribers::client_of(Session& session, Pipeline& pipeline) {
  std::unique_ptr<Client>& place = clients_[session.id];
  if (!place) {
    place = std::make_unique<Client>();
    place->session = &session;
    place->pipeline = &pipeline;
    feed_.list().listen(engine_.index());
  }
  return *place;
}

void Subscribers::drop_if_idle(Client& client) {
  if (client.session->has(dispatch::kListens)) return;
  clients_.erase(client.session->id);
  if (clients_.empty()) feed_.list().stop(engine_.index());
}

// The numbers that others look at, and CLIENT LIST's.
void Subscribers::count(Session& session, Scope scope, int change) {
  uint32_t& own = scope == Scope::kChannel   ? session.channels
                  : scope == Scope::kPattern ? session.patterns
                                             : session.shard_channels;
  own += static_cast<uint32_t>(change);
  feed_.subscriptions.fetch_add(change, std::memory_order_seq_cst);
  if (scope == Scope::kPattern) feed_.pattern_subscriptions.fetch_add(change, std::memory_order_seq_cst);
  const bool any = session.channels + session.patterns + session.shard_channels > 0;
  if (any == session.has(dispatch::kSubscribed)) return;
  any ? session.set(dispatch::kSubscribed) : session.clear(dispatch::kSubscribed);
  feed_.subscribed_clients.fetch_add(any ? 1 : -1, std::memory_order_relaxed);
}

Subscribers::Topic* Subscribers::add_topic(Scope scope, std::string_view name) {
  Topics& topics = topics_[index_of(scope)];
  const auto at = topics.find(name);
  if (at != topics.end()) return at->second.get();
  auto topic = std::make_unique<Topic>();
  topic->name = name;
  if (scope == Scope::kPattern) {
    topic->pattern_place = patterns_.size();
    patterns_.push_back(topic.get());
  } else {
    topic->hash = feed_.hash_of(name, scope == Scope::kShard);
  }
  Topic* raw = topic.get();
  topics.emplace(raw->name, std::move(topic));
  return raw;
}

void Subscribers::remove_topic(Topic& topic, Scope scope) {
  if (scope == Scope::kPattern) {
    patterns_.back()->pattern_place = topic.pattern_place;
    patterns_[topic.pattern_place] = patterns_.back();
    patterns_.pop_back();
  }
  const std::string name = topic.name;  // the key goes with the topic
  topics_[index_of(scope)].erase(name);
}

bool Subscribers::subscribe(Session& session, Pipeline& pipeline, Scope scope, std::string_view name) {
  Client& client = client_of(session, pipeline);
  Topic* topic = add_topic(scope, name);
  const auto place = static_cast<uint32_t>(topic->clients.size());
  if (!client.topics[index_of(scope)].emplace(topic, place).second) return false;
  topic->clients.push_back(&client);
  switch (scope) {
    case Scope::kChannel:
      audience().channels.add(topic->hash);
      break;
    case Scope::kPattern:
      audience().patterns.add(name);
      break;
    case Scope::kShard:
      audience().shard_channels.add(topic->hash);
      break;
  }
  count(session, scope, 1);
  return true;
}

// The client's own note of the topic is the caller's.
void Subscribers::leave(Client& client, Topic& topic, Scope scope) {
  std::unordered_map<Topic*, uint32_t>& mine = client.topics[index_of(scope)];
  const auto at = mine.find(&topic);
  const uint32_t place = at->second;
  mine.erase(at);
  Client* last = topic.clients.back();
  topic.clients[place] = last;
  if (last != &client) last->topics[index_of(scope)][&topic] = place;
  topic.clients.pop_back();
  switch (scope) {
    case Scope::kChannel:
      audience().channels.remove(topic.hash);
      break;
    case Scope::kPattern:
      audience().patterns.remove(topic.name);
      break;
    case Scope::kShard:
      audience().shard_channels.remove(topic.hash);
      break;
  }
  audience().retired.free_some();
  count(*client.session, scope, -1);
  if (topic.clients.empty()) remove_topic(topic, scope);
}

bool Subscribers::unsubscribe(Session& session, Scope scope, std::string_view name) {
  Client* client = find(session);
  if (client == nullptr) return false;
  const auto at = topics_[index_of(scope)].find(name);
  if (at == topics_[index_of(scope)].end()) return false;
  Topic& topic = *at->second;
  if (client->topics[index_of(scope)].count(&topic) == 0) return false;
  leave(*client, topic, scope);
  drop_if_idle(*client);
  return true;
}

std::vector<std::string> Subscribers::names(const Session& session, Scope scope) const {
  std::vector<std::string> out;
  if (const Client* client = find(session)) {
    for (const auto& [topic, place] : client->topics[index_of(scope)]) out.push_back(topic->name);
  }
  return out;
}

void Subscribers::monitor(Session& session, Pipeline& pipeline) {
  if (session.has(dispatch::kMonitor)) return;
  Client& client = client_of(session, pipeline);
  session.set(dispatch::kMonitor);
  client.monitor_place = monitors_.size();
  monitors_.push_back(&client);
  feed_.monitors.fetch_add(1, std::memory_order_seq_cst);
}

void Subscribers::track(Session& session, Pipeline& pipeline, const dispatch::TrackingWish& wish) {
  client_of(session, pipeline);
  trackers_.track(session, pipeline, wish);
}

void Subscribers::track_no_more(Session& session) {
  Client* client = find(session);
  if (client == nullptr) return;
  trackers_.forget(session);
  drop_if_idle(*client);
}

void Subscribers::receive(Session& session, Pipeline& pipeline) {
  client_of(session, pipeline);
  session.set(dispatch::kTrackingReceiver);
}

void Subscribers::forget(Session& session) {
  Client* client = find(session);
  if (client == nullptr) return;
  for (const Scope scope : {Scope::kChannel, Scope::kPattern, Scope::kShard}) {
    auto& mine = client->topics[index_of(scope)];
    while (!mine.empty()) leave(*client, *mine.begin()->first, scope);
  }
  if (session.has(dispatch::kMonitor)) {
    monitors_.back()->monitor_place = client->monitor_place;
    monitors_[client->monitor_place] = monitors_.back();
    monitors_.pop_back();
    session.clear(dispatch::kMonitor);
    feed_.monitors.fetch_sub(1, std::memory_order_seq_cst);
  }
  trackers_.forget(session);
  // Others' invalidations come on after RESET.
  if (session.has(dispatch::kCloseAsap)) session.clear(dispatch::kTrackingReceiver);
  drop_if_idle(*client);
}

// Subscribers of slots that are not ours any more are told so, as redis-server does.
void Subscribers::slots_changed() {
  const Topics& topics = topics_[index_of(Scope::kShard)];
  if (topics.empty()) return;
  std::vector<Topic*> lost;
  for (const auto& [name, topic] : topics) {
    if (!serves(engine_.view(), hash::key_slot(name))) lost.push_back(topic.get());
  }
  for (Topic* topic : lost) {
    const std::string name = topic->name;
    for (size_t left = topic->clients.size(); left > 0; --left) {
      Client& client = *topic->clients.back();
      Session& session = *client.session;
      leave(client, *topic, Scope::kShard);
      resp::Writer push(client.pipeline->push_chain(), session.proto);
      push.push(3);
      push.bulk("sunsubscribe");
      push.bulk(name);
      push.integer(session.shard_channels);
      engine_.clients().pushed(session.ref);
      drop_if_idle(client);
    }
  }
}

// Who may not listen any more to what it listens to is closed.
void Subscribers::users_changed() {
  for (const auto& [id, client] : clients_) {
    Session& session = *client->session;
    const acl::UserRef user = engine_.acl_view().find(session.user_name);
    if (user == nullptr || user->unrestricted) continue;
    bool allowed = true;
    for (const Scope scope : {Scope::kChannel, Scope::kPattern, Scope::kShard}) {
      for (const auto& [topic, place] : client->topics[index_of(scope)]) {
        allowed &= acl::may_access_channel(*user, topic->name, scope == Scope::kPattern);
      }
    }
    if (!allowed) engine_.clients().kill(session);
  }
}

std::unique_ptr<dispatch::PushSink> make_subscribers(dispatch::Engine& engine) {
  return std::make_unique<Subscribers>(engine);
}

}  // namespace tessera::pubsub
