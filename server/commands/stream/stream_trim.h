// Role: trimming as XADD and XTRIM do it, and how that is told to others. Thread: the shard's.
#pragma once

#include <vector>

#include "server/commands/stream/stream_arguments.h"
#include "server/shard/ctx.h"
#include "server/store/types/stream.h"

namespace tessera::commands {

struct StreamTrimmed {
  size_t removed = 0;
  store::StreamTrim how;  // an exact one that gives the same result
  // Entries went one by one, not from the front: there are no words for it.
  bool one_by_one = false;
  bool drops_references = false;
  std::vector<store::StreamId> ids;  // with one_by_one or drops_references: of what was removed

  // The trim's words in XADD's or XTRIM's effect; none with one_by_one.
  void add_to(shard::EffectArgs& effect, EffectIds& ids) const;
  // The event, and effects of what add_to() does not cover.
  void note(shard::Ctx& ctx, const store::Key& key) const;
};

StreamTrimmed trim_stream(const store::StreamEdit& edit, const StreamAddOptions& options);

}  // namespace tessera::commands
