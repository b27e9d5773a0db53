// Role: SCAN. Thread: a part on every shard, merged at home.
#include <string>

#include "common/resp/out.h"
#include "common/text/glob.h"
#include "common/text/strings.h"
#include "server/commands/generic/pattern_slot.h"
#include "server/commands/generic/scan_page.h"
#include "server/commands/generic/tables.h"
#include "server/commands/support/arguments.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using registry::Part;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Keyspace;

constexpr uint64_t kCursorEnd = uint64_t{1} << 53;  // no position lies behind

bool wanted(const ScanCall& call, const Entry& entry, int64_t now_ms) {
  if (entry.expired(now_ms)) return false;
  if (call.type && !text::iequals(c_text(*call.type), store::type_name(entry.type()))) return false;
  return !call.pattern || text::glob_match(*call.pattern, entry.key());
}

void scan_part(Ctx& ctx, const Args& args, Part& part) {
  resp::ChunkPool pool;
  resp::OutChain chain(pool);
  Writer errors(chain, 2);
  ScanCall call;
  if (!read_scan(args, errors, call)) {
    part.error = chain.to_string();
    part.error = part.error.substr(1, part.error.size() - 3);  // the text between '-' and the line end
    return;
  }
  if (call.cursor >= kCursorEnd) return;
  const int only_slot = call.pattern ? slot_of_pattern(*call.pattern) : -1;
  const Keyspace& keys = ctx.keyspace_at(0);
  part.number =
      static_cast<int64_t>(keys.scan(ctx.db(), call.cursor, call.count, only_slot, [&](const Entry& entry) {
        if (!wanted(call, entry, ctx.now().ms)) return;
        part.items.push_back(scan_item(Keyspace::position(ctx.key(entry.key())), entry.key()));
      }));
}

void scan_merge(std::span<Part> parts, const Args&, Writer& reply) {
  const ScanPage page = merge_scan_pages(parts);
  reply.array(2);
  reply.bulk_int(static_cast<int64_t>(page.cursor));
  reply.array(static_cast<int64_t>(page.keys.size()));
  for (const std::string_view key : page.keys) reply.bulk(key);
}

constexpr CommandRow kRows[] = {
    {.name = "scan",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace,
     .route = registry::Route::kFanout,
     .group = "generic",
     .since = "2.8.0",
     .summary = "Some of the keys, and where to go on; every key that stays is returned once.",
     .complexity = "O(1) for every call, O(N) for a full walk, N being the keys of the database.",
     .tips = "nondeterministic_output request_policy:special response_policy:special",
     .arguments = "cursor:integer pattern:pattern=MATCH? count:integer=COUNT? type:string=TYPE?",
     .part = scan_part,
     .merge = scan_merge},
};

}  // namespace

RowTable scan_rows() {
  return kRows;
}

}  // namespace tessera::commands
