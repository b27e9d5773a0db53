// Role: conditions on the value a key has: IFEQ, IFNE and, by digest, IFDEQ, IFDNE (SET, DELEX, DELIFEQ).
// Thread: the shard's. Format: a digest is XXH3 (64 bits, seed 0) of the bytes as 16 lower case hexadecimal
// digits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/store/entry.h"

namespace tessera::commands {

enum class ComparisonKind : uint8_t { kNone, kIfEq, kIfNe, kIfDeq, kIfDne };

struct Comparison {
  ComparisonKind kind = ComparisonKind::kNone;
  size_t value_at = 0;

  bool by_digest() const { return kind == ComparisonKind::kIfDeq || kind == ComparisonKind::kIfDne; }
  // What an absent key means: it differs from everything.
  bool holds_for_absent() const { return kind == ComparisonKind::kIfNe || kind == ComparisonKind::kIfDne; }
};

ComparisonKind comparison_kind(std::string_view arg);

// An error reply and false for a digest of the wrong length. Other characters than hexadecimal digits never
// match.
bool check_digest_argument(const Comparison& comparison, const registry::Args& args, resp::Writer& reply);

// REQUIRES: the entry is a string, the comparison is set and passed check_digest_argument().
bool comparison_holds(const Comparison& comparison, const registry::Args& args, const store::Entry& entry);

std::string string_digest(const store::Entry& entry);

}  // namespace tessera::commands
