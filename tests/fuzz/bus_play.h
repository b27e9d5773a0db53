// Role: plays a hostile tape to the control plane of a node that is in a cluster: messages of nodes and of
// strangers, links that open and end, a disk that fails, time that passes. Thread: one.
// Invariants it checks after each event: whatever an unknown node says over an inbound link changes nothing
// that is kept; epochs never go back; a slot has one owner; what is sent decodes; nothing grows without
// bound.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::fuzz {

// A tape is records of: kind 1, argument 1, length 2 (little-endian), bytes.
enum class Kind : unsigned char {
  kInbound,   // argument: link (2 bits), sender (5 bits: node, or 31 an unknown one, or 30 as in the bytes)
  kOutbound,  // over the link to node `argument`; the sender as above
  kTick,      // argument * 20 ms later
  kConnect,   // the oldest connect is answered: connected, or by reason `argument`
  kDisk,      // the write under way is done; odd: failed
  kAdopted,   // the shards have the view
  kClosed,    // the link to node `argument` ends
  kCommand,   // an administrator's
  kCount,
};
std::string record(Kind kind, unsigned char argument, std::string_view bytes = {});

struct Played {
  size_t event_count = 0;
  size_t message_count = 0;  // that were understood
  size_t known_count = 0;    // of these: said by a node that is known
  size_t sent_count = 0;
  size_t most_nodes = 0;
};
// A broken invariant ends the process.
Played play(std::string_view tape);

}  // namespace tessera::fuzz
