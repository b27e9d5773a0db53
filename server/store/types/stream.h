// Role: streams: a tree of listpacks (stream_node.h) found by the id of their first entry, with consumer
// groups (stream_group.h). Always a container, however small. Thread: as its keyspace. Invariants: ids rise
// strictly over all nodes; a node has at least one entry unless a trim by id met one whose last entries were
// deleted before (as Redis keeps it); length() counts what is not deleted; first_id() is the first of these,
// 0-0 when there is none; last_id() never falls but by set_last_id(). A stream may be empty: only DEL and its
// kin remove its key.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include "server/store/container.h"
#include "server/store/entry.h"
#include "server/store/keyspace.h"
#include "server/store/types/piece_tree.h"
#include "server/store/types/stream_group.h"
#include "server/store/types/stream_id.h"
#include "server/store/types/stream_limits.h"
#include "server/store/types/stream_node.h"

namespace tessera::store {

struct StreamTrim {
  enum class By : uint8_t { kLength, kId };
  By by = By::kLength;
  bool approximate = false;  // whole nodes only
  uint64_t max_length = 0;
  StreamId min_id;
  uint64_t limit = 0;  // most entries to remove, in whole nodes; 0: any
};

class Stream final : public Container {
 public:
  // No single entry may hold more, as in redis-server.
  static constexpr size_t kMaxEntryBytes = 1 << 30;
  static constexpr int64_t kUnknownRead = StreamGroup::kUnknownRead;

  explicit Stream(Memory& memory);

  // Who has to know of nodes and groups before they change, and of new ones.
  class Watcher {
   public:
    virtual void before_change(StreamId node, std::string_view bytes) = 0;
    virtual void made(StreamId node) = 0;
    // From here on StreamGroup::Watcher is told what becomes of consumers and what is pending.
    virtual void before_change(const StreamGroup& group) = 0;
    virtual void before_end(const StreamGroup& group) = 0;
    virtual void made(const StreamGroup& group) = 0;

   protected:
    ~Watcher() = default;
  };
  // At most one; nullptr: nobody. Not copied with the stream.
  void watch(Watcher* watcher) const { watcher_ = watcher; }

  // ---- entries
  size_t length() const { return length_; }
  StreamId first_id() const { return first_id_; }
  StreamId last_id() const { return last_id_; }
  StreamId max_deleted_id() const { return max_deleted_id_; }
  uint64_t entries_added() const { return entries_added_; }
  size_t node_count() const { return nodes_.size(); }
  size_t index_piece_count() const { return nodes_.piece_count(); }

  // REQUIRES: id > last_id(), pairs in all at most kMaxEntryBytes
  void append(StreamId id, StreamPairs pairs, const StreamLimits& limits);
  // XDEL of one id; false: no such entry. first_id() and max_deleted_id() follow.
  bool erase(StreamId id);
  // Returns how many were removed; `removed`, if given, is called for each of them before it goes.
  size_t trim(const StreamTrim& how, const std::function<void(StreamId)>* removed = nullptr);
  // To be called before it: where many nodes go as a whole and few stay, those that go leave at once as a
  // container, which is to be discarded. nullptr: nothing was done; else `gone`: so many entries were theirs.
  Container* take_out_front(const StreamTrim& how, size_t& gone);
  // The id of the first entry that is behind the nodes that an approximate trim would take; max(): none is.
  StreamId trim_bound(const StreamTrim& how) const;
  bool contains(StreamId id) const;
  void set_last_id(StreamId id);
  void set_entries_added(uint64_t n) { entries_added_ = n; }
  void set_max_deleted_id(StreamId id) { max_deleted_id_ = id; }
  // The id of the last entry that is there, 0-0 when there is none.
  StreamId last_entry_id() const;

  // Whether an entry was deleted between `from` and the end, as far as max_deleted_id() tells.
  bool has_deleted_since(StreamId from) const;
  // How many entries were added up to `id`, over the stream's life; kUnknownRead when that cannot be told.
  int64_t entries_added_up_to(StreamId id) const;

  // ---- groups
  const StreamGroupTree& groups() const { return groups_; }
  const StreamGroup* find_group(std::string_view name) const;
  // To change it.
  StreamGroup* find_group(std::string_view name);
  // To be called before a group that was not found by find_group() changes.
  void before_change(const StreamGroup& group) const {
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_change(group);
  }
  // nullptr: there is one of that name.
  StreamGroup* make_group(std::string_view name, StreamId last_id, int64_t entries_read);
  void erase_group(StreamGroup* group);
  // The same for one that may be large: nullptr, or what is left of it, which is to be discarded.
  Container* take_out_group(StreamGroup* group);

