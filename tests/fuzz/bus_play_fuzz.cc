// Role: fuzzes the control plane by tapes of events and messages. Thread: one. See bus_play.h.
#include <cstdint>

#include "tests/fuzz/bus_play.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::play({reinterpret_cast<const char*>(data), size});
  return 0;
}
