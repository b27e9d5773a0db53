// Role: one node of a stream: a listpack of up to some hundred entries, laid out exactly as Redis does (RDB
// files hold it as it is). First the master entry: count of entries that are there, count of deleted ones,
// number of fields, the fields of the first entry, 0. Then entries: flags (1 deleted, 2 same fields as the
// master's), milliseconds and sequence as differences to the node's id, number of fields unless the same,
// fields (unless the same) and values, and how many elements of the listpack that were, for walking back.
// Thread: any (pure bytes over memory of a container).
// Invariants: bytes are what append() wrote, or passed stream_node_valid(). Deleting marks; a node without
// entries is dropped by its stream.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "server/store/container.h"
#include "server/store/encodings/listpack.h"
#include "server/store/types/stream_id.h"

namespace tessera::store {

enum StreamEntryFlag : int64_t { kStreamEntryDeleted = 1, kStreamEntrySameFields = 2 };

// What a stream knows of a node. `id` is the id its first entry had.
struct StreamNode {
  StreamId id;
  char* bytes;
  uint32_t size;
  uint32_t capacity;

  std::string_view view() const { return {bytes, size}; }
};

// One entry of a node. Fields and values are read by StreamFields.
struct StreamEntryRef {
  StreamId id;
  int64_t flags = 0;
  size_t at = 0;         // its first element, the flags
  size_t fields_at = 0;  // its first field, or value where fields are the master's
  size_t field_count = 0;
  bool is_deleted() const { return (flags & kStreamEntryDeleted) != 0; }
  bool has_master_fields() const { return (flags & kStreamEntrySameFields) != 0; }
};

class StreamNodeView {
 public:
  StreamNodeView() : pack_(std::string_view()) {}  // of nothing; only to be assigned to
  explicit StreamNodeView(const StreamNode& node);
  StreamNodeView(StreamId id, std::string_view bytes);

  int64_t count() const { return count_; }      // entries that are there
  int64_t deleted() const { return deleted_; }  // marked ones
  size_t master_field_count() const { return field_count_; }
  size_t master_fields_at() const { return fields_at_; }
  const ListpackView& pack() const { return pack_; }

  // Entries, deleted ones included; false: there is none.
  bool first(StreamEntryRef& out) const { return read(entries_at_, out); }
  bool last(StreamEntryRef& out) const { return read_before(pack_.end(), out); }
  bool next(StreamEntryRef& entry) const { return read(behind(entry), entry); }
  bool previous(StreamEntryRef& entry) const { return read_before(entry.at, entry); }
  // The first entry that is not less than `id`, the last one that is not greater. Walk from the side that
  // seems nearer.
  bool at_least(StreamId id, StreamEntryRef& out) const;
  bool at_most(StreamId id, StreamEntryRef& out) const;
  // The first element behind the entry's last one.
  size_t behind(const StreamEntryRef& entry) const;

 private:
  bool read(size_t at, StreamEntryRef& out) const;
  bool read_before(size_t at, StreamEntryRef& out) const;
  size_t skip(size_t at, size_t count) const {
    for (; count > 0; --count) at = pack_.next(at);
    return at;
  }

  StreamId id_;
  ListpackView pack_;
  int64_t count_ = 0;
  int64_t deleted_ = 0;
  size_t field_count_ = 0;
  size_t fields_at_ = 0;
  size_t entries_at_ = 0;
};

// Walks the fields of an entry with their values.
class StreamFields {
 public:
  StreamFields(const StreamNodeView& node, const StreamEntryRef& entry)
      : pack_(node.pack()),
        field_at_(entry.has_master_fields() ? node.master_fields_at() : entry.fields_at),
        value_at_(entry.fields_at),
        left_(entry.field_count),
        shares_fields_(entry.has_master_fields()) {}

  bool next(ListpackElement& field, ListpackElement& value) {
    if (left_ == 0) return false;
    --left_;
    field = pack_.get(field_at_);
    field_at_ = pack_.next(field_at_);
    if (!shares_fields_) value_at_ = field_at_;
    value = pack_.get(value_at_);
    value_at_ = pack_.next(value_at_);
    if (!shares_fields_) field_at_ = value_at_;
    return true;
  }

 private:
  ListpackView pack_;
  size_t field_at_, value_at_;
  size_t left_;
  bool shares_fields_;
};

// ---- writing; memory is the container's

// Fields and values in turn, as XADD gives them.
using StreamPairs = std::span<const std::string_view>;

// A node with its first entry.
StreamNode stream_node_make(Container& owner, StreamId id, StreamPairs pairs);
// Puts an entry at the end. REQUIRES: id is greater than all in it
void stream_node_append(Container& owner, StreamNode& node, StreamId id, StreamPairs pairs);
// Deleting, in two steps: marks entries (nothing moves), then counts how many were marked (everything may).
void stream_node_flag(StreamNode& node, const StreamEntryRef& entry);
void stream_node_count_deleted(Container& owner, StreamNode& node, int64_t entries);
// Gives back what it does not use: nothing is appended to it any more.
void stream_node_fit(Container& owner, StreamNode& node);
void stream_node_free(Container& owner, StreamNode& node);
// A node over a copy of bytes (RDB, clones). REQUIRES: stream_node_valid(bytes)
StreamNode stream_node_copy(Container& owner, StreamId id, std::string_view bytes);
struct StreamNodeFacts {
  int64_t live = 0;        // entries that are there
  bool is_ordered = true;  // ids rise
  StreamId last;           // of the last entry
};
// True when bytes from anywhere are a well-formed node with entries: elements, counts, flags.
bool stream_node_valid(StreamId id, std::string_view bytes, StreamNodeFacts* facts = nullptr);

}  // namespace tessera::store