  // ---- for loading: nodes as files hold them, in order. REQUIRES: stream_node_valid(), length is set at the
  // end by finish_loading().
  void load_node(StreamId id, std::string_view bytes, bool is_ordered);
  void finish_loading(StreamId last_id, StreamId max_deleted_id, uint64_t entries_added);
  // Calls f(id of the node, its bytes).
  void for_each_node(const std::function<void(StreamId, std::string_view)>& f) const;
  // The first node whose id is greater than `behind`, the first of all for nullptr. False: there is none.
  bool next_node(const StreamId* behind, StreamId& id, std::string_view& bytes) const;

  // ---- Container
  size_t element_count() const override;
  Container* clone(Memory& memory) const override;
  Container* empty_copy(Memory& memory) const override;
  bool copy_some(const Container& from, CopyPlace& place, size_t elements) override;
  void digest(Digest& digest) const override;
  bool free_some(size_t elements) override;
  std::string self_check() const override;

 protected:
  size_t object_bytes() const override { return sizeof(Stream); }

 private:
  friend class StreamCursor;
  friend class DroppedNodes;
  struct NodeOrder {
    using Key = StreamId;
    static Key key(const StreamNode& item) { return item.id; }
    static bool less(const StreamId& a, const StreamId& b) { return a < b; }
  };
  using Nodes = PieceTree<StreamNode, NodeOrder>;

  void before_change(const StreamNode& node) const {
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_change(node.id, node.view());
  }
  void drop_node(StreamNode& node);
  bool trims_whole(const StreamNodeView& view, const StreamTrim& how, size_t length) const;
  size_t trim_inside(StreamNode& node, const StreamTrim& how, const std::function<void(StreamId)>* removed);
  void find_first_id();
  bool copy_nodes(const Stream& other, CopyPlace& place, size_t& elements);
  bool copy_groups(const Stream& other, CopyPlace& place, size_t& elements);

  mutable Watcher* watcher_ = nullptr;
  Nodes nodes_;
  StreamGroupTree groups_;
  size_t length_ = 0;
  StreamId first_id_, last_id_, max_deleted_id_;
  uint64_t entries_added_ = 0;
  // False once XSETID put the last id before that of a deleted entry: what is added then may have a smaller
  // id than what is marked, in front of it.
  bool is_ordered_ = true;
};

// Walks the entries that are there, from `start` to `end` (both included), or backwards from `end` to
// `start`. Lives until the stream changes.
class StreamCursor {
 public:
  StreamCursor(const Stream& stream, StreamId start, StreamId end, bool backwards);
  // Goes to the next one, the first at first; false: there is none.
  bool next();
  const StreamEntryRef& entry() const { return entry_; }
  StreamFields fields() const { return {view_, entry_}; }

 private:
  friend class Stream;
  bool begin();
  bool step_node();

  const Stream& stream_;
  StreamId start_, end_;
  bool backwards_;
  bool begun_ = false;
  Stream::Nodes::Place node_;
  StreamNodeView view_;
  StreamEntryRef entry_;
};

// ---- streams in a keyspace

// REQUIRES: the entry is of type stream
inline const Stream& stream_of(const Entry& entry) {
  return static_cast<const Stream&>(Keyspace::container(entry));
}

// Write access, as one change of its key; see Keyspace::Edit.
class StreamEdit {
 public:
  StreamEdit(Keyspace& keyspace, int db, const Key& key) : keyspace_(keyspace), edit_(keyspace, db, key) {}
  StreamEdit(Keyspace& keyspace, int db, const Key& key, const Entry& entry)
      : keyspace_(keyspace), edit_(keyspace, db, key, entry) {}
  Stream& operator*() const { return static_cast<Stream&>(edit_.container()); }
  Stream* operator->() const { return &**this; }
  // As Stream::trim(); what goes of a large stream is freed as garbage is, if little stays.
  size_t trim(const StreamTrim& how) const {
    size_t gone = 0;
    if (Container* front = (*this)->take_out_front(how, gone)) keyspace_.discard(front);
    return gone + (*this)->trim(how);
  }
  // A large one is freed as garbage is. REQUIRES: it is there
  void erase_group(std::string_view name) const {
    Stream& stream = **this;
    if (Container* rest = stream.take_out_group(stream.find_group(name))) keyspace_.discard(rest);
  }

 private:
  Keyspace& keyspace_;
  Keyspace::Edit edit_;
};

// An empty stream at a key, which may hold something else before.
Entry* make_stream(Keyspace& keyspace, int db, const Key& key);

}  // namespace tessera::store
