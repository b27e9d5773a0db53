// Role: asks, before the load, what is to be loaded: addresses, the primaries of a cluster and their slots,
// two settings for the report. Thread: the main one.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "tools/benchmark/options.h"
#include "tools/benchmark/run.h"

namespace tessera::benchmark {

struct Settings {
  std::string save;
  std::string appendonly;
  bool known = false;
};

struct Surroundings {
  std::vector<Target> targets;
  std::vector<Settings> settings;  // one for each target
  std::string warning;
};

// The error's message is what to print.
Result<Surroundings> look_around(io::Env& env, const Options& options);

// The slots again, asked of the first of `known` that answers; nodes keep their order, new ones come last.
// The error's message is what to print.
Result<std::vector<Target>> look_again(io::Env& env, const Options& options,
                                       const std::vector<Target>& known);

// The primaries with slots that CLUSTER NODES tells; nodes without an address of their own are at
// `asked_host`.
Result<std::vector<Target>> parse_nodes(const std::string& text, const std::string& asked_host);

}  // namespace tessera::benchmark
