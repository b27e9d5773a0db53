// Role: PFDEBUG and PFSELFTEST. Thread: the shard's. Effects: PFDEBUG as it came, when it changed the form.
#include "common/text/strings.h"
#include "server/commands/hyperloglog/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

// The value becomes dense; false: it is corrupt, which was replied.
bool to_dense(Ctx& ctx, const Key& key, std::string& value, Writer& reply) {
  if (!hll::make_dense(value)) {
    reply.error(kCorruptHll);
    return false;
  }
  store_hll(ctx, key, value, true);
  ctx.changed_verbatim(key, shard::kEventNone, nullptr);
  return true;
}

void get_registers(Ctx& ctx, const Key& key, std::string& value, Writer& reply) {
  if (hll::form_of(value) == hll::Form::kSparse && !to_dense(ctx, key, value, reply)) return;
  reply.array(hll::kRegisters);
  for (size_t i = 0; i < hll::kRegisters; ++i) reply.integer(hll::dense_register(value, i));
}

void pfdebug(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[2]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    reply.error("ERR The specified key does not exist");
    return;
  }
  if (!check_hll(*entry, reply)) return;
  entry = make_hll_raw(ctx, key, entry);
  std::string scratch;
  std::string value(hll_view(*entry, scratch));
  const bool sparse = hll::form_of(value) == hll::Form::kSparse;
  if (token_is(args[1], "GETREG")) {
    get_registers(ctx, key, value, reply);
  } else if (token_is(args[1], "DECODE")) {
    if (sparse) {
      reply.bulk(hll::describe_runs(value));
    } else {
      reply.error("ERR HLL encoding is not sparse");
    }
  } else if (token_is(args[1], "ENCODING")) {
    reply.simple(sparse ? "sparse" : "dense");
  } else if (token_is(args[1], "TODENSE")) {
    if (sparse && !to_dense(ctx, key, value, reply)) return;
    reply.integer(sparse);
  } else {
    reply.error("ERR Unknown PFDEBUG subcommand '" + std::string(c_text(args[1])) + "'");
  }
}

void pfselftest(Ctx&, const Args&, Writer& reply) {
  // Enough for every rank that matters, and done in some milliseconds: a shard does nothing else meanwhile.
  constexpr size_t kElements = 100000;
  const std::string failure = hll::self_test(kElements);
  if (failure.empty()) {
    reply.ok();
  } else {
    reply.error("TESTFAILED " + failure);
  }
}

constexpr CommandRow kRows[] = {
    {.name = "pfdebug",
     .arity = 3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kAdmin,
     .acl = registry::kCatHyperloglog,
     .keys = registry::keys_range(2, 0, 1, registry::kKeyRW | registry::kKeyAccess),
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Looks into a HyperLogLog.",
     .complexity = "O(N), N being its size.",
     .arguments = "subcommand:string key:key@0",
     .run = pfdebug,
     .doc_flags = "syscmd"},
    {.name = "pfselftest",
     .arity = 1,
     .flags = registry::kAdmin,
     .acl = registry::kCatHyperloglog,
     .group = "hyperloglog",
     .since = "2.8.9",
     .summary = "Tests the HyperLogLogs of this build.",
     .complexity = "O(1), with a large constant.",
     .run = pfselftest,
     .doc_flags = "syscmd"},
};

}  // namespace

RowTable pf_debug_rows() {
  return kRows;
}

}  // namespace tessera::commands
