#include "server/pubsub/trackers.h"

#include <algorithm>
#include <cstring>

#include "common/resp/writer.h"

namespace tessera::pubsub {

using dispatch::ClientRef;
using dispatch::Pipeline;
using dispatch::Session;
using feed::Target;

namespace {

constexpr uint32_t kModes = dispatch::kTrackingBcast | dispatch::kTrackingOptin | dispatch::kTrackingOptout |
                            dispatch::kTrackingNoloop;
constexpr std::string_view kChannel = "__redis__:invalidate";

Target target_of(const ClientRef& ref) {
  return {ref.thread, ref.place, ref.generation};
}

ClientRef ref_of(const Target& target) {
  return {target.thread, target.place, target.generation};
}

void append_key(std::string& out, std::string_view key) {
  out += '$';
  out += std::to_string(key.size());
  out += "\r\n";
  out += key;
  out += "\r\n";
}

std::string head_of(size_t count) {
  return "*" + std::to_string(count) + "\r\n";
}

}  // namespace

Trackers::Trackers(dispatch::Engine& engine, HasRoom has_room)
    : engine_(engine), feed_(*engine.node().feed), has_room_(std::move(has_room)) {}

void Trackers::track(Session& session, Pipeline& pipeline, const dispatch::TrackingWish& wish) {
  std::unique_ptr<Tracker>& place = trackers_[session.id];
  if (!place) {
    place = std::make_unique<Tracker>();
    place->session = &session;
    place->pipeline = &pipeline;
  }
  if (!session.has(dispatch::kTracking)) feed_.tracking_clients.fetch_add(1, std::memory_order_seq_cst);
  session.clear(kModes | dispatch::kTrackingBroken);
  session.set(dispatch::kTracking | wish.flags);
  session.redirect_id = wish.redirect;
  place->redirect = wish.redirect_ref;
  if (!(wish.flags & dispatch::kTrackingBcast)) return;
  if (wish.prefixes.empty()) add_prefix(*place, "");
  for (const std::string& prefix : wish.prefixes) add_prefix(*place, prefix);
}

void Trackers::add_prefix(Tracker& tracker, const std::string& prefix) {
  if (!tracker.prefixes.insert(prefix).second) return;
  Prefix& known = prefixes_[prefix];
  if (known.trackers.empty()) {
    ++lengths_[prefix.size()];
    feed_.tracking_prefixes.fetch_add(1, std::memory_order_seq_cst);
  }
  known.trackers.push_back(&tracker);
}

void Trackers::forget(Session& session) {
  const auto at = trackers_.find(session.id);
  if (at == trackers_.end()) return;
  Tracker& tracker = *at->second;
  for (const std::string& name : tracker.prefixes) {
    const auto prefix = prefixes_.find(name);
    std::erase(prefix->second.trackers, &tracker);
    if (!prefix->second.trackers.empty()) continue;
    if (--lengths_[name.size()] == 0) lengths_.erase(name.size());
    prefixes_.erase(prefix);
    feed_.tracking_prefixes.fetch_sub(1, std::memory_order_seq_cst);
  }
  trackers_.erase(at);
  feed_.tracking_clients.fetch_sub(1, std::memory_order_seq_cst);
  session.clear(kModes | dispatch::kTracking | dispatch::kTrackingBroken | dispatch::kTrackingCaching |
                dispatch::kTrackingCachingNow);
  session.redirect_id = 0;
}

std::vector<std::string> Trackers::prefixes(const Session& session) const {
  const auto at = trackers_.find(session.id);
  if (at == trackers_.end()) return {};
  return {at->second->prefixes.begin(), at->second->prefixes.end()};
}

Trackers::Tracker* Trackers::find(const Target& target) {
  if (target.thread != engine_.index()) return nullptr;
  Pipeline* pipeline = engine_.clients().find(ref_of(target));
  if (pipeline == nullptr) return nullptr;
  const auto at = trackers_.find(pipeline->session().id);
  return at == trackers_.end() ? nullptr : at->second.get();
}

void Trackers::take(const feed::Item& item) {
  switch (item.kind) {
    case feed::Kind::kInvalidate:
      if (item.to.thread != engine_.index()) return;
      if (!item.name.empty()) {
        Target tracker;
        std::memcpy(&tracker, item.name.data(), sizeof(tracker));
        to_redirected(tracker, item.to, item.text);
      } else if (Tracker* tracker = find(item.to);
                 tracker != nullptr && !tracker->session->has(dispatch::kTrackingBcast)) {
        std::string body = head_of(1);
        append_key(body, item.text);
        send(*tracker, body);
      }
      break;
    case feed::Kind::kChanged:
      if (!prefixes_.empty()) changed(item);
      break;
    case feed::Kind::kFlushed:
      for (const auto& [id, tracker] : trackers_) send(*tracker, {});
      break;
    case feed::Kind::kBroken:
      broken(item.to);
      break;
    default:
      break;
  }
}

void Trackers::changed(const feed::Item& item) {
  for (const auto& [length, count] : lengths_) {
    if (length > item.text.size()) break;
    const auto at = prefixes_.find(item.text.substr(0, length));
    if (at == prefixes_.end()) continue;
    at->second.changed.try_emplace(std::string(item.text), item.to);
    any_changed_ = true;
  }
}

void Trackers::finish() {
  if (!any_changed_) return;
  any_changed_ = false;
  for (auto& [name, prefix] : prefixes_) {
    if (!prefix.changed.empty()) tell_prefix(prefix);
  }
}

// One text for all, but for those who leave out what they did themselves.
void Trackers::tell_prefix(Prefix& prefix) {
  std::string all;
  for (const auto& [key, by] : prefix.changed) append_key(all, key);
  all.insert(0, head_of(prefix.changed.size()));
  for (Tracker* tracker : prefix.trackers) {
    if (!tracker->session->has(dispatch::kTrackingNoloop)) {
      send(*tracker, all);
      continue;
    }
    std::string others;
    size_t count = 0;
    for (const auto& [key, by] : prefix.changed) {
      if (ref_of(by) == tracker->session->ref) continue;
      append_key(others, key);
      ++count;
    }
    if (count > 0) send(*tracker, head_of(count) + others);
  }
  prefix.changed.clear();
}

void Trackers::send(Tracker& tracker, std::string_view body) {
  Session& session = *tracker.session;
  if (session.redirect_id == 0) {
    if (session.proto > 2) write(session, *tracker.pipeline, body);
    return;
  }
  const Target me = target_of(session.ref), receiver = target_of(tracker.redirect);
  if (receiver.thread == engine_.index()) {
    to_redirected(me, receiver, body);
    return;
  }
  // Where nobody listens any more the other client is not either.
  if (!feed_.list().listens(receiver.thread)) return broken(me);
  const std::string_view name(reinterpret_cast<const char*>(&me), sizeof(me));
  engine_.shard().port().items().add(feed::Kind::kInvalidate, name, body, nullptr, receiver);
}

void Trackers::to_redirected(const Target& tracker, const Target& receiver, std::string_view body) {
  Pipeline* pipeline = engine_.clients().find(ref_of(receiver));
  if (pipeline != nullptr && !pipeline->session().has(dispatch::kCloseAsap)) {
    write(pipeline->session(), *pipeline, body);
  } else if (tracker.thread == engine_.index()) {
    broken(tracker);
  } else {
    engine_.shard().port().items().add(feed::Kind::kBroken, {}, {}, nullptr, tracker);
  }
}

void Trackers::broken(const Target& target) {
  Tracker* tracker = find(target);
  if (tracker == nullptr || tracker->session->redirect_id == 0) return;
  Session& session = *tracker->session;
  session.set(dispatch::kTrackingBroken);
  if (session.proto == 2 || !has_room_(session, *tracker->pipeline)) return;
  resp::Writer push(tracker->pipeline->push_chain(), session.proto);
  push.push(2);
  push.bulk("tracking-redir-broken");
  push.integer(static_cast<int64_t>(session.redirect_id));
  engine_.clients().pushed(session.ref);
}

// In RESP2 as a message of a channel, to who subscribed to it.
void Trackers::write(Session& session, Pipeline& pipeline, std::string_view body) {
  if (session.proto == 2 && !session.has(dispatch::kSubscribed)) return;
  if (!has_room_(session, pipeline)) return;
  pipeline.push_behind([&](resp::OutChain& chain) {
    resp::Writer push(chain, session.proto);
    if (session.proto == 2) {
      push.array(3);
      push.bulk("message");
      push.bulk(kChannel);
    } else {
      push.push(2);
      push.bulk("invalidate");
    }
    if (body.empty()) {
      push.null();
    } else {
      push.raw(body);
    }
  });
  engine_.clients().pushed(session.ref);
}

}  // namespace tessera::pubsub
