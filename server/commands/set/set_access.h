// Role: from a key to its set, for handlers. Thread: the shard's, or the coordinator's.
#pragma once

#include "common/resp/writer.h"
#include "server/shard/ctx.h"
#include "server/store/types/set.h"

namespace tessera::commands {

// For reading. nullptr: there is none (`found` is set when an error was replied instead).
enum class Found : uint8_t { kSet, kNothing, kError };
Found read_set(shard::Ctx& ctx, const store::Key& key, resp::Writer& reply, const store::Entry** entry);

// An editor of a key; it is opened, or started, by the caller.
class SetOfKey : public store::SetEditor {
 public:
  SetOfKey(shard::Ctx& ctx, const store::Key& key);
};

void reply_member(const store::SetMember& member, resp::Writer& reply);

// After finish(): tells of a key that is new, and sets its access time.
void note_new_set(shard::Ctx& ctx, const store::Key& key, store::Entry* entry, bool existed);

// The end of SINTERSTORE and its kin: replaces the destination by the result, or removes it when that is
// empty, and replies the size. The command as it came is the effect.
void store_result(shard::Ctx& ctx, const store::Key& target, SetOfKey& result, const char* event,
                  resp::Writer& reply);
// What follows once the result is under its key.
void note_stored(shard::Ctx& ctx, const store::Key& target, store::Entry* entry, bool existed, size_t size,
                 const char* event, resp::Writer& reply);
void store_nothing(shard::Ctx& ctx, const store::Key& target, resp::Writer& reply);

}  // namespace tessera::commands
