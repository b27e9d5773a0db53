// Role: what SORT and SORT_RO ask for. Thread: any; pure, but for the circumstances it asks the context for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

struct SortCall {
  bool descending = false;
  bool alpha = false;
  bool keep_order = false;             // BY names a constant: nothing is sorted
  std::optional<std::string_view> by;  // with a '*', unless keep_order
  std::vector<std::string_view> gets;
  int64_t offset = 0;
  int64_t count = -1;                // negative: all
  std::optional<size_t> store_at{};  // the argument with the destination
};

// False: an error was replied. `with_store`: SORT, not SORT_RO.
bool read_sort(const shard::Ctx& ctx, const registry::Args& args, bool with_store, resp::Writer& reply,
               SortCall& call);

// Whether there are patterns, whose keys lie on any shard. Also of wrong calls.
bool sort_reaches_other_keys(const registry::Args& args);

// The part [first, first + count) of `size` elements that LIMIT leaves.
struct SortRange {
  size_t first = 0;
  size_t count = 0;
};
SortRange sort_range(const SortCall& call, size_t size);

}  // namespace tessera::commands
