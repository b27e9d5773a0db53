// Role: the parameters of network and clients: one row each. Bounds and defaults are those of
// redis-server 7.0.15, of Valkey 9.1 where only that has the parameter. Thread: constants.
#include "server/config/params.h"
#include "server/config/specials.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

namespace {

using namespace registry;

constexpr ParameterRow kRows[] = {
    special("bind", "* -::*", &kBindHooks)
        .flags(kMulti)
        .about("Addresses to listen on, at most 16; \"*\" is every IPv4 address, a leading \"-\" lets an "
               "address be missing."),
    integer("port", "6379", 0, kMaxPort).about("TCP port; 0 listens on none."),
    integer("tcp-backlog", "511", 0, kMaxInt)
        .flags(kImmutable)
        .about("Length of the queue of connections the kernel has accepted."),
    string("unixsocket", "").flags(kImmutable).about("Path of a unix socket to listen on; empty for none."),
    ParameterRow{"unixsocketperm", ParameterType::kOctal, "0", 0, 0777}
        .flags(kImmutable)
        .about("Permissions of the unix socket, octal; 0 leaves them to the umask."),
    string("bind-source-addr", "").about("Local address of connections this node opens."),
    integer("timeout", "0", 0, kMaxInt).about("Seconds after which an idle client is closed; 0 for never."),
    integer("tcp-keepalive", "300", 0, kMaxInt).about("Seconds between TCP keepalive probes; 0 for none."),
    yes_no("protected-mode", true).about("Without a password, only clients of this machine are served."),
    string("requirepass", "").flags(kSensitive).about("Password of the default user."),
    integer("maxclients", "10000", 1, kMaxUint)
        .about("Connections served at the same time. Lowered when the system allows fewer open files."),
    ParameterRow{"maxmemory-clients", ParameterType::kMemoryOrPercent, "0", 0, kMaxLong}.about(
        "Memory all clients may use together, in bytes or percent of maxmemory; 0 for any."),
    memory("client-query-buffer-limit", "1073741824", 1048576, kMaxLong)
        .about("Bytes of input one client may have waiting."),
    special("client-output-buffer-limit",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", &kOutputBufferLimitHooks)
        .flags(kMulti)
        .about("Per class (normal, replica, pubsub): hard limit, soft limit, seconds the soft one may be "
               "exceeded."),
    memory("proto-max-bulk-len", "536870912", 1048576, kMaxLong).about("Longest single argument in bytes."),
    integer("tracking-table-max-keys", "1000000", 0, kMaxLong)
        .about("Keys the table of client side caching remembers; 0 for any number."),
    integer("socket-mark-id", "0", 0, kMaxUint)
        .flags(kImmutable)
        .about("Mark (SO_MARK) of the listening sockets; 0 for none."),
    integer("max-new-connections-per-cycle", "10", 1, 1000)
        .flags(kValkeyOnly)
        .about("Connections each shard accepts in one turn of its loop."),
    yes_no("mptcp", false).flags(kValkeyOnly | kImmutable).about("Listen with Multipath TCP."),
    integer("io-threads", "1", 1, 128)
        .flags(kCompatOnly | kImmutable)
        .about("Every shard does its own input and output; use \"shards\"."),
    yes_no("io-threads-do-reads", false)
        .flags(kCompatOnly | kImmutable)
        .about("Every shard does its own input and output."),
    integer("prefetch-batch-max-size", "16", 0, 128)
        .flags(kCompatOnly | kValkeyOnly)
        .about("Commands of a batch are always prefetched."),
    string("rdma-bind", "")
        .flags(kNoEffectYet | kValkeyOnly | kImmutable)
        .about("Addresses to listen on with RDMA."),
    integer("rdma-port", "0", 0, kMaxPort)
        .flags(kNoEffectYet | kValkeyOnly | kImmutable)
        .about("RDMA port; 0 for none."),
    integer("rdma-completion-vector", "-1", -1, 1024)
        .flags(kNoEffectYet | kValkeyOnly | kImmutable)
        .about("RDMA completion vector; -1 chooses one."),
    memory("rdma-rx-size", "1048576", 65536, 16777216)
        .flags(kNoEffectYet | kValkeyOnly | kImmutable)
        .about("RDMA receive buffer of a connection in bytes."),
};

}  // namespace

std::span<const ParameterRow> network_parameters() {
  return kRows;
}

}  // namespace tessera::config
