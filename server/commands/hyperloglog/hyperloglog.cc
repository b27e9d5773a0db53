// Role: raising registers, forms, merging. See hyperloglog.h; the estimate: estimate.cc.
#include "server/commands/hyperloglog/hyperloglog.h"

#include <algorithm>
#include <cstring>

#include "common/hash/murmur.h"
#include "server/commands/hyperloglog/sparse_runs.h"

namespace tessera::commands::hll {

namespace {

constexpr uint64_t kHashSeed = 0xadc83b19;
constexpr size_t kFormAt = 4;
constexpr std::string_view kMagic = "HYLL";

std::string_view runs_of(std::string_view value) {
  return value.substr(kHeaderBytes);
}

// Neighbours of the run before `index` and behind it that are equal become one; at most so many are looked
// at.
void join_runs(std::string& value, size_t at) {
  constexpr int kLookedAt = 5;
  for (int looked = 0; looked < kLookedAt && at < value.size(); ++looked) {
    const Run run = run_at(value, at);
    if (run.rank != 0 && at + 1 < value.size()) {
      const Run next = run_at(value, at + 1);
      if (next.rank == run.rank && run.length + next.length <= kMostValues) {
        std::string joined;
        append_values(joined, run.rank, run.length + next.length);
        value.replace(at, 2, joined);
        continue;  // perhaps with the next one too
      }
    }
    at += run.bytes;
  }
}

Change raise_dense(std::string& value, Place place) {
  if (dense_register(value, place.index) >= place.rank) return Change::kNone;
  const DensePatch patch = dense_patch(value, place.index, place.rank);
  value.replace(patch.at, patch.size, patch.bytes, patch.size);
  return Change::kChanged;
}

Change raise_by_densifying(std::string& value, Place place) {
  if (!make_dense(value)) return Change::kCorrupt;
  return raise_dense(value, place);
}

// The run, with one register of it raised.
std::string split_run(const Run& run, uint32_t before, uint8_t rank) {
  std::string parts;
  const uint32_t behind = run.length - before - 1;
  const auto append = [&](uint32_t length) {
    if (length == 0) return;
    if (run.rank == 0) {
      append_zeros(parts, length);
    } else {
      append_values(parts, run.rank, length);
    }
  };
  append(before);
  append_values(parts, rank, 1);
  append(behind);
  return parts;
}

Change raise_sparse(std::string& value, Place place, size_t sparse_limit) {
  if (place.rank > kMostSparseRank) return raise_by_densifying(value, place);
  size_t at = kHeaderBytes, before_at = kHeaderBytes;
  uint32_t first = 0;
  Run run;
  for (; at < value.size(); at += run.bytes) {
    run = run_at(value, at);
    if (place.index < first + run.length) break;
    before_at = at;
    first += run.length;
  }
  if (at >= value.size()) return Change::kCorrupt;
  if (run.rank >= place.rank) return Change::kNone;
  const std::string parts = split_run(run, place.index - first, place.rank);
  const size_t size = value.size() + parts.size() - run.bytes;
  if (size > value.size() && size > sparse_limit) return raise_by_densifying(value, place);
  value.replace(at, run.bytes, parts);
  value.resize(size);  // shorter than what was put there when the last run had lost its second byte
  join_runs(value, before_at);
  make_stale(value);
  return Change::kChanged;
}

}  // namespace

Place place_of(std::string_view element) {
  const uint64_t hash = hash::murmur64a(element, kHashSeed);
  const uint64_t rest = hash >> kIndexBits | uint64_t{1} << (64 - kIndexBits);
  return {static_cast<uint32_t>(hash & (kRegisters - 1)), static_cast<uint8_t>(__builtin_ctzll(rest) + 1)};
}

std::string make_empty() {
  std::string value(kHeaderBytes, '\0');
  std::copy(kMagic.begin(), kMagic.end(), value.begin());
  value[kFormAt] = static_cast<char>(Form::kSparse);
  append_zeros(value, kRegisters);
  return value;
}

bool looks_valid(std::string_view value) {
  if (value.size() < kHeaderBytes || value.substr(0, kMagic.size()) != kMagic) return false;
  const auto form = static_cast<unsigned char>(value[kFormAt]);
  if (form > static_cast<unsigned char>(Form::kSparse)) return false;
  return form_of(value) == Form::kSparse || value.size() == kDenseBytes;
}

Form form_of(std::string_view value) {
  return static_cast<Form>(value[kFormAt]);
}

DensePatch dense_patch(std::string_view value, size_t index, uint8_t rank) {
  const size_t bit = index * 6;
  DensePatch patch{kHeaderBytes + bit / 8, 0, {}};
  patch.size = (bit & 7) > 2 ? 2 : 1;
  unsigned word = static_cast<unsigned char>(value[patch.at]);
  if (patch.size == 2) word |= unsigned{static_cast<unsigned char>(value[patch.at + 1])} << 8;
  word = (word & ~(63u << (bit & 7))) | unsigned{rank} << (bit & 7);
  patch.bytes[0] = static_cast<char>(word & 0xff);
  patch.bytes[1] = static_cast<char>(word >> 8);
  return patch;
}

Change raise(std::string& value, Place place, size_t sparse_limit) {
  return form_of(value) == Form::kDense ? raise_dense(value, place)
                                        : raise_sparse(value, place, sparse_limit);
}

bool make_dense(std::string& value) {
  if (form_of(value) == Form::kDense) return true;
  Registers registers{};
  if (!merge_into(registers, value)) return false;
  std::string dense(kDenseBytes, '\0');
  std::copy_n(value.begin(), kHeaderBytes, dense.begin());
  dense[kFormAt] = static_cast<char>(Form::kDense);
  for (size_t i = 0; i < kRegisters; ++i) {
    if (registers[i] == 0) continue;
    const DensePatch patch = dense_patch(dense, i, registers[i]);
    std::copy_n(patch.bytes, patch.size, dense.begin() + static_cast<std::ptrdiff_t>(patch.at));
  }
  value = std::move(dense);
  return true;
}

bool merge_into(Registers& registers, std::string_view value) {
  if (form_of(value) == Form::kDense) {
    for (size_t i = 0; i < kRegisters; ++i) registers[i] = std::max(registers[i], dense_register(value, i));
    return true;
  }
  const std::string_view runs = runs_of(value);
  size_t index = 0;
  Run run;
  for (size_t at = 0; at < runs.size(); at += run.bytes) {
    run = run_at(runs, at);
    if (run.rank != 0) {
      if (index + run.length > kRegisters) return false;
      for (uint32_t i = 0; i < run.length; ++i)
        registers[index + i] = std::max(registers[index + i], run.rank);
    }
    index += run.length;
  }
  return index == kRegisters;
}

std::string describe_runs(std::string_view value) {
  const std::string_view runs = runs_of(value);
  std::string text;
  Run run;
  for (size_t at = 0; at < runs.size(); at += run.bytes) {
    run = run_at(runs, at);
    if (!text.empty()) text += ' ';
    if (run.rank != 0) {
      text += "v:" + std::to_string(run.rank) + "," + std::to_string(run.length);
    } else {
      text += (run.bytes == 2 ? "Z:" : "z:") + std::to_string(run.length);
    }
  }
  return text;
}

}  // namespace tessera::commands::hll
