// Role: SSCAN. Thread: the shard's.
#include "common/text/glob.h"
#include "common/text/integers.h"
#include "server/commands/generic/scan_page.h"
#include "server/commands/set/set_access.h"
#include "server/commands/set/tables.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::SetMember;
using store::SetReader;

void begin_page(uint64_t cursor, Writer& reply) {
  reply.array(2);
  reply.bulk(text::to_text(cursor));
}

void sscan(Ctx& ctx, const Args& args, Writer& reply) {
  const auto cursor = parse_scan_cursor(args[2]);
  if (!cursor) {
    reply.error("ERR invalid cursor");
    return;
  }
  const Entry* entry = nullptr;
  const Found found = read_set(ctx, ctx.key(args[1]), reply, &entry);
  if (found == Found::kError) return;
  if (found == Found::kNothing) {  // before the options are looked at
    begin_page(0, reply);
    reply.array(0);
    return;
  }
  ScanCall call;
  if (!read_scan_options(args, 3, reply, call, nullptr, false)) return;
  std::vector<SetMember> page;
  const uint64_t next = SetReader(*entry).scan(*cursor, call.count, [&](const SetMember& member) {
    if (call.pattern) {
      if (!member.is_int && !text::glob_match(*call.pattern, member.bytes)) return;
      if (member.is_int && !text::glob_match(*call.pattern, text::to_text(member.number))) return;
    }
    page.push_back(member);
  });
  begin_page(next, reply);
  reply.array(static_cast<int64_t>(page.size()));
  for (const SetMember& member : page) reply_member(member, reply);
}

constexpr CommandRow kRows[] = {
    {.name = "sscan",
     .arity = -3,
     .flags = registry::kReadonly,
     .acl = registry::kCatSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "2.8.0",
     .summary = "Some of the members of a set, and where to go on.",
     .complexity = "O(1) for every call, O(N) for a full walk, N being the members of the set.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 cursor:integer pattern:pattern=MATCH? count:integer=COUNT?",
     .run = sscan},
};

}  // namespace

RowTable set_scan_rows() {
  return kRows;
}

}  // namespace tessera::commands
