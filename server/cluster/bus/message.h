// Role: a message of the cluster bus as a value, and its wire form. Thread: any, pure.
// Source of the format: what Redis 7.0 and Valkey 9 nodes send (tests/data/bus-messages.jsonl), integers
// big-endian. Invariants: decode() takes exactly one whole message whose parts fill its length; what it
// accepts, encode() gives back byte for byte. Unknown flags and extensions are kept as they came. Texts that
// reach a file or a reply (ids, addresses) are free of blanks, commas, quotes and control characters.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/hash/crc16.h"
#include "server/cluster/bus/node_id.h"

namespace tessera::cluster::bus {

constexpr size_t kHeaderBytes = 2256;
constexpr size_t kLightHeaderBytes = 16;
constexpr size_t kPrefixBytes = 8;               // signature and length: what frame_length() needs
constexpr size_t kTypedPrefixBytes = 14;         // with the type, by which it knows a closer limit
constexpr size_t kMostExtensionBytes = 1 << 20;  // all of a message
constexpr size_t kIpBytes = 46;

using SlotSet = std::bitset<hash::kSlotCount>;

enum class MessageType : uint16_t {
  kPing = 0,
  kPong = 1,
  kMeet = 2,
  kFail = 3,
  kPublish = 4,
  kAuthRequest = 5,
  kAuthAck = 6,
  kUpdate = 7,
  kManualFailoverStart = 8,
  kModule = 9,
  kPublishShard = 10,
};
constexpr size_t kMessageTypeCount = 11;
// As CLUSTER INFO's cluster_stats_messages_<name>_sent: "ping", "auth-req", "publishshard".
std::string_view message_type_name(MessageType type);

// Node flags, as messages carry them.
enum NodeFlag : uint16_t {
  kFlagPrimary = 1,
  kFlagReplica = 2,
  kFlagPfail = 4,
  kFlagFail = 8,
  kFlagMyself = 16,
  kFlagHandshake = 32,
  kFlagNoAddress = 64,
  kFlagMeet = 128,
  kFlagMigrateTo = 256,
  kFlagNoFailover = 512,
  kFlagExtensions = 1024,
  kFlagLightPublish = 2048,
  kFlagLightModule = 4096,
  kFlagMyPrimaryFailed = 8192,
};

// First byte of the message flags.
enum MessageFlag : uint8_t { kMessagePaused = 1, kMessageForceAck = 2, kMessageHasExtensions = 4 };

// Fields of the full header. Fixed text fields keep what precedes the first zero byte.
struct Header {
  uint16_t port = 0;        // the client port of the sender; its TLS port when TLS is on
  uint16_t other_port = 0;  // the plain one then
  uint16_t bus_port = 0;
  uint64_t current_epoch = 0;
  uint64_t config_epoch = 0;  // of its primary, when the sender is a replica
  uint64_t offset = 0;        // of replication
  NodeId sender;
  SlotSet slots;  // of the sender, or of its primary
  NodeId primary;
  std::string announced_ip;  // empty: take it from the socket
  uint16_t flags = 0;        // NodeFlag
  uint8_t state = 0;         // 0 ok, 1 fail
  std::array<uint8_t, 3> message_flags{};
};

struct GossipEntry {
  NodeId id;
  uint32_t ping_sent_s = 0;
  uint32_t pong_received_s = 0;
  std::string ip;
  uint16_t port = 0;
  uint16_t bus_port = 0;
  uint16_t flags = 0;
  uint16_t other_port = 0;
};

enum class ExtensionType : uint16_t {
  kHostname = 0,
  kHumanName = 1,
  kForgottenNode = 2,
  kShardId = 3,
  kClientIpv4 = 4,
  kClientIpv6 = 5,
  kClientPort = 6,
  kClientTlsPort = 7,
  kAvailabilityZone = 8,
};

// The data as it is on the wire, padding included, so that unknown ones survive; the helpers below read and
// make the known kinds.
struct Extension {
  uint16_t type = 0;
  std::string data;  // a multiple of 8 bytes
};
Extension text_extension(ExtensionType type, std::string_view text);
Extension forgotten_extension(const NodeId& id, uint64_t ttl_s);
Extension shard_extension(const std::string& shard);
Extension port_extension(ExtensionType type, uint16_t port);
// nullopt-like: an error says why the data does not fit the type.
Result<std::string> extension_text(const Extension& extension);  // zero-terminated text
struct Forgotten {
  NodeId id;
  uint64_t ttl_s;
};
Result<Forgotten> extension_forgotten(const Extension& extension);
Result<std::string> extension_shard(const Extension& extension);
Result<uint16_t> extension_port(const Extension& extension);

// PING, PONG, MEET.
struct Gossip {
  std::vector<GossipEntry> entries;
  std::vector<Extension> extensions;
};
struct Fail {
  NodeId id;
};
struct Publish {
  std::string channel, message;
};
struct Update {
  uint64_t config_epoch = 0;
  NodeId id;
  SlotSet slots;
};
struct Module {
  uint64_t module_id = 0;
  uint8_t kind = 0;
  std::string payload;
};
struct Nothing {};  // AUTH requests and grants, MFSTART

// Bytes that are not zero where the format has no meaning for them (behind the end of a text, unused fields).
struct Residue {
  size_t offset = 0;  // in the message
  std::string bytes;
};

struct Message {
  MessageType type = MessageType::kPing;
  bool light = false;  // PUBLISH, PUBLISHSHARD and MODULE only; then `header` is meaningless
  Header header;
  std::variant<Nothing, Gossip, Fail, Publish, Update, Module> body;
  std::vector<Residue> residue;  // empty in all messages that we make and nearly all that come
};

// The length of the message whose first kPrefixBytes are given; an error when they cannot begin a message
// (bad signature, a length below the smallest or above `max_bytes`). Nothing has to be allocated to find out.
Result<size_t> frame_length(std::string_view prefix, size_t max_bytes);

// What the header of a whole message says; may be none of MessageType. REQUIRES: kTypedPrefixBytes of it.
MessageType type_of(std::string_view message);

// One whole message. Errors name the field. Cost: one pass; allocates in proportion to `bytes`.
Result<Message> decode(std::string_view bytes);
// REQUIRES: ids are empty or is_node_id(), addresses fit kIpBytes, extensions are multiples of 8 bytes and
// all counts fit 16 bits, `body` is the alternative of `type`.
std::string encode(const Message& message);

}  // namespace tessera::cluster::bus
