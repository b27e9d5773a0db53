// Role: the commands behind --cluster. Each takes the words that follow its name and returns the exit code of
// the process. Thread: one.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/cluster/node.h"

namespace tessera::cli::cluster {

using Words = std::vector<std::string>;

// Tells apart and runs; wrong names and numbers of words are refused as redis-cli does.
int run(const Context& context, const Words& words);

int run_create(const Context& context, const Words& words);
int run_check(const Context& context, const Words& words);
int run_info(const Context& context, const Words& words);
int run_call(const Context& context, const Words& words);
int run_add_node(const Context& context, const Words& words);
int run_del_node(const Context& context, const Words& words);
int run_set_timeout(const Context& context, const Words& words);
int run_help(const Context& context, const Words& words);

// "host:port", or with exactly two words "host port". Nothing: the refusal is told.
std::optional<Address> address_of(const Words& words);
// The first word alone. Nothing: the refusal is told.
std::optional<Address> address_of(const std::string& word);

// CLUSTER MEET of that node: its numeric address, and its bus port where that is not port + 10000.
Words meet_command(const Node& node);

// True if the person types yes, or --cluster-yes was given.
bool confirm(const Context& context, const std::string& question);

}  // namespace tessera::cli::cluster
