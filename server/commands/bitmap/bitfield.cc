// Role: BITFIELD and BITFIELD_RO. Thread: the shard's.
// Cost: each operation touches at most 9 bytes of the value.
#include <algorithm>
#include <vector>

#include "common/text/integers.h"
#include "server/commands/bitmap/bit_argument.h"
#include "server/commands/bitmap/bitfield_ops.h"
#include "server/commands/bitmap/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"
#include "server/registry/key_hooks.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::StringRef;
using store::Type;

enum class FieldAction : uint8_t { kGet, kSet, kIncrement };

struct FieldOp {
  FieldAction action = FieldAction::kGet;
  FieldType type;
  FieldOverflow overflow = FieldOverflow::kWrap;
  uint64_t offset = 0;
  int64_t number = 0;

  size_t first_byte() const { return offset >> 3; }
  size_t last_byte() const { return (offset + static_cast<uint64_t>(type.bits) - 1) >> 3; }
  int shift() const { return static_cast<int>(offset & 7); }
};

struct FieldCall {
  std::vector<FieldOp> ops;
  size_t written_bytes = 0;  // the string has to have at least these; 0: nothing is written
};

bool read_type(std::string_view arg, Writer& reply, FieldType& type) {
  const std::string_view text = c_text(arg);
  const auto bits = text.empty() ? std::nullopt : text::parse_int64(text.substr(1));
  type.is_signed = !text.empty() && text[0] == 'i';
  const bool known = type.is_signed || (!text.empty() && text[0] == 'u');
  if (!known || !bits || *bits < 1 || *bits > (type.is_signed ? 64 : 63)) {
    reply.error(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
    return false;
  }
  type.bits = static_cast<int>(*bits);
  return true;
}

bool read_overflow(std::string_view arg, Writer& reply, FieldOverflow& overflow) {
  if (token_is(arg, "WRAP")) {
    overflow = FieldOverflow::kWrap;
  } else if (token_is(arg, "SAT")) {
    overflow = FieldOverflow::kSaturate;
  } else if (token_is(arg, "FAIL")) {
    overflow = FieldOverflow::kFail;
  } else {
    reply.error("ERR Invalid OVERFLOW type specified");
    return false;
  }
  return true;
}

bool read_call(const Ctx& ctx, const Args& args, Writer& reply, FieldCall& call) {
  FieldOverflow overflow = FieldOverflow::kWrap;
  for (size_t i = 2; i < args.size();) {
    const size_t behind = args.size() - i - 1;
    FieldOp op;
    if (token_is(args[i], "GET") && behind >= 2) {
      op.action = FieldAction::kGet;
    } else if (token_is(args[i], "SET") && behind >= 3) {
      op.action = FieldAction::kSet;
    } else if (token_is(args[i], "INCRBY") && behind >= 3) {
      op.action = FieldAction::kIncrement;
    } else if (token_is(args[i], "OVERFLOW") && behind >= 1) {
      if (!read_overflow(args[i + 1], reply, overflow)) return false;
      i += 2;
      continue;
    } else {
      syntax_error(reply);
      return false;
    }
    op.overflow = overflow;
    if (!read_type(args[i + 1], reply, op.type)) return false;
    if (!read_bit_offset(args[i + 2], op.type.bits, ctx.max_bulk_bytes(), reply, op.offset)) return false;
    i += 3;
    if (op.action != FieldAction::kGet) {
      call.written_bytes = std::max(call.written_bytes, op.last_byte() + 1);
      if (!read_int64(args[i++], reply, op.number)) return false;
    }
    call.ops.push_back(op);
  }
  return true;
}

struct Window {
  unsigned char bytes[kWindowBytes] = {};
};

// The bytes behind the end of the string are zero. `entry` may be nullptr.
Window load_window(const Entry* entry, const FieldOp& op) {
  Window window;
  if (entry == nullptr) return window;
  const StringRef value(*entry);
  const size_t first = op.first_byte();
  if (first >= value.size()) return window;
  const size_t n = std::min<size_t>(kWindowBytes, value.size() - first);
  value.copy(first, n, reinterpret_cast<char*>(window.bytes));
  return window;
}

void reply_get(const Entry* entry, const FieldOp& op, Writer& reply) {
  const Window window = load_window(entry, op);
  reply.integer(load_field(window.bytes, op.shift(), op.type));
}

void run_reads(Ctx& ctx, const Args& args, const FieldCall& call, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry != nullptr && !Ctx::check_type(*entry, Type::kString, reply)) return;
  reply.array(static_cast<int64_t>(call.ops.size()));
  for (const FieldOp& op : call.ops) reply_get(entry, op, reply);
}

