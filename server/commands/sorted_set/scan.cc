// Role: ZSCAN. Thread: the shard's.
#include <string>
#include <utility>
#include <vector>

#include "common/text/floats.h"
#include "common/text/glob.h"
#include "common/text/integers.h"
#include "server/commands/generic/scan_page.h"
#include "server/commands/sorted_set/tables.h"
#include "server/commands/sorted_set/zset_value.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::ZsetReader;

struct ZscanCall {
  uint64_t cursor = 0;
  std::optional<std::string_view> pattern;
  int64_t count = 10;
  bool with_scores = true;
};

bool read_options(const Args& args, ZscanCall& call, Writer& reply) {
  for (size_t i = 3; i < args.size(); ++i) {
    const bool has_value = i + 1 < args.size();
    if (has_value && token_is(args[i], "COUNT")) {
      if (!read_int64(args[++i], reply, call.count)) return false;
      if (call.count < 1) {
        syntax_error(reply);
        return false;
      }
    } else if (has_value && token_is(args[i], "MATCH")) {
      call.pattern = args[++i];
      if (text::matches_all(*call.pattern)) call.pattern.reset();
    } else if (token_is(args[i], "NOSCORES")) {
      call.with_scores = false;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

// As text in both protocols; a packed score as it lies there, which shows whole numbers of any size.
void reply_score_text(double score, bool packed, Writer& reply) {
  char scratch[text::kDoubleChars];
  const store::ListpackValue value = store::PackedZset::value_of(score, scratch);
  if (packed && value.is_int()) {
    reply.bulk_int(value.number());
  } else {
    reply.bulk(text::double_text(score));
  }
}

void zscan(Ctx& ctx, const Args& args, Writer& reply) {
  ZscanCall call;
  const auto cursor = parse_scan_cursor(args[2]);
  if (!cursor) {
    reply.error("ERR invalid cursor");
    return;
  }
  call.cursor = *cursor;
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  if (*entry == nullptr) {
    reply.array(2);
    reply.bulk("0");
    reply.array(0);
    return;
  }
  if (!read_options(args, call, reply)) return;
  const ZsetReader set(**entry);
  std::vector<std::pair<std::string, double>> page;
  const uint64_t next =
      set.scan(call.cursor, static_cast<size_t>(call.count), [&](std::string_view member, double score) {
        if (!call.pattern || text::glob_match(*call.pattern, member)) page.emplace_back(member, score);
      });
  reply.array(2);
  reply.bulk(text::to_text(next));
  reply.array(static_cast<int64_t>(page.size()) * (call.with_scores ? 2 : 1));
  for (const auto& [member, score] : page) {
    reply.bulk(member);
    if (call.with_scores) reply_score_text(score, set.is_packed(), reply);
  }
}

constexpr CommandRow kRows[] = {
    {.name = "zscan",
     .arity = -3,
     .flags = registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "2.8.0",
     .summary = "Some of the members with their scores, and where to go on.",
     .complexity = "O(1) for every call, O(N) for a full walk, N being the elements of the set.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 cursor:integer pattern:pattern=MATCH? count:integer=COUNT? "
                  "noscores=NOSCORES?",
     .run = zscan},
};

}  // namespace

RowTable zset_scan_rows() {
  return kRows;
}

}  // namespace tessera::commands
