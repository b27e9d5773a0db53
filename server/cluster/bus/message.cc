// Role: what messages are called, how long they are, and the data of known extensions. See message.h.
#include "server/cluster/bus/message.h"

#include <algorithm>

#include "common/base/check.h"
#include "server/cluster/bus/layout.h"
#include "server/cluster/bus/wire.h"

namespace tessera::cluster::bus {

namespace {

constexpr size_t kExtensionAlign = 8;

void pad(std::string& data) {
  data.resize((data.size() + kExtensionAlign - 1) / kExtensionAlign * kExtensionAlign);
}

Error misfit(const char* what) {
  return Error{std::string("extension: ") + what, 0};
}

}  // namespace

std::string_view message_type_name(MessageType type) {
  static constexpr std::string_view kNames[kMessageTypeCount] = {
      "ping",     "pong",   "meet",    "fail",   "publish",      "auth-req",
      "auth-ack", "update", "mfstart", "module", "publishshard",
  };
  const auto index = static_cast<size_t>(type);
  return index < kMessageTypeCount ? kNames[index] : "unknown";
}

bool is_node_id(std::string_view text) {
  return text.size() == kNodeIdBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
         });
}

namespace {

// What a message of this type can have to say.
size_t most_bytes(MessageType type) {
  switch (type) {
    case MessageType::kPublish:
    case MessageType::kPublishShard:
    case MessageType::kModule:
      return SIZE_MAX;  // what clients send
    default:
      return kHeaderBytes + size_t{UINT16_MAX} * layout::kGossipBytes + kMostExtensionBytes;
  }
}

}  // namespace

MessageType type_of(std::string_view message) {
  return static_cast<MessageType>(load_big(message, layout::kType, 2) & ~layout::kLightBit);
}

Result<size_t> frame_length(std::string_view prefix, size_t max_bytes) {
  if (prefix.size() < kPrefixBytes) return Error{"prefix: fewer than 8 bytes", 0};
  if (prefix.substr(0, 4) != "RCmb") return Error{"signature: not that of a bus message", 0};
  const auto length = static_cast<size_t>(load_big(prefix, 4, 4));
  if (length < kLightHeaderBytes) {
    return Error{"length: " + std::to_string(length) + " bytes are shorter than any header", 0};
  }
  if (prefix.size() >= kTypedPrefixBytes) {
    max_bytes = std::min(max_bytes, most_bytes(type_of(prefix)));
  }
  if (length > max_bytes) {
    return Error{"length: " + std::to_string(length) + " bytes are more than the limit of " +
                     std::to_string(max_bytes),
                 0};
  }
  return length;
}

Extension text_extension(ExtensionType type, std::string_view text) {
  Extension extension{static_cast<uint16_t>(type), std::string(text)};
  extension.data.push_back('\0');
  pad(extension.data);
  return extension;
}

Extension forgotten_extension(const NodeId& id, uint64_t ttl_s) {
  TESSERA_DCHECK(is_node_id(id));
  Extension extension{static_cast<uint16_t>(ExtensionType::kForgottenNode), id.str()};
  append_big(extension.data, 8, ttl_s);
  return extension;
}

Extension shard_extension(const std::string& shard) {
  TESSERA_DCHECK(is_node_id(shard));
  return Extension{static_cast<uint16_t>(ExtensionType::kShardId), shard};
}

Extension port_extension(ExtensionType type, uint16_t port) {
  Extension extension{static_cast<uint16_t>(type), {}};
  append_big(extension.data, 2, port);
  pad(extension.data);
  return extension;
}

Result<std::string> extension_text(const Extension& extension) {
  const size_t end = extension.data.find('\0');
  if (end == std::string::npos) return misfit("a text without its end");
  return extension.data.substr(0, end);
}

Result<Forgotten> extension_forgotten(const Extension& extension) {
  if (extension.data.size() != kNodeIdBytes + 8) return misfit("a forgotten node has 48 bytes");
  const std::string_view id = std::string_view(extension.data).substr(0, kNodeIdBytes);
  if (!is_node_id(id)) return misfit("the forgotten node's id is none");
  return Forgotten{id, load_big(extension.data, kNodeIdBytes, 8)};
}

Result<std::string> extension_shard(const Extension& extension) {
  if (!is_node_id(extension.data)) return misfit("the shard's id is none");
  return extension.data;
}

Result<uint16_t> extension_port(const Extension& extension) {
  if (extension.data.size() != kExtensionAlign) return misfit("a port has 8 bytes");
  return static_cast<uint16_t>(load_big(extension.data, 0, 2));
}

}  // namespace tessera::cluster::bus
