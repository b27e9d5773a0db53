#include "server/commands/set/distinct.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/check.h"
#include "common/hash/xxh.h"
#include "common/text/integers.h"

namespace tessera::commands {

using store::SetMember;

namespace {
constexpr size_t kFewestPlaces = 16;
constexpr const char* kEmptyBytes = "";  // not nullptr, which means a number
}  // namespace

SetMember Distinct::Item::view() const {
  SetMember member;
  member.is_int = data == nullptr;
  if (member.is_int) {
    member.number = static_cast<int64_t>(word);
  } else {
    member.bytes = {data, word};
  }
  return member;
}

bool Distinct::Item::equals(const Item& other) const {
  if (hash != other.hash || word != other.word) return false;
  if (data == nullptr || other.data == nullptr) return data == other.data;
  return std::memcmp(data, other.data, word) == 0;
}

Distinct::Distinct(uint64_t hash_seed, size_t expected)
    : hash_seed_(hash_seed), places_(std::bit_ceil(std::max(kFewestPlaces, expected * 2)), kFree) {
  items_.reserve(expected);
}

Distinct::Item Distinct::item_of(const SetMember& member) const {
  Item item{nullptr, static_cast<uint64_t>(member.number), 0, kLive};
  int64_t number = 0;
  if (!member.is_int && text::parse_int64(member.bytes, &number)) {
    item.word = static_cast<uint64_t>(number);
  } else if (!member.is_int) {
    item.data = member.bytes.empty() ? kEmptyBytes : member.bytes.data();
    item.word = member.bytes.size();
  }
  const std::string_view hashed =
      item.data == nullptr ? std::string_view(reinterpret_cast<const char*>(&item.word), sizeof(item.word))
                           : std::string_view(item.data, item.word);
  item.hash = static_cast<uint32_t>(hash::xxh(hashed, hash_seed_));
  return item;
}

size_t Distinct::place_of(const Item& item) const {
  const size_t mask = places_.size() - 1;
  size_t place = item.hash & mask;
  while (places_[place] != kFree && !items_[places_[place]].equals(item)) place = (place + 1) & mask;
  return place;
}

void Distinct::grow() {
  TESSERA_CHECK(items_.size() < kFree / 2);
  places_.assign(places_.size() * 2, kFree);
  for (size_t i = 0; i < items_.size(); ++i) places_[place_of(items_[i])] = static_cast<uint32_t>(i);
}

bool Distinct::insert(const SetMember& member) {
  const Item item = item_of(member);
  size_t place = place_of(item);
  if (places_[place] != kFree) {
    Item& known = items_[places_[place]];
    if (known.state == kLive) return false;
    known.state = kLive;
    ++live_;
    return true;
  }
  if ((items_.size() + 1) * 4 > places_.size() * 3) {
    grow();
    place = place_of(item);
  }
  places_[place] = static_cast<uint32_t>(items_.size());
  items_.push_back(item);
  ++live_;
  return true;
}

bool Distinct::erase(const SetMember& member) {
  const size_t place = place_of(item_of(member));
  if (places_[place] == kFree || items_[places_[place]].state == kGone) return false;
  items_[places_[place]].state = kGone;
  --live_;
  return true;
}

bool Distinct::contains(const SetMember& member) const {
  const size_t place = place_of(item_of(member));
  return places_[place] != kFree && items_[places_[place]].state == kLive;
}

}  // namespace tessera::commands
