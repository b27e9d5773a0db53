// Role: nodes.conf as text and as a value. Thread: any, pure.
// Source of the format: what redis-server 7.0.15 was seen to write, to read and to refuse (the table of
// nodes_file_test.cc), and files of Redis 7.2 and Valkey 9. One line a node:
//   id ip:port@busport[,hostname[,name=value...]] flags primary|- ping pong epoch link
//   slot|first-last|[slot->-id]...
// and `vars currentEpoch N lastVoteEpoch N`.
// Invariants: parse(print(x)) is x, save for nodes in handshake, which are not kept, and for what the dialect
// has no place for; what print() writes the server of the dialect reads. A file that was damaged is refused:
// numbers that end in something else, flags nobody knows, nodes that come twice, a last line that is cut.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "server/cluster/state/stored.h"

namespace tessera::cluster::nodes_conf {

using state::Stored;
using state::StoredNode;

// Older servers refuse or misread what newer ones write, so that a folder goes back to whom it came from.
enum class Dialect {
  kRedis70,  // address and hostname; shard ids go into a variable that others skip
  kRedis72,  // shard-id, nodename, tcp-port, tls-port behind the hostname; Redis 8 and Valkey read it too
  kValkey9,  // client addresses and availability zone as well
};

struct Format {
  Dialect dialect = Dialect::kRedis70;
  bool tls_cluster = false;  // the port in front of '@' is the TLS one
};

struct NodesFile {
  Stored stored;
  Dialect dialect = Dialect::kRedis70;  // the oldest that can say all that the file said
  std::vector<std::string> notes;       // for the log: what was read and will not be kept
};

// Nothing: the text is empty, as a file is that was only just made to be locked. An error says the line and
// why. `tls_cluster` decides what the first port is where the file does not tell. Cost: linear.
Result<std::optional<NodesFile>> parse(std::string_view text, bool tls_cluster);

// REQUIRES: exactly one node has kFlagMyself. Texts that would change the meaning of a line are left out.
std::string print(const Stored& stored, const Format& format);

}  // namespace tessera::cluster::nodes_conf
