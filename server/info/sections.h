// Role: the tables of INFO rows, one per section. Thread: constants.
#pragma once

#include <span>
#include <vector>

#include "server/info/source.h"
#include "server/registry/info_row.h"

namespace tessera::info {

using Rows = std::span<const registry::InfoRow>;

Rows server_rows();
Rows client_rows();
Rows memory_rows();
Rows persistence_rows();
void write_append_only(const Source& source, std::string& out);  // while there is one
Rows stats_rows();
Rows replication_rows();
Rows cpu_rows();
Rows cluster_rows();
Rows tls_rows();
Rows tessera_rows();

void write_commandstats(const Source& source, std::string& out);
void write_errorstats(const Source& source, std::string& out);
void write_latencystats(const Source& source, std::string& out);
void write_keyspace(const Source& source, std::string& out);

// All sections in the order INFO prints them.
std::span<const registry::InfoSection> sections();

// INFO's text for section names as a client gives them (none: the default ones).
std::string info_text(const dispatch::NodeShared& node, std::span<const std::string_view> names);

std::span<const registry::CommandRow> info_rows();

}  // namespace tessera::info
