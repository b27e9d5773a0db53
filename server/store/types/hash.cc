// Role: reading hashes, and the container of large ones. See hash.h; changing them is in hash_editor.cc.
#include "server/store/types/hash.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "common/base/check.h"
#include "server/store/packed_digest.h"

namespace tessera::store {

namespace {

// Calls f(field, value) for the pairs of a listpack in order until it returns false.
template <typename F>
void for_each_pair(std::string_view packed, F&& f) {
  const ListpackView view(packed);
  char first[ListpackElement::kScratchBytes], second[ListpackElement::kScratchBytes];
  for (size_t at = view.begin(); at < view.end();) {
    const ListpackElement field = view.get(at);
    at = view.next(at);
    if (!f(field.text(first), view.get(at).text(second))) return;
    at = view.next(at);
  }
}

HashField field_of(const MemberTable::Item& item) {
  return {item.member, item.value, item.expire_ms};
}

}  // namespace

Container* HashTable::clone(Memory& memory) const {
  auto* copy = make<HashTable>(memory, fields.seed());
  copy->fields.copy_from(fields);
  return copy;
}

Container* HashTable::empty_copy(Memory& memory) const {
  return make<HashTable>(memory, fields.seed());
}

bool HashTable::copy_some(const Container& from, CopyPlace& place, size_t elements) {
  const auto& other = static_cast<const HashTable&>(from);
  return fields.copy_some(other.fields, place.at, place.within, elements, place.copied);
}

void HashTable::digest(Digest& digest) const {
  fields.for_each([&](const MemberTable::Item& item) {
    digest_pair(digest, item.member, item.value);
    return true;
  });
}

HashReader::HashReader(const Entry& entry, int64_t now_ms) : now_ms_(now_ms) {
  TESSERA_DCHECK(entry.type() == Type::kHash);
  if (Keyspace::is_packed(entry)) {
    packed_ = Keyspace::packed_bytes(entry);
  } else {
    table_ = &static_cast<const HashTable&>(Keyspace::container(entry)).fields;
  }
}

size_t HashReader::size() const {
  return table_ ? table_->size() : ListpackView(packed_).count() / 2;
}

bool HashReader::get(std::string_view field, HashValue& out) const {
  if (table_) {
    MemberTable::Item item;
    if (!table_->find(field, &item) || !live(item.expire_ms)) return false;
    out.text = item.value;
    out.expire_ms = item.expire_ms;
    return true;
  }
  const ListpackView view(packed_);
  const size_t at = view.find(field, view.begin(), 2);
  if (at == view.end()) return false;
  out.text = view.get(view.next(at)).text(out.scratch);
  out.expire_ms = kNoExpire;
  return true;
}

bool HashReader::contains(std::string_view field) const {
  if (table_) {
    MemberTable::Item item;
    return table_->find(field, &item) && live(item.expire_ms);
  }
  const ListpackView view(packed_);
  return view.find(field, view.begin(), 2) != view.end();
}

void HashReader::for_each(const HashVisitor& visit) const {
  if (table_) {
    table_->for_each(
        [&](const MemberTable::Item& item) { return !live(item.expire_ms) || visit(field_of(item)); });
    return;
  }
  for_each_pair(packed_, [&](std::string_view field, std::string_view value) {
    return visit({field, value, kNoExpire});
  });
}

bool HashReader::random(Random& random, const HashVisitor& visit) const {
  constexpr int kTries = 100;  // as Valkey
  if (!table_) {
    const ListpackView view(packed_);
    const size_t at = view.seek(static_cast<int64_t>(random.below(size())) * 2);
    char first[ListpackElement::kScratchBytes], second[ListpackElement::kScratchBytes];
    visit({view.get(at).text(first), view.get(view.next(at)).text(second), kNoExpire});
    return true;
  }
  for (int i = 0; i < kTries; ++i) {
    const MemberTable::Item item = table_->random_item(random);
    if (!live(item.expire_ms)) continue;
    visit(field_of(item));
    return true;
  }
  return false;
}

// Each of the fields still to come is chosen with the probability that makes all sets equally likely.
void HashReader::sample_packed(Random& random, size_t count, const HashVisitor& visit) const {
  size_t left = size();
  for_each_pair(packed_, [&](std::string_view field, std::string_view value) {
    if (random.below(left--) < count) {
      --count;
      visit({field, value, kNoExpire});
    }
    return count > 0;
  });
}

void HashReader::sample_all(Random& random, size_t count, const HashVisitor& visit) const {
  std::vector<HashField> live_fields;
  live_fields.reserve(table_->size());
  for_each([&](const HashField& field) {
    live_fields.push_back(field);
    return true;
  });
  count = std::min(count, live_fields.size());
  for (size_t i = 0; i < count; ++i) {
    std::swap(live_fields[i], live_fields[i + random.below(live_fields.size() - i)]);
    visit(live_fields[i]);
  }
}

void HashReader::sample(Random& random, size_t count, const HashVisitor& visit) const {
  // Up to a third of the fields are drawn one by one: few are drawn twice.
  constexpr size_t kDrawFrom = 3;
  if (count >= size()) {
    for_each(visit);
  } else if (!table_) {
    sample_packed(random, count, visit);
  } else if (count > table_->size() / kDrawFrom) {
    sample_all(random, count, visit);
  } else {
    std::unordered_set<std::string_view> drawn;
    size_t tries = count * 10;
    while (drawn.size() < count && tries-- > 0) {
      const bool found = this->random(random, [&](const HashField& field) {
        if (drawn.insert(field.field).second) visit(field);
        return true;
      });
      if (!found) break;
    }
  }
}

uint64_t HashReader::scan(uint64_t cursor, size_t count,
                          const std::function<void(const HashField&)>& visit) const {
  if (table_) {
    return table_->scan(cursor, count, [&](const MemberTable::Item& item) {
      if (live(item.expire_ms)) visit(field_of(item));
    });
  }
  for_each_pair(packed_, [&](std::string_view field, std::string_view value) {
    visit({field, value, kNoExpire});
    return true;
  });
  return 0;
}

}  // namespace tessera::store
