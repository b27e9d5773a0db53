// Role: fuzzes the cluster bus' messages: whatever comes, decoding ends, what is taken encodes to the same
// bytes, and memory stays in proportion to what came. Thread: one. Seeds: the captured messages
// (bus_seeds.py).
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "server/cluster/bus/message.h"
#include "server/cluster/bus/wire.h"

namespace {

using namespace tessera::cluster::bus;  // one subject in one file

// Known extensions are looked into as a node would.
void read_extensions(const Message& message) {
  const auto* gossip = std::get_if<Gossip>(&message.body);
  if (gossip == nullptr) return;
  for (const Extension& extension : gossip->extensions) {
    if (const auto text = extension_text(extension)) TESSERA_CHECK(text->find('\0') == std::string::npos);
    if (const auto forgotten = extension_forgotten(extension)) TESSERA_CHECK(is_node_id(forgotten->id));
    if (const auto shard = extension_shard(extension)) TESSERA_CHECK(is_node_id(*shard));
    (void)extension_port(extension).ok();
  }
}

void try_message(std::string_view bytes) {
  const auto message = decode(bytes);
  if (!message) {
    TESSERA_CHECK(!message.error().message.empty());
    return;
  }
  TESSERA_CHECK(encode(*message) == bytes);
  const auto length = frame_length(bytes.substr(0, kPrefixBytes), bytes.size());
  TESSERA_CHECK(length.ok() && *length == bytes.size());
  read_extensions(*message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  try_message(bytes);
  // Most random lengths are wrong and end it there: once more with the right one.
  if (size >= kPrefixBytes) {
    store_big(bytes, 4, 4, size);
    try_message(bytes);
  }
  return 0;
}
