// Role: whole hashes: HGETALL, HKEYS, HVALS, HSCAN. Thread: the shard's.
#include "common/text/glob.h"
#include "server/commands/generic/scan_page.h"
#include "server/commands/hash/access.h"
#include "server/commands/hash/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::HashField;
using store::HashReader;

enum class What : uint8_t { kFields, kValues, kBoth };

void reply_all(const HashReader& hash, What what, Writer& reply) {
  const auto write = [&](const HashField& field) {
    if (what != What::kValues) reply.bulk(field.field);
    if (what != What::kFields) reply.bulk(field.value);
    return true;
  };
  // Fields that have expired are counted by nobody: the length is known at the end.
  if (hash.has_times()) {
    resp::Chunk* const place = reply.deferred();
    int64_t count = 0;
    hash.for_each([&](const HashField& field) {
      ++count;
      return write(field);
    });
    what == What::kBoth ? reply.finish_map(place, count) : reply.finish_array(place, count);
    return;
  }
  const auto size = static_cast<int64_t>(hash.size());
  what == What::kBoth ? reply.map(size) : reply.array(size);
  hash.for_each(write);
}

void walk(Ctx& ctx, const Args& args, What what, Writer& reply) {
  std::optional<HashReader> hash;
  const Opened opened = open_hash(ctx, ctx.key(args[1]), reply, hash);
  if (opened == Opened::kMissing) what == What::kBoth ? reply.map(0) : reply.array(0);
  if (opened == Opened::kFound) reply_all(*hash, what, reply);
}

void hgetall(Ctx& ctx, const Args& args, Writer& reply) {
  walk(ctx, args, What::kBoth, reply);
}

void hkeys(Ctx& ctx, const Args& args, Writer& reply) {
  walk(ctx, args, What::kFields, reply);
}

void hvals(Ctx& ctx, const Args& args, Writer& reply) {
  walk(ctx, args, What::kValues, reply);
}

struct HscanCall {
  std::optional<std::string_view> pattern;
  size_t count = 10;
  bool values = true;
};

bool read_hscan(const Args& args, Writer& reply, HscanCall& call) {
  for (size_t i = 3; i < args.size(); ++i) {
    const bool has_value = i + 1 < args.size();
    if (has_value && token_is(args[i], "COUNT")) {
      int64_t count = 0;
      if (!read_int64(args[++i], reply, count)) return false;
      if (count < 1) {
        syntax_error(reply);
        return false;
      }
      call.count = static_cast<size_t>(count);
    } else if (has_value && token_is(args[i], "MATCH")) {
      call.pattern.reset();
      if (!text::matches_all(args[++i])) call.pattern = args[i];
    } else if (token_is(args[i], "NOVALUES")) {
      call.values = false;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

void hscan(Ctx& ctx, const Args& args, Writer& reply) {
  const auto cursor = parse_scan_cursor(args[2]);
  if (!cursor) {
    reply.error("ERR invalid cursor");
    return;
  }
  std::optional<HashReader> hash;
  const Opened opened = open_hash(ctx, ctx.key(args[1]), reply, hash);
  if (opened == Opened::kWrong) return;
  HscanCall call;
  if (opened == Opened::kFound && !read_hscan(args, reply, call)) return;
  reply.array(2);
  if (opened == Opened::kMissing) {
    reply.bulk("0");
    reply.array(0);
    return;
  }
  int64_t count = 0;
  const auto write = [&](const HashField& field) {
    if (call.pattern && !text::glob_match(*call.pattern, field.field)) return;
    reply.bulk(field.field);
    if (call.values) reply.bulk(field.value);
    count += call.values ? 2 : 1;
  };
  if (hash->is_packed()) {  // one page
    reply.bulk("0");
    resp::Chunk* const place = reply.deferred();
    hash->scan(*cursor, call.count, write);
    reply.finish_array(place, count);
    return;
  }
  std::vector<HashField> found;
  const uint64_t next =
      hash->scan(*cursor, call.count, [&](const HashField& field) { found.push_back(field); });
  reply.bulk_int(static_cast<int64_t>(next));
  resp::Chunk* const place = reply.deferred();
  for (const HashField& field : found) write(field);
  reply.finish_array(place, count);
}

constexpr auto kOneKey = first_key(registry::kKeyRO | registry::kKeyAccess);

constexpr CommandRow kRows[] = {
    {.name = "hgetall",
     .arity = 2,
     .flags = registry::kReadonly,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "2.0.0",
     .summary = "All fields of a hash and their values.",
     .complexity = "O(N) with N the size of the hash",
     .tips = "nondeterministic_output_order",
     .arguments = "key:key@0",
     .run = hgetall},
    {.name = "hkeys",
     .arity = 2,
     .flags = registry::kReadonly,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "2.0.0",
     .summary = "All fields of a hash.",
     .complexity = "O(N) with N the size of the hash",
     .tips = "nondeterministic_output_order",
     .arguments = "key:key@0",
     .run = hkeys},
    {.name = "hvals",
     .arity = 2,
     .flags = registry::kReadonly,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "2.0.0",
     .summary = "The values of all fields of a hash.",
     .complexity = "O(N) with N the size of the hash",
     .tips = "nondeterministic_output_order",
     .arguments = "key:key@0",
     .run = hvals},
    {.name = "hscan",
     .arity = -3,
     .flags = registry::kReadonly,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "2.8.0",
     .summary = "Some of the fields of a hash, and where to go on; every field that stays is returned.",
     .complexity = "O(1) for every call, O(N) for a full walk, N being the size of the hash.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 cursor:integer pattern:pattern=MATCH? count:integer=COUNT? novalues=NOVALUES?",
     .run = hscan},
};

}  // namespace

RowTable hash_walk_rows() {
  return kRows;
}

}  // namespace tessera::commands