// SET or INCRBY of a string that is long enough. True when the field got another value.
bool run_write(Ctx& ctx, const Key& key, const FieldOp& op, Writer& reply, bool& failed) {
  Window window = load_window(ctx.peek(key), op);
  const int64_t old_value = load_field(window.bytes, op.shift(), op.type);
  int64_t value = 0;
  const bool is_set = op.action == FieldAction::kSet;
  failed = is_set ? !fit_into_field(op.type, op.overflow, op.number, value)
                  : !add_to_field(op.type, op.overflow, old_value, op.number, value);
  if (failed) {
    reply.null();
    return false;
  }
  reply.integer(is_set ? old_value : value);
  if (value == old_value) return false;
  store_field(window.bytes, op.shift(), op.type, value);
  const size_t n = op.last_byte() - op.first_byte() + 1;
  ctx.keyspace(key).write_range(ctx.db(), key, 0, op.first_byte(),
                                {reinterpret_cast<char*>(window.bytes), n});
  return true;
}

void run_writes(Ctx& ctx, const Args& args, const FieldCall& call, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  const bool existed = entry != nullptr;
  if (existed && !Ctx::check_type(*entry, Type::kString, reply)) return;
  // The string gets room and becomes raw before any operation runs, also when all of them fail:
  // redis-server's way.
  const size_t old_size = existed ? StringRef(*entry).size() : 0;
  const bool grows = old_size < call.written_bytes;
  if (grows || entry->encoding() != store::Encoding::kRaw) {
    const size_t size = std::max(old_size, call.written_bytes);
    note_new_key(ctx, key, ctx.keyspace(key).write_range(ctx.db(), key, size, 0, {}), existed);
  }

  int64_t changes = 0;
  reply.array(static_cast<int64_t>(call.ops.size()));
  for (const FieldOp& op : call.ops) {
    if (op.action == FieldAction::kGet) {
      reply_get(ctx.peek(key), op, reply);
      continue;
    }
    bool failed = false;
    const bool differs = run_write(ctx, key, op, reply, failed);
    if (differs || (grows && !failed)) ++changes;
  }
  if (changes > 0) {
    ctx.changed_verbatim(key, shard::kEventString, "setbit");
    ctx.add_dirty(changes - 1);
  } else if (grows) {
    // Zeros were added, which redis-server does not call a change: only who follows has to know.
    ctx.changed_verbatim(key, shard::kEventNone, nullptr);
    ctx.add_dirty(-1);
  }
}

void bitfield(Ctx& ctx, const Args& args, Writer& reply) {
  FieldCall call;
  if (!read_call(ctx, args, reply, call)) return;
  if (call.written_bytes == 0) {
    run_reads(ctx, args, call, reply);
  } else {
    run_writes(ctx, args, call, reply);
  }
}

void bitfield_ro(Ctx& ctx, const Args& args, Writer& reply) {
  FieldCall call;
  if (!read_call(ctx, args, reply, call)) return;
  if (call.written_bytes == 0) {
    run_reads(ctx, args, call, reply);
  } else {
    reply.error("ERR BITFIELD_RO only supports the GET subcommand");
  }
}

constexpr CommandRow kRows[] = {
    {.name = "bitfield",
     .arity = -2,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatBitmap,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate |
                       registry::kKeyVariableFlags),
     .group = "bitmap",
     .since = "3.2.0",
     .summary = "Reads and changes integers of any width within a string.",
     .complexity = "O(1) for each operation.",
     .arguments = "key:key@0 operation:oneof(get-block:block(encoding:string offset:integer)=GET "
                  "write:block(overflow-block:oneof(wrap=WRAP sat=SAT fail=FAIL)=OVERFLOW? "
                  "write-operation:oneof(set-block:block(encoding:string offset:integer value:integer)=SET "
                  "incrby-block:block(encoding:string offset:integer increment:integer)=INCRBY)))?*",
     .run = bitfield,
     .key_flags_hook = registry::bitfield_key_flags},
    {.name = "bitfield_ro",
     .arity = -2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatBitmap,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "bitmap",
     .since = "6.0.0",
     .summary = "Reads integers of any width within a string.",
     .complexity = "O(1) for each operation.",
     .arguments = "key:key@0 get-block:block(encoding:string offset:integer)=GET?+",
     .run = bitfield_ro},
};

}  // namespace

RowTable bitfield_rows() {
  return kRows;
}

}  // namespace tessera::commands
