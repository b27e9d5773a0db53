// Role: see decode.h: which form an object has, strings, and what several types need.
#include "server/persist/rdb/decode.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/hash/xxh.h"
#include "common/text/integers.h"
#include "server/store/encodings/listpack.h"

namespace tessera::rdb {

using store::ListpackElement;
using store::ListpackView;

Result<void> decode(Kind kind, std::string_view bytes, uint64_t base, const DecodeOptions& options,
                    Value& out) {
  Input in(bytes, base);
  detail::Decoder decoder(in, options, out);
  if (!decoder.run(kind)) return in.error();
  if (!in.at_end()) {
    (void)in.fail("bytes behind the value");
    out.clear();
    return in.error();
  }
  return {};
}

Result<std::string> decode_string(std::string_view bytes, uint64_t base) {
  Input in(bytes, base);
  std::string scratch;
  std::string_view text;
  if (!in.string(&text, scratch)) return in.error();
  if (!in.at_end()) {
    (void)in.fail("bytes behind a string");
    return in.error();
  }
  return std::string(text);
}

namespace detail {

bool has_equal_elements(std::string_view listpack, size_t step, uint64_t seed) {
  const ListpackView view(listpack);
  std::vector<std::pair<uint64_t, size_t>> places;  // hash, position
  char scratch[ListpackElement::kScratchBytes];
  size_t i = 0;
  for (size_t at = view.begin(); at < view.end(); at = view.next(at), ++i) {
    if (i % step == 0) places.emplace_back(hash::xxh(view.get(at).text(scratch), seed), at);
  }
  std::sort(places.begin(), places.end());
  char other[ListpackElement::kScratchBytes];
  // Of equal hashes, which are few, all pairs.
  for (size_t from = 0; from < places.size(); ++from) {
    for (size_t to = from + 1; to < places.size() && places[to].first == places[from].first; ++to) {
      if (view.get(places[from].second).text(scratch) == view.get(places[to].second).text(other)) return true;
    }
  }
  return false;
}

bool Decoder::run(Kind kind) {
  switch (kind) {
    case Kind::kString:
      return string();
    case Kind::kList:
      return list_plain();
    case Kind::kListZiplist:
      return list_ziplist();
    case Kind::kListQuicklist:
    case Kind::kListQuicklist2:
      return list_quicklist(kind == Kind::kListQuicklist2);
    case Kind::kSet:
      return set_plain();
    case Kind::kSetIntset:
      return set_intset();
    case Kind::kSetListpack:
      return set_listpack();
    case Kind::kZset:
    case Kind::kZset2:
      return zset_plain(kind == Kind::kZset2);
    case Kind::kZsetZiplist:
      return zset_ziplist();
    case Kind::kZsetListpack:
      return zset_listpack();
    case Kind::kHash:
      return hash_plain();
    case Kind::kHashZipmap:
    case Kind::kHashZiplist:
      return hash_old(kind);
    case Kind::kHashListpack:
      return hash_listpack(false, false);
    case Kind::kHashListpackPre:
    case Kind::kHashListpackTimes:
      return hash_listpack(true, kind == Kind::kHashListpackTimes);
    case Kind::kHashTimesPre:
    case Kind::kHashTimes:
    case Kind::kHashValkey:
      return hash_times(kind);
    case Kind::kStream:
    case Kind::kStream2:
    case Kind::kStream3:
      return stream(kind);
    case Kind::kModule:
    case Kind::kModulePre:
      return in_.fail("a value of a module; modules are not loaded here", kModuleType);
    case Kind::kUnknown:
      break;
  }
  return in_.fail("an unknown type", kUnknownType);
}

bool Decoder::string() {
  std::string_view text;
  if (!in_.string(&text, out_.scratch())) return false;
  out_.set_string(text);
  return true;
}

bool Decoder::listpack(std::string_view* out, std::string& scratch, size_t* count) {
  const uint64_t at = in_.offset();
  if (!in_.string(out, scratch)) return false;
  if (!store::listpack_valid(*out, count)) return in_.fail_at(at, "a listpack that is not well-formed");
  // Numbers that somebody wrote as text would not be found as what they are.
  const ListpackView view(*out);
  bool has_text_numbers = false;
  int64_t number = 0;
  for (size_t place = view.begin(); place < view.end() && !has_text_numbers;) {
    const ListpackElement element = view.read(place);
    has_text_numbers = !element.is_int && element.bytes.size() <= text::kInt64Chars &&
                       text::parse_int64(element.bytes, &number);
  }
  if (!has_text_numbers) return true;
  std::string fresh(store::empty_listpack());
  store::StringBuffer buffer(fresh);
  for (size_t place = view.begin(); place < view.end();) {
    const ListpackElement element = view.read(place);
    store::listpack_append(
        buffer, element.is_int ? store::ListpackValue(element.number) : store::ListpackValue(element.bytes));
  }
  scratch = std::move(fresh);
  *out = scratch;
  return true;
}

}  // namespace detail

}  // namespace tessera::rdb
