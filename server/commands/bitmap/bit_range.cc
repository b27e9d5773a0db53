// Role: BITCOUNT and BITPOS. Thread: the shard's.
#include <algorithm>

#include "server/commands/bitmap/bits.h"
#include "server/commands/bitmap/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::StringRef;
using store::Type;

// Bits first .. last, both included; empty when first > last.
struct BitRange {
  int64_t first = 0;
  int64_t last = -1;
};

bool read_unit(std::string_view arg, Writer& reply, bool& in_bits) {
  in_bits = token_is(arg, "BIT");
  if (in_bits || token_is(arg, "BYTE")) return true;
  syntax_error(reply);
  return false;
}

// Positions from the end are negative; those in front of the first one mean the first one.
BitRange resolve(int64_t start, int64_t end, bool in_bits, size_t size) {
  const int64_t total = static_cast<int64_t>(size) * (in_bits ? 8 : 1);
  if (start < 0) start = std::max<int64_t>(start + total, 0);
  if (end < 0) end = std::max<int64_t>(end + total, 0);
  end = std::min(end, total - 1);
  if (start > end) return {};
  return in_bits ? BitRange{start, end} : BitRange{start * 8, end * 8 + 7};
}

// The byte with all bits outside of the range replaced by `filler`.
unsigned char masked_byte(const StringRef& value, int64_t byte, const BitRange& range, bool filler) {
  unsigned keep = 0xff;
  if (byte == range.first / 8) keep &= 0xffu >> (range.first % 8);
  if (byte == range.last / 8) keep &= 0xffu << (7 - range.last % 8);
  const unsigned bits = value.byte(static_cast<size_t>(byte));
  return static_cast<unsigned char>(filler ? bits | (~keep & 0xff) : bits & keep);
}

// Splits the range: f(piece) for its bytes in order, those at its edges with bits outside replaced by
// `filler`. f returns false to stop.
template <typename F>
void for_each_piece(const StringRef& value, const BitRange& range, bool filler, F f) {
  int64_t byte = range.first / 8;
  int64_t last_byte = range.last / 8;
  bool go_on = true;
  const auto edge = [&](int64_t at) {
    const char masked = static_cast<char>(masked_byte(value, at, range, filler));
    go_on = f(std::string_view(&masked, 1));
  };
  if (range.first % 8 != 0) edge(byte++);
  const bool cut_end = range.last % 8 != 7 && byte <= last_byte;
  if (cut_end) --last_byte;
  if (go_on && byte <= last_byte) {
    value.for_each_piece(static_cast<size_t>(byte), static_cast<size_t>(last_byte - byte + 1),
                         [&](std::string_view piece) { return go_on = f(piece); });
  }
  if (go_on && cut_end) edge(last_byte + 1);
}

// BITCOUNT key [start [end [unit]]]. False: replied already.
bool read_count_range(const Args& args, size_t size, Writer& reply, BitRange& range) {
  if (args.size() == 2) {
    range = resolve(0, -1, false, size);
    if (size == 0) range = {};
    return true;
  }
  int64_t start = 0;
  int64_t end = -1;
  bool in_bits = false;
  if (args.size() > 5) {
    syntax_error(reply);
    return false;
  }
  if (!read_int64(args[2], reply, start)) return false;
  if (args.size() > 3) {
    if (!read_int64(args[3], reply, end)) return false;
    if (start < 0 && end < 0 && start > end) {
      reply.integer(0);
      return false;
    }
  }
  if (args.size() > 4 && !read_unit(args[4], reply, in_bits)) return false;
  range = resolve(start, end, in_bits, size);
  return true;
}

void bitcount(Ctx& ctx, const Args& args, Writer& reply) {
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {
    reply.integer(0);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kString, reply)) return;
  const StringRef value(*entry);
  BitRange range;
  if (!read_count_range(args, value.size(), reply, range)) return;
  uint64_t count = 0;
  if (range.first <= range.last) {
    for_each_piece(value, range, false, [&](std::string_view piece) {
      count += count_bits(piece);
      return true;
    });
  }
  reply.integer(static_cast<int64_t>(count));
}

// BITPOS key bit [start [end [unit]]]
bool read_search_range(const Args& args, size_t size, Writer& reply, BitRange& range) {
  int64_t start = 0;
  int64_t end = -1;
  bool in_bits = false;
  if (args.size() > 6) {
    syntax_error(reply);
    return false;
  }
  if (args.size() > 3 && !read_int64(args[3], reply, start)) return false;
  if (args.size() > 5 && !read_unit(args[5], reply, in_bits)) return false;
  if (args.size() > 4 && !read_int64(args[4], reply, end)) return false;
  range = resolve(start, end, in_bits, size);
  return true;
}

int64_t find_in_range(const StringRef& value, const BitRange& range, bool bit) {
  int64_t at = range.first / 8 * 8;  // pieces begin at bytes
  int64_t found = -1;
  for_each_piece(value, range, !bit, [&](std::string_view piece) {
    const int64_t position = find_bit(piece, bit);
    if (position >= 0) found = at + position;
    at += static_cast<int64_t>(piece.size()) * 8;
    return position < 0;
  });
  return found;
}

void bitpos(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t bit = 0;
  if (!read_int64(args[2], reply, bit)) return;
  if (bit != 0 && bit != 1) {
    reply.error("ERR The bit argument must be 1 or 0.");
    return;
  }
  const Entry* entry = ctx.read(ctx.key(args[1]));
  if (entry == nullptr) {  // endlessly many zeros
    reply.integer(bit ? -1 : 0);
    return;
  }
  if (!Ctx::check_type(*entry, Type::kString, reply)) return;
  const StringRef value(*entry);
  BitRange range;
  if (!read_search_range(args, value.size(), reply, range)) return;
  if (range.first > range.last) {
    reply.integer(-1);
    return;
  }
  int64_t found = find_in_range(value, range, bit == 1);
  // Without an end the zeros behind the string count.
  if (found < 0 && bit == 0 && args.size() <= 4) found = range.last + 1;
  reply.integer(found);
}

constexpr CommandRow kRows[] = {
    {.name = "bitcount",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatBitmap,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "bitmap",
     .since = "2.6.0",
     .summary = "The number of set bits in a string or in a part of it.",
     .complexity = "O(N), N being the bytes looked at.",
     .arguments = "key:key@0 range:block(start:integer "
                  "end-unit-block:block(end:integer unit:oneof(byte=BYTE bit=BIT)?)?)?",
     .run = bitcount},
    {.name = "bitpos",
     .arity = -3,
     .flags = registry::kReadonly,
     .acl = registry::kCatBitmap,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "bitmap",
     .since = "2.8.7",
     .summary = "The position of the first set or clear bit in a string or in a part of it.",
     .complexity = "O(N), N being the bytes looked at.",
     .arguments = "key:key@0 bit:integer range:block(start:integer "
                  "end-unit-block:block(end:integer unit:oneof(byte=BYTE bit=BIT)?)?)?",
     .run = bitpos},
};

}  // namespace

RowTable bit_range_rows() {
  return kRows;
}

}  // namespace tessera::commands
