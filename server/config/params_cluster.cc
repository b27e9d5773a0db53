// Role: the parameters of cluster: one row each. Bounds and defaults are those of redis-server 7.0.15, of
// Valkey 9.1 where only that has the parameter. Thread: constants.
#include "server/config/params.h"
#include "server/config/specials.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

namespace {

using namespace registry;

constexpr EnumName kClusterPreferredEndpointTypeNames[] = {
    {"ip", 0}, {"hostname", 1}, {"unknown-endpoint", 2}};
constexpr EnumName kConfigSaveBehaviors[] = {{"sync", 0}, {"best-effort", 1}};

constexpr ParameterRow kRows[] = {
    yes_no("cluster-enabled", false).flags(kImmutable).about("Run as a node of a cluster."),
    string("cluster-config-file", "nodes.conf")
        .flags(kImmutable)
        .about("File in dir where the node keeps its view of the cluster."),
    choice("cluster-config-save-behavior", "sync", kConfigSaveBehaviors)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Whether the node stops when that file cannot be written."),
    integer("cluster-port", "0", 0, kMaxPort)
        .flags(kImmutable)
        .about("Port of the cluster bus; 0 is port + 10000."),
    integer("cluster-node-timeout", "15000", 0, kMaxLong)
        .about("Milliseconds of silence after which a node counts as failing."),
    integer("cluster-migration-barrier", "1", 0, kMaxInt)
        .flags(kNoEffectYet)
        .about("Replicas a primary keeps before one may migrate."),
    yes_no("cluster-allow-replica-migration", true).about("Replicas may move to primaries without one."),
    integer("cluster-replica-validity-factor", "10", 0, kMaxInt)
        .alias("cluster-slave-validity-factor")
        .flags(kNoEffectYet)
        .about("How old the data of a replica may be to be elected; 0 for any age."),
    yes_no("cluster-replica-no-failover", false)
        .alias("cluster-slave-no-failover")
        .about("This node is never elected on its own."),
    yes_no("cluster-require-full-coverage", true).about("Serve nothing while a slot has no owner."),
    yes_no("cluster-allow-reads-when-down", false).about("Reads are served while the cluster is down."),
    yes_no("cluster-allow-pubsubshard-when-down", true)
        .about("Sharded pub/sub works while the cluster is down."),
    memory("cluster-link-sendbuf-limit", "0", 0, kMaxUlong)
        .about("Bytes that may wait for one node of the bus; 0 for any."),
    string("cluster-announce-ip", "")
        .hooks(&kAnnouncedIpHooks)
        .about("Address told to other nodes and clients."),
    string("cluster-announce-client-ipv4", "")
        .hooks(&kClientIpv4Hooks)
        .flags(kValkeyOnly)
        .about("IPv4 address told to clients that came over IPv4."),
    string("cluster-announce-client-ipv6", "")
        .hooks(&kClientIpv6Hooks)
        .flags(kValkeyOnly)
        .about("IPv6 address told to clients that came over IPv6."),
    integer("cluster-announce-port", "0", 0, kMaxPort)
        .about("Port told to other nodes and clients; 0 is the real one."),
    integer("cluster-announce-tls-port", "0", 0, kMaxPort)
        .flags(kNoEffectYet)
        .about("TLS port told to others; 0 is the real one."),
    integer("cluster-announce-client-port", "0", 0, kMaxPort)
        .flags(kValkeyOnly)
        .about("Port told to clients; 0 is cluster-announce-port."),
    integer("cluster-announce-client-tls-port", "0", 0, kMaxPort)
        .flags(kValkeyOnly)
        .about("TLS port told to clients; 0 is cluster-announce-tls-port."),
    integer("cluster-announce-bus-port", "0", 0, kMaxPort)
        .about("Port of the bus told to other nodes; 0 is the real one."),
    string("cluster-announce-hostname", "").hooks(&kHostnameHooks).about("Host name told to others."),
    string("cluster-announce-human-nodename", "")
        .hooks(&kNodenameHooks)
        .flags(kValkeyOnly)
        .about("Name of this node in logs."),
    choice("cluster-preferred-endpoint-type", "ip", kClusterPreferredEndpointTypeNames)
        .about("What clients are redirected to: ip, hostname, or unknown-endpoint."),
    integer("cluster-databases", "1", 1, kMaxInt)
        .flags(kImmutable | kValkeyOnly)
        .about("Number of databases in cluster mode."),
    integer("cluster-blacklist-ttl", "60", 0, kMaxInt)
        .flags(kValkeyOnly)
        .about("Seconds a forgotten node stays forgotten."),
    integer("cluster-manual-failover-timeout", "5000", 1, kMaxInt)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Milliseconds a manual failover may take."),
    yes_no("cluster-slot-stats-enabled", false)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Count use per slot."),
    integer("cluster-slot-migration-log-max-len", "1000", 0, kMaxLong)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Slot migrations that are remembered."),
    memory("slot-migration-max-failover-repl-bytes", "0", 0, kMaxLong)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Bytes a slot migration may have unsent at its hand-over."),
    yes_no("cluster-refused-is-evidence", true)
        .flags(kTesseraOnly)
        .about("A node whose link broke and who refuses two connects is suspected at once."),
    integer("cluster-shard-stall-timeout", "0", 0, kMaxLong)
        .flags(kTesseraOnly | kNoEffectYet)
        .about("Milliseconds a shard may be stuck before a replica is asked to take over; 0 for never."),
};

}  // namespace

std::span<const ParameterRow> cluster_parameters() {
  return kRows;
}

}  // namespace tessera::config
