// Role: the fuzzer of the RDB reader: files through the framer in pieces, each value decoded; and the same
// bytes as a payload that commands work on. Thread: one.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/framer.h"
#include "server/store/keyspace.h"
#include "tests/fuzz/restore_play.h"

using namespace tessera;

namespace {

void read_file(std::string_view bytes, size_t step) {
  static store::Keyspace keyspace({});
  keyspace.set_owner_thread();
  rdb::DecodeOptions options;
  options.memory = &keyspace.memory();
  rdb::Framer framer(false);
  std::string_view input;
  rdb::Record record;
  for (;;) {
    const rdb::Framer::Next next = framer.next(input, record);
    if (next == rdb::Framer::Next::kMore && !bytes.empty()) {
      input = bytes.substr(0, step);
      bytes.remove_prefix(input.size());
    } else if (next != rdb::Framer::Next::kRecord) {
      return;
    } else if (record.what == rdb::Record::What::kKey) {
      rdb::Value value;
      (void)rdb::decode(record.kind, record.value, record.value_offset, options, value).ok();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] & 1) {
    read_file(bytes, 1 + (data[0] >> 1));
    return 0;
  }
  static fuzz::RestorePlay play(2);
  Random random(data[0]);
  bool accepted = false;
  if (!play.play(bytes, (data[0] & 2) != 0 ? 80 : 12, random, 8, &accepted).empty()) abort();
  return 0;
}
