// Role: hashes of all forms, those whose fields have times among them. Thread: as decode.h.
#include <algorithm>

#include "server/persist/rdb/builders.h"
#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/old_encodings.h"
#include "server/store/types/hash.h"

namespace tessera::rdb::detail {

namespace {

using store::Encoding;
using store::HashTable;
using store::kNoExpire;
using store::ListpackElement;
using store::ListpackView;
using store::Type;

using TableBuild = Built<HashTable>;

constexpr const char* kTwice = "a field that is there twice";
// As HPEXPIREAT takes them.
constexpr uint64_t kMostMs = INT64_MAX;

bool add_all(HashTable& table, std::string_view listpack) {
  const ListpackView view(listpack);
  char field[ListpackElement::kScratchBytes], value[ListpackElement::kScratchBytes];
  for (size_t at = view.begin(); at < view.end();) {
    const std::string_view name = view.read(at).text(field);
    if (!table.fields.put(name, view.read(at).text(value), kNoExpire)) return false;
  }
  return true;
}

// Fields and values on their way into a listpack, as long as they fit there.
struct PackedHash {
  std::string bytes{store::empty_listpack()};
  size_t fields = 0;
  size_t longest = 0;

  void add(const store::ListpackValue& value, size_t size) {
    store::StringBuffer buffer(bytes);
    store::listpack_append(buffer, value);
    longest = std::max(longest, size);
  }
  bool fits(const store::HashLimits& limits) const {
    return fields <= limits.max_entries && longest <= limits.max_value_bytes &&
           bytes.size() <= kMostPackedBytes;
  }
};

// What is packed as it has to lie in a keyspace. False: a field is there twice.
bool settle(PackedHash& packed, bool stays_packed, const DecodeOptions& options, Value& out) {
  if (stays_packed) {
    if (has_equal_elements(packed.bytes, 2, options.hash_seed)) return false;
    out.set_packed(Type::kHash, Encoding::kListpack, std::move(packed.bytes), packed.fields);
    return true;
  }
  TableBuild table(options);
  if (!add_all(*table, packed.bytes)) return false;
  out.set_container(Type::kHash, Encoding::kHashtable, table.take());
  return true;
}

}  // namespace

bool Decoder::hash_plain() {
  uint64_t count = 0;
  const uint64_t begin = in_.offset();
  if (!in_.count(2, &count)) return false;
  if (count == 0) return empty();
  std::string field_scratch, value_scratch;
  std::string_view field, value;
  PackedHash packed;
  if (count <= options_.hash.max_entries) {
    do {
      if (!in_.string(&field, field_scratch) || !in_.string(&value, value_scratch)) return false;
      packed.add(field, field.size());
      packed.add(value, value.size());
      ++packed.fields;
    } while (--count > 0 && packed.fits(options_.hash));
    if (count == 0) {
      return settle(packed, packed.fits(options_.hash), options_, out_) || in_.fail_at(begin, kTwice);
    }
  }
  TableBuild table(options_);
  if (!add_all(*table, packed.bytes)) return in_.fail_at(begin, kTwice);
  for (; count > 0; --count) {
    const uint64_t at = in_.offset();
    if (!in_.string(&field, field_scratch) || !in_.string(&value, value_scratch)) return false;
    if (!table->fields.put(field, value, kNoExpire)) return in_.fail_at(at, kTwice);
  }
  out_.set_container(Type::kHash, Encoding::kHashtable, table.take());
  return true;
}

bool Decoder::hash_old(Kind kind) {
  const uint64_t at = in_.offset();
  std::string scratch;
  std::string_view bytes;
  if (!in_.string(&bytes, scratch)) return false;
  PackedHash packed;
  size_t elements = 0;
  bool valid;
  if (kind == Kind::kHashZipmap) {
    valid = for_each_of_zipmap(bytes, [&](std::string_view field, std::string_view value) {
      packed.add(field, field.size());
      packed.add(value, value.size());
      elements += 2;
      return true;
    });
  } else {
    valid = for_each_of_ziplist(bytes, [&](const ListpackElement& element) {
      packed.add(element.is_int ? store::ListpackValue(element.number) : store::ListpackValue(element.bytes),
                 element.is_int ? 0 : element.bytes.size());
      ++elements;
      return true;
    });
  }
  if (!valid || elements % 2 != 0) {
    return in_.fail_at(at, kind == Kind::kHashZipmap ? "a zipmap that is not well-formed"
                                                     : "a ziplist that is not one of fields and values");
  }
  packed.fields = elements / 2;
  if (packed.fields == 0) return empty();
  return settle(packed, packed.fits(options_.hash), options_, out_) || in_.fail_at(at, kTwice);
}

bool Decoder::hash_listpack(bool has_times, bool has_soonest) {
  uint64_t soonest = 0;
  if (has_soonest && !in_.fixed64(&soonest)) return false;
  const uint64_t at = in_.offset();
  std::string scratch;
  std::string_view bytes;
  size_t count = 0;
  if (!listpack(&bytes, scratch, &count)) return false;
  const size_t step = has_times ? 3 : 2;
  if (count % step != 0) return in_.fail_at(at, "a listpack that is not one of fields");
  if (count == 0) return empty();
  if (!has_times) {
    PackedHash packed;
    packed.bytes.assign(bytes);
    packed.fields = count / 2;
    const bool stays = packed.fields <= options_.hash.max_entries && packed.bytes.size() <= kMostPackedBytes;
    return settle(packed, stays, options_, out_) || in_.fail_at(at, kTwice);
  }
  TableBuild table(options_);
  const ListpackView view(bytes);
  char field[ListpackElement::kScratchBytes], value[ListpackElement::kScratchBytes];
  for (size_t place = view.begin(); place < view.end();) {
    const ListpackElement name = view.read(place), content = view.read(place), time = view.read(place);
    if (!time.is_int || time.number < 0 || static_cast<uint64_t>(time.number) > kMostMs) {
      return in_.fail_at(at, "a field's time that cannot be");
    }
    if (!table->fields.put(name.text(field), content.text(value),
                           time.number == 0 ? kNoExpire : time.number)) {
      return in_.fail_at(at, kTwice);
    }
  }
  out_.set_container(Type::kHash, Encoding::kHashtable, table.take());
  return true;
}

bool Decoder::hash_times(Kind kind) {
  uint64_t soonest = 0, count = 0;
  if (kind == Kind::kHashTimes && !in_.fixed64(&soonest)) return false;
  if (!in_.count(kind == Kind::kHashValkey ? 10 : 3, &count)) return false;
  if (count == 0) return empty();
  TableBuild table(options_);
  std::string field_scratch, value_scratch;
  std::string_view field, value;
  for (; count > 0; --count) {
    const uint64_t at = in_.offset();
    uint64_t time = 0;
    if (kind != Kind::kHashValkey && !in_.length(&time)) return false;
    if (!in_.string(&field, field_scratch) || !in_.string(&value, value_scratch)) return false;
    if (kind == Kind::kHashValkey) {
      if (!in_.fixed64(&time)) return false;
      if (time == UINT64_MAX) time = 0;
    } else if (kind == Kind::kHashTimes && time != 0) {
      if (soonest > kMostMs || time - 1 > kMostMs - soonest) {
        return in_.fail_at(at, "a field's time that cannot be");
      }
      time += soonest - 1;
    }
    if (time > kMostMs) return in_.fail_at(at, "a field's time that cannot be");
    if (!table->fields.put(field, value, time == 0 ? kNoExpire : static_cast<int64_t>(time))) {
      return in_.fail_at(at, kTwice);
    }
  }
  out_.set_container(Type::kHash, Encoding::kHashtable, table.take());
  return true;
}

}  // namespace tessera::rdb::detail
