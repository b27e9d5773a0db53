// Role: a blocking command and its client's wait, and the messages about it. Thread: made where the command
// runs, or at its client's home when that is elsewhere; from then on shared: `word` says who may act, what a
// server of the wait writes (reply) is its own until the message home, the home's fields are the home's.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/units.h"
#include "common/resp/out.h"
#include "server/dispatch/command.h"
#include "server/dispatch/envelope.h"
#include "server/shard/long_work.h"
#include "server/shard/waiting.h"

namespace tessera::dispatch {

struct BlockedCommand : shard::Wait {
  BlockedCommand(int its_home, ClientRef its_client, const SessionBits& its_bits, const CommandView& view)
      : home(its_home), client(its_client), bits(its_bits), command(view) {}

  struct Spot {
    int shard;
    std::string key;
  };

  const int home;
  const ClientRef client;
  const SessionBits bits;
  OwnedCommand command;

  // ---- fixed when it begins to wait
  std::vector<Spot> spots;
  std::vector<int> needs;  // shards it needs beside that of the key that wakes it
  MonoTime deadline;       // 0: none
  bool waits = false;      // else it was answered where it ran
  // It waits for nothing but for its own work to be done, in steps (long_works.h).
  std::shared_ptr<shard::LongWork> work;

  // ---- of whoever serves it
  resp::ChunkPool pool;
  resp::OutChain reply{pool};

  // ---- of its home
  bool known = false;      // counted, in the table of time-outs
  std::string stop_error;  // what ends it unserved; empty: a null
  std::multimap<int64_t, std::shared_ptr<BlockedCommand>>::iterator timeout_at;

  size_t size_bytes() const {
    size_t bytes = sizeof(*this) + command.size_bytes();
    for (const Spot& spot : spots) bytes += sizeof(Spot) + 2 * spot.key.size() + kBytesPerSpot;
    return bytes;
  }

 private:
  static constexpr size_t kBytesPerSpot = 160;  // of the key's queue, about
};

using BlockedRef = std::shared_ptr<BlockedCommand>;

struct BlockingMessage : Envelope {
  enum class What {
    kRun,      // home to the shard of its keys: the first run
    kBegins,   // it waits
    kAnswer,   // `reply` is the answer
    kStopped,  // it was stopped while somebody tried to serve it
    kRetry,    // the shard holds commands (CLIENT PAUSE): wait at home
    kForget,   // home to a shard with spots: it is over
  };
  BlockingMessage(What its_what, BlockedRef its_wait) : what(its_what), wait(std::move(its_wait)) {}
  void arrive(Engine& engine) override;
  bool arrive_at_busy(Engine& engine) override;

  What what;
  BlockedRef wait;
};

}  // namespace tessera::dispatch
