// Role: where a node listens: at the start, and when `port` or `bind` change. Thread: the main thread at the
// start, then control; listeners belong to the shards' threads. Invariants: an address is tried before shards
// are told of it, so that CONFIG SET can refuse; trying accepts nobody; shards get what they have to do in
// order, before they adopt what is published.
#include <cerrno>

#include "server/main/node.h"

namespace tessera::server {

namespace {

// Runs a function on an engine's thread; tells the main loop when it is told to.
struct OnEngine : dispatch::Envelope {
  std::function<void(dispatch::Engine&)> run;
  io::Loop* back_to = nullptr;
  std::unique_ptr<io::Message> answer;
  void arrive(dispatch::Engine& engine) override {
    const std::unique_ptr<OnEngine> mine(this);
    run(engine);
    if (back_to != nullptr) back_to->post(answer.release());
  }
};

// Who waits for it may have given up, because the node ends: the flag is shared.
struct Done : io::Message {
  std::shared_ptr<bool> flag;
  explicit Done(std::shared_ptr<bool> f) : flag(std::move(f)) {}
};

// The error without the address, which who tells it has said already.
std::string reason_of(const Error& error, const io::ListenOptions& options) {
  const std::string where =
      !options.unix_path.empty() ? options.unix_path : options.host + ":" + std::to_string(options.port);
  return error.message.rfind(where + ": ", 0) == 0 ? error.message.substr(where.size() + 2) : error.message;
}

bool is_unavailable(const Error& error) {
  return error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT || error.code == EPROTONOSUPPORT ||
         error.code == ENOPROTOOPT;
}

// The addresses that can be bound. `ours`: the port we listen on already, whose addresses we share with
// ourselves. A port of another server's is refused, whatever options that one used.
Result<std::vector<io::ListenOptions>> try_addresses(io::Loop& loop, const config::Config& config, int ours,
                                                     Log& log) {
  std::vector<io::ListenOptions> found;
  const int port = static_cast<int>(config.integer("port"));
  if (port == 0) return found;
  for (std::string host : config.bind_addresses()) {
    const bool optional = !host.empty() && host[0] == '-';
    if (optional) host.erase(0, 1);
    io::ListenOptions options;
    options.host = host == "*" ? "0.0.0.0" : host == "::*" ? "::" : host;
    options.port = port;
    options.backlog = static_cast<int>(config.integer("tcp-backlog"));
    options.multipath = config.boolean("mptcp");
    options.mark = static_cast<uint32_t>(config.integer("socket-mark-id"));
    options.reuse_port = port == ours;
    const Result<void> probe = loop.try_listen(options);
    options.reuse_port = true;
    if (probe.ok()) {
      found.push_back(options);
      continue;
    }
    const bool unavailable = is_unavailable(probe.error());
    if (optional && unavailable) continue;
    const std::string reason = reason_of(probe.error(), options);
    log.warning("Warning: Could not create server TCP listening socket %s:%d: %s", host.c_str(), port,
                reason.c_str());
    if (!unavailable)
      return Error{"Failed listening on port " + std::to_string(port) + " (TCP): " + reason,
                   probe.error().code};
  }
  if (found.empty() && !config.bind_addresses().empty()) {
    return Error{"Failed listening on port " + std::to_string(port) + " (TCP): no address could be bound", 0};
  }
  return found;
}

}  // namespace

void Node::take_answers() {
  io::Message* message = main_loop_->inbox().take_all();
  while (message) {
    io::Message* next = message->next;
    *static_cast<Done*>(message)->flag = true;
    delete message;
    message = next;
  }
}

bool Node::wait_for(const bool& finished) {
  while (!finished) {
    if (shared_.shutting_down.load()) return false;
    main_loop_->poll(millis(100));
    take_answers();
  }
  return true;
}

void Node::on_control(std::function<void()> job) {
  const auto finished = std::make_shared<bool>(false);
  control_.post([job = std::move(job), finished, back_to = main_loop_.get()] {
    job();
    back_to->post(new Done(finished));
  });
  (void)wait_for(*finished);
}

Result<int> Node::listen_on(int engine, const io::ListenOptions& options) {
  const auto finished = std::make_shared<bool>(false);
  const auto result = std::make_shared<Result<int>>(Error{"stopped", kStopped});
  auto* envelope = new OnEngine;
  envelope->back_to = main_loop_.get();
  envelope->answer = std::make_unique<Done>(finished);
  conn::Connections* connections = connections_[static_cast<size_t>(engine)].get();
  envelope->run = [result, connections, options](dispatch::Engine&) {
    *result = connections->listen(options);
  };
  engines_[static_cast<size_t>(engine)]->loop().post(envelope);
  if (!wait_for(*finished)) return Error{"stopped", kStopped};
  return *result;
}

void Node::serve() {
  for (size_t i = 0; i < engines_.size(); ++i) {
    auto* envelope = new OnEngine;
    envelope->run = [connections = connections_[i].get()](dispatch::Engine&) { connections->serve(); };
    engines_[i]->loop().post(envelope);
  }
}

Result<void> Node::listen() {
  const config::Config& config = *options_.config;
  Log& log = *options_.log;
  const int port = static_cast<int>(config.integer("port"));
  shared_.tcp_port = port;
  const auto addresses = try_addresses(*main_loop_, config, 0, log);
  if (!addresses.ok()) {
    log.warning("Failed listening on port %d (TCP), aborting.", port);
    return addresses.error();
  }
  for (io::ListenOptions options : *addresses) {
    for (int i = 0; i < count(); ++i) {
      // Should another server have come between, the first of us is refused, and no port is shared with it.
      options.claim_port = i == 0;
      const auto result = listen_on(i, options);
      if (result.ok()) continue;
      if (result.error().code == kStopped) return result.error();
      log.warning("Failed listening on port %d (TCP), aborting: %s", port, result.error().message.c_str());
      return result.error();
    }
  }
  if (!config.text("unixsocket").empty()) {
    io::ListenOptions options;
    options.unix_path = config.text("unixsocket");
    options.unix_mode = static_cast<int>(config.integer("unixsocketperm"));
    options.backlog = static_cast<int>(config.integer("tcp-backlog"));
    for (int i = 0; i < count(); ++i) {
      const auto result = listen_on(i, options);
      if (!result.ok()) {
        if (result.error().code != kStopped)
          log.warning("Failed opening Unix socket: %s", result.error().message.c_str());
        return result.error();
      }
      options.share = connections_[0]->unix_listener();
    }
  } else if (addresses->empty()) {
    log.warning("Configured to not listen anywhere, exiting.");
    return Error{"Configured to not listen anywhere", 0};
  }
  return {};
}

// Control thread. What is tried here is free again before the shards bind it: in that moment another process
// could take it, which the shards log.
Result<void> Node::move_listeners(const config::Config& before, const config::Config& after) {
  const auto addresses =
      try_addresses(control_thread_->loop(), after, static_cast<int>(before.integer("port")), *options_.log);
  if (!addresses.ok()) {
    return Error{before.integer("port") != after.integer("port")
                     ? "Unable to listen on this port. Check server logs."
                     : "Failed to bind to specified addresses.",
                 addresses.error().code};
  }
  shared_.tcp_port = static_cast<int>(after.integer("port"));
  for (size_t i = 0; i < engines_.size(); ++i) {
    auto* envelope = new OnEngine;
    conn::Connections* connections = connections_[i].get();
    envelope->run = [connections, wanted = *addresses](dispatch::Engine&) {
      connections->move_listeners(wanted);
    };
    engines_[i]->loop().post(envelope);
  }
  return {};
}

}  // namespace tessera::server
