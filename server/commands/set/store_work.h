// Role: SUNIONSTORE, SINTERSTORE and SDIFFSTORE of sets too large for one tick (shard/long_work.h).
// Thread: the shard's, or the coordinator's of a gather. Invariants: the result is, in members and encoding,
// what the commands make at once.
#pragma once

#include "server/commands/set/sources.h"

namespace tessera::commands {

enum class SetOperation : uint8_t { kUnion, kInter, kDiff };

// Takes the command over if it is too much for one tick; else false. `sources` are those of the keys from
// argument 2 on, in their order; the destination is argument 1.
bool take_long_store(shard::Ctx& ctx, const registry::Args& args, SetOperation operation,
                     const Sources& sources);

// SDIFF's choice: false when it is cheaper to take the others' members out of a copy of the first than to
// look the first one's up in them. Sorts the others as that wants it. REQUIRES: the first is there.
bool looks_up(Sources& sources);

}  // namespace tessera::commands
