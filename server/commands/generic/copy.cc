// Role: COPY. Thread: the shard's, or the coordinator's. Effects: the command itself.
#include "server/commands/generic/copying.h"
#include "server/commands/generic/tables.h"
#include "server/commands/support/arguments.h"
#include "server/shard/ctx.h"
#include "server/shard/long_work.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

struct CopyCall {
  int target_db = 0;
  bool replace = false;
};

bool read_copy(const Ctx& ctx, const Args& args, Writer& reply, CopyCall& call) {
  call.target_db = ctx.db();
  bool is_elsewhere = false;
  for (size_t i = 3; i < args.size(); ++i) {
    if (token_is(args[i], "REPLACE")) {
      call.replace = true;
    } else if (token_is(args[i], "DB") && i + 1 < args.size()) {
      if (!read_int32(args[++i], reply, call.target_db)) return false;
      // Indices that redis-server's usual sixteen databases have.
      constexpr int kUsualDatabases = 16;
      if (ctx.is_cluster() && ctx.database_count() == 1 && call.target_db > 0 &&
          call.target_db < kUsualDatabases) {
        is_elsewhere = true;
        continue;
      }
      if (call.target_db < 0 || call.target_db >= ctx.database_count()) {
        reply.error("ERR DB index is out of range");
        return false;
      }
    } else {
      syntax_error(reply);
      return false;
    }
  }
  if (is_elsewhere) {
    reply.error("ERR Copying to another database is not allowed in cluster mode");
    return false;
  }
  return true;
}

void note_copied(Ctx& ctx, int db, const Key& to, Entry* entry, Writer& reply) {
  ctx.init_access(entry);
  ctx.notify(db, to, shard::kEventNew, "new");
  ctx.changed_verbatim_in(db, to, shard::kEventGeneric, "copy_to");
  reply.integer(1);
}

// Of a value too large for one tick.
class CopyWork final : public shard::LongWork {
 public:
  CopyWork(const Ctx& ctx, const Key& from, const Key& to, const CopyCall& call) : call_(call) {
    reads(ctx.db(), from.slot, from.bytes);
    writes(call.target_db, to.slot, to.bytes);
  }

  bool step(Ctx& ctx, const Args& args, uint64_t elements, Writer& reply) override {
    const Key from = ctx.key(args[1]);
    const Key to = ctx.key(args[2]);
    const Entry* entry = ctx.peek(from);
    if (entry == nullptr || (ctx.peek_in(call_.target_db, to) != nullptr && !call_.replace)) {
      copying_.give_up(ctx, to);
      reply.integer(0);
      return true;
    }
    entry = ctx.peek(from);
    if (!copying_.step(ctx, *entry, to, elements)) return false;
    Entry* made = copying_.put(ctx, call_.target_db, to, *entry);
    note_copied(ctx, call_.target_db, to, made, reply);
    return true;
  }
  void give_up(Ctx& ctx, const Args& args) override { copying_.give_up(ctx, ctx.key(args[2])); }

 private:
  const CopyCall call_;
  Copying copying_;
};

void copy(Ctx& ctx, const Args& args, Writer& reply) {
  CopyCall call;
  if (!read_copy(ctx, args, reply, call)) return;
  if (call.target_db == ctx.db() && args[1] == args[2]) {
    reply.error("ERR source and destination objects are the same");
    return;
  }
  const Key from = ctx.key(args[1]);
  const Key to = ctx.key(args[2]);
  if (ctx.read(from) == nullptr || (ctx.peek_in(call.target_db, to) != nullptr && !call.replace)) {
    reply.integer(0);
    return;
  }
  // Looked up again: an expired target has been removed meanwhile.
  const Entry& source = *ctx.peek(from);
  if (ctx.is_long(Copying::cost_of(source)) &&
      ctx.take_long(std::make_shared<CopyWork>(ctx, from, to, call))) {
    return;
  }
  note_copied(ctx, call.target_db, to, ctx.keyspace(to).put_copy(call.target_db, to, source), reply);
}

constexpr CommandRow kRows[] = {
    {.name = "copy",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kMayTakeLong,
     .acl = registry::kCatKeyspace,
     .keys = {first_key(registry::kKeyRO | registry::kKeyAccess),
              registry::keys_range(2, 0, 1, registry::kKeyOW | registry::kKeyUpdate)},
     .group = "generic",
     .since = "6.2.0",
     .summary = "Copies the value and expiry of a key to another key.",
     .complexity = "O(N), N being the size of the value.",
     .arguments = "source:key@0 destination:key@1 destination-db:integer=DB? replace=REPLACE?",
     .run = copy},
};

}  // namespace

RowTable copy_rows() {
  return kRows;
}

}  // namespace tessera::commands
