// Role: CLUSTER's subcommands about the keys of a slot: the part of the shard that has it counts. Thread:
// each shard's.
#include "common/hash/crc16.h"
#include "common/text/integers.h"
#include "server/cluster/tables.h"
#include "server/shard/ctx.h"

namespace tessera::cluster {

using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;
using enum registry::CommandFlag;

namespace {

void count_part(shard::Ctx& ctx, const Args& args, Part& part) {
  const auto slot = text::parse_int64(args[2]);
  if (!ctx.is_cluster()) {
    part.error = kDisabled;
  } else if (!slot) {
    part.error = "ERR value is not an integer or out of range";
  } else if (*slot < 0 || *slot >= hash::kSlotCount) {
    part.error = "ERR Invalid slot";
  } else if (store::shard_of_slot(static_cast<int>(*slot), ctx.node_shard_count()) == ctx.shard_index_at(0)) {
    part.number = static_cast<int64_t>(ctx.keyspace_at(0).slot_size(0, static_cast<int>(*slot)));
  }
}

void count_merge(std::span<Part> parts, const Args&, Writer& reply) {
  int64_t count = 0;
  for (const Part& part : parts) count += part.number;
  reply.integer(count);
}

void keys_part(shard::Ctx& ctx, const Args& args, Part& part) {
  const auto slot = text::parse_int64(args[2]);
  const auto count = text::parse_int64(args[3]);
  if (!ctx.is_cluster()) {
    part.error = kDisabled;
  } else if (!slot || !count) {
    part.error = "ERR value is not an integer or out of range";
  } else if (*slot < 0 || *slot >= hash::kSlotCount || *count < 0) {
    part.error = "ERR Invalid slot or number of keys";
  } else if (store::shard_of_slot(static_cast<int>(*slot), ctx.node_shard_count()) == ctx.shard_index_at(0)) {
    ctx.keyspace_at(0).slot_keys(0, static_cast<int>(*slot), static_cast<size_t>(*count), part.items);
  }
}

void keys_merge(std::span<Part> parts, const Args&, Writer& reply) {
  size_t count = 0;
  for (const Part& part : parts) count += part.items.size();
  reply.array(static_cast<int64_t>(count));
  for (const Part& part : parts) {
    for (const std::string& key : part.items) reply.bulk(key);
  }
}

constexpr CommandRow kRows[] = {
    {.name = "countkeysinslot",
     .arity = 3,
     .flags = kStale,
     .route = Route::kFanout,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Counts the keys of a hash slot.",
     .complexity = "O(1)",
     .arguments = "slot:integer",
     .part = count_part,
     .merge = count_merge,
     .full_name = "cluster|countkeysinslot"},
    {.name = "getkeysinslot",
     .arity = 4,
     .flags = kStale,
     .route = Route::kFanout,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns names of keys of a hash slot.",
     .complexity = "O(N) where N is the number of keys asked for",
     .tips = "nondeterministic_output",
     .arguments = "slot:integer count:integer",
     .part = keys_part,
     .merge = keys_merge,
     .full_name = "cluster|getkeysinslot"},
};

}  // namespace

std::span<const CommandRow> key_rows() {
  return kRows;
}

}  // namespace tessera::cluster
