// Role: sets of all forms. Thread: as decode.h.
#include <algorithm>
#include <memory>
#include <vector>

#include "common/text/integers.h"
#include "server/persist/rdb/builders.h"
#include "server/persist/rdb/decode.h"
#include "server/store/encodings/intset.h"
#include "server/store/encodings/listpack.h"
#include "server/store/types/set_table.h"

namespace tessera::rdb::detail {

namespace {

using store::Encoding;
using store::IntsetView;
using store::ListpackElement;
using store::ListpackView;
using store::SetTable;
using store::Type;

using SetBuild = Built<SetTable>;

bool add_all(SetTable& table, std::string_view listpack) {
  const ListpackView view(listpack);
  char digits[ListpackElement::kScratchBytes];
  for (size_t at = view.begin(); at < view.end();) {
    if (!table.members().put(view.read(at).text(digits), {})) return false;
  }
  return true;
}

}  // namespace

bool Decoder::set_plain() {
  uint64_t count = 0;
  const uint64_t begin = in_.offset();
  if (!in_.count(1, &count)) return false;
  if (count == 0) return empty();
  std::string scratch;
  std::string_view text;
  if (count > std::max(options_.set.intset_entries, options_.set.listpack_entries)) {
    SetBuild table(options_);
    for (; count > 0; --count) {
      const uint64_t at = in_.offset();
      if (!in_.string(&text, scratch)) return false;
      if (!table->members().put(text, {})) return in_.fail_at(at, "a member that is there already");
    }
    out_.set_container(Type::kSet, Encoding::kHashtable, table.take());
    return true;
  }
  // Few enough to be packed: which form is known when all have been seen.
  std::string packed(store::empty_listpack());
  store::StringBuffer buffer(packed);
  std::vector<int64_t> numbers;
  size_t longest = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (!in_.string(&text, scratch)) return false;
    store::listpack_append(buffer, text);
    longest = std::max(longest, text.size());
    int64_t number = 0;
    if (numbers.size() == i && text::parse_int64(text, &number)) numbers.push_back(number);
  }
  const char* twice = "a member that is there twice";
  if (numbers.size() == count && count <= options_.set.intset_entries) {
    return put_numbers(numbers) || in_.fail_at(begin, twice);
  }
  if (count <= options_.set.listpack_entries && longest <= options_.set.listpack_value_bytes &&
      packed.size() <= kMostPackedBytes) {
    if (has_equal_elements(packed, 1, options_.hash_seed)) return in_.fail_at(begin, twice);
    out_.set_packed(Type::kSet, Encoding::kListpack, std::move(packed), count);
    return true;
  }
  SetBuild table(options_);
  if (!add_all(*table, packed)) return in_.fail_at(begin, twice);
  out_.set_container(Type::kSet, Encoding::kHashtable, table.take());
  return true;
}

// False: one is there twice.
bool Decoder::put_numbers(std::vector<int64_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  if (std::adjacent_find(numbers.begin(), numbers.end()) != numbers.end()) return false;
  std::string packed(store::empty_intset());
  for (const int64_t number : numbers) store::intset_add(packed, number);
  out_.set_packed(Type::kSet, Encoding::kIntset, std::move(packed), numbers.size());
  return true;
}

bool Decoder::set_intset() {
  const uint64_t at = in_.offset();
  std::string scratch;
  std::string_view bytes;
  if (!in_.string(&bytes, scratch)) return false;
  if (!store::intset_valid(bytes)) return in_.fail_at(at, "an intset that is not well-formed");
  const IntsetView view(bytes);
  const size_t count = view.count();
  if (count == 0) return empty();
  if (count <= options_.set.intset_entries) {
    out_.set_packed(Type::kSet, Encoding::kIntset, std::string(bytes), count);
    return true;
  }
  SetBuild table(options_);
  char digits[text::kInt64Chars];
  for (size_t i = 0; i < count; ++i) {
    const char* end = text::write_int64(digits, view.at(i));
    table->members().put({digits, static_cast<size_t>(end - digits)}, {});
  }
  out_.set_container(Type::kSet, Encoding::kHashtable, table.take());
  return true;
}

bool Decoder::set_listpack() {
  const uint64_t at = in_.offset();
  std::string scratch;
  std::string_view bytes;
  size_t count = 0;
  if (!listpack(&bytes, scratch, &count)) return false;
  if (count == 0) return empty();
  if (count <= options_.set.listpack_entries && bytes.size() <= kMostPackedBytes) {
    if (has_equal_elements(bytes, 1, options_.hash_seed))
      return in_.fail_at(at, "a member that is there twice");
    out_.set_packed(Type::kSet, Encoding::kListpack, std::string(bytes), count);
    return true;
  }
  SetBuild table(options_);
  if (!add_all(*table, bytes)) return in_.fail_at(at, "a member that is there twice");
  out_.set_container(Type::kSet, Encoding::kHashtable, table.take());
  return true;
}

}  // namespace tessera::rdb::detail
