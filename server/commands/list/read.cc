// Role: LLEN, LINDEX, LRANGE, LPOS. Thread: the shard's.
#include <algorithm>

#include "server/commands/list/list_ops.h"
#include "server/commands/list/list_range.h"
#include "server/commands/list/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::ListItem;
using store::ListReader;

void llen(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) return reply.integer(0);
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  reply.integer(static_cast<int64_t>(ListReader(*entry).size()));
}

void lindex(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) return reply.null();
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  int64_t index = 0;
  if (!read_int64(args[2], reply, index)) return;
  const ListReader list(*entry);
  size_t at = 0;
  if (!list_index(index, list.size(), at)) return reply.null();
  list.for_each(at, 1, [&](const ListItem& item) {
    reply_item(item, reply);
    return true;
  });
}

void lrange(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t start = 0, stop = 0;
  if (!read_int64(args[2], reply, start) || !read_int64(args[3], reply, stop)) return;
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) return reply.array(0);
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  const ListReader list(*entry);
  const ListRange range = list_range(start, stop, list.size());
  reply.array(static_cast<int64_t>(range.count));
  list.for_each(range.from, range.count, [&](const ListItem& item) {
    reply_item(item, reply);
    return true;
  });
}

struct PosOptions {
  uint64_t rank = 1;  // the first match that counts
  bool backwards = false;
  bool every_match = false;  // a rank that has no absolute value: no count ends the search
  int64_t count = -1;        // not given: one match and no array
  int64_t max_compared = 0;
};

bool read_pos_options(const Args& args, Writer& reply, PosOptions& options) {
  for (size_t i = 3; i < args.size(); i += 2) {
    const bool has_value = i + 1 < args.size();
    if (has_value && token_is(args[i], "RANK")) {
      int64_t rank = 0;
      if (!read_int64(args[i + 1], reply, rank)) return false;
      if (rank == 0) {
        reply.error(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
            "negative to start from the end of the list");
        return false;
      }
      options.backwards = rank < 0;
      options.every_match = rank == INT64_MIN;
      options.rank = options.every_match ? 1 : static_cast<uint64_t>(rank < 0 ? -rank : rank);
    } else if (has_value && token_is(args[i], "COUNT")) {
      constexpr const char* kNegative = "ERR COUNT can't be negative";
      if (!read_int64(args[i + 1], reply, options.count, kNegative)) return false;
      if (options.count < 0) return reply.error(kNegative), false;
    } else if (has_value && token_is(args[i], "MAXLEN")) {
      constexpr const char* kNegative = "ERR MAXLEN can't be negative";
      if (!read_int64(args[i + 1], reply, options.max_compared, kNegative)) return false;
      if (options.max_compared < 0) return reply.error(kNegative), false;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

void lpos(Ctx& ctx, const Args& args, Writer& reply) {
  PosOptions options;
  if (!read_pos_options(args, reply, options)) return;
  const bool many = options.count != -1;
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) return many ? reply.array(0) : reply.null();
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  const ListReader list(*entry);
  const size_t size = list.size();
  size_t compared = size;
  if (options.max_compared > 0) compared = std::min(compared, static_cast<size_t>(options.max_compared));
  const store::ListpackValue value(args[2]);
  const uint64_t wanted =
      many && options.count > 0 && !options.every_match ? static_cast<uint64_t>(options.count) : UINT64_MAX;
  resp::Chunk* const place = many ? reply.deferred() : nullptr;
  uint64_t index = 0, matches = 0, told = 0;
  list.for_each_from(options.backwards ? ListSide::kTail : ListSide::kHead, compared,
                     [&](const ListItem& item) {
                       const uint64_t at = options.backwards ? size - 1 - index : index;
                       ++index;
                       if (!item.equals(value) || ++matches < options.rank) return true;
                       reply.integer(static_cast<int64_t>(at));
                       ++told;
                       return many && told < wanted;
                     });
  if (many) {
    reply.finish_array(place, static_cast<int64_t>(told));
  } else if (told == 0) {
    reply.null();
  }
}

constexpr CommandRow kRows[] = {
    {.name = "llen",
     .arity = 2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatList,
     .keys = first_key(registry::kKeyRO),
     .group = "list",
     .since = "1.0.0",
     .summary = "The number of elements of a list.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = llen},
    {.name = "lindex",
     .arity = 3,
     .flags = registry::kReadonly,
     .acl = registry::kCatList,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "list",
     .since = "1.0.0",
     .summary = "The element of a list at an index.",
     .complexity = "O(log N) for a list of N nodes.",
     .arguments = "key:key@0 index:integer",
     .run = lindex},
    {.name = "lrange",
     .arity = 4,
     .flags = registry::kReadonly,
     .acl = registry::kCatList,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "list",
     .since = "1.0.0",
     .summary = "The elements of a range of a list.",
     .complexity = "O(log N + M) for a list of N nodes and M elements.",
     .arguments = "key:key@0 start:integer stop:integer",
     .run = lrange},
    {.name = "lpos",
     .arity = -3,
     .flags = registry::kReadonly,
     .acl = registry::kCatList,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "list",
     .since = "6.0.6",
     .summary = "Where an element is in a list.",
     .complexity = "O(N) for N elements compared.",
     .arguments =
         "key:key@0 element:string rank:integer=RANK? num-matches:integer=COUNT? len:integer=MAXLEN?",
     .run = lpos},
};

}  // namespace

RowTable list_read_rows() {
  return kRows;
}

}  // namespace tessera::commands
