#include "server/commands/string/comparison.h"

#include <memory>

#include "common/hash/xxh.h"
#include "common/text/strings.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

namespace {

constexpr size_t kDigestChars = 16;

struct FreeXxhState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

uint64_t hash_of(const store::StringRef& value) {
  if (value.contiguous()) return hash::xxh(value.view());
  const std::unique_ptr<XXH3_state_t, FreeXxhState> state(XXH3_createState());
  XXH3_64bits_reset(state.get());
  value.for_each_piece(0, value.size(), [&](std::string_view piece) {
    XXH3_64bits_update(state.get(), piece.data(), piece.size());
    return true;
  });
  return XXH3_64bits_digest(state.get());
}

}  // namespace

ComparisonKind comparison_kind(std::string_view arg) {
  if (token_is(arg, "IFEQ")) return ComparisonKind::kIfEq;
  if (token_is(arg, "IFNE")) return ComparisonKind::kIfNe;
  if (token_is(arg, "IFDEQ")) return ComparisonKind::kIfDeq;
  if (token_is(arg, "IFDNE")) return ComparisonKind::kIfDne;
  return ComparisonKind::kNone;
}

bool check_digest_argument(const Comparison& comparison, const registry::Args& args, resp::Writer& reply) {
  if (!comparison.by_digest() || args[comparison.value_at].size() == kDigestChars) return true;
  reply.error("ERR must be exactly 16 hexadecimal characters");
  return false;
}

bool comparison_holds(const Comparison& comparison, const registry::Args& args, const store::Entry& entry) {
  const std::string_view wanted = args[comparison.value_at];
  switch (comparison.kind) {
    case ComparisonKind::kIfEq:
      return string_equals(entry, wanted);
    case ComparisonKind::kIfNe:
      return !string_equals(entry, wanted);
    case ComparisonKind::kIfDeq:
      return text::iequals(string_digest(entry), wanted);
    case ComparisonKind::kIfDne:
      return !text::iequals(string_digest(entry), wanted);
    case ComparisonKind::kNone:
      break;
  }
  return true;
}

std::string string_digest(const store::Entry& entry) {
  uint64_t hash = hash_of(store::StringRef(entry));
  std::string text(kDigestChars, '0');
  for (size_t i = kDigestChars; i-- > 0; hash >>= 4) text[i] = "0123456789abcdef"[hash & 15];
  return text;
}

}  // namespace tessera::commands
