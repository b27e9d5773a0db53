// Role: may this node run a command on the keys of a slot, and where does the client have to go instead?
// Thread: any, pure. Order of the checks and texts: redis-server's.
#pragma once

#include <cstdint>
#include <string>

#include "server/route/cluster_view.h"

namespace tessera::route {

enum class Verdict : uint8_t {
  kServe,
  kMoved,     // node: who owns the slot
  kAsk,       // node: where the slot is moving to
  kTryAgain,  // some of several keys are here, some are not
  kCrossSlot,
  kUnassigned,  // nobody owns the slot
  kDown,
  kDownReadOnly,  // the cluster is down, reads are allowed, and this is a write
};

// What decides beside the view.
struct Question {
  int slot = 0;             // of the first key
  bool cross_slot = false;  // another key has another slot
  bool several_keys = false;
  bool write = false;         // of EXEC: any command of the transaction
  bool asking = false;        // the client said ASKING, or the row has the flag
  bool readonly = false;      // the client said READONLY
  bool pubsub_shard = false;  // SSUBSCRIBE, SPUBLISH: channels, no keys
  bool is_migrate = false;    // MIGRATE works on what is here
  // Which keys are here; matters only where view.is_open(slot), so find out only then.
  bool any_key_here = false;
  bool any_key_missing = false;
};

struct Decision {
  Verdict verdict = Verdict::kServe;
  int slot = 0;
  int node = kNobody;
  bool serve() const { return verdict == Verdict::kServe; }
};

// A command without keys is always served: do not ask for it.
Decision decide(const ClusterView& view, const Question& question);

// What a cluster that is down still answers.
Verdict verdict_when_down(const ClusterOptions& options, const Question& question);

// The error as it goes to the client, without '-'. REQUIRES: !decision.serve()
std::string error_text(const ClusterView& view, const Decision& decision, ClientSide client = {});

}  // namespace tessera::route
