// Role: what runs scripts and functions on a shard's thread, as dispatch sees it; the feature is
// server/script. Thread: the shard's, save what says otherwise.
#pragma once

#include <string>

#include "server/dispatch/engine.h"
#include "server/dispatch/gathers_away.h"

namespace tessera::dispatch {

// For INFO. What is a shard's first, then what is the node's.
struct ScriptFigures {
  int64_t eval_bytes = 0, function_bytes = 0;  // of its interpreters
  int64_t scripts = 0, script_text_bytes = 0, evicted = 0;
  int64_t libraries = 0, functions = 0, library_text_bytes = 0;
};

class Scripts {
 public:
  GathersAway away;  // who may have to be told
  virtual ~Scripts() = default;

  // Runs EVAL, FCALL and their kin. False: the script needs shards that only the token's holder may take, has
  // written nothing and replied nothing, and runs again when it has the token.
  virtual bool run(const CommandView& command, const SessionBits& bits, resp::Writer& reply) = 0;
  // The same inside another command: it reaches what that reaches.
  virtual void run_inside(const CommandView& command, const SessionBits& bits, resp::Writer& reply) = 0;
  // Cluster mode: it is known to look at keys of other slots.
  virtual bool wants_token(const CommandView& command) = 0;
  // It said so itself: `no-writes`.
  virtual bool only_reads(const CommandView& command) = 0;
  // A script that stands still until it has more shards: past its time others are told so. Why it is to end:
  // it was killed, or the node ends; else empty.
  virtual std::string_view interrupted_while_waiting() = 0;
  // What others are told while a script keeps the shard busy.
  virtual std::string_view busy_error() const = 0;
  // The same from any thread; empty: none does.
  virtual std::string_view busy_error_now() = 0;
  virtual ScriptFigures figures() const = 0;  // any thread
  // May run beside a script that keeps the shard busy.
  static bool allowed_while_busy(const CommandView& command);
};

}  // namespace tessera::dispatch
