// Role: sorted sets of all forms. Thread: as decode.h.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "common/text/floats.h"
#include "server/persist/rdb/builders.h"
#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/old_encodings.h"
#include "server/store/types/zset.h"

namespace tessera::rdb::detail {

namespace {

using store::Encoding;
using store::ListpackElement;
using store::ListpackView;
using store::PackedZset;
using store::Type;
using store::ZsetTable;

using ZsetBuild = Built<ZsetTable>;

struct Scored {
  double score;
  std::string member;
  bool operator<(const Scored& other) const {
    return score != other.score ? score < other.score : member < other.member;
  }
};

constexpr const char* kTwice = "a member that is there twice";

bool add(ZsetTable& table, std::string_view member, double score) {
  double known;
  if (table.find(member, &known)) return false;
  table.add(member, score);
  return true;
}

// The score as a number; nothing when it is none.
std::optional<double> score_of(const ListpackElement& element) {
  if (element.is_int) return static_cast<double>(element.number);
  return text::parse_double(element.bytes);
}

// Members with their scores of any packed form: checked, in order, then as a listpack or a table.
class PackedBuild {
 public:
  explicit PackedBuild(size_t seed) : seed_(seed) {}
  // False: no score.
  bool add(const ListpackElement& element) {
    if (!has_member_) {
      member_ = element;
      has_member_ = true;
      return true;
    }
    has_member_ = false;
    const auto score = score_of(element);
    if (!score) return false;
    char digits[ListpackElement::kScratchBytes];
    elements_.push_back({*score, std::string(member_.text(digits))});
    return true;
  }
  void add(std::string_view member, double score) { elements_.push_back({score, std::string(member)}); }
  bool is_whole() const { return !has_member_; }
  size_t size() const { return elements_.size(); }
  bool in_order() const { return std::is_sorted(elements_.begin(), elements_.end()); }
  size_t longest() const {
    size_t longest = 0;
    for (const Scored& element : elements_) longest = std::max(longest, element.member.size());
    return longest;
  }
  // False: one is there twice.
  bool finish(bool packed, const DecodeOptions& options, Value& out) {
    if (packed) {
      std::sort(elements_.begin(), elements_.end());
      std::string bytes(store::empty_listpack());
      store::StringBuffer buffer(bytes);
      char digits[text::kDoubleChars];
      for (const Scored& element : elements_) {
        store::listpack_append(buffer, std::string_view(element.member));
        store::listpack_append(buffer, PackedZset::value_of(element.score, digits));
      }
      if (bytes.size() <= kMostPackedBytes) {
        if (has_equal_elements(bytes, 2, seed_)) return false;
        out.set_packed(Type::kZset, Encoding::kListpack, std::move(bytes), elements_.size());
        return true;
      }
    }
    ZsetBuild table(options);
    for (const Scored& element : elements_) {
      if (!detail::add(*table, element.member, element.score)) return false;
    }
    out.set_container(Type::kZset, Encoding::kSkiplist, table.take());
    return true;
  }

 private:
  uint64_t seed_;
  std::vector<Scored> elements_;
  ListpackElement member_;
  bool has_member_ = false;
};

}  // namespace

bool Decoder::zset_plain(bool binary) {
  uint64_t count = 0;
  const uint64_t begin = in_.offset();
  if (!in_.count(binary ? 9 : 2, &count)) return false;
  if (count == 0) return empty();
  const bool few = count <= options_.zset.listpack_entries;
  PackedBuild packed(options_.hash_seed);
  ZsetBuild table(options_);
  std::string scratch;
  std::string_view member;
  for (; count > 0; --count) {
    const uint64_t at = in_.offset();
    double score = 0;
    if (!in_.string(&member, scratch)) return false;
    if (!(binary ? in_.fixed_double(&score) : in_.old_double(&score))) return false;
    if (std::isnan(score)) return in_.fail_at(at, "a score that is no number");
    if (few) {
      packed.add(member, score);
    } else if (!add(*table, member, score)) {
      return in_.fail_at(at, kTwice);
    }
  }
  if (few) {
    return packed.finish(packed.longest() <= options_.zset.listpack_value_bytes, options_, out_) ||
           in_.fail_at(begin, kTwice);
  }
  out_.set_container(Type::kZset, Encoding::kSkiplist, table.take());
  return true;
}

bool Decoder::zset_ziplist() {
  const uint64_t at = in_.offset();
  std::string scratch;
  std::string_view bytes;
  if (!in_.string(&bytes, scratch)) return false;
  PackedBuild packed(options_.hash_seed);
  if (!for_each_of_ziplist(bytes, [&](const ListpackElement& element) { return packed.add(element); }) ||
      !packed.is_whole()) {
    return in_.fail_at(at, "a ziplist that is not one of members and scores");
  }
  if (packed.size() == 0) return empty();
  return packed.finish(packed.size() <= options_.zset.listpack_entries &&
                           packed.longest() <= options_.zset.listpack_value_bytes,
                       options_, out_) ||
         in_.fail_at(at, kTwice);
}

bool Decoder::zset_listpack() {
  const uint64_t at = in_.offset();
  std::string scratch;
  std::string_view bytes;
  size_t count = 0;
  if (!listpack(&bytes, scratch, &count)) return false;
  if (count == 0) return empty();
  PackedBuild packed(options_.hash_seed);
  const ListpackView view(bytes);
  for (size_t place = view.begin(); place < view.end();) {
    if (!packed.add(view.read(place))) return in_.fail_at(at, "a score that is no number");
  }
  if (!packed.is_whole()) return in_.fail_at(at, "a listpack that is not one of members and scores");
  const bool stays = packed.size() <= options_.zset.listpack_entries && bytes.size() <= kMostPackedBytes;
  if (stays && packed.in_order()) {
    // As it is: texts of scores too.
    if (has_equal_elements(bytes, 2, options_.hash_seed)) return in_.fail_at(at, kTwice);
    out_.set_packed(Type::kZset, Encoding::kListpack, std::string(bytes), packed.size());
    return true;
  }
  return packed.finish(stays, options_, out_) || in_.fail_at(at, kTwice);
}

}  // namespace tessera::rdb::detail
