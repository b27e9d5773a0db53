// Role: BITOP. Thread: the shard's, or the coordinator's.
#include <cstring>

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
using store::Key;
using store::StringRef;
using store::Type;

bool read_operation(std::string_view arg, Writer& reply, BitOperation& operation) {
  if (token_is(arg, "AND")) {
    operation = BitOperation::kAnd;
  } else if (token_is(arg, "OR")) {
    operation = BitOperation::kOr;
  } else if (token_is(arg, "XOR")) {
    operation = BitOperation::kXor;
  } else if (token_is(arg, "NOT")) {
    operation = BitOperation::kNot;
  } else {
    syntax_error(reply);
    return false;
  }
  return true;
}

// Folds one source after the other into a buffer, so that no source has to outlive the look-up of the next.
class Fold {
 public:
  explicit Fold(BitOperation operation) : operation_(operation) {}

  // nullptr: an absent key, an empty string.
  void add(const Entry* entry) {
    const bool is_first = !started_;
    started_ = true;
    if (entry == nullptr) {
      if (operation_ == BitOperation::kAnd) clear_from(0);
      return;
    }
    const StringRef value(*entry);
    const size_t size = value.size();
    grow(size);
    const BitOperation step = is_first && operation_ != BitOperation::kNot ? BitOperation::kOr : operation_;
    size_t at = 0;
    value.for_each_piece(0, size, [&](std::string_view piece) {
      combine_bits(step, result_.mutable_data() + at, piece);
      at += piece.size();
      return true;
    });
    if (operation_ == BitOperation::kAnd) clear_from(size);  // shorter strings end in zeros
  }

  const SharedBytes& result() const { return result_; }

 private:
  void grow(size_t size) {
    const size_t old_size = result_.size();
    if (size <= old_size) return;
    result_.reserve(size);
    std::memset(result_.mutable_data() + old_size, 0, size - old_size);
    result_.set_size(size);
  }
  void clear_from(size_t begin) {
    if (begin < result_.size()) std::memset(result_.mutable_data() + begin, 0, result_.size() - begin);
  }

  BitOperation operation_;
  bool started_ = false;
  SharedBytes result_;
};

void bitop(Ctx& ctx, const Args& args, Writer& reply) {
  BitOperation operation = BitOperation::kAnd;
  if (!read_operation(args[1], reply, operation)) return;
  if (operation == BitOperation::kNot && args.size() != 4) {
    reply.error("ERR BITOP NOT must be called with a single source key.");
    return;
  }
  Fold fold(operation);
  for (size_t i = 3; i < args.size(); ++i) {
    const Entry* entry = ctx.read(ctx.key(args[i]));
    if (entry != nullptr && !Ctx::check_type(*entry, Type::kString, reply)) return;
    fold.add(entry);
  }
  const Key target = ctx.key(args[2]);
  const SharedBytes& result = fold.result();
  if (result.size() == 0) {
    ctx.remove(target);
  } else {
    const bool existed = ctx.peek(target) != nullptr;
    note_new_key(ctx, target,
                 ctx.keyspace(target).set_raw(ctx.db(), target, result.view(), store::kNoExpire, &result),
                 existed);
    ctx.changed_verbatim(target, shard::kEventString, "set");
  }
  reply.integer(static_cast<int64_t>(result.size()));
}

constexpr CommandRow kRows[] = {
    {.name = "bitop",
     .arity = -4,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatBitmap,
     .keys = {registry::keys_range(2, 0, 1, registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_range(3, -1, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "bitmap",
     .since = "2.6.0",
     .summary = "Combines strings bit by bit and stores the result.",
     .complexity = "O(N), N being the bytes of all strings.",
     .arguments = "operation:oneof(and=AND or=OR xor=XOR not=NOT) destkey:key@0 key:key@1*",
     .run = bitop},
};

}  // namespace

RowTable bitop_rows() {
  return kRows;
}

}  // namespace tessera::commands
