// Role: tests of the bus messages: what was captured, what is made, what is refused, and mutated captures.
#include "server/cluster/bus/message.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "server/cluster/bus/test_captures.h"
#include "server/cluster/bus/wire.h"

namespace tessera::cluster::bus {
namespace {

const std::string kId(40, 'a');
const std::string kOther = std::string(39, '0') + "f";

std::vector<Capture> captures() {
  return read_captures(std::string(TESSERA_SOURCE_DIR) + "/tests/data/bus-messages.jsonl");
}

Message make(MessageType type) {
  Message message;
  message.type = type;
  message.header.sender = kId;
  message.header.port = 7000;
  message.header.bus_port = 17000;
  message.header.flags = kFlagPrimary | kFlagMyself;
  return message;
}

Message make_gossip() {
  Message message = make(MessageType::kPing);
  message.header.message_flags[0] = kMessageHasExtensions;
  message.header.announced_ip = "10.0.0.1";
  Gossip gossip;
  GossipEntry entry;
  entry.id = kOther;
  entry.ip = "::1";
  entry.port = 7001;
  gossip.entries = {entry, entry};
  gossip.extensions = {text_extension(ExtensionType::kHostname, "node-1.example.org"),
                       forgotten_extension(kOther, 60)};
  message.body = gossip;
  return message;
}

// The error of a message changed by `edit`; "" when it is taken.
template <typename Edit>
std::string refused(const Message& message, Edit edit) {
  std::string bytes = encode(message);
  edit(bytes);
  store_big(bytes, 4, 4, bytes.size());
  const auto decoded = decode(bytes);
  return decoded ? "" : decoded.error().message;
}

TEST(Captured, DecodeAndEncodeToTheSameBytes) {
  std::map<std::string, int> servers;
  std::set<std::string> types;
  for (const Capture& capture : captures()) {
    const auto message = decode(capture.bytes);
    ASSERT_TRUE(message.ok()) << capture.server << " " << capture.type << ": " << message.error().message;
    EXPECT_EQ(encode(*message), capture.bytes) << capture.server << " " << capture.type;
    EXPECT_TRUE(message->residue.empty());
    const auto frame = frame_length(capture.bytes.substr(0, kPrefixBytes), 1 << 20);
    ASSERT_TRUE(frame.ok());
    EXPECT_EQ(*frame, capture.bytes.size());
    servers[capture.server]++;
    types.insert(capture.type);
  }
  EXPECT_EQ(servers["redis-7.0.15"], 32);
  EXPECT_EQ(servers["valkey-9.1.2"], 29);
  EXPECT_EQ(types.size(), 12u) << "every type a cluster of six sends";
}

TEST(Captured, FieldsAreWhereTheyAre) {
  size_t gossip_count = 0, hostname_count = 0, shard_count = 0;
  for (const Capture& capture : captures()) {
    const Message message = *decode(capture.bytes);
    if (message.light) {
      const auto& publish = std::get<Publish>(message.body);
      EXPECT_EQ(publish.channel + publish.message,
                message.type == MessageType::kPublish ? "chhello" : "schworld");
      continue;
    }
    EXPECT_EQ(message.header.bus_port, message.header.port + 10000);
    EXPECT_TRUE(message.header.flags & kFlagMyself);
    EXPECT_EQ(message.header.primary.empty(), (message.header.flags & kFlagPrimary) != 0);
    if (const auto* gossip = std::get_if<Gossip>(&message.body)) {
      gossip_count += gossip->entries.size();
      for (const GossipEntry& entry : gossip->entries) EXPECT_EQ(entry.ip, "127.0.0.1");
      for (const Extension& extension : gossip->extensions) {
        if (extension.type == static_cast<uint16_t>(ExtensionType::kHostname)) {
          EXPECT_FALSE(extension_text(extension)->empty());
          ++hostname_count;
        } else if (extension.type == static_cast<uint16_t>(ExtensionType::kShardId)) {
          EXPECT_TRUE(extension_shard(extension).ok());
          ++shard_count;
        }
      }
    } else if (const auto* update = std::get_if<Update>(&message.body)) {
      EXPECT_TRUE(update->slots.any());
    }
  }
  EXPECT_GT(gossip_count, 40u);
  EXPECT_GT(hostname_count, 10u);
  EXPECT_GT(shard_count, 5u);
}

TEST(Made, EveryTypeComesBack) {
  Message update = make(MessageType::kUpdate);
  Update body{7, kOther, {}};
  for (const int slot : {0, 7, 8, 5461, 16383}) body.slots.set(static_cast<size_t>(slot));
  update.body = body;
  const auto back = decode(encode(update));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(std::get<Update>(back->body).slots, body.slots);
  EXPECT_EQ(encode(update)[kHeaderBytes + 8 + 40 + 1], '\1') << "slot 8 is bit 0 of byte 1";

  for (const bool light : {false, true}) {
    for (const MessageType type : {MessageType::kPublish, MessageType::kPublishShard, MessageType::kModule}) {
      Message message = make(type);
      message.light = light;
      if (type == MessageType::kModule) {
        message.body = Module{77, 3, "payload"};
      } else {
        message.body = Publish{"", std::string("a\0b", 3)};
      }
      const std::string bytes = encode(message);
      const auto decoded = decode(bytes);
      ASSERT_TRUE(decoded.ok()) << decoded.error().message;
      EXPECT_EQ(encode(*decoded), bytes);
      EXPECT_EQ(decoded->light, light);
    }
  }
  for (const MessageType type :
       {MessageType::kAuthRequest, MessageType::kAuthAck, MessageType::kManualFailoverStart}) {
    EXPECT_EQ(encode(make(type)).size(), kHeaderBytes);
    EXPECT_TRUE(decode(encode(make(type))).ok());
  }
}

TEST(Made, Extensions) {
  const auto decoded = decode(encode(make_gossip()));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  const auto& gossip = std::get<Gossip>(decoded->body);
  ASSERT_EQ(gossip.extensions.size(), 2u);
  EXPECT_EQ(*extension_text(gossip.extensions[0]), "node-1.example.org");
  const auto forgotten = extension_forgotten(gossip.extensions[1]);
  ASSERT_TRUE(forgotten.ok());
  EXPECT_EQ(forgotten->id, kOther);
  EXPECT_EQ(forgotten->ttl_s, 60u);
  EXPECT_EQ(*extension_port(port_extension(ExtensionType::kClientPort, 6379)), 6379);
  EXPECT_EQ(*extension_shard(shard_extension(kId)), kId);
  EXPECT_EQ(text_extension(ExtensionType::kHostname, "seven77").data.size(), 8u);
  EXPECT_EQ(text_extension(ExtensionType::kHostname, "eight888").data.size(), 16u) << "room for its zero";
  EXPECT_FALSE(extension_text(Extension{0, "eight888"}).ok());
  EXPECT_FALSE(extension_forgotten(Extension{2, std::string(48, '!')}).ok());
  EXPECT_FALSE(extension_forgotten(Extension{2, kId}).ok());
  EXPECT_FALSE(extension_shard(Extension{3, std::string(48, 'a')}).ok());
  EXPECT_FALSE(extension_port(Extension{6, std::string(16, '\0')}).ok());
}

TEST(Frame, Lengths) {
  std::string prefix = "RCmb";
  append_big(prefix, 4, 2256);
  EXPECT_EQ(*frame_length(prefix, 4096), 2256u);
  EXPECT_FALSE(frame_length(prefix, 2255).ok());
  EXPECT_FALSE(frame_length(prefix.substr(0, 7), 4096).ok());
  store_big(prefix, 4, 4, 15);
  EXPECT_FALSE(frame_length(prefix, 4096).ok());
  store_big(prefix, 4, 4, 0xffffffff);
  EXPECT_FALSE(frame_length(prefix, 1 << 30).ok());
  // By its type a message is one of a few megabytes at most, unless clients' bytes are in it.
  const auto typed = [](char type) { return std::string("RCmb\x10\0\0\0\0\1\0\0\0", 13) + type; };
  EXPECT_FALSE(frame_length(typed(0), 1 << 30).ok());
  EXPECT_FALSE(frame_length(typed(2), 1 << 30).ok());
  EXPECT_TRUE(frame_length(typed(4), 1 << 30).ok());
  EXPECT_TRUE(frame_length(typed(10), 1 << 30).ok());
  EXPECT_FALSE(frame_length(typed(10), 1 << 20).ok());
  EXPECT_FALSE(frame_length("RCmB\0\0\1\0", 4096).ok());
}

TEST(Refused, EveryPrefixAndEverythingLonger) {
  for (const Capture& capture : captures()) {
    for (size_t size = 0; size < capture.bytes.size(); size += size < 16 ? 1 : 29) {
      std::string cut = capture.bytes.substr(0, size);
      EXPECT_FALSE(decode(cut).ok()) << capture.type << " cut at " << size;
      if (size < kPrefixBytes) continue;
      store_big(cut, 4, 4, size);  // the length fits, the parts do not
      EXPECT_FALSE(decode(cut).ok()) << capture.type << " made of " << size;
    }
    for (const size_t more : {1u, 8u, 104u}) {
      std::string longer = capture.bytes + std::string(more, '\0');
      EXPECT_FALSE(decode(longer).ok()) << capture.type << " and " << more;
      store_big(longer, 4, 4, longer.size());
      EXPECT_FALSE(decode(longer).ok()) << capture.type << " and " << more;
    }
  }
}

TEST(Refused, ErrorsNameTheField) {
  const auto set16 = [](size_t offset, uint64_t value) {
    return [=](std::string& bytes) { store_big(bytes, offset, 2, value); };
  };
  const Message ping = make_gossip();
  EXPECT_EQ(refused(ping, set16(8, 2)), "version: 2 is not 1");
  EXPECT_EQ(refused(ping, set16(12, 11)), "type: unknown: 11");
  EXPECT_EQ(refused(ping, set16(12, 0x8000)), "type: a light header is not for this type");
  EXPECT_EQ(refused(ping, set16(14, 500)), "count: 500 entries do not fit the message");
  EXPECT_EQ(refused(ping, set16(14, 1)), "extension length: 808464432 does not fit the message")
      << "read at an entry";
  EXPECT_EQ(refused(ping, set16(2214, 3)), "extensions: more than the message holds");
  EXPECT_EQ(refused(ping, set16(2214, 1)), "length: 56 bytes behind entries and extensions");
  const size_t extension = kHeaderBytes + 2 * 104;
  EXPECT_EQ(refused(ping, set16(extension + 2, 12)), "extension length: 12 is no record's");
  EXPECT_EQ(refused(ping, set16(extension + 2, 0)), "extension length: 0 is no record's");
  EXPECT_EQ(refused(ping, set16(extension, 0xffff)), "extension length: 4294901792 does not fit the message");
  EXPECT_EQ(refused(ping, [](std::string& bytes) { bytes[2253] = 0; }),
            "extensions: without the flag that announces them");
  EXPECT_EQ(refused(ping, [](std::string& bytes) { bytes[40] = 'A'; }), "sender: not a node's id");
  EXPECT_EQ(refused(ping, [](std::string& bytes) { bytes[2128] = 'a'; }), "primary: not a node's id");
  EXPECT_EQ(refused(ping, [](std::string& bytes) { bytes[kHeaderBytes] = 0; }), "gossip id: not a node's id");
  EXPECT_EQ(refused(ping, [](std::string& bytes) { bytes[2170] = '\n'; }), "announced ip: not an address");
  EXPECT_EQ(refused(ping, [](std::string& bytes) { bytes[kHeaderBytes + 48] = ','; }),
            "gossip ip: not an address");

  const Message vote = make(MessageType::kAuthRequest);
  EXPECT_EQ(refused(vote, set16(14, 1)), "count: entries in a message that has none");
  EXPECT_EQ(refused(vote, set16(2214, 1)), "extensions: in a message that has none");
  EXPECT_EQ(refused(vote, [](std::string& bytes) { bytes.push_back(0); }),
            "length: 1 bytes of data instead of 0");
  Message fail = make(MessageType::kFail);
  fail.body = Fail{kOther};
  EXPECT_EQ(refused(fail, [](std::string& bytes) { bytes.back() = 0; }), "failed node: not a node's id");
  Message publish = make(MessageType::kPublish);
  publish.body = Publish{"ch", "text"};
  EXPECT_EQ(refused(publish, set16(kHeaderBytes, 1)), "channel length: does not fit the message");
  EXPECT_EQ(refused(publish, set16(kHeaderBytes + 6, 5)), "message length: does not fill the message");
  EXPECT_EQ(refused(publish, [](std::string& bytes) { bytes.resize(kHeaderBytes + 7); }),
            "length: no room for PUBLISH's lengths");
  Message module = make(MessageType::kModule);
  module.body = Module{1, 2, "x"};
  EXPECT_EQ(refused(module, set16(kHeaderBytes + 10, 2)), "module length: does not fill the message");

  std::string bytes = encode(ping);
  store_big(bytes, 4, 4, bytes.size() - 1);
  EXPECT_EQ(decode(bytes).error().message.substr(0, 7), "length:");
  bytes[0] = 'X';
  EXPECT_EQ(decode(bytes).error().message, "signature: not that of a bus message");
}

TEST(Kept, WhatHasNoMeaning) {
  std::string bytes = encode(make_gossip());
  bytes[2220] = 5;                                   // unused in the header
  bytes[2168 + 20] = 'x';                            // behind the announced address
  bytes[kHeaderBytes + 102] = 9;                     // unused in an entry
  bytes[kHeaderBytes + 2 * 104 + 6] = 1;             // unused in an extension
  store_big(bytes, 2250, 2, 0xffff);                 // flags nobody knows
  store_big(bytes, kHeaderBytes + 208 + 4, 2, 999);  // nor this extension
  const auto message = decode(bytes);
  ASSERT_TRUE(message.ok()) << message.error().message;
  EXPECT_EQ(message->header.announced_ip, "10.0.0.1");
  EXPECT_EQ(message->residue.size(), 4u);
  EXPECT_EQ(encode(*message), bytes);
}

TEST(Names, OfTypesAndIds) {
  EXPECT_EQ(message_type_name(MessageType::kAuthRequest), "auth-req");
  EXPECT_EQ(message_type_name(MessageType::kPublishShard), "publishshard");
  EXPECT_EQ(message_type_name(static_cast<MessageType>(11)), "unknown");
  EXPECT_TRUE(is_node_id(kId));
  EXPECT_FALSE(is_node_id(std::string(40, 'A')));
  EXPECT_FALSE(is_node_id(std::string(39, 'a')));
}

TEST(Mutated, NeverCrashesAndComesBack) {
  Random random(test_seed("Mutated.NeverCrashesAndComesBack"));
  const auto all = captures();
  ASSERT_FALSE(all.empty());
  int taken = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = all[random.below(all.size())].bytes;
    for (uint64_t edits = random.below(4) + 1; edits > 0; --edits) {
      const size_t at =
          random.one_in(2) ? random.below(bytes.size()) : random.below(16) + kHeaderBytes % bytes.size();
      if (at < bytes.size()) bytes[at] = static_cast<char>(random.next());
    }
    if (random.one_in(4)) bytes.resize(random.below(bytes.size() + 64));
    if (random.one_in(2) && bytes.size() >= kPrefixBytes) store_big(bytes, 4, 4, bytes.size());
    const auto message = decode(bytes);
    if (!message) {
      EXPECT_FALSE(message.error().message.empty());
      continue;
    }
    ++taken;
    ASSERT_EQ(encode(*message), bytes);
  }
  EXPECT_GT(taken, 1000);
}

}  // namespace
}  // namespace tessera::cluster::bus
