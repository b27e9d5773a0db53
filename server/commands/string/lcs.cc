// Role: LCS. Thread: the shard's, or the coordinator's.
#include <cstdint>
#include <string>

#include "server/commands/string/lcs_table.h"
#include "server/commands/string/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::StringRef;
using store::Type;

struct LcsCall {
  bool length_only = false;  // LEN
  bool positions = false;    // IDX
  bool with_match_length = false;
  int64_t min_match_length = 0;
};

bool read_lcs(const Args& args, Writer& reply, LcsCall& call) {
  for (size_t i = 3; i < args.size(); ++i) {
    if (token_is(args[i], "IDX")) {
      call.positions = true;
    } else if (token_is(args[i], "LEN")) {
      call.length_only = true;
    } else if (token_is(args[i], "WITHMATCHLEN")) {
      call.with_match_length = true;
    } else if (token_is(args[i], "MINMATCHLEN") && i + 1 < args.size()) {
      if (!read_int64(args[++i], reply, call.min_match_length)) return false;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  if (call.length_only && call.positions) {
    reply.error("ERR If you want both the length and indexes, please just use IDX.");
    return false;
  }
  return true;
}

// The limits redis-server's table of 4 bytes per pair sets; ours is smaller, the answer is the same.
bool check_sizes(const Ctx& ctx, size_t a, size_t b, Writer& reply) {
  if (a >= UINT32_MAX - 1 || b >= UINT32_MAX - 1) {
    reply.error("ERR String too long for LCS");
    return false;
  }
  size_t table_bytes = 0;
  if (__builtin_mul_overflow((a + 1) * sizeof(uint32_t), b + 1, &table_bytes)) {
    reply.error("ERR Insufficient memory, failed allocating transient memory for LCS");
    return false;
  }
  if (table_bytes > static_cast<size_t>(ctx.max_bulk_bytes())) {
    reply.error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return false;
  }
  return true;
}

void reply_positions(const LcsCall& call, const LcsResult& result, Writer& reply) {
  int64_t shown = 0;
  for (const LcsMatch& match : result.matches) shown += match.size() >= call.min_match_length;
  reply.map(2);
  reply.bulk("matches");
  reply.array(shown);
  for (const LcsMatch& match : result.matches) {
    if (match.size() < call.min_match_length) continue;
    reply.array(call.with_match_length ? 3 : 2);
    reply.array(2);
    reply.integer(match.a_start);
    reply.integer(match.a_end);
    reply.array(2);
    reply.integer(match.b_start);
    reply.integer(match.b_end);
    if (call.with_match_length) reply.integer(match.size());
  }
  reply.bulk("len");
  reply.integer(result.length);
}

void lcs(Ctx& ctx, const Args& args, Writer& reply) {
  const Key keys[2] = {ctx.key(args[1]), ctx.key(args[2])};
  for (const Key& key : keys) ctx.read(key);
  // Looked up again, since reading the second may have removed an expired key.
  const Entry* entries[2] = {ctx.peek(keys[0]), ctx.peek(keys[1])};
  for (const Entry* entry : entries) {
    if (entry != nullptr && entry->type() != Type::kString) {
      reply.error("ERR The specified keys must contain string values");
      return;
    }
  }
  LcsCall call;
  if (!read_lcs(args, reply, call)) return;
  size_t sizes[2] = {0, 0};
  for (int i = 0; i < 2; ++i) {
    if (entries[i]) sizes[i] = StringRef(*entries[i]).size();
  }
  if (!check_sizes(ctx, sizes[0], sizes[1], reply)) return;
  std::string texts[2];
  for (int i = 0; i < 2; ++i) {
    texts[i].resize(sizes[i]);
    if (entries[i]) StringRef(*entries[i]).copy(0, sizes[i], texts[i].data());
  }
  const auto result = longest_common_subsequence(texts[0], texts[1], !call.length_only);
  if (!result) {
    reply.error("ERR Insufficient memory, failed allocating transient memory for LCS");
  } else if (call.positions) {
    reply_positions(call, *result, reply);
  } else if (call.length_only) {
    reply.integer(result->length);
  } else {
    reply.bulk(result->common);
  }
}

constexpr CommandRow kRows[] = {
    {.name = "lcs",
     .arity = -3,
     .flags = registry::kReadonly,
     .acl = registry::kCatString,
     .keys = registry::keys_range(1, 1, 1, registry::kKeyRO | registry::kKeyAccess),
     .group = "string",
     .since = "7.0.0",
     .summary = "The longest common subsequence of two strings.",
     .complexity = "O(N*M), N and M being the lengths of the strings.",
     .arguments = "key1:key@0 key2:key@0 len=LEN? idx=IDX? min-match-len:integer=MINMATCHLEN? "
                  "withmatchlen=WITHMATCHLEN?",
     .run = lcs},
};

}  // namespace

RowTable lcs_rows() {
  return kRows;
}

}  // namespace tessera::commands
