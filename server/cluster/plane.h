// Role: the control plane of this node: joins the state machine, the bus' links and nodes.conf, and gives the
// views that shards decide by. Thread: open() at start-up (it blocks); everything else on the control thread.
// Invariants: the machine is stepped by one event at a time, and what a step wants done is done in its order;
// events that come up meanwhile wait. Nothing here waits for a shard, a disk or a peer.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/log.h"
#include "common/io/env.h"
#include "server/cluster/link/links.h"
#include "server/cluster/nodes_conf/saver.h"
#include "server/cluster/state/machine.h"
#include "server/route/cluster_view.h"

namespace tessera::cluster {

// What configuration says of the cluster.
struct PlaneSettings {
  state::Settings state;
  link::LinkOptions links;
  std::vector<std::string> hosts;  // to listen on, as `bind`
};

// What the plane asks of the node. All are called on the control thread, but `post`, which any thread may
// call.
struct PlaneHost {
  std::function<void(route::ClusterView)> publish;
  // Calls `then` on the control thread after every shard adopted what was published.
  std::function<void(std::function<void()> then)> when_adopted;
  std::function<void(std::function<void()>)> post;
  // Keys of slots that went to others; all keys.
  std::function<void(const state::SlotSet&)> drop_slots;
  std::function<void()> drop_all_keys;
  // A message of pub/sub came from another node.
  std::function<void(bool sharded, const std::string& channel, const std::string& text)> deliver;
  // Writes are acknowledged before this moment only; MonoTime{INT64_MAX}: always.
  std::function<void(MonoTime)> set_write_until;
  // DEBUG DROP-CLUSTER-PACKET-FILTER: messages of this type are not handled, -1: none are dropped; and
  // whether their links are closed. May be empty.
  std::function<int()> dropped_type;
  std::function<bool()> closes_link_on_drop;
};

class Plane final : link::LinkHandler {
 public:
  // Takes nodes.conf over. Errors are whole lines for the log; the process ends with 1.
  static Result<std::unique_ptr<Plane>> open(io::Env& env, Log& log, const std::string& nodes_conf_path,
                                             PlaneSettings settings, PlaneHost host);
  ~Plane() override;

  // Listens and speaks. The error says which address could not be bound.
  Result<void> start(io::Loop& loop);
  // Closes all links; to be called before the loop ends.
  void stop();
  // Once in each tick of the control thread; true: come back without waiting.
  bool turn();
  void tick();  // about every tick_period()
  Micros tick_period() const { return machine_.tick_period(); }
  void change_settings(PlaneSettings settings);

  // A message of pub/sub that a client published here.
  void publish(bool sharded, std::string channel, std::string text);

  using Answer = std::function<void(const state::Reply&)>;
  // DEBUG CLUSTERLINK KILL; false: no such node.
  bool kill_links(const std::string& node_id, bool to, bool from);
  void command(decltype(state::Command::what) what, Answer answer);

  // The cluster at this moment, ping times included. Cost: O(nodes + slots).
  route::ClusterView view() const;
  const state::Machine& machine() const { return machine_; }
  link::LinkStatistics link_statistics() const;
  std::vector<link::LinkStatus> link_status() const;
  size_t link_bytes() const;
  size_t link_count() const;
  std::string fresh_id() const;  // random, 40 hexadecimal digits

 private:
  Plane(io::Env& env, Log& log, PlaneSettings settings, PlaneHost host);
  state::Now now() const;
  void happened(state::Event event);
  void carry_out(state::Action& action);
  void publish_view();
  void tell_shards();
  void persist(const state::Persist& persist);
  void note_known(state::LinkId link);
  bool drops(state::LinkId link, const bus::Message& message);

  void on_inbound(state::LinkId link, const std::string& remote_ip) override;
  void on_connected(state::LinkId link, const std::string& remote_ip) override;
  void on_message(state::LinkId link, const std::string& remote_ip, const std::string& local_ip,
                  std::shared_ptr<const bus::Message> message) override;
  void on_passed_over(state::LinkId link, bus::MessageType type) override;
  void on_closed(state::LinkId link, state::CloseReason reason) override;

  io::Env& env_;
  Log& log_;
  PlaneSettings settings_;
  PlaneHost host_;
  state::Machine machine_;
  nodes_conf::TakenOver taken_over_;  // until start(), but for the lock of before
  nodes_conf::Dialect dialect_ = nodes_conf::Dialect::kRedis70;
  std::string path_;
  std::unique_ptr<link::Links> links_;
  std::unique_ptr<nodes_conf::Saver> saver_;
  std::deque<state::Event> events_;
  bool stepping_ = false;
  state::Actions actions_;
  // What one event changes, or the hundreds of messages of a turn, goes to shards as one view, at the end.
  bool in_turn_ = false;
  uint64_t view_due_ = 0;                         // its version; 0: none
  state::SlotSet lost_;                           // whose keys go when that view is adopted
  std::unordered_map<uint64_t, Answer> answers_;  // by token
  uint64_t next_token_ = 1;
  MonoTime write_until_{0};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what is posted back later
};

}  // namespace tessera::cluster
