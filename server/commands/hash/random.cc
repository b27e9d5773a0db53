// Role: HRANDFIELD. Thread: the shard's.
#include <limits>

#include "server/commands/hash/access.h"
#include "server/commands/hash/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/draws.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::HashField;
using store::HashReader;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
// A reply with repeated fields that are large ends here: it is as long as its asker wishes (draws.h).
constexpr uint64_t kMaxReplyBytes = uint64_t{1} << 30;

struct RandomCall {
  int64_t count = 0;
  bool values = false;
};

bool read_call(const Args& args, Writer& reply, RandomCall& call) {
  if (!read_int64(args[2], reply, call.count)) return false;
  if (call.count < -kMax) {
    reply.errorf("ERR value is out of range, value must between %lld and %lld", static_cast<long long>(-kMax),
                 static_cast<long long>(kMax));
    return false;
  }
  if (args.size() > 4 || (args.size() == 4 && !token_is(args[3], "WITHVALUES"))) {
    syntax_error(reply);
    return false;
  }
  call.values = args.size() == 4;
  if (call.values && (call.count < -kMax / 2 || call.count > kMax / 2)) {
    reply.error("ERR value is out of range");
    return false;
  }
  return true;
}

void reply_fields(Ctx& ctx, const HashReader& hash, const RandomCall& call, Writer& reply) {
  resp::Chunk* const place = reply.deferred();
  int64_t written = 0;
  uint64_t bytes = 0;
  const auto write = [&](const HashField& field) {
    if (call.values && reply.proto() > 2) reply.array(2);
    reply.bulk(field.field);
    if (call.values) reply.bulk(field.value);
    ++written;
    bytes += field.field.size() + field.value.size() + 16;
    return true;
  };
  if (call.count > 0) {
    hash.sample(ctx.random(), static_cast<size_t>(call.count), write);
  } else {
    for (int64_t left = -call.count; left > 0 && bytes < kMaxReplyBytes; --left) {
      if (!hash.random(ctx.random(), write)) break;
    }
  }
  reply.finish_array(place, call.values && reply.proto() == 2 ? written * 2 : written);
}

void hrandfield(Ctx& ctx, const Args& args, Writer& reply) {
  RandomCall call;
  const bool counted = args.size() > 2;
  if (counted && !read_call(args, reply, call)) return;
  std::optional<HashReader> hash;
  const Opened opened = open_hash(ctx, ctx.key(args[1]), reply, hash);
  if (opened == Opened::kWrong) return;
  if (opened == Opened::kMissing) {
    counted ? reply.array(0) : reply.null();
  } else if (counted && refuse_many_draws(ctx, call.count, reply)) {
    return;
  } else if (counted) {
    reply_fields(ctx, *hash, call, reply);
  } else {
    const bool found = hash->random(ctx.random(), [&](const HashField& field) {
      reply.bulk(field.field);
      return true;
    });
    if (!found) reply.null();
  }
}

constexpr CommandRow kRows[] = {
    {.name = "hrandfield",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "hash",
     .since = "6.2.0",
     .summary = "Random fields of a hash.",
     .complexity = "O(N) with N the number of fields returned",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 options:block(count:integer withvalues=WITHVALUES?)?",
     .run = hrandfield},
};

}  // namespace

RowTable hash_random_rows() {
  return kRows;
}

}  // namespace tessera::commands
