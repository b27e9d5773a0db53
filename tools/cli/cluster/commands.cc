// Role: the table of commands, their help, and what several of them share.
#include "tools/cli/cluster/commands.h"

#include <cstdio>
#include <cstdlib>

#include "common/text/strings.h"

namespace tessera::cli::cluster {
namespace {

struct Row {
  const char* name;
  int (*run)(const Context&, const Words&);  // null: its place; a later version has it
  int min_words;                             // behind the name
  bool at_most;                              // no more than min_words
  const char* args;
  const char* options;  // one per line of the help, separated by commas
};

constexpr const char* kAnyAddress = "<host:port> or <host> <port> - separated by either colon or space";

constexpr Row kRows[] = {
    {"create", run_create, 2, false, "host1:port1 ... hostN:portN",
     "cluster-replicas <arg>,wait <seconds>,if-not-exists"},
    {"check", run_check, 1, false, kAnyAddress, "cluster-search-multiple-owners,wait <seconds>"},
    {"info", run_info, 1, false, kAnyAddress, "wait <seconds>"},
    {"fix", nullptr, 1, false, kAnyAddress,
     "cluster-search-multiple-owners,cluster-fix-with-unreachable-masters"},
    {"reshard", nullptr, 1, false, kAnyAddress,
     "cluster-from <arg>,cluster-to <arg>,cluster-slots <arg>,cluster-yes,cluster-timeout <arg>,"
     "cluster-pipeline <arg>,cluster-replace"},
    {"rebalance", nullptr, 1, false, kAnyAddress,
     "cluster-weight <node1=w1...nodeN=wN>,cluster-use-empty-masters,cluster-timeout <arg>,cluster-simulate,"
     "cluster-pipeline <arg>,cluster-threshold <arg>,cluster-replace"},
    {"add-node", run_add_node, 2, true, "new_host:new_port existing_host:existing_port",
     "cluster-slave,cluster-master-id <arg>,wait <seconds>"},
    {"del-node", run_del_node, 2, true, "host:port node_id", ""},
    {"call", run_call, 2, false, "host:port command arg arg .. arg",
     "cluster-only-masters,cluster-only-replicas"},
    {"set-timeout", run_set_timeout, 2, true, "host:port milliseconds", ""},
    {"import", nullptr, 1, true, "host:port",
     "cluster-from <arg>,cluster-from-user <arg>,cluster-from-pass <arg>,cluster-from-askpass,cluster-copy,"
     "cluster-replace"},
    {"backup", nullptr, 2, true, "host:port backup_directory", ""},
    {"help", run_help, 0, false, "", ""},
};

void refuse_address() {
  std::fprintf(
      stderr,
      "[ERR] Invalid arguments: you need to pass either a valid address (ie. 120.0.0.1:7000) or space "
      "separated IP and port (ie. 120.0.0.1 7000)\n");
}

}  // namespace

int run(const Context& context, const Words& words) {
  for (const Row& row : kRows) {
    if (words[0] != row.name) continue;
    const Words rest(words.begin() + 1, words.end());
    const int count = static_cast<int>(rest.size());
    if (count < row.min_words || (row.at_most && count > row.min_words)) {
      std::fprintf(stderr, "[ERR] Wrong number of arguments for specified --cluster sub command\n");
      return 1;
    }
    if (row.run != nullptr) return row.run(context, rest);
    std::fprintf(stderr, "[ERR] --cluster %s is not part of this version of tessera-cli yet.\n", row.name);
    return 1;
  }
  std::fprintf(stderr, "Unknown --cluster subcommand\n");
  return 1;
}

int run_help(const Context& context, const Words&) {
  std::string text = "Cluster Manager Commands:\n";
  std::string with_any_node;
  for (const Row& row : kRows) {
    char line[200];
    std::snprintf(line, sizeof(line), "  %-15s%s\n", row.name, row.args);
    text += line;
    for (const auto option : text::split(row.options, ',')) {
      if (!option.empty()) text += "                 --" + std::string(option) + "\n";
    }
  }
  // Names in redis-cli's order.
  text +=
      "\nFor check, fix, reshard, del-node, set-timeout, info, rebalance, call, import, backup you can "
      "specify "
      "the host and port of any working node in the cluster.\n"
      "\nCluster Manager Options:\n  --cluster-yes  Automatic yes to cluster commands prompts\n\n";
  context.console.plain(text);
  return 1;  // as redis-cli
}

std::optional<Address> address_of(const std::string& word) {
  auto address = parse_address(word);
  if (!address) refuse_address();
  return address;
}

std::optional<Address> address_of(const Words& words) {
  if (words.size() == 1) return address_of(words[0]);
  if (words.size() == 2) {
    const Address address{words[0], std::atoi(words[1].c_str()), 0};
    if (address.port > 0) return address;
  }
  refuse_address();
  return std::nullopt;
}

bool confirm(const Context& context, const std::string& question) {
  if (context.settings.yes) return true;
  context.console.plain(question + " (type 'yes' to accept): ");
  context.console.flush();
  char line[64];
  if (std::fgets(line, sizeof(line), stdin) == nullptr) return false;
  return text::trim(line) == "yes";
}

}  // namespace tessera::cli::cluster
