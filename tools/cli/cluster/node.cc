// Role: connects to one node and asks it.
#include "tools/cli/cluster/node.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cstdio>

#include "common/text/strings.h"
#include "tools/cli/cluster/patience.h"
#include "tools/cli/modes/info_fields.h"
#include "tools/cli/session.h"

namespace tessera::cli::cluster {
namespace {

constexpr int kBusPortOffset = 10000;
constexpr Micros kConnectLimit = seconds(5);  // unless -t says

bool is_numeric(const std::string& host) {
  in6_addr bytes;
  return inet_pton(AF_INET, host.c_str(), &bytes) == 1 || inet_pton(AF_INET6, host.c_str(), &bytes) == 1;
}

void tell_unreachable(const Address& address, const std::string& why) {
  std::fprintf(stderr, "Could not connect to Redis at %s: %s\n", address.text().c_str(), why.c_str());
}

}  // namespace

Result<std::vector<std::string>> resolve(io::Env& env, const std::string& host) {
  if (is_numeric(host)) return std::vector<std::string>{host};
  if (host.empty()) return Error{gai_strerror(EAI_NONAME), 0};
  const std::unique_ptr<io::Loop> loop = env.make_loop();
  Result<std::vector<std::string>> found = Error{};
  bool done = false;
  loop->resolve(host, [&](Result<std::vector<std::string>> result) {
    found = std::move(result);
    done = true;
  });
  while (!done) loop->poll(Micros{-1});  // the resolver has its own limit
  if (found.ok()) {
    std::stable_partition(found->begin(), found->end(),
                          [](const std::string& ip) { return ip.find(':') == std::string::npos; });
  }
  return found;
}

bool Node::connect() {
  client_.reset();
  ip_.clear();
  const auto ips = resolve(context_->env, address_.host);
  if (!ips.ok()) {
    tell_unreachable(address_, reason(ips.error()));
    return false;
  }
  std::string why = "no address";
  for (const std::string& ip : *ips) {
    const auto opened = open(ip);
    if (opened.ok()) return authenticate();
    why = reason(opened.error());
  }
  tell_unreachable(address_, why);
  return false;
}

bool Node::reconnect() {
  if (!open(ip_).ok()) return false;
  const auto reply = say_password();
  if (!reply.ok() || reply->is_error()) client_.reset();
  return client_ != nullptr;
}

Micros Node::within_deadline(Micros limit) const {
  if (!deadline_ || limit.us == 0) return limit;
  return std::min(limit, std::max(*deadline_ - context_->env.clock().mono(), Patience::kLeast));
}

Result<void> Node::open(const std::string& ip) {
  resp::ClientOptions to;
  to.host = ip;
  to.port = address_.port;
  to.connect_timeout = Micros{context_->options.connect_timeout_us};
  if (to.connect_timeout.us == 0) to.connect_timeout = kConnectLimit;
  to.connect_timeout = within_deadline(to.connect_timeout);
  to.keepalive_s = 15;
  auto client = resp::Client::connect_bare(context_->env, to);
  if (!client.ok()) return client.error();
  ip_ = ip;
  client_ = std::move(*client);
  return {};
}

Result<resp::Value> Node::say_password() {
  const Options& options = context_->options;
  if (!options.password) return resp::Value{};
  std::vector<std::string> args{"AUTH"};
  if (!options.user.empty()) args.push_back(options.user);
  args.push_back(*options.password);
  return ask(args);
}

bool Node::authenticate() {
  if (took(say_password(), "AUTH")) return true;
  client_.reset();
  return false;
}

Result<resp::Value> Node::ask(const std::vector<std::string>& args, Micros limit) {
  if (client_ == nullptr) return Error{"not connected", 0};
  auto reply = client_->command(args, within_deadline(limit));
  // After a time-out a late reply would be taken for the next one.
  if (!reply.ok()) client_.reset();
  return reply;
}

bool Node::tell(const std::vector<std::string>& args) {
  return took(ask(args, kChangeLimit), args[0]);
}

bool Node::took(const Result<resp::Value>& reply, const std::string& command) const {
  if (!reply.ok()) {
    std::fprintf(stderr, "Node %s did not reply to %s: %s\n", text().c_str(), command.c_str(),
                 reason(reply.error()).c_str());
    return false;
  }
  if (reply->is_error()) tell_error(*context_, *this, reply->text);
  return !reply->is_error();
}

Node::Loading Node::load(std::string* why) {
  auto info = ask({"INFO"});
  if (!info.ok() || info->is_error()) {
    *why = info.ok() ? info->text : reason(info.error());
    return Loading::kFailed;
  }
  info_ = std::move(info->text);
  if (InfoFields(info_).number("cluster_enabled") != 1) return Loading::kNotCluster;
  auto view = topology();
  if (!view.ok()) {
    *why = view.error().message;
    return Loading::kFailed;
  }
  view_ = std::move(*view);
  self_ = *view_.myself();
  return Loading::kDone;
}

Result<Topology> Node::topology() {
  const auto reply = ask({"CLUSTER", "NODES"});
  if (!reply.ok()) return Error{reason(reply.error()), 0};
  if (reply->is_error()) return Error{reply->text, 0};
  auto view = parse_topology(reply->text);
  if (!view) return Error{"its reply to CLUSTER NODES is not understood", 0};
  return std::move(*view);
}

bool Node::has_keys() const {
  return InfoFields(info_).fields().contains("db0");
}

std::string Node::why_not_empty() {
  const std::string used =
      "is not empty. Either the node already knows other nodes (check with CLUSTER NODES) or contains some "
      "key "
      "in database 0.";
  if (has_keys()) return used;
  const auto reply = ask({"CLUSTER", "INFO"});
  if (!reply.ok()) return reason(reply.error());
  if (reply->is_error()) return reply->text;
  if (InfoFields(reply->text).number("cluster_known_nodes") != 1) return used;
  if (self_.slots.none()) return "";
  return "is not empty: it owns slots " + slot_ranges_text(self_.slots) + " (CLUSTER RESET gives them up).";
}

bool Node::reach_bus_port() {
  resp::ClientOptions to;
  to.host = ip_;
  to.port = bus_port();
  to.connect_timeout = within_deadline(kConnectLimit);
  const auto client = resp::Client::connect_bare(context_->env, to);
  if (client.ok()) return true;
  context_->console.error("[ERR] Node " + text() + ": its cluster bus port " + std::to_string(to.port) +
                          " cannot be reached: " + reason(client.error()) + "\n");
  return false;
}

bool Node::can_replicate() {
  const auto help = ask({"CLUSTER", "HELP"});
  if (!help.ok() || !help->is_aggregate()) return true;
  for (const resp::Value& line : help->items) {
    if (text::iequals(line.text.substr(0, line.text.find(' ')), "REPLICATE")) return true;
  }
  return false;
}

int Node::bus_port() const {
  if (self_.address.bus_port != 0) return self_.address.bus_port;
  return address_.bus_port != 0 ? address_.bus_port : address_.port + kBusPortOffset;
}

bool refuse_replica(const Context& context, Node& node) {
  if (node.can_replicate()) return false;
  context.console.error("[ERR] Node " + node.text() +
                        " cannot become a replica: its server does not know CLUSTER REPLICATE.\n");
  return true;
}

void tell_error(const Context& context, const Node& node, const std::string& error) {
  context.console.error("Node " + node.text() + " replied with error:\n" + error + "\n");
}

}  // namespace tessera::cli::cluster
