// Role: hashes as keys hold them: a reader over an entry and an editor of a key that hide whether the fields
// are a listpack (small, without times) or a table of fields. Thread: the owner or holder of the keyspace.
// Invariants: a listpack holds field, value, field, value ..., within the limits when it was last written; a
// hash of which a field has or had a time is a table, and a table stays one. A field whose time has come is
// not seen and counts only for size(), until somebody removes it (expire_hash_fields()).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/random.h"
#include "server/store/encodings/listpack.h"
#include "server/store/keyspace.h"
#include "server/store/types/hash_limits.h"
#include "server/store/types/member_table.h"

namespace tessera::store {

class HashTable final : public Container {
 public:
  HashTable(Memory& memory, uint64_t seed) : Container(memory), fields(*this, seed) {}

  size_t element_count() const override { return fields.size(); }
  Container* clone(Memory& memory) const override;
  Container* empty_copy(Memory& memory) const override;
  bool copy_some(const Container& from, CopyPlace& place, size_t elements) override;
  void digest(Digest& digest) const override;
  bool free_some(size_t elements) override { return fields.free_some(elements); }
  int64_t soonest_due_ms() const override { return fields.soonest_expire_ms(); }
  std::string self_check() const override { return fields.self_check(); }

  MemberTable fields;

 protected:
  ~HashTable() override = default;
  size_t object_bytes() const override { return sizeof(HashTable); }
};

// A value and its time. `text` may be a view of `scratch`; it lives until the keyspace changes.
struct HashValue {
  HashValue() = default;
  HashValue(const HashValue&) = delete;
  HashValue& operator=(const HashValue&) = delete;

  std::string_view text;
  int64_t expire_ms = kNoExpire;
  char scratch[ListpackElement::kScratchBytes];
};

struct HashField {
  std::string_view field, value;
  int64_t expire_ms = kNoExpire;
};
using HashVisitor = std::function<bool(const HashField&)>;  // false stops

// `now_ms` is what a field's time is compared with.
class HashReader {
 public:
  HashReader(const Entry& entry, int64_t now_ms);

  bool is_packed() const { return table_ == nullptr; }
  size_t size() const;
  bool has_times() const { return table_ && table_->expiring_count() > 0; }
  bool get(std::string_view field, HashValue& out) const;
  bool contains(std::string_view field) const;
  // In no particular order. Views of a table's fields live until it changes, of a listpack's during the call.
  void for_each(const HashVisitor& visit) const;
  // Any field, fairly. False: none was found that has not expired (after a hundred that have).
  bool random(Random& random, const HashVisitor& visit) const;
  // `count` different fields or all there are, each equally likely.
  void sample(Random& random, size_t count, const HashVisitor& visit) const;
  // As MemberTable::scan; a listpack is visited at once.
  uint64_t scan(uint64_t cursor, size_t count, const std::function<void(const HashField&)>& visit) const;

 private:
  bool live(int64_t expire_ms) const { return expire_ms < 0 || expire_ms > now_ms_; }
  void sample_packed(Random& random, size_t count, const HashVisitor& visit) const;
  void sample_all(Random& random, size_t count, const HashVisitor& visit) const;

  std::string_view packed_;
  const MemberTable* table_ = nullptr;
  int64_t now_ms_;
};

// One command's changes of one key. Nothing is seen by others before finish(), which must be called, also
// when nothing was changed.
class HashEditor {
 public:
  // `entry`: what the key holds (a hash), or nullptr. `key` outlives the editor.
  HashEditor(Keyspace& keyspace, int db, const Key& key, const Entry* entry, const HashLimits& limits,
             int64_t now_ms);
  ~HashEditor();
  HashEditor(const HashEditor&) = delete;
  HashEditor& operator=(const HashEditor&) = delete;

  size_t size() const;
  bool has_times() const { return table_ && table_->expiring_count() > 0; }
  bool get(std::string_view field, HashValue& out) const;
  bool contains(std::string_view field) const;

  // So many fields are to come: more than the limit make a table at once, as in redis-server 7.2.
  void expect(size_t fields);
  enum class Put : uint8_t { kNew, kReplaced, kReplacedExpired };
  // `expire_ms`: a time, kNoExpire, or kKeepExpire, which keeps one that has not come.
  Put put(std::string_view field, std::string_view value, int64_t expire_ms = kNoExpire);
  bool erase(std::string_view field);           // of one that has not expired
  bool erase_whatever(std::string_view field);  // expired or not
  // REQUIRES: contains(field). kNoExpire takes the time away.
  void set_expiry(std::string_view field, int64_t expire_ms);

  bool changed() const { return changed_; }
  // Writes what was changed. The key's entry, nullptr when there is none (any more).
  const Entry* finish();

 private:
  bool live(int64_t expire_ms) const { return expire_ms < 0 || expire_ms > now_ms_; }
  void open_packed();
  MemberTable& open_table();
  void convert();
  void put_packed(std::string_view field, std::string_view value, Put& done);

  Keyspace& keyspace_;
  const Key& key_;
  const Entry* entry_;
  HashLimits limits_;
  int64_t now_ms_;
  int db_;
  bool changed_ = false;
  bool finished_ = false;
  std::string_view packed_;             // while it is a listpack: of the entry, or of *scratch_
  std::string* scratch_ = nullptr;      // set once it is written to
  const MemberTable* table_ = nullptr;  // else
  HashTable* made_ = nullptr;           // not in the keyspace yet
  std::optional<Keyspace::Edit> edit_;
};

// Removes at most `max` fields of a key whose time has come, and the key when it has no other; calls f for
// each. Returns how many. REQUIRES: the key holds a hash in a container
size_t expire_hash_fields(Keyspace& keyspace, int db, const Key& key, int64_t now_ms, size_t max,
                          const std::function<void(std::string_view field)>& f);

}  // namespace tessera::store
