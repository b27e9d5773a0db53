#include "server/commands/string/lcs_table.h"

#include <algorithm>
#include <new>

namespace tessera::commands {

namespace {

// For every pair of prefixes one bit: whether dropping the last byte of `a` keeps a longer common subsequence
// than dropping the last byte of `b`. That is all the way back needs beside the strings themselves.
class Directions {
 public:
  bool allocate(size_t a_size, size_t b_size) {
    row_words_ = b_size / 64 + 1;
    words_.reset(new (std::nothrow) uint64_t[(a_size + 1) * row_words_]());
    return words_ != nullptr;
  }
  void set(size_t i, size_t j) { words_[i * row_words_ + j / 64] |= uint64_t{1} << (j % 64); }
  bool shorten_a(size_t i, size_t j) const { return words_[i * row_words_ + j / 64] >> (j % 64) & 1; }

 private:
  size_t row_words_ = 0;
  std::unique_ptr<uint64_t[]> words_;
};

// Lengths row by row; only two rows are ever needed.
uint32_t fill_lengths(std::string_view a, std::string_view b, Directions* directions) {
  std::vector<uint32_t> above(b.size() + 1, 0);
  std::vector<uint32_t> row(b.size() + 1, 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      if (a[i - 1] == b[j - 1]) {
        row[j] = above[j - 1] + 1;
      } else {
        row[j] = std::max(above[j], row[j - 1]);
        if (directions && above[j] > row[j - 1]) directions->set(i, j);
      }
    }
    row.swap(above);
  }
  return above[b.size()];
}

// From the ends of both strings back to the start of one.
void trace(std::string_view a, std::string_view b, const Directions& directions, LcsResult& result) {
  size_t i = a.size();
  size_t j = b.size();
  bool in_match = false;
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      --i;
      --j;
      result.common.push_back(a[i]);
      const auto at_a = static_cast<uint32_t>(i);
      const auto at_b = static_cast<uint32_t>(j);
      if (in_match) {
        result.matches.back().a_start = at_a;
        result.matches.back().b_start = at_b;
      } else {
        result.matches.push_back({at_a, at_a, at_b, at_b});
      }
      in_match = true;
    } else {
      (directions.shorten_a(i, j) ? i : j) -= 1;
      in_match = false;
    }
  }
  std::reverse(result.common.begin(), result.common.end());
}

}  // namespace

std::unique_ptr<LcsResult> longest_common_subsequence(std::string_view a, std::string_view b,
                                                      bool want_path) {
  auto result = std::make_unique<LcsResult>();
  if (!want_path) {
    result->length = fill_lengths(a, b, nullptr);
    return result;
  }
  Directions directions;
  if (!directions.allocate(a.size(), b.size())) return nullptr;
  result->length = fill_lengths(a, b, &directions);
  result->common.reserve(result->length);
  trace(a, b, directions, *result);
  return result;
}

}  // namespace tessera::commands
