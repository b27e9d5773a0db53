// Role: the parameters of replication: one row each. Bounds and defaults are those of redis-server 7.0.15, of
// Valkey 9.1 where only that has the parameter. Thread: constants.
#include "server/config/params.h"
#include "server/config/specials.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

namespace {

using namespace registry;

constexpr EnumName kReplDisklessLoadNames[] = {{"disabled", 0}, {"on-empty-db", 1}, {"swapdb", 2}};
constexpr EnumName kPropagationErrorBehaviorNames[] = {{"ignore", 0}, {"panic", 1}, {"panic-on-replicas", 2}};

constexpr ParameterRow kRows[] = {
    special("replicaof", "", &kReplicaofHooks)
        .alias("slaveof")
        .flags(kNoEffectYet | kImmutable | kMulti)
        .about("Host and port of the primary this node follows; \"no one\" for none."),
    string("masterauth", "")
        .alias("primaryauth")
        .flags(kNoEffectYet | kSensitive)
        .about("Password for the primary."),
    string("masteruser", "")
        .alias("primaryuser")
        .flags(kNoEffectYet | kSensitive)
        .about("User for the primary."),
    yes_no("replica-serve-stale-data", true)
        .alias("slave-serve-stale-data")
        .flags(kNoEffectYet)
        .about("Answer while the link to the primary is down."),
    yes_no("replica-read-only", true)
        .alias("slave-read-only")
        .flags(kNoEffectYet)
        .about("Replicas refuse writes."),
    integer("replica-priority", "100", 0, kMaxInt)
        .alias("slave-priority")
        .flags(kNoEffectYet)
        .about("Rank in a promotion by sentinels, lowest first; 0 is never promoted."),
    yes_no("replica-announced", true)
        .flags(kNoEffectYet)
        .about("Sentinels may tell clients of this replica."),
    string("replica-announce-ip", "")
        .alias("slave-announce-ip")
        .flags(kNoEffectYet)
        .about("Address told to the primary."),
    integer("replica-announce-port", "0", 0, kMaxPort)
        .alias("slave-announce-port")
        .flags(kNoEffectYet)
        .about("Port told to the primary; 0 is the real one."),
    yes_no("replica-lazy-flush", false)
        .alias("slave-lazy-flush")
        .flags(kNoEffectYet)
        .about("Empty the old data in the background before a full sync."),
    yes_no("replica-ignore-disk-write-errors", false)
        .flags(kNoEffectYet)
        .about("Replicas go on when they cannot write to disk."),
    integer("repl-ping-replica-period", "10", 1, kMaxInt)
        .alias("repl-ping-slave-period")
        .flags(kNoEffectYet)
        .about("Seconds between pings to replicas."),
    integer("repl-timeout", "60", 1, kMaxInt)
        .flags(kNoEffectYet)
        .about("Seconds of silence after which a link is broken."),
    yes_no("repl-disable-tcp-nodelay", false).flags(kNoEffectYet).about("Gather small packets to replicas."),
    memory("repl-backlog-size", "1048576", 1, kMaxLong)
        .hooks(&kBacklogSizeHooks)
        .flags(kNoEffectYet)
        .about("Bytes of the stream kept for partial syncs."),
    integer("repl-backlog-ttl", "3600", 0, kMaxLong)
        .flags(kNoEffectYet)
        .about("Seconds without replicas after which the backlog is freed; 0 for never."),
    yes_no("repl-diskless-sync", true)
        .flags(kNoEffectYet)
        .about("Send snapshots to replicas without a file."),
    integer("repl-diskless-sync-delay", "5", 0, kMaxInt)
        .flags(kNoEffectYet)
        .about("Seconds to wait for more replicas before such a snapshot."),
    integer("repl-diskless-sync-max-replicas", "0", 0, kMaxInt)
        .flags(kNoEffectYet)
        .about("Replicas that end this wait early; 0 for none."),
    choice("repl-diskless-load", "disabled", kReplDisklessLoadNames)
        .flags(kNoEffectYet)
        .about("How a replica loads such a snapshot."),
    yes_no("dual-channel-replication-enabled", false)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Full syncs use a connection of their own."),
    yes_no("repl-mptcp", false)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Links to primaries use Multipath TCP."),
    integer("min-replicas-to-write", "0", 0, kMaxInt)
        .alias("min-slaves-to-write")
        .flags(kNoEffectYet)
        .about("Refuse writes with fewer replicas than this."),
    integer("min-replicas-max-lag", "10", 0, kMaxInt)
        .alias("min-slaves-max-lag")
        .flags(kNoEffectYet)
        .about("Seconds a replica may lag to be counted."),
    choice("propagation-error-behavior", "ignore", kPropagationErrorBehaviorNames)
        .flags(kNoEffectYet)
        .about("What a replica does when a replicated command fails."),
};

}  // namespace

std::span<const ParameterRow> replication_parameters() {
  return kRows;
}

}  // namespace tessera::config
