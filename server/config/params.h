// Role: the tables of parameters, one per feature; server/main hands all of them to a ParameterTable.
// Thread: constants.
#pragma once

#include <span>
#include <vector>

#include "server/registry/parameter_row.h"

namespace tessera::config {

using ParameterSpan = std::span<const registry::ParameterRow>;

ParameterSpan network_parameters();
ParameterSpan server_parameters();
ParameterSpan memory_parameters();
ParameterSpan persistence_parameters();
ParameterSpan replication_parameters();
ParameterSpan cluster_parameters();
ParameterSpan commands_parameters();
ParameterSpan tls_parameters();

// A table with its heading in conf/tessera.conf.
struct ParameterSection {
  const char* title;
  ParameterSpan rows;
};

// All of the above, in the order of conf/tessera.conf.
std::vector<ParameterSection> all_sections();

}  // namespace tessera::config
