// Role: consumer groups of a stream: what was delivered to whom and is not acknowledged yet. Thread: as the
// stream. Part of a stream: memory comes from it.
// Invariants: an id in a consumer's list is in the group's list with that consumer, and the other way round
// unless nobody owns it (released by XNACK); lists are in order of ids, consumers in order of names (bytes).
// A pending entry may outlive its stream entry.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "server/store/types/piece_tree.h"
#include "server/store/types/stream_id.h"

namespace tessera::store {

struct StreamConsumer;

// One pending entry of a group.
struct StreamPending {
  // A count that has come so far stays there: it means "never again", and the next delivery must not make it
  // negative for clients.
  static constexpr uint64_t kMostDeliveries = std::numeric_limits<int64_t>::max();

  StreamId id;
  int64_t delivered_ms;
  uint64_t delivery_count;   // at most kMostDeliveries
  StreamConsumer* consumer;  // nullptr: released, nobody's

  void count_delivery() { delivery_count += delivery_count < kMostDeliveries; }
};

struct StreamPendingOrder {
  using Key = StreamId;
  static Key key(const StreamPending& item) { return item.id; }
  static bool less(const StreamId& a, const StreamId& b) { return a < b; }
};
struct StreamIdOrder {
  using Key = StreamId;
  static Key key(const StreamId& item) { return item; }
  static bool less(const StreamId& a, const StreamId& b) { return a < b; }
};
// Of objects with a name().
template <typename T>
struct NameOrder {
  using Key = T*;
  static Key key(T* const& item) { return item; }
  static bool less(const Key& a, const Key& b) { return a->name() < b->name(); }
  static bool less(const Key& a, const std::string_view& b) { return a->name() < b; }
  static bool less(const std::string_view& a, const Key& b) { return a < b->name(); }
};

using StreamPendingTree = PieceTree<StreamPending, StreamPendingOrder>;
using StreamIdTree = PieceTree<StreamId, StreamIdOrder>;

// The name lies behind the object.
struct StreamConsumer {
  static constexpr int64_t kNever = -1;

  StreamConsumer(Container& owner, uint32_t name_bytes) : pending(owner), name_size(name_bytes) {}
  std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), name_size}; }

  StreamIdTree pending;
  int64_t seen_ms = 0;         // when it last tried
  int64_t active_ms = kNever;  // when it last got something
  uint32_t name_size;
};
using StreamConsumerTree = PieceTree<StreamConsumer*, NameOrder<StreamConsumer>>;

class StreamGroup {
 public:
  static constexpr int64_t kUnknownRead = -1;

  // Who has to know of pending entries and consumers before they change. (The rest of a group is told by its
  // stream, Stream::Watcher.)
  class Watcher {
   public:
    virtual void before_change(StreamId pending) = 0;                // or it comes, or goes
    virtual void before_change(const StreamConsumer& consumer) = 0;  // or what is pending for it
    virtual void made(const StreamConsumer& consumer) = 0;
    virtual void before_end(const StreamConsumer& consumer) = 0;

   protected:
    ~Watcher() = default;
  };
  // At most one; nullptr: nobody.
  void watch(Watcher* watcher) const { watcher_ = watcher; }

  StreamGroup(Container& owner, uint32_t name_bytes)
      : pending_(owner), consumers_(owner), owner_(&owner), name_size_(name_bytes) {}
  std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), name_size_}; }

  StreamId last_id;  // delivered last
  int64_t entries_read = kUnknownRead;

  const StreamPendingTree& pending() const { return pending_; }
  const StreamConsumerTree& consumers() const { return consumers_; }

  const StreamConsumer* find_consumer(std::string_view name) const;
  StreamConsumer* find_consumer(std::string_view name);  // to change it
  // REQUIRES: there is none of that name
  StreamConsumer* make_consumer(std::string_view name, int64_t now_ms);
  // With all that is pending for it; returns how much that was.
  size_t erase_consumer(StreamConsumer* consumer);

  const StreamPending* find_pending(StreamId id) const { return pending_.find(id); }
  StreamPending* find_pending(StreamId id) {  // to change it
    owner_->touch();
    before_change(id);
    return pending_.find(id);
  }
  // The entry is the consumer's from now on, whoever had it; count and time are the caller's to set.
  // `is_new`: it was not pending.
  StreamPending* assign(StreamId id, StreamConsumer* consumer, bool* is_new);
  // Nobody's from now on.
  void release(StreamPending& pending);
  // Pending without an owner. REQUIRES: it is not pending
  StreamPending* make_unowned(StreamId id) {
    owner_->touch();
    before_change(id);
    return pending_.insert({id, 0, 0, nullptr});
  }
  bool erase_pending(StreamId id);

  std::string self_check() const;

 private:
  friend class Stream;
  friend class DroppedGroup;
  // With all that hangs on it, as the owner counts it. Cost: its consumers.
  size_t allocated_bytes() const;
  // Memory is that container's from now on, which counts it already.
  void move_to(Container& owner) {
    owner_ = &owner;
    pending_.move_to(owner);
    consumers_.move_to(owner);  // what is theirs follows as it is freed
  }
  // Frees about `pieces` pieces; true when nothing is left but the object.
  bool free_some(size_t& items);
  // All but what is pending; then that, some at a time, true: all is here.
  void begin_copy(const StreamGroup& other);
  bool copy_pending(const StreamGroup& other, size_t& items);
  void free_consumer(StreamConsumer* consumer);
  void before_change(StreamId pending) const {
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_change(pending);
  }
  void before_change(const StreamConsumer& consumer) const {
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_change(consumer);
  }

  mutable Watcher* watcher_ = nullptr;
  StreamPendingTree pending_;
  StreamConsumerTree consumers_;
  Container* owner_;
  uint32_t name_size_;
};
using StreamGroupTree = PieceTree<StreamGroup*, NameOrder<StreamGroup>>;

// A group that has left its stream, on its way to be freed in slices.
class DroppedGroup final : public Container {
 public:
  // Takes the group, and what it counts, from the container it was in.
  DroppedGroup(Memory& memory, Container& from, StreamGroup* group);

  size_t element_count() const override;
  Container* clone(Memory& memory) const override;
  void digest(Digest& digest) const override { (void)digest; }
  bool free_some(size_t elements) override;

 private:
  size_t object_bytes() const override { return sizeof(DroppedGroup); }

  StreamGroup* group_;
};

// Makes an object with a name behind it, as the two above.
template <typename T>
T* make_named(Container& owner, std::string_view name) {
  void* place = owner.allocate(sizeof(T) + name.size());
  T* made = new (place) T(owner, static_cast<uint32_t>(name.size()));
  if (!name.empty()) std::memcpy(static_cast<void*>(made + 1), name.data(), name.size());
  return made;
}
template <typename T>
void free_named(Container& owner, T* object) {
  const size_t bytes = sizeof(T) + object->name().size();
  object->~T();
  owner.release(object, bytes);
}

}  // namespace tessera::store
