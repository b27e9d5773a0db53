// Role: removal on a condition, and digests of values: DELIFEQ (Valkey), DELEX and DIGEST (Redis 8.4).
// Thread: the shard's. Effects: DEL.
#include "server/commands/string/comparison.h"
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
using store::Type;

void delifeq(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    reply.integer(0);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kString, reply)) return;
  reply.integer(string_equals(*entry, args[2]) && ctx.remove(key));
}

// DELEX's condition; false with an error reply when it makes no sense, whatever is stored.
bool delex_condition(const Args& args, Comparison& comparison, Writer& reply) {
  comparison = Comparison{comparison_kind(args[2]), 3};
  if (comparison.kind == ComparisonKind::kNone) {
    reply.error("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
    return false;
  }
  return check_digest_argument(comparison, args, reply);
}

void delex(Ctx& ctx, const Args& args, Writer& reply) {
  if (args.size() != 2 && args.size() != 4) {
    wrong_arity(ctx.row(), reply);
    return;
  }
  const bool conditional = args.size() == 4;
  Comparison comparison;
  if (conditional && !delex_condition(args, comparison, reply)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (conditional && entry != nullptr && entry->type() != Type::kString) {
    reply.error("ERR Key should be of string type if conditions are specified");
    return;
  }
  const bool holds = entry != nullptr && (!conditional || comparison_holds(comparison, args, *entry));
  reply.integer(holds && ctx.remove(key));
}

void digest(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {
    reply.null();
  } else if (Ctx::check_type(*entry, Type::kString, reply)) {
    reply.bulk(string_digest(*entry));
  }
}

uint16_t delex_key_flags(const Args& args, int) {
  // With a condition the reply tells something about the value.
  return args.size() > 2 ? registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete
                         : registry::kKeyRM | registry::kKeyDelete;
}

constexpr CommandRow kRows[] = {
    {.name = "delifeq",
     .arity = 3,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRM | registry::kKeyDelete),
     .group = "string",
     .since = "9.0.0",
     .summary = "Removes a key whose string equals the given one.",
     .complexity = "O(N), N being the length of the string.",
     .arguments = "key:key@0 value:string",
     .run = delifeq},
    {.name = "delex",
     .arity = -2,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete | registry::kKeyVariableFlags),
     .group = "string",
     .since = "8.4.0",
     .summary = "Removes a key, on a condition about its string or the string's digest.",
     .complexity = "O(1) without a condition, else O(N), N being the length of the string.",
     .arguments = "key:key@0 condition:oneof(ifeq-value:string=IFEQ ifne-value:string=IFNE "
                  "ifdeq-digest:string=IFDEQ ifdne-digest:string=IFDNE)?",
     .run = delex,
     .key_flags_hook = delex_key_flags},
    {.name = "digest",
     .arity = 2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "string",
     .since = "8.4.0",
     .summary = "A digest of the string stored at a key, to compare it without sending it.",
     .complexity = "O(N), N being the length of the string.",
     .arguments = "key:key@0",
     .run = digest},
};

}  // namespace

RowTable comparison_rows() {
  return kRows;
}

}  // namespace tessera::commands
