// Role: DUMP, RESTORE and RESTORE-ASKING. Thread: the shard's, or the coordinator's.
// Effects: RESTORE with an absolute time; DEL when what was restored had gone already and replaced something.
#include <string>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/persist/access.h"
#include "server/persist/decode_options.h"
#include "server/persist/rdb/payload.h"
#include "server/persist/rows.h"
#include "server/shard/ctx.h"
#include "server/shard/shard.h"

namespace tessera::persist {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

void dump(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {
    reply.null();
    return;
  }
  std::string payload;
  rdb::write_payload(*entry, {.compress = ctx.compress_snapshots()}, payload);
  if (payload.size() >= 64 * 1024) {
    reply.bulk_shared(SharedBytes::copy_of(payload), 0, payload.size());
  } else {
    reply.bulk(payload);
  }
}

struct RestoreCall {
  bool replace = false;
  bool absolute = false;
  int64_t ttl_ms = 0;  // as given
  int64_t idle_s = -1;
  int64_t freq = -1;
};

bool read_int(std::string_view arg, Writer& reply, int64_t& out) {
  if (text::parse_int64(arg, &out)) return true;
  reply.error("ERR value is not an integer or out of range");
  return false;
}

bool read_options(const Args& args, Writer& reply, RestoreCall& call) {
  for (size_t i = 4; i < args.size(); ++i) {
    const bool has_value = i + 1 < args.size();
    if (text::iequals(args[i], "replace")) {
      call.replace = true;
    } else if (text::iequals(args[i], "absttl")) {
      call.absolute = true;
    } else if (text::iequals(args[i], "idletime") && has_value && call.freq == -1) {
      if (!read_int(args[++i], reply, call.idle_s)) return false;
      if (call.idle_s < 0) {
        reply.error("ERR Invalid IDLETIME value, must be >= 0");
        return false;
      }
    } else if (text::iequals(args[i], "freq") && has_value && call.idle_s == -1) {
      if (!read_int(args[++i], reply, call.freq)) return false;
      if (call.freq < 0 || call.freq > 255) {
        reply.error("ERR Invalid FREQ value, must be >= 0 and <= 255");
        return false;
      }
    } else {
      reply.error("ERR syntax error");
      return false;
    }
  }
  return true;
}

// The command as it was given, but with a time that means the same later.
void restored(Ctx& ctx, const Args& args, const Key& key, const RestoreCall& call, int64_t expire_ms) {
  ctx.changed(key, shard::kEventGeneric, "restore", [&](shard::EffectArgs& effect) {
    const bool made_absolute = expire_ms >= 0 && !call.absolute;
    for (size_t i = 0; i < args.size(); ++i) {
      if (i == 2 && made_absolute) {
        effect.add_int(expire_ms);
      } else {
        effect.add(args[i]);
      }
    }
    if (made_absolute) effect.add("ABSTTL");
  });
}

void restore(Ctx& ctx, const Args& args, Writer& reply) {
  RestoreCall call;
  if (!read_options(args, reply, call)) return;
  const Key key = ctx.key(args[1]);
  if (!call.replace && ctx.write(key) != nullptr) {
    reply.error("BUSYKEY Target key name already exists.");
    return;
  }
  if (!read_int(args[2], reply, call.ttl_ms)) return;
  if (call.ttl_ms < 0) {
    reply.error("ERR Invalid TTL value, must be >= 0");
    return;
  }
  rdb::Payload payload;
  if (!rdb::open_payload(args[3], !ctx.skips_checksums(), payload, ctx.settings().relaxed_rdb_versions)) {
    reply.error("ERR DUMP payload version or checksum are wrong");
    return;
  }
  store::Keyspace& keyspace = ctx.keyspace(key);
  rdb::Value value;
  if (!rdb::decode(payload.kind, payload.value, 1, decode_options(keyspace, ctx.settings()), value).ok()) {
    reply.error("ERR Bad data format");
    return;
  }
  int64_t expire_ms = store::kNoExpire;
  if (call.ttl_ms > 0) {
    const uint64_t from = call.absolute ? 0 : static_cast<uint64_t>(ctx.now().ms);
    expire_ms = static_cast<int64_t>(static_cast<uint64_t>(call.ttl_ms) + from);  // wraps, as in redis-server
    if (expire_ms <= ctx.now().ms && !ctx.is_replica()) {
      if (call.replace) ctx.remove(key);
      reply.ok();
      return;
    }
  }
  Entry* entry = value.put(keyspace, ctx.db(), key, expire_ms);
  set_access(entry, ctx.settings(), ctx.now(), call.idle_s, call.freq);
  ctx.notify(ctx.db(), key, shard::kEventNew, "new");
  restored(ctx, args, key, call, expire_ms);
  reply.ok();
}

constexpr registry::KeySpec target() {
  return registry::keys_range(1, 0, 1, registry::kKeyOW | registry::kKeyUpdate);
}

constexpr const char* kRestoreArguments =
    "key:key@0 ttl:integer serialized-value:string replace=REPLACE? absttl=ABSTTL? seconds:integer=IDLETIME? "
    "frequency:integer=FREQ?";
constexpr const char* kRestoreComplexity =
    "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the "
    "number "
    "of objects composing the value and M their average size. For small string values the time complexity is "
    "thus "
    "O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is "
    "O(N*M*log(N)) "
    "because inserting values into sorted sets is O(log(N)).";

constexpr const char* kRestoreHistory =
    "3.0.0\tAdded the `REPLACE` modifier.\n5.0.0\tAdded the `ABSTTL` modifier.\n5.0.0\tAdded the `IDLETIME` "
    "and "
    "`FREQ` options.";

constexpr CommandRow kRows[] = {
    {.name = "dump",
     .arity = 2,
     .flags = registry::kReadonly,
     .acl = registry::kCatKeyspace,
     .keys = {registry::keys_range(1, 0, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "generic",
     .since = "2.6.0",
     .summary = "Returns a serialized representation of the value stored at a key.",
     .complexity =
         "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of objects "
         "composing the value and M their average size. For small string values the time complexity is "
         "thus O(1)+O(1*M) where M is small, so simply O(1).",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0",
     .run = dump},
    {.name = "restore",
     .arity = -4,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatKeyspace | registry::kCatDangerous,
     .keys = {target()},
     .group = "generic",
     .since = "2.6.0",
     .summary = "Creates a key from the serialized representation of a value.",
     .complexity = kRestoreComplexity,
     .arguments = kRestoreArguments,
     .run = restore,
     .history = kRestoreHistory},
    {.name = "restore-asking",
     .arity = -4,
     .flags = registry::kWrite | registry::kDenyOom | registry::kAsking,
     .acl = registry::kCatKeyspace | registry::kCatDangerous,
     .keys = {target()},
     .group = "server",
     .since = "3.0.0",
     .summary = "An internal command for migrating keys in a cluster.",
     .complexity = kRestoreComplexity,
     .arguments = kRestoreArguments,
     .run = restore,
     .doc_flags = "syscmd",
     .history = kRestoreHistory},
};

}  // namespace

std::span<const CommandRow> persist_rows() {
  return kRows;
}

}  // namespace tessera::persist
