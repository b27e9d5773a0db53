// Role: the parameters of memory, encodings, expiry and eviction: one row each. Bounds and defaults are those
// of redis-server 7.0.15, of Valkey 9.1 where only that has the parameter. Thread: constants.
#include "server/config/params.h"
#include "server/config/specials.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

namespace {

using namespace registry;

constexpr EnumName kMaxmemoryPolicyNames[] = {
    {"volatile-lru", 0}, {"volatile-lfu", 1}, {"volatile-random", 2}, {"volatile-ttl", 3},
    {"allkeys-lru", 4},  {"allkeys-lfu", 5},  {"allkeys-random", 6},  {"noeviction", 7}};

constexpr ParameterRow kRows[] = {
    memory("maxmemory", "0", 0, kMaxUlong)
        .about("Bytes of memory for data; 0 for any. At the limit maxmemory-policy decides."),
    choice("maxmemory-policy", "noeviction", kMaxmemoryPolicyNames)
        .flags(kNoEffectYet)
        .about(
            "What to remove at the limit. Only noeviction (writes are refused) acts; the others are stored."),
    integer("maxmemory-samples", "5", 1, kMaxInt)
        .flags(kNoEffectYet)
        .about("Keys looked at to find one to evict."),
    integer("maxmemory-eviction-tenacity", "10", 0, 100)
        .flags(kNoEffectYet)
        .about("How hard eviction works before it lets commands go on, 0 to 100."),
    yes_no("replica-ignore-maxmemory", true)
        .alias("slave-ignore-maxmemory")
        .flags(kNoEffectYet)
        .about("Replicas leave eviction to their primary."),
    integer("lfu-log-factor", "10", 0, kMaxInt).about("How slowly the counter of uses saturates."),
    integer("lfu-decay-time", "1", 0, kMaxInt)
        .about("Minutes after which a counter of uses is halved or lowered; 0 for never."),
    integer("active-expire-effort", "1", 1, 10).flags(kCompatOnly).about("Expiry is exact at any setting."),
    yes_no("lazyfree-lazy-eviction", false)
        .flags(kCompatOnly)
        .about("Large values are always freed by other threads."),
    yes_no("lazyfree-lazy-expire", false)
        .flags(kCompatOnly)
        .about("Large values are always freed by other threads."),
    yes_no("lazyfree-lazy-server-del", false)
        .flags(kCompatOnly)
        .about("Large values are always freed by other threads."),
    yes_no("lazyfree-lazy-user-del", false)
        .flags(kCompatOnly)
        .about("Large values are always freed by other threads."),
    yes_no("lazyfree-lazy-user-flush", false)
        .flags(kCompatOnly)
        .about("Large values are always freed by other threads."),
    yes_no("activedefrag", false)
        .hooks(&kDefragHooks)
        .flags(kNoEffectYet)
        .about("Defragment memory while running; cannot be turned on yet."),
    memory("active-defrag-ignore-bytes", "104857600", 1, kMaxLong)
        .flags(kNoEffectYet)
        .about("Wasted bytes below which defragmentation does not start."),
    integer("active-defrag-threshold-lower", "10", 0, 1000)
        .flags(kNoEffectYet)
        .about("Percentage of waste at which it starts."),
    integer("active-defrag-threshold-upper", "100", 0, 1000)
        .flags(kNoEffectYet)
        .about("Percentage of waste at which it works hardest."),
    integer("active-defrag-cycle-min", "1", 1, 99).flags(kNoEffectYet).about("Least CPU percentage it uses."),
    integer("active-defrag-cycle-max", "25", 1, 99).flags(kNoEffectYet).about("Most CPU percentage it uses."),
    integer("active-defrag-cycle-us", "500", 0, 100000)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Longest single step in microseconds."),
    integer("active-defrag-max-scan-fields", "1000", 1, kMaxLong)
        .flags(kNoEffectYet)
        .about("Fields of one collection it handles in a step."),
    yes_no("jemalloc-bg-thread", true)
        .about("Whether freed memory is given back to the system in the background."),
    integer("hash-max-listpack-entries", "512", 0, kMaxLong)
        .alias("hash-max-ziplist-entries")
        .about("Most fields of a hash kept as a listpack."),
    memory("hash-max-listpack-value", "64", 0, kMaxLong)
        .alias("hash-max-ziplist-value")
        .about("Longest field or value of a hash kept as a listpack."),
    integer("list-max-listpack-size", "-2", -kMaxInt - 1, kMaxInt)
        .alias("list-max-ziplist-size")
        .about("Most elements of a list node; -1 to -5 are 4 to 64 KB."),
    integer("list-compress-depth", "0", 0, kMaxInt)
        .about("Nodes at each end of a list that stay uncompressed; 0 compresses none."),
    integer("set-max-intset-entries", "512", 0, kMaxLong)
        .about("Most members of a set of integers kept as an intset."),
    integer("set-max-listpack-entries", "128", 0, kMaxLong)
        .flags(kValkeyOnly)
        .about("Most members of a set kept as a listpack."),
    memory("set-max-listpack-value", "64", 0, kMaxLong)
        .flags(kValkeyOnly)
        .about("Longest member of a set kept as a listpack."),
    integer("zset-max-listpack-entries", "128", 0, kMaxLong)
        .alias("zset-max-ziplist-entries")
        .about("Most members of a sorted set kept as a listpack."),
    memory("zset-max-listpack-value", "64", 0, kMaxLong)
        .alias("zset-max-ziplist-value")
        .about("Longest member of a sorted set kept as a listpack."),
    memory("hll-sparse-max-bytes", "3000", 0, kMaxLong).about("Most bytes of a HyperLogLog in sparse form."),
    memory("stream-node-max-bytes", "4096", 0, kMaxLong)
        .about("Most bytes of a node of a stream; 0 for any."),
    integer("stream-node-max-entries", "100", 0, kMaxLong)
        .about("Most entries of a node of a stream; 0 for any."),
};

}  // namespace

std::span<const ParameterRow> memory_parameters() {
  return kRows;
}

}  // namespace tessera::config
