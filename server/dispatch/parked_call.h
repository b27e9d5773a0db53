// Role: something that is done at one moment of the whole node, asked for by a thread that is no shard's.
// Thread: any. Invariant: what was done before is in the log, once the coordinator's own effects are flushed.
#pragma once

#include <functional>

namespace tessera::dispatch {

class Engine;

// `call` runs on the engine's thread, in its turn for the token, while all shards are parked for it and
// within its reach. It is destroyed without having run when the node ends before.
void call_parked(Engine& coordinator, std::function<void(Engine&)> call);

}  // namespace tessera::dispatch
