// Role: what handlers do with stored strings: reply with them without copying large ones, compare, read as a
// number, and overwrite. Thread: the shard's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/resp/writer.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

// As a bulk string. From kSharedReplyBytes on the value's own buffers go into the reply.
inline constexpr size_t kSharedReplyBytes = 16 * 1024;
void reply_string(const store::Entry& entry, resp::Writer& reply);
// The part [offset, offset + n); REQUIRES it is inside.
void reply_string_part(const store::StringRef& value, size_t offset, size_t n, resp::Writer& reply);

bool string_equals(const store::Entry& entry, std::string_view bytes);
// The value as a number if it is one: stored as an integer, or as text that prints back to itself.
std::optional<int64_t> integer_of(const store::Entry& entry);
std::optional<long double> float_of(const store::Entry& entry);

// Overwrites a key with an argument, whatever it held, and tells that it is new if it is. The change itself
// is still to be noted by the caller.
void store_argument(shard::Ctx& ctx, const store::Key& key, const registry::Args& args, size_t value_at,
                    int64_t expire_ms, bool existed);
void note_new_key(shard::Ctx& ctx, const store::Key& key, store::Entry* entry, bool existed);

// Whether a string may grow to `size` + `more` bytes (proto-max-bulk-len); an error reply if not.
bool check_string_size(const shard::Ctx& ctx, size_t size, size_t more, resp::Writer& reply);

// True for a time that has come already, on a node that removes keys: the command is a removal then.
bool is_past(const shard::Ctx& ctx, int64_t expire_ms);

}  // namespace tessera::commands
