// Role: the manifest of the append only files: which files there are, in which order (Redis 7's format, and
// what Redis 8 adds to it). Thread: any, pure. Invariant: what text() prints, parse() reads as the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tessera::aof {

struct ManifestFile {
  std::string name;
  int64_t sequence = 0;
  bool operator==(const ManifestFile&) const = default;
};

// The error of a manifest that makes no sense: what, and where.
struct ManifestError {
  std::string what;
  int line = 0;  // 0: of no line
  std::string text;
};

struct Manifest {
  std::optional<ManifestFile> base;
  std::vector<ManifestFile> history, increments;      // increments in order
  int64_t base_sequence = 0, increment_sequence = 0;  // the last ones given

  bool empty() const { return !base && increments.empty() && history.empty(); }
  bool operator==(const Manifest&) const = default;

  static Result<Manifest> parse(std::string_view text, ManifestError* where = nullptr);
  std::string text() const;

  // Names of new files; they count, and are not in the manifest yet.
  ManifestFile next_base(const std::string& file_name, bool snapshot);
  ManifestFile next_increment(const std::string& file_name);
  // What is there now is of the past.
  void base_to_history();
  void increments_to_history(size_t count);
};

}  // namespace tessera::aof
