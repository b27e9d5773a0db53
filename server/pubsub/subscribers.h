// Role: the clients of one thread that listen: to channels, patterns and shard channels; MONITOR. Reads the
// node's list (server/feed) and writes to them. Thread: its engine's. Invariants: subscribing is done where
// the client is: what this thread's audience says others see before the client is told; a client gets what is
// appended to the list after that, in the list's order, and nothing once it has unsubscribed. A client that
// takes too much memory is closed before anything more is written to it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/dispatch/conn_ctx.h"
#include "server/dispatch/tracking_sink.h"
#include "server/feed/feed.h"
#include "server/pubsub/trackers.h"

namespace tessera::pubsub {

enum class Scope : uint8_t { kChannel, kPattern, kShard };
constexpr size_t kScopes = 3;

class PushText;

class Subscribers : public dispatch::TrackingSink {
 public:
  explicit Subscribers(dispatch::Engine& engine);
  ~Subscribers() override;
  // Of a command's own thread.
  static Subscribers& of(dispatch::Engine& engine) { return static_cast<Subscribers&>(engine.push_sink()); }

  // ---- commands. False: it is, or is not, subscribed already.
  bool subscribe(dispatch::Session& session, dispatch::Pipeline& pipeline, Scope scope,
                 std::string_view name);
  bool unsubscribe(dispatch::Session& session, Scope scope, std::string_view name);
  // What the client is subscribed to.
  std::vector<std::string> names(const dispatch::Session& session, Scope scope) const;
  // Of all clients of this thread.
  template <typename F>
  void for_each_name(Scope scope, F&& each) const {
    for (const auto& [name, topic] : topics_[static_cast<size_t>(scope)]) each(name);
  }
  void monitor(dispatch::Session& session, dispatch::Pipeline& pipeline);

  void track(dispatch::Session& session, dispatch::Pipeline& pipeline,
             const dispatch::TrackingWish& wish) override;
  void track_no_more(dispatch::Session& session) override;
  std::vector<std::string> tracked_prefixes(const dispatch::Session& session) const override {
    return trackers_.prefixes(session);
  }
  void receive(dispatch::Session& session, dispatch::Pipeline& pipeline) override;

  bool deliver() override;
  void forget(dispatch::Session& session) override;
  void slots_changed() override;
  void users_changed() override;

 private:
  struct Topic;
  struct Client {
    dispatch::Session* session;
    dispatch::Pipeline* pipeline;
    // Its topics, and its place among the clients of each.
    std::unordered_map<Topic*, uint32_t> topics[kScopes];
    size_t monitor_place = 0;
  };
  struct Topic {
    std::string name;
    uint64_t hash = 0;         // of channels
    size_t pattern_place = 0;  // of patterns: in patterns_
    std::vector<Client*> clients;
  };
  using Topics = std::unordered_map<std::string_view, std::unique_ptr<Topic>>;

  Client& client_of(dispatch::Session& session, dispatch::Pipeline& pipeline);
  Client* find(const dispatch::Session& session) const;
  void leave(Client& client, Topic& topic, Scope scope);
  Topic* add_topic(Scope scope, std::string_view name);
  void remove_topic(Topic& topic, Scope scope);
  void count(dispatch::Session& session, Scope scope, int change);
  feed::Audience& audience();
  void drop_if_idle(Client& client);

  void take(const feed::Item& item);
  void to_clients(const Topic& topic, PushText& text);
  bool has_room(dispatch::Session& session, dispatch::Pipeline& pipeline);
  void write(Client& client, PushText& text);
  void lost_everything();

  dispatch::Engine& engine_;
  feed::Feed& feed_;
  std::unordered_map<uint64_t, std::unique_ptr<Client>> clients_;  // by id
  Topics topics_[kScopes];
  std::vector<Topic*> patterns_;
  std::vector<Client*> monitors_;
  Trackers trackers_;
};

std::unique_ptr<dispatch::PushSink> make_subscribers(dispatch::Engine& engine);

}  // namespace tessera::pubsub
