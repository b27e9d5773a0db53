// Role: from bytes to a message; strict about every length and count. See message.h.
// Thread: any, pure. Invariant: nothing is read past the bytes given, whatever they claim.
#include <bit>
#include <cstring>

#include "server/cluster/bus/layout.h"
#include "server/cluster/bus/message.h"
#include "server/cluster/bus/wire.h"

namespace tessera::cluster::bus {

namespace {

// Characters of addresses and of names that some people announce instead. All others could change the
// meaning of a line of nodes.conf or of a reply.
bool is_address_char(char c) {
  return c > ' ' && c < 0x7f && std::strchr(",@\"'\\#", c) == nullptr;
}

// Reads one message; the first error wins, later reads yield nothing.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  Result<Message> run() {
    auto length = frame_length(bytes_.substr(0, kPrefixBytes), bytes_.size());
    if (!length) return length.error();
    if (*length != bytes_.size()) {
      return Error{
          "length: says " + std::to_string(*length) + " of " + std::to_string(bytes_.size()) + " bytes", 0};
    }
    version();
    type();
    if (error_.empty() && !message_.light) header();
    if (error_.empty()) body();
    if (!error_.empty()) return Error{std::move(error_), 0};
    return std::move(message_);
  }

 private:
  void fail(std::string_view field, std::string_view why) {
    if (error_.empty()) error_ = std::string(field) + ": " + std::string(why);
  }
  uint64_t number(size_t offset, size_t width) const { return load_big(bytes_, offset, width); }
  uint16_t number16(size_t offset) const { return static_cast<uint16_t>(number(offset, 2)); }

  // What has no meaning is kept if it is there, so that the message can be encoded as it came.
  void unused(size_t offset, size_t count) {
    const std::string_view part = bytes_.substr(offset, count);
    if (part.find_first_not_of('\0') != std::string_view::npos) {
      message_.residue.push_back(Residue{offset, std::string(part)});
    }
  }

  NodeId id(std::string_view field, size_t offset, bool may_be_none) {
    const std::string_view part = bytes_.substr(offset, kNodeIdBytes);
    if (is_node_id(part)) return part;
    if (!may_be_none || part.find_first_not_of('\0') != std::string_view::npos)
      fail(field, "not a node's id");
    return {};
  }

  std::string address(std::string_view field, size_t offset) {
    const std::string_view part = bytes_.substr(offset, kIpBytes);
    const size_t size = std::min(part.find('\0'), kIpBytes);
    for (const char c : part.substr(0, size)) {
      if (!is_address_char(c)) fail(field, "not an address");
    }
    if (size < kIpBytes) unused(offset + size, kIpBytes - size);
    return std::string(part.substr(0, size));
  }

  SlotSet slots(size_t offset) const {
    SlotSet set;
    // Bit n of byte n / 8 is how little-endian machines lay bits out; elsewhere they are set one by one.
    if constexpr (std::endian::native == std::endian::little && sizeof(SlotSet) == layout::kSlotBytes) {
      std::memcpy(&set, bytes_.data() + offset, layout::kSlotBytes);
    } else {
      for (size_t slot = 0; slot < set.size(); ++slot) {
        set[slot] = (static_cast<unsigned char>(bytes_[offset + slot / 8]) >> (slot % 8) & 1) != 0;
      }
    }
    return set;
  }

  void version() {
    if (number16(layout::kVersion) != layout::kProtocolVersion) {
      fail("version", std::to_string(number16(layout::kVersion)) + " is not 1");
    }
  }

  void type() {
    const uint16_t raw = number16(layout::kType);
    message_.light = (raw & layout::kLightBit) != 0;
    const uint16_t type = raw & static_cast<uint16_t>(~layout::kLightBit);
    message_.type = static_cast<MessageType>(type);
    if (type >= kMessageTypeCount) return fail("type", "unknown: " + std::to_string(type));
    const bool may_be_light = message_.type == MessageType::kPublish ||
                              message_.type == MessageType::kPublishShard ||
                              message_.type == MessageType::kModule;
    if (message_.light && !may_be_light) return fail("type", "a light header is not for this type");
    if (message_.light) {
      unused(layout::kLightUnused1, 2);
      unused(layout::kLightUnused2, 2);
    } else if (bytes_.size() < kHeaderBytes) {
      fail("length", "shorter than the header");
    }
  }

  void header() {
    Header& header = message_.header;
    header.port = number16(layout::kPort);
    header.other_port = number16(layout::kOtherPort);
    header.bus_port = number16(layout::kBusPort);
    header.current_epoch = number(layout::kCurrentEpoch, 8);
    header.config_epoch = number(layout::kConfigEpoch, 8);
    header.offset = number(layout::kOffset, 8);
    header.sender = id("sender", layout::kSender, false);
    header.slots = slots(layout::kSlots);
    header.primary = id("primary", layout::kPrimary, true);
    header.announced_ip = address("announced ip", layout::kAnnouncedIp);
    unused(layout::kUnused, layout::kUnusedBytes);
    header.flags = number16(layout::kFlags);
    header.state = static_cast<uint8_t>(bytes_[layout::kState]);
    for (size_t i = 0; i < header.message_flags.size(); ++i) {
      header.message_flags[i] = static_cast<uint8_t>(bytes_[layout::kMessageFlags + i]);
    }
  }

