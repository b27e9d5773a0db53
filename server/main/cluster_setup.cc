// Role: a node of a cluster: what configuration says of it, and what its control plane may ask of the node.
// Thread: the main thread at the start, then control.
#include "common/text/strings.h"
#include "server/cluster/plane.h"
#include "server/main/node.h"

namespace tessera::server {

namespace {

constexpr int kBusPortOffset = 10000;

route::EndpointType endpoint_type(const std::string& name) {
  return name == "hostname"           ? route::EndpointType::kHostname
         : name == "unknown-endpoint" ? route::EndpointType::kUnknown
                                      : route::EndpointType::kIp;
}

int port_of(const config::Config& config, const char* name) {
  return static_cast<int>(config.integer(name));
}

cluster::state::Settings state_settings(const config::Config& config) {
  cluster::state::Settings s;
  s.node_timeout = millis(config.integer("cluster-node-timeout"));
  s.announce_ip = config.text("cluster-announce-ip");
  s.announce_hostname = config.text("cluster-announce-hostname");
  s.announce_human_name = config.text("cluster-announce-human-nodename");
  s.availability_zone = config.text("availability-zone");
  s.announce_client_ipv4 = config.text("cluster-announce-client-ipv4");
  s.announce_client_ipv6 = config.text("cluster-announce-client-ipv6");
  s.announce_port = port_of(config, "cluster-announce-port");
  s.announce_bus_port = port_of(config, "cluster-announce-bus-port");
  s.announce_client_port = port_of(config, "cluster-announce-client-port");
  s.announce_client_tls_port = port_of(config, "cluster-announce-client-tls-port");
  s.port = port_of(config, "port");
  const int bus_port = port_of(config, "cluster-port");
  s.bus_port = bus_port != 0 ? bus_port : s.port + kBusPortOffset;
  s.replica_no_failover = config.boolean("cluster-replica-no-failover");
  s.allow_replica_migration = config.boolean("cluster-allow-replica-migration");
  s.refused_is_evidence = config.boolean("cluster-refused-is-evidence");
  s.blacklist_ttl = seconds(config.integer("cluster-blacklist-ttl"));
  s.view.require_full_coverage = config.boolean("cluster-require-full-coverage");
  s.view.allow_reads_when_down = config.boolean("cluster-allow-reads-when-down");
  s.view.allow_pubsubshard_when_down = config.boolean("cluster-allow-pubsubshard-when-down");
  s.view.endpoint_type = endpoint_type(config.text("cluster-preferred-endpoint-type"));
  return s;
}

cluster::PlaneSettings plane_settings(const config::Config& config) {
  cluster::PlaneSettings settings;
  settings.state = state_settings(config);
  settings.links.multipath = config.boolean("mptcp");
  settings.links.mark = static_cast<uint32_t>(config.integer("socket-mark-id"));
  settings.links.source_ip = config.text("bind-source-addr");
  settings.links.send_limit_bytes = config.bytes("cluster-link-sendbuf-limit");
  settings.hosts = config.bind_addresses();
  return settings;
}

// The keys of slots that went to other nodes.
struct DropSlots : dispatch::Envelope {
  cluster::state::SlotSet slots;
  void arrive(dispatch::Engine& engine) override {
    const std::unique_ptr<DropSlots> mine(this);
    // One that has come back meanwhile has new keys.
    engine.shard().drop_slots(
        [&](int slot) { return slots[static_cast<size_t>(slot)] && !engine.view().is_mine(slot); });
  }
};

}  // namespace

std::string Node::absolute_path(const std::string& path) const {
  return path.empty() || path[0] == '/' ? path : options_.config->text("dir") + "/" + path;
}

Result<void> Node::open_cluster() {
  const config::Config& config = *options_.config;
  if (!config.boolean("cluster-enabled")) return {};
  cluster::PlaneHost host;
  host.publish = [this](route::ClusterView view) {
    shared_.view->publish(std::make_shared<route::ClusterView>(std::move(view)));
  };
  host.when_adopted = [this](std::function<void()> then) { control_.when_adopted(std::move(then)); };
  host.post = [this](std::function<void()> job) { control_.post(std::move(job)); };
  host.drop_slots = [this](const cluster::state::SlotSet& slots) {
    for (auto& engine : engines_) {
      auto* envelope = new DropSlots;
      envelope->slots = slots;
      engine->loop().post(envelope);
    }
  };
  host.drop_all_keys = [this, drop = host.drop_slots] { drop(~cluster::state::SlotSet()); };
  host.deliver = [this](bool sharded, const std::string& channel, const std::string& text) {
    feed::Feed& feed = *shared_.feed;
    if (feed.subscriptions.load(std::memory_order_relaxed) == 0) return;
    feed::Builder items;
    items.add(sharded ? feed::Kind::kShardMessage : feed::Kind::kMessage, channel, text);
    feed.list().append(items.take(), -1, [this](int reader) {
      dispatch::tell_engine_of_pushes(*engines_[static_cast<size_t>(reader)]);
    });
  };
  shared_.publish_to_bus = [this](std::vector<feed::BusMessage> messages) {
    control_.post([this, messages = std::move(messages)]() mutable {
      int64_t bytes = 0;
      for (feed::BusMessage& each : messages) {
        bytes += each.size_bytes();
        plane_->publish(each.sharded, std::move(each.channel), std::move(each.text));
      }
      shared_.feed->bus_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    });
  };
  host.set_write_until = [this](MonoTime until) {
    // Behind the views of which it may know: who sees it sees them.
    shared_.write_until_us.store(until.us, std::memory_order_release);
  };
  host.dropped_type = [this] { return shared_.debug.dropped_bus_messages.load(std::memory_order_relaxed); };
  host.closes_link_on_drop = [this] {
    return shared_.debug.closes_link_on_drop.load(std::memory_order_relaxed);
  };
  shared_.kill_link = [this](control::ControlCtx&, const registry::Args& args, resp::Writer& reply) {
    const bool all = text::iequals(args[3], "all");
    const bool to = all || text::iequals(args[3], "to"), from = all || text::iequals(args[3], "from");
    if (!plane_->kill_links(std::string(args[4]), to, from)) {
      reply.error("ERR Unknown node " + std::string(args[4].substr(0, 128)));
    } else if (!to && !from) {
      reply.error("ERR Unknown direction " + std::string(args[3].substr(0, 128)));
    } else {
      reply.ok();
    }
  };
  auto plane =
      cluster::Plane::open(*options_.env, *options_.log, absolute_path(config.text("cluster-config-file")),
                           plane_settings(config), std::move(host));
  if (!plane.ok()) {
    options_.log->warning("%s", plane.error().message.c_str());
    return plane.error();
  }
  plane_ = std::move(*plane);
  shared_.view->publish(std::make_shared<route::ClusterView>(plane_->view()));
  control_.services().cluster = plane_.get();
  control_.add_cron([this] {
    plane_->tick();
    shared_.cluster_link_bytes.store(static_cast<int64_t>(plane_->link_bytes()), std::memory_order_relaxed);
    shared_.cluster_link_count.store(static_cast<int64_t>(plane_->link_count()), std::memory_order_relaxed);
    return plane_->tick_period();
  });
  control_.add_turn([this] { return plane_->turn(); });
  control_.add_finish([this] { plane_->stop(); });
  return {};
}

Result<void> Node::start_cluster() {
  if (!plane_) return {};
  const config::Config& config = *options_.config;
  Log& log = *options_.log;
  constexpr int kHighestPort = 65535;
  if (config.integer("cluster-port") == 0 && config.integer("port") + kBusPortOffset > kHighestPort) {
    log.warning(
        "Cluster bus port number too high. Cluster bus port is the client port + %d. A smaller `port`, or "
        "`cluster-port`, is needed.",
        kBusPortOffset);
    return Error{"cluster bus port number too high", 0};
  }
  const auto result = std::make_shared<Result<void>>();
  on_control([this, result] { *result = plane_->start(control_thread_->loop()); });
  if (shared_.shutting_down.load()) return Error{"stopped", kStopped};
  if (!result->ok()) {
    log.warning("%s, aborting.", result->error().message.c_str());  // it names the port
  }
  return *result;
}

void Node::change_cluster(const config::Config& config) {
  if (plane_) plane_->change_settings(plane_settings(config));
}

}  // namespace tessera::server
