// Role: from a message to its bytes. See message.h. Thread: any, pure.
// Invariant: the length field is what was written; fields without meaning are zero, save what `residue` kept.
#include <bit>
#include <cstring>

#include "common/base/check.h"
#include "server/cluster/bus/layout.h"
#include "server/cluster/bus/message.h"
#include "server/cluster/bus/wire.h"

namespace tessera::cluster::bus {

namespace {

void put_text(std::string& out, size_t offset, size_t room, std::string_view text) {
  TESSERA_DCHECK(text.size() <= room);
  std::memcpy(out.data() + offset, text.data(), std::min(text.size(), room));
}

void put_slots(std::string& out, size_t offset, const SlotSet& slots) {
  if constexpr (std::endian::native == std::endian::little && sizeof(SlotSet) == layout::kSlotBytes) {
    std::memcpy(out.data() + offset, &slots, layout::kSlotBytes);
  } else {
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      if (slots[slot]) out[offset + slot / 8] = static_cast<char>(out[offset + slot / 8] | 1 << slot % 8);
    }
  }
}

void put_header(std::string& out, const Header& header) {
  store_big(out, layout::kPort, 2, header.port);
  store_big(out, layout::kOtherPort, 2, header.other_port);
  store_big(out, layout::kBusPort, 2, header.bus_port);
  store_big(out, layout::kCurrentEpoch, 8, header.current_epoch);
  store_big(out, layout::kConfigEpoch, 8, header.config_epoch);
  store_big(out, layout::kOffset, 8, header.offset);
  put_text(out, layout::kSender, kNodeIdBytes, header.sender);
  put_slots(out, layout::kSlots, header.slots);
  put_text(out, layout::kPrimary, kNodeIdBytes, header.primary);
  put_text(out, layout::kAnnouncedIp, kIpBytes, header.announced_ip);
  store_big(out, layout::kFlags, 2, header.flags);
  out[layout::kState] = static_cast<char>(header.state);
  for (size_t i = 0; i < header.message_flags.size(); ++i) {
    out[layout::kMessageFlags + i] = static_cast<char>(header.message_flags[i]);
  }
}

void put_entry(std::string& out, const GossipEntry& entry) {
  const size_t at = out.size();
  out.resize(at + layout::kGossipBytes);
  put_text(out, at + layout::kGossipId, kNodeIdBytes, entry.id);
  store_big(out, at + layout::kGossipPing, 4, entry.ping_sent_s);
  store_big(out, at + layout::kGossipPong, 4, entry.pong_received_s);
  put_text(out, at + layout::kGossipIp, kIpBytes, entry.ip);
  store_big(out, at + layout::kGossipPort, 2, entry.port);
  store_big(out, at + layout::kGossipBusPort, 2, entry.bus_port);
  store_big(out, at + layout::kGossipFlags, 2, entry.flags);
  store_big(out, at + layout::kGossipOtherPort, 2, entry.other_port);
}

// Appends the data of each kind of message.
struct BodyWriter {
  std::string& out;

  void operator()(const Nothing&) const {}
  void operator()(const Gossip& gossip) const {
    TESSERA_CHECK(gossip.entries.size() <= 0xffff && gossip.extensions.size() <= 0xffff);
    store_big(out, layout::kCount, 2, gossip.entries.size());
    store_big(out, layout::kExtensions, 2, gossip.extensions.size());
    for (const GossipEntry& entry : gossip.entries) put_entry(out, entry);
    for (const Extension& extension : gossip.extensions) {
      TESSERA_CHECK(extension.data.size() % 8 == 0);
      append_big(out, 4, extension.data.size() + layout::kExtensionHeaderBytes);
      append_big(out, 2, extension.type);
      append_big(out, 2, 0);
      out += extension.data;
    }
  }
  void operator()(const Fail& fail) const { append_id(fail.id); }
  void operator()(const Publish& publish) const {
    append_big(out, 4, publish.channel.size());
    append_big(out, 4, publish.message.size());
    out += publish.channel;
    out += publish.message;
  }
  void operator()(const Update& update) const {
    append_big(out, 8, update.config_epoch);
    append_id(update.id);
    out.resize(out.size() + layout::kSlotBytes);
    put_slots(out, out.size() - layout::kSlotBytes, update.slots);
  }
  void operator()(const Module& module) const {
    append_big(out, 8, module.module_id);
    append_big(out, 4, module.payload.size());
    out.push_back(static_cast<char>(module.kind));
    out += module.payload;
  }

  void append_id(const NodeId& id) const {
    out.resize(out.size() + kNodeIdBytes);
    put_text(out, out.size() - kNodeIdBytes, kNodeIdBytes, id);
  }
};

size_t body_bytes(const Message& message) {
  if (const auto* gossip = std::get_if<Gossip>(&message.body)) {
    size_t bytes = gossip->entries.size() * layout::kGossipBytes;
    for (const Extension& extension : gossip->extensions) {
      bytes += layout::kExtensionHeaderBytes + extension.data.size();
    }
    return bytes;
  }
  if (const auto* publish = std::get_if<Publish>(&message.body)) {
    return layout::kPublishLengthsBytes + publish->channel.size() + publish->message.size();
  }
  if (const auto* module = std::get_if<Module>(&message.body)) {
    return layout::kModuleHeadBytes + module->payload.size();
  }
  return layout::kUpdateBytes;
}

}  // namespace

std::string encode(const Message& message) {
  std::string out;
  const size_t head = message.light ? kLightHeaderBytes : kHeaderBytes;
  out.reserve(head + body_bytes(message));
  out.resize(head);
  put_text(out, 0, 4, "RCmb");
  store_big(out, layout::kVersion, 2, layout::kProtocolVersion);
  const auto type = static_cast<uint16_t>(message.type);
  store_big(out, layout::kType, 2, message.light ? type | layout::kLightBit : type);
  if (!message.light) put_header(out, message.header);
  std::visit(BodyWriter{out}, message.body);
  for (const Residue& residue : message.residue) {
    TESSERA_CHECK(residue.offset + residue.bytes.size() <= out.size());
    put_text(out, residue.offset, residue.bytes.size(), residue.bytes);
  }
  TESSERA_CHECK(out.size() <= UINT32_MAX);
  store_big(out, 4, 4, out.size());
  return out;
}

}  // namespace tessera::cluster::bus
