// Role: what SCAN asks for, and how the pages of several shards become one. Thread: any; pure.
// Invariant: a page that ends early ends in front of its cursor; a key at or behind it comes with a later
// page. So the merged page ends where the first shard stopped, and what others found behind is dropped, to be
// found again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/registry/command_row.h"

namespace tessera::commands {

struct ScanCall {
  uint64_t cursor = 0;
  std::optional<std::string_view> pattern;  // not set for "*"
  std::optional<std::string_view> type;     // any case; an unknown one matches nothing
  uint64_t count = 10;
};

// As strtoul reads it: a sign is allowed, nothing at all is 0.
std::optional<uint64_t> parse_scan_cursor(std::string_view arg);

// MATCH, COUNT and TYPE from argument `first` on. False: an error was replied. `other`: takes an option that
// is none of these, with its value; false: it is unknown, or its error was replied. `knows_type`: SCAN alone.
bool read_scan_options(
    const registry::Args& args, size_t first, resp::Writer& reply, ScanCall& call,
    const std::function<bool(std::string_view name, std::string_view value)>& other = nullptr,
    bool knows_type = true);
// The same behind a numeric cursor.
bool read_scan(const registry::Args& args, resp::Writer& reply, ScanCall& call);

// A shard's page: Part::number is its next cursor (0: the end), an item is a key behind its position in 8
// bytes.
std::string scan_item(uint64_t position, std::string_view key);
uint64_t scan_item_position(std::string_view item);
std::string_view scan_item_key(std::string_view item);

struct ScanPage {
  uint64_t cursor = 0;
  std::vector<std::string_view> keys;  // into the parts
};
ScanPage merge_scan_pages(std::span<const registry::Part> parts);

}  // namespace tessera::commands
