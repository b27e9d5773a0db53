// Role: from events to actions and back. See plane.h.
#include "server/cluster/plane.h"

#include <cstdio>
#include <utility>

#include "server/cluster/state/state.h"

namespace tessera::cluster {

Plane::Plane(io::Env& env, Log& log, PlaneSettings settings, PlaneHost host)
    : env_(env),
      log_(log),
      settings_(std::move(settings)),
      host_(std::move(host)),
      machine_(env.random_u64()) {}

Plane::~Plane() {
  *alive_ = false;
}

Result<std::unique_ptr<Plane>> Plane::open(io::Env& env, Log& log, const std::string& nodes_conf_path,
                                           PlaneSettings settings, PlaneHost host) {
  std::unique_ptr<Plane> plane(new Plane(env, log, std::move(settings), std::move(host)));
  auto taken = nodes_conf::take_over(env.files(), nodes_conf_path, plane->settings_.state.tls_cluster);
  if (!taken.ok()) return taken.error();
  plane->path_ = nodes_conf_path;
  plane->taken_over_ = std::move(*taken);
  state::Start start;
  start.fresh_id = plane->fresh_id();
  start.fresh_shard_id = plane->fresh_id();
  start.settings = plane->settings_.state;
  if (plane->taken_over_.file) {
    for (const std::string& note : plane->taken_over_.file->notes) log.notice("%s", note.c_str());
    plane->dialect_ = plane->taken_over_.file->dialect;
    start.stored = plane->taken_over_.file->stored;
  }
  const bool found = start.stored.has_value();
  // Its actions wait for start(): nothing can be done before there is a loop, but views have to be right from
  // the beginning.
  plane->machine_.step(start, plane->now(), plane->actions_);
  const std::string id = plane->machine_.my_id();
  log.notice(found ? "Node configuration loaded, I'm %s" : "No cluster configuration found, I'm %s",
             id.c_str());
  return plane;
}

Result<void> Plane::start(io::Loop& loop) {
  links_.reset(new link::Links(loop, settings_.links, *this, &log_));  // its handler is a private base
  saver_ =
      std::make_unique<nodes_conf::Saver>(env_.files(), env_.pool(), path_, std::move(taken_over_.lock),
                                          host_.post, [this](uint64_t version, Result<void> result) {
                                            if (result.ok()) {
                                              happened(state::Persisted{version});
                                            } else {
                                              happened(state::PersistFailed{version, result.error().message});
                                            }
                                          });
  taken_over_.file.reset();
  if (settings_.state.bus_port != 0 || settings_.state.port == 0) {
    const auto listening = links_->listen(settings_.hosts, settings_.state.bus_port);
    if (!listening.ok()) return listening.error();
  }
  state::Actions first;
  first.swap(actions_);
  stepping_ = true;
  for (state::Action& action : first) carry_out(action);
  stepping_ = false;
  happened(state::Tick{});
  return {};
}

void Plane::stop() {
  *alive_ = false;
  alive_ = std::make_shared<bool>(true);
  saver_.reset();
  links_.reset();
}

bool Plane::turn() {
  if (!links_) return false;
  in_turn_ = true;
  const bool more = links_->work();
  in_turn_ = false;
  tell_shards();
  return more;
}

void Plane::tick() {
  if (links_) happened(state::Tick{});
}

void Plane::change_settings(PlaneSettings settings) {
  settings_ = std::move(settings);
  if (links_) links_->set_options(settings_.links);
  happened(state::SettingsChanged{settings_.state});
}

void Plane::command(decltype(state::Command::what) what, Answer answer) {
  const uint64_t token = next_token_++;
  answers_.emplace(token, std::move(answer));
  happened(state::Command{token, std::move(what)});
}

void Plane::publish(bool sharded, std::string channel, std::string text) {
  if (links_) happened(state::Publish{sharded, std::move(channel), std::move(text)});
}

route::ClusterView Plane::view() const {
  return machine_.make_view(now());
}

link::LinkStatistics Plane::link_statistics() const {
  return links_ ? links_->statistics() : link::LinkStatistics{};
}

std::vector<link::LinkStatus> Plane::link_status() const {
  return links_ ? links_->status() : std::vector<link::LinkStatus>{};
}

size_t Plane::link_count() const {
  return links_ ? links_->link_count() : 0;
}

size_t Plane::link_bytes() const {
  return links_ ? links_->memory_bytes() : 0;
}

std::string Plane::fresh_id() const {
  unsigned char bytes[20];
  env_.random_bytes(bytes);
  std::string text;
  char part[3];
  for (unsigned char byte : bytes) {
    std::snprintf(part, sizeof(part), "%02x", byte);
    text += part;
  }
  return text;
}

state::Now Plane::now() const {
  return {env_.clock().mono(), env_.clock().wall_ms()};
}

void Plane::happened(state::Event event) {
  events_.push_back(std::move(event));
  if (stepping_) return;
  stepping_ = true;
  while (!events_.empty()) {
    const state::Event next = std::move(events_.front());
    events_.pop_front();
    machine_.step(next, now(), actions_);
    state::Actions todo;
    todo.swap(actions_);
    for (state::Action& action : todo) carry_out(action);
    if (lost_.any()) publish_view();  // at once
    todo.clear();
    if (actions_.empty()) actions_.swap(todo);  // keeps the memory
  }
  stepping_ = false;
  if (!in_turn_) tell_shards();
}

// The lease after the view: who sees it sees what we knew when it was renewed.
void Plane::tell_shards() {
  publish_view();
  if (machine_.write_until() == write_until_) return;
  write_until_ = machine_.write_until();
  host_.set_write_until(write_until_);
}

void Plane::carry_out(state::Action& action) {
  struct Visitor {
    Plane& plane;
    void operator()(state::Connect& a) {
      if (plane.links_) plane.links_->connect(a.link, a.ip, a.bus_port, a.hostname);
    }
    void operator()(state::CloseLink& a) {
      if (plane.links_) plane.links_->close(a.link);
    }
    void operator()(state::Send& a) {
      if (plane.links_) plane.links_->send(a.link, a.message);
    }
    void operator()(state::Persist& a) { plane.persist(a); }
    void operator()(state::PublishView& a) { plane.view_due_ = a.version; }
    void operator()(state::LogLine& a) { plane.log_.write(a.level, a.text); }
    void operator()(state::Reply& a) {
      const auto found = plane.answers_.find(a.token);
      if (found == plane.answers_.end()) return;
      const Answer answer = std::move(found->second);
      plane.answers_.erase(found);
      answer(a);
    }
    void operator()(state::SlotsLost& a) { plane.lost_ |= a.slots; }
    void operator()(state::DropAllKeys&) { plane.host_.drop_all_keys(); }
    void operator()(state::Deliver& a) {
      const auto& publish = std::get<bus::Publish>(a.message->body);
      if (!plane.host_.deliver) return;
      plane.host_.deliver(a.message->type == bus::MessageType::kPublishShard, publish.channel,
                          publish.message);
    }
  };
  std::visit(Visitor{*this}, action);
}

void Plane::publish_view() {
  if (view_due_ == 0) return;
  const uint64_t version = std::exchange(view_due_, 0);
  host_.publish(view());
  host_.when_adopted([this, alive = alive_, version] {
    if (*alive) happened(state::Adopted{version});
  });
  // A shard that has not adopted the view without them would keep the keys of lost slots.
  if (lost_.none()) return;
  host_.when_adopted([this, alive = alive_, slots = std::exchange(lost_, {})] {
    if (*alive) host_.drop_slots(slots);
  });
}

void Plane::persist(const state::Persist& persist) {
  if (!saver_) return;
  const nodes_conf::Format format{dialect_, settings_.state.tls_cluster};
  saver_->save(persist.version,
               [contents = persist.contents, format] { return nodes_conf::print(*contents, format); });
}

void Plane::on_inbound(state::LinkId link, const std::string& remote_ip) {
  happened(state::InboundOpened{link, remote_ip});
}

void Plane::on_connected(state::LinkId link, const std::string& remote_ip) {
  happened(state::OutboundConnected{link, remote_ip});
}

void Plane::on_message(state::LinkId link, const std::string& remote_ip, const std::string& local_ip,
                       std::shared_ptr<const bus::Message> message) {
  if (drops(link, *message)) return;
  happened(state::MessageReceived{link, remote_ip, local_ip, std::move(message)});
  if (state::is_inbound(link)) note_known(link);
}

// For tests of what silence does.
bool Plane::drops(state::LinkId link, const bus::Message& message) {
  if (!host_.dropped_type || host_.dropped_type() != static_cast<int>(message.type)) return false;
  if (host_.closes_link_on_drop && host_.closes_link_on_drop()) {
    links_->close(link);
    happened(state::LinkClosed{link, state::CloseReason::kOverflow});
  } else {
    on_passed_over(link, message.type);
  }
  return true;
}

bool Plane::kill_links(const std::string& node_id, bool to, bool from) {
  if (view().find_node(node_id) < 0) return false;
  for (const state::LinkInfo& info : machine_.links()) {
    if (info.node != node_id || !(state::is_inbound(info.link) ? from : to)) continue;
    links_->close(info.link);
    happened(state::LinkClosed{info.link, state::CloseReason::kOverflow});
  }
  return true;
}

// Whose inbound link it is may change with each message; nodes in handshake are strangers still.
void Plane::note_known(state::LinkId link) {
  const auto& links = machine_.state().links;
  const auto found = links.find(link);
  if (found == links.end()) return;
  const state::Node* node = found->second.node;
  links_->set_peer(link, node != nullptr && !node->in_handshake() ? node->id.str() : std::string());
}

void Plane::on_passed_over(state::LinkId link, bus::MessageType type) {
  happened(state::MessagePassedOver{link, type});
}

void Plane::on_closed(state::LinkId link, state::CloseReason reason) {
  happened(state::LinkClosed{link, reason});
}

}  // namespace tessera::cluster
