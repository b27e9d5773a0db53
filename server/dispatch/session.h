// Role: what a connection is to the commands it sends: database, protocol, user, flags. Thread: the
// connection's. A shard that runs a command gets SessionBits, a copy of what handlers may depend on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/units.h"
#include "server/acl/acl_view.h"
#include "server/registry/command_row.h"
#include "server/shard/changer.h"
#include "server/shard/watch.h"

namespace tessera::dispatch {

// Names a connection without pointing at it: whoever answers late finds nobody, never somebody else.
struct ClientRef {
  uint16_t thread = 0;
  uint32_t place = 0;
  uint32_t generation = 0;
  bool operator==(const ClientRef&) const = default;
};

struct ClientRefHash {
  size_t operator()(const ClientRef& ref) const {
    return std::hash<uint64_t>()((uint64_t{ref.thread} << 48) ^ (uint64_t{ref.generation} << 24) ^ ref.place);
  }
};

enum SessionFlag : uint32_t {
  kReplyOff = 1u << 0,       // CLIENT REPLY OFF
  kReplySkip = 1u << 1,      // the running command's reply is not sent
  kReplySkipNext = 1u << 2,  // CLIENT REPLY SKIP
  kNoEvict = 1u << 3,
  kNoTouch = 1u << 4,
  kReadonlySession = 1u << 5,  // READONLY
  kAskingSession = 1u << 6,    // ASKING: for the next command
  kCloseAfterReply = 1u << 7,
  kCloseAsap = 1u << 8,
  kUnixSocket = 1u << 9,
  kCapaRedirect = 1u << 10,
  kMonitor = 1u << 11,
  kProtectedRefused = 1u << 12,
  kBlocked = 1u << 13,  // waits for keys
  kMulti = 1u << 14,    // between MULTI and EXEC
  kHeld = 1u << 15,     // its next command waits for the end of CLIENT PAUSE or of a freeze
  // Pushes, from the upper end: server/pubsub.
  kSubscribed = 1u << 31,     // to anything; in RESP2 only a few commands are taken then
  kTracking = 1u << 30,       // CLIENT TRACKING ON
  kTrackingBcast = 1u << 29,  // prefixes, not keys that were read
  kTrackingOptin = 1u << 28,
  kTrackingOptout = 1u << 27,
  kTrackingNoloop = 1u << 26,
  kTrackingCaching = 1u << 25,     // CLIENT CACHING: for the next command
  kTrackingCachingNow = 1u << 22,  // the running command is that one
  kTrackingBroken = 1u << 24,      // the client that invalidations go to has left
  kTrackingReceiver = 1u << 23,    // others' invalidations come here
  kListens = kSubscribed | kMonitor | kTracking | kTrackingReceiver,  // known to the thread's PushSink
};

struct SessionBits {
  uint64_t client_id = 0;
  ClientRef client;
  uint64_t view_version = 0;
  int32_t db = 0;
  uint8_t proto = 2;
  bool no_touch = false;
  bool asking = false;
  bool readonly = false;
  bool local = false;
  bool ipv6 = false;
  bool any_key = false;    // the user may read whatever a command comes upon (SORT's patterns)
  bool remembers = false;  // keys that this command reads are noted for CLIENT TRACKING
  shard::Changer changer;
  acl::UserRef user;  // for what a script runs; nullptr: one that may do everything
};

struct Session {
  uint64_t id = 0;
  ClientRef ref;
  int db = 0;
  int proto = 2;
  uint32_t flags = 0;
  bool authenticated = false;
  bool local = false;  // came over the Unix socket or the loopback interface
  bool ipv6 = false;   // came over IPv6
  std::string user_name = "default";
  acl::UserRef user;  // of the view numbered acl_version
  uint64_t acl_version = 0;
  std::string name, lib_name, lib_version;
  std::string peer_text, local_text;
  shard::WatcherRef watcher;  // of its WATCHes; nullptr: none
  MonoTime created, last_active;
  const registry::CommandRow* last_row = nullptr;
  int64_t commands_count = 0;
  int64_t net_in_bytes = 0, net_out_bytes = 0;
  // What it is subscribed to; the subscriptions themselves: server/pubsub.
  uint32_t channels = 0, patterns = 0, shard_channels = 0;
  uint64_t redirect_id = 0;  // CLIENT TRACKING REDIRECT

  bool has(uint32_t flag) const { return flags & flag; }
  void set(uint32_t flag) { flags |= flag; }
  void clear(uint32_t flag) { flags &= ~flag; }
};

}  // namespace tessera::dispatch
