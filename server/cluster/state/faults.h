// Role: eight faults that can be planted to prove that the simulator finds them. Thread: control.
// Invariant: compiled out unless TESSERA_PLANTED_FAULTS is defined; the server is never built with it.
#pragma once

#include "server/cluster/state/state.h"

namespace tessera::cluster::state {

enum class Fault : int {
  kNone = 0,
  kSpeakBeforePersist = 1,
  kSkipEpochBump = 2,
  kAcceptOlderUpdate = 3,
  kAnnounceBeforeAdopted = 4,
  kVoteTwice = 5,
  kFailWithoutMajority = 6,
  kForgetBlacklist = 7,
  kKeepLostSlots = 8,
};

#ifdef TESSERA_PLANTED_FAULTS
inline bool planted(const State& state, Fault fault) {
  return state.planted_fault == static_cast<int>(fault);
}
#else
constexpr bool planted(const State&, Fault) {
  return false;
}
#endif

}  // namespace tessera::cluster::state
