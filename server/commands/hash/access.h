// Role: how handlers come to a hash: readers and editors of a key, and what follows from a change. Thread:
// the shard's.
#pragma once

#include <optional>
#include <string_view>

#include "server/shard/ctx.h"
#include "server/store/types/hash.h"

namespace tessera::commands {

// A hash for reading. kWrong: the error was replied.
enum class Opened : uint8_t { kFound, kMissing, kWrong };
Opened open_hash(shard::Ctx& ctx, const store::Key& key, resp::Writer& reply,
                 std::optional<store::HashReader>& out);

// A hash for writing, there or not. False: the error was replied.
bool edit_hash(shard::Ctx& ctx, const store::Key& key, resp::Writer& reply,
               std::optional<store::HashEditor>& out);
// Ends an editor that put fields: tells a new key as such.
void finish_put(shard::Ctx& ctx, const store::Key& key, store::HashEditor& editor, bool existed);
// Ends one that may have removed fields. True: the key is gone (its event is still to be told).
bool finish_erase(store::HashEditor& editor);

inline constexpr const char* kNotAHashInteger = "ERR hash value is not an integer";
inline constexpr const char* kNotAHashFloat = "ERR hash value is not a float";

// The value of a field, or null.
void reply_field(const store::HashReader& hash, std::string_view field, resp::Writer& reply);
void reply_field(const store::HashEditor& hash, std::string_view field, resp::Writer& reply);

}  // namespace tessera::commands
