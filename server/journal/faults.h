// Role: faults that can be planted to prove that the simulator of whole nodes finds them. Thread: any.
// Invariant: compiled out unless TESSERA_PLANTED_FAULTS is defined; the server is never built with it.
#pragma once

namespace tessera::journal {

enum class Fault : int {
  kNone = 0,
  kDurableBeforeSync = 1,      // what was written counts as durable
  kGoOnAfterFailedSync = 2,    // what the kernel dropped is not written again
  kAnewBeyondCut = 3,          // ... or is, but into a file that a rewrite is about to delete
  kTornWriteStays = 4,         // the next write goes behind half of one
  kUnsyncedName = 5,           // the folder of a new increment is not synced before a manifest has it
  kBaseUnsynced = 6,           // a snapshot gets its name before its bytes are durable
  kHistoryBeforeManifest = 7,  // old files go before the new base is named
  kCutBesideEffects = 8,       // the log's place of a cut is not the moment of its data
  kOldStateLost = 9,           // a key that changes before it is saved is in no file
  kSlowDiskIsNoNews = 10,      // since when bytes wait is told after the sync alone
  kPieceLost = 11,             // a piece of a larger value that changes is not saved before
  kPieceTwice = 12,            // ... is, and once more when its turn comes
  kSpilledLost = 13,           // what was spilled is not read back
  kMovedLost = 14,             // ... of a value that went to a file in its middle
};

#ifdef TESSERA_PLANTED_FAULTS
// Of this process: 0, or one of them.
extern int planted_fault;
inline bool planted(Fault fault) {
  return planted_fault == static_cast<int>(fault);
}
#else
constexpr bool planted(Fault) {
  return false;
}
#endif

}  // namespace tessera::journal