  void body() {
    const size_t start = message_.light ? kLightHeaderBytes : kHeaderBytes;
    const bool gossips = message_.type == MessageType::kPing || message_.type == MessageType::kPong ||
                         message_.type == MessageType::kMeet;
    if (!gossips && !message_.light) {
      if (number16(layout::kCount) != 0) return fail("count", "entries in a message that has none");
      if (number16(layout::kExtensions) != 0) return fail("extensions", "in a message that has none");
    }
    switch (message_.type) {
      case MessageType::kPing:
      case MessageType::kPong:
      case MessageType::kMeet:
        return gossip(start);
      case MessageType::kFail:
        if (!exact(start, layout::kFailBytes)) return;
        message_.body = Fail{id("failed node", start, false)};
        return;
      case MessageType::kPublish:
      case MessageType::kPublishShard:
        return publish(start);
      case MessageType::kUpdate:
        if (!exact(start, layout::kUpdateBytes)) return;
        message_.body =
            Update{number(start, 8), id("updated node", start + 8, false), slots(start + 8 + kNodeIdBytes)};
        return;
      case MessageType::kModule:
        return module(start);
      case MessageType::kAuthRequest:
      case MessageType::kAuthAck:
      case MessageType::kManualFailoverStart:
        exact(start, 0);
        return;
    }
  }

  bool exact(size_t start, size_t wanted) {
    const size_t have = bytes_.size() - start;
    if (have == wanted) return true;
    fail("length", std::to_string(have) + " bytes of data instead of " + std::to_string(wanted));
    return false;
  }

  void gossip(size_t start) {
    const size_t count = number16(layout::kCount);
    if (count > (bytes_.size() - start) / layout::kGossipBytes) {
      return fail("count", std::to_string(count) + " entries do not fit the message");
    }
    Gossip gossip;
    gossip.entries.reserve(count);
    for (size_t i = 0; i < count; ++i) gossip.entries.push_back(entry(start + i * layout::kGossipBytes));
    extensions(start + count * layout::kGossipBytes, gossip);
    message_.body = std::move(gossip);
  }

  GossipEntry entry(size_t at) {
    GossipEntry entry;
    entry.id = id("gossip id", at + layout::kGossipId, false);
    entry.ping_sent_s = static_cast<uint32_t>(number(at + layout::kGossipPing, 4));
    entry.pong_received_s = static_cast<uint32_t>(number(at + layout::kGossipPong, 4));
    entry.ip = address("gossip ip", at + layout::kGossipIp);
    entry.port = number16(at + layout::kGossipPort);
    entry.bus_port = number16(at + layout::kGossipBusPort);
    entry.flags = number16(at + layout::kGossipFlags);
    entry.other_port = number16(at + layout::kGossipOtherPort);
    unused(at + layout::kGossipUnused, 2);
    return entry;
  }

  void extensions(size_t at, Gossip& gossip) {
    const size_t count = number16(layout::kExtensions);
    if (count != 0 && (message_.header.message_flags[0] & kMessageHasExtensions) == 0) {
      return fail("extensions", "without the flag that announces them");
    }
    for (size_t i = 0; i < count; ++i) {
      const size_t left = bytes_.size() - at;
      if (left < layout::kExtensionHeaderBytes) return fail("extensions", "more than the message holds");
      const uint64_t length = number(at, 4);
      if (length < layout::kExtensionHeaderBytes || length % 8 != 0) {
        return fail("extension length", std::to_string(length) + " is no record's");
      }
      if (length > left)
        return fail("extension length", std::to_string(length) + " does not fit the message");
      unused(at + layout::kExtensionUnused, 2);
      const size_t data = at + layout::kExtensionHeaderBytes;
      gossip.extensions.push_back(
          Extension{number16(at + layout::kExtensionType),
                    std::string(bytes_.substr(data, length - layout::kExtensionHeaderBytes))});
      at += length;
    }
    if (at != bytes_.size()) {
      fail("length", std::to_string(bytes_.size() - at) + " bytes behind entries and extensions");
    }
  }

  void publish(size_t start) {
    if (bytes_.size() - start < layout::kPublishLengthsBytes)
      return fail("length", "no room for PUBLISH's lengths");
    const uint64_t channel = number(start, 4);
    const uint64_t text = number(start + 4, 4);
    const size_t data = start + layout::kPublishLengthsBytes;
    if (channel > bytes_.size() - data) return fail("channel length", "does not fit the message");
    if (text != bytes_.size() - data - channel) return fail("message length", "does not fill the message");
    message_.body =
        Publish{std::string(bytes_.substr(data, channel)), std::string(bytes_.substr(data + channel))};
  }

  void module(size_t start) {
    if (bytes_.size() - start < layout::kModuleHeadBytes)
      return fail("length", "no room for MODULE's fields");
    const size_t data = start + layout::kModuleHeadBytes;
    if (number(start + 8, 4) != bytes_.size() - data) {
      return fail("module length", "does not fill the message");
    }
    message_.body =
        Module{number(start, 8), static_cast<uint8_t>(bytes_[start + 12]), std::string(bytes_.substr(data))};
  }

  const std::string_view bytes_;
  Message message_;
  std::string error_;
};

}  // namespace

Result<Message> decode(std::string_view bytes) {
  return Decoder(bytes).run();
}

}  // namespace tessera::cluster::bus
