// Role: see the header.
#include "tools/benchmark/targets.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "common/resp/client.h"
#include "common/text/integers.h"

namespace tessera::benchmark {
namespace {

std::string reason(const Error& error) {
  return error.code > 0 ? std::strerror(error.code) : error.message;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  size_t at = 0;
  while (at < line.size()) {
    const size_t end = std::min(line.find(' ', at), line.size());
    if (end > at) words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

// "0-5460", "7"; "[7->-..." is a migration.
bool add_slots(const std::string& word, std::vector<int>& slots) {
  if (word[0] == '[') return true;
  const size_t dash = word.find('-');
  const auto first = text::parse_int64(word.substr(0, dash));
  const auto last = dash == std::string::npos ? first : text::parse_int64(word.substr(dash + 1));
  if (!first || !last || *first < 0 || *last >= hash::kSlotCount || *first > *last) return false;
  for (int64_t slot = *first; slot <= *last; ++slot) slots.push_back(static_cast<int>(slot));
  return true;
}

resp::ClientOptions client_options(const io::Address& address) {
  resp::ClientOptions to;
  if (address.is_unix) {
    to.unix_path = address.ip;
  } else {
    to.host = address.ip;
    to.port = address.port;
  }
  return to;
}

std::string server_name(const Options& options) {
  return options.socket.empty() ? options.host + ":" + std::to_string(options.port) : options.socket;
}

Result<std::string> numeric(io::Env& env, const std::string& host) {
  const auto loop = env.make_loop();
  bool done = false;
  std::vector<std::string> found;
  Error error{"no address", 0};
  loop->resolve(host, [&](Result<std::vector<std::string>> result) {
    done = true;
    if (result.ok()) {
      found = std::move(*result);
    } else {
      error = result.error();
    }
  });
  while (!done) loop->poll(millis(100));
  if (found.empty()) return error;
  for (const std::string& ip : found) {
    if (ip.find(':') == std::string::npos) return ip;  // IPv4 first
  }
  return found.front();
}

// Connects and says what every connection will say, so that a refusal is told once and clearly.
Result<std::unique_ptr<resp::Client>> open(io::Env& env, const Options& options, const io::Address& address) {
  auto client = resp::Client::connect_bare(env, client_options(address));
  if (!client.ok())
    return Error{"Could not connect to Redis at " + address.text() + ": " + reason(client.error()), 0};
  const auto say = [&](const std::vector<std::string>& args) -> std::string {
    auto reply = (*client)->command(args);
    if (!reply.ok()) return reason(reply.error());
    return reply->is_error() ? reply->text : "";
  };
  if (!options.password.empty()) {
    const std::string refusal = options.user.empty() ? say({"AUTH", options.password})
                                                     : say({"AUTH", options.user, options.password});
    if (!refusal.empty()) return Error{"Node " + address.text() + " replied with error:\n" + refusal, 0};
  }
  if (options.tracking) {
    const std::string refusal = say({"CLIENT", "TRACKING", "on"});
    if (!refusal.empty()) {
      return Error{"--enable-tracking: the server " + address.text() +
                       " does not take CLIENT TRACKING on:\n" + refusal,
                   0};
    }
  }
  return client;
}

Settings ask_settings(resp::Client& client) {
  Settings settings;
  for (auto [name, value] : {std::pair{"save", &settings.save}, {"appendonly", &settings.appendonly}}) {
    auto reply = client.command({"CONFIG", "GET", name});
    if (!reply.ok() || reply->is_error() || reply->items.size() != 2) return settings;
    *value = reply->items[1].text;
  }
  settings.known = true;
  return settings;
}

}  // namespace

Result<std::vector<Target>> parse_nodes(const std::string& text, const std::string& asked_host) {
  std::vector<Target> targets;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::vector<std::string> words = words_of(text.substr(at, end - at));
    at = end + 1;
    if (words.empty()) continue;
    if (words.size() < 8) return Error{"CLUSTER NODES: a line with too few words", 0};
    const std::string flags = "," + words[2] + ",";
    if (flags.find(",master,") == std::string::npos || flags.find(",fail,") != std::string::npos ||
        flags.find(",noaddr,") != std::string::npos)
      continue;
    Target target;
    target.id = words[0];
    const std::string where = words[1].substr(0, words[1].find_first_of("@,"));
    const size_t colon = where.rfind(':');
    const auto port = colon == std::string::npos ? std::nullopt : text::parse_int64(where.substr(colon + 1));
    if (!port) return Error{"CLUSTER NODES: no port in " + words[1], 0};
    target.address.ip = colon == 0 ? asked_host : where.substr(0, colon);
    target.address.port = static_cast<int>(*port);
    for (size_t i = 8; i < words.size(); ++i) {
      if (!add_slots(words[i], target.slots)) return Error{"CLUSTER NODES: bad slots " + words[i], 0};
    }
    if (!target.slots.empty()) targets.push_back(std::move(target));
  }
  return targets;
}

Result<Surroundings> look_around(io::Env& env, const Options& options) {
  Target first;
  if (!options.socket.empty()) {
    first.address = {options.socket, 0, true};
  } else {
    auto ip = numeric(env, options.host);
    if (!ip.ok())
      return Error{"Could not connect to Redis at " + server_name(options) + ": " + reason(ip.error()), 0};
    first.address = {*ip, options.port, false};
  }
  Surroundings around;
  auto client = open(env, options, first.address);
  if (!client.ok()) return client.error();
  if (!options.cluster) {
    around.settings.push_back(ask_settings(**client));
    around.targets.push_back(std::move(first));
    if (!around.settings[0].known) around.warning = "WARNING: Could not fetch server CONFIG\n";
    return around;
  }
  auto nodes = (*client)->command({"CLUSTER", "NODES"});
  const std::string failed = "\nFailed to fetch cluster configuration from " + server_name(options);
  if (!nodes.ok()) return Error{reason(nodes.error()) + failed, 0};
  if (nodes->is_error())
    return Error{"Cluster node " + server_name(options) + " replied with error:\n" + nodes->text + failed, 0};
  auto targets = parse_nodes(nodes->text, first.address.ip);
  if (!targets.ok()) return Error{targets.error().message + failed, 0};
  if (targets->empty()) return Error{"Invalid cluster: no node serves a slot", 0};
  around.targets = std::move(*targets);
  for (const Target& target : around.targets) {
    auto node = open(env, options, target.address);
    if (!node.ok()) return node.error();
    around.settings.push_back(ask_settings(**node));
    if (!around.settings.back().known)
      around.warning += "WARNING: Could not fetch node CONFIG " + target.address.text() + "\n";
  }
  return around;
}

Result<std::vector<Target>> look_again(io::Env& env, const Options& options,
                                       const std::vector<Target>& known) {
  Error last{"Invalid cluster: no node serves a slot", 0};
  for (const Target& target : known) {
    auto client = open(env, options, target.address);
    if (!client.ok()) {
      last = client.error();
      continue;
    }
    constexpr Micros kLimit = seconds(5);
    auto nodes = (*client)->command({"CLUSTER", "NODES"}, kLimit);
    if (!nodes.ok() || nodes->is_error()) {
      last = {"Failed to fetch cluster configuration from " + target.address.text() + ": " +
                  (nodes.ok() ? nodes->text : reason(nodes.error())),
              0};
      continue;
    }
    auto found = parse_nodes(nodes->text, target.address.ip);
    if (!found.ok() || found->empty()) continue;
    const auto place = [&](const Target& t) {
      const auto at = std::find_if(known.begin(), known.end(), [&](const Target& k) { return k.id == t.id; });
      return at - known.begin();
    };
    std::stable_sort(found->begin(), found->end(),
                     [&](const Target& a, const Target& b) { return place(a) < place(b); });
    return found;
  }
  return last;
}

}  // namespace tessera::benchmark
