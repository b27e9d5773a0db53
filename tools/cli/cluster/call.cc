// Role: the commands that ask every node the same: check, info, call, set-timeout.
#include <cstdio>
#include <cstdlib>

#include "common/text/strings.h"
#include "tools/cli/cluster/commands.h"
#include "tools/cli/cluster/nodes.h"

namespace tessera::cli::cluster {

int run_check(const Context& context, const Words& words) {
  const auto address = address_of(words);
  Nodes nodes(context);
  if (!address || !nodes.load(*address)) return 1;
  if (!nodes.print_sizes()) return 1;
  return nodes.check() ? 0 : 1;
}

int run_info(const Context& context, const Words& words) {
  const auto address = address_of(words);
  Nodes nodes(context);
  if (!address || !nodes.load(*address)) return 1;
  return nodes.print_sizes() ? 0 : 1;
}

int run_call(const Context& context, const Words& words) {
  const auto address = address_of(words[0]);
  Nodes nodes(context);
  if (!address || !nodes.load(*address)) return 1;
  const Words command(words.begin() + 1, words.end());
  context.console.info(">>> Calling");
  for (const std::string& word : command) context.console.plain(" " + word);
  context.console.plain("\n");
  FormatOptions format = context.options.format;
  format.output = Output::kRaw;
  format.reply_delimiter = "\n";
  for (const auto& node : nodes.all()) {
    if (context.settings.only_masters && node->is_replica()) continue;
    if (context.settings.only_replicas && !node->is_replica()) continue;
    // A person's command may take its time.
    const auto reply = node->ask(command, Micros{0});
    const std::string text = reply.ok() ? format_reply(*reply, format) : "Failed!\n";
    context.console.plain(node->text() + ": " + text);
    context.console.flush();
  }
  return 0;
}

int run_set_timeout(const Context& context, const Words& words) {
  constexpr int kShortest = 100;
  const auto address = address_of(words[0]);
  if (!address) return 1;
  const int timeout_ms = std::atoi(words[1].c_str());
  if (timeout_ms < kShortest) {
    std::fprintf(stderr, "Setting a node timeout of less than 100 milliseconds is a bad idea.\n");
    return 1;
  }
  Nodes nodes(context);
  if (!nodes.load(*address)) return 1;
  context.console.info(">>> Reconfiguring node timeout in every cluster node...\n");
  int done = 0, failed = 0;
  for (const auto& node : nodes.all()) {
    const Words commands[] = {{"CONFIG", "SET", "cluster-node-timeout", std::to_string(timeout_ms)},
                              {"CONFIG", "REWRITE"}};
    std::string why;
    for (const Words& command : commands) {
      const auto reply = node->ask(command);
      if (reply.ok() && !reply->is_error()) continue;
      why = reply.ok() ? reply->text : "no reply";
      break;
    }
    if (why.empty()) {
      context.console.warning("*** New timeout set for " + node->text() + "\n");
      ++done;
    } else {
      context.console.error("ERR setting node-timeout for " + node->text() + ": " + why + "\n");
      ++failed;
    }
  }
  context.console.info(">>> New node timeout set. " + std::to_string(done) + " OK, " +
                       std::to_string(failed) + " ERR.\n");
  return 0;
}

}  // namespace tessera::cli::cluster
