#include "server/commands/support/string_value.h"

#include <cstring>
#include <string>

#include "common/text/floats.h"
#include "common/text/integers.h"

namespace tessera::commands {

using store::Entry;
using store::Key;
using store::StringRef;

void reply_string(const Entry& entry, resp::Writer& reply) {
  const StringRef value(entry);
  reply_string_part(value, 0, value.size(), reply);
}

void reply_string_part(const StringRef& value, size_t offset, size_t n, resp::Writer& reply) {
  if (n < kSharedReplyBytes && value.contiguous()) {
    reply.bulk(value.view().substr(offset, n));
    return;
  }
  reply.bulk_begin(n);
  const bool shared =
      n >= kSharedReplyBytes &&
      value.for_each_shared(offset, n, [&](const SharedBytes& bytes, size_t from, size_t size) {
        reply.out().append_shared(bytes, from, size);
      });
  if (!shared) {
    value.for_each_piece(offset, n, [&](std::string_view piece) {
      reply.raw(piece);
      return true;
    });
  }
  reply.bulk_end();
}

bool string_equals(const Entry& entry, std::string_view bytes) {
  const StringRef value(entry);
  if (value.size() != bytes.size()) return false;
  size_t at = 0;
  bool equal = true;
  value.for_each_piece(0, value.size(), [&](std::string_view piece) {
    equal = std::memcmp(piece.data(), bytes.data() + at, piece.size()) == 0;
    at += piece.size();
    return equal;
  });
  return equal;
}

std::optional<int64_t> integer_of(const Entry& entry) {
  const StringRef value(entry);
  if (value.is_int()) return value.int_value();
  if (value.size() > text::kInt64Chars) return std::nullopt;
  return text::parse_int64(value.view());
}

std::optional<long double> float_of(const Entry& entry) {
  const StringRef value(entry);
  if (!value.contiguous()) return std::nullopt;  // longer than any number
  return text::parse_long_double(value.view());
}

void note_new_key(shard::Ctx& ctx, const Key& key, Entry* entry, bool existed) {
  ctx.init_access(entry);
  if (!existed) ctx.notify(ctx.db(), key, shard::kEventNew, "new");
}

void store_argument(shard::Ctx& ctx, const Key& key, const registry::Args& args, size_t value_at,
                    int64_t expire_ms, bool existed) {
  Entry* entry = ctx.keyspace(key).set_string(ctx.db(), key, args[value_at], expire_ms, args.owner(value_at));
  note_new_key(ctx, key, entry, existed);
}

bool check_string_size(const shard::Ctx& ctx, size_t size, size_t more, resp::Writer& reply) {
  size_t total = 0;
  if (!__builtin_add_overflow(size, more, &total) && total <= static_cast<size_t>(ctx.max_bulk_bytes())) {
    return true;
  }
  reply.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  return false;
}

bool is_past(const shard::Ctx& ctx, int64_t expire_ms) {
  return expire_ms <= ctx.now().ms && !ctx.is_replica();
}

}  // namespace tessera::commands
