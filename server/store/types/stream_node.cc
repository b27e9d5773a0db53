// Role: the bytes of a stream's node. See stream_node.h.
#include "server/store/types/stream_node.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"

namespace tessera::store {

namespace {

constexpr size_t kSmallestNode = 64;
// An element's encoding and length backwards take at most this much beside its bytes.
constexpr size_t kElementOverhead = 10;
// The longest an integer element gets.
constexpr size_t kIntegerBytes = 10;

size_t capacity_for(size_t bytes) {
  return bytes <= Slab::kMaxBytes ? Slab::class_bytes(bytes) : bytes;
}

// listpack.h's buffer over a node.
class NodeBuffer {
 public:
  NodeBuffer(Container& owner, StreamNode& node) : owner_(owner), node_(node) {}
  const char* data() const { return node_.bytes; }
  char* data() { return node_.bytes; }
  size_t size() const { return node_.size; }
  char* splice(size_t at, size_t removed, size_t inserted) {
    if (removed == inserted) return node_.bytes + at;
    const size_t size = node_.size - removed + inserted;
    if (size > node_.capacity) reserve(size);
    std::memmove(node_.bytes + at + inserted, node_.bytes + at + removed, node_.size - at - removed);
    node_.size = static_cast<uint32_t>(size);
    return node_.bytes + at;
  }
  // Doubles, so that an entry is moved some two times in its life; large nodes grow by a half.
  void reserve(size_t size) {
    size_t grown =
        node_.capacity < 64 * 1024 ? node_.capacity * size_t{2} : node_.capacity + node_.capacity / 2;
    if (grown > Slab::kMaxBytes && size <= Slab::kMaxBytes) grown = Slab::kMaxBytes;
    move_to(capacity_for(std::max(size, grown)));
  }
  void move_to(size_t capacity) {
    char* bytes = static_cast<char*>(owner_.allocate(capacity));
    std::memcpy(bytes, node_.bytes, node_.size);
    owner_.release(node_.bytes, node_.capacity);
    node_.bytes = bytes;
    node_.capacity = static_cast<uint32_t>(capacity);
  }

 private:
  Container& owner_;
  StreamNode& node_;
};

// What elements of these texts take at most.
size_t most_bytes(StreamPairs texts) {
  size_t bytes = texts.size() * kElementOverhead;
  for (const std::string_view text : texts) bytes += text.size();
  return bytes;
}

bool has_fields_of_master(const StreamNodeView& view, StreamPairs pairs) {
  if (view.master_field_count() != pairs.size() / 2) return false;
  size_t at = view.master_fields_at();
  for (size_t i = 0; i < pairs.size(); i += 2, at = view.pack().next(at)) {
    const ListpackElement field = view.pack().get(at);
    if (!field.is_int) {
      if (field.bytes != pairs[i]) return false;
    } else if (!ListpackValue(pairs[i]).equals(field)) {
      return false;
    }
  }
  return true;
}

// Writes elements one behind the other and counts them.
class ElementWriter {
 public:
  explicit ElementWriter(char* at) : at_(at) {}
  void put(const ListpackValue& value) {
    at_ += value.encode(at_);
    ++count_;
  }
  char* at() const { return at_; }
  int64_t count() const { return count_; }

 private:
  char* at_;
  int64_t count_ = 0;
};

void put_entry(ElementWriter& out, StreamId node_id, StreamId id, StreamPairs pairs, bool same_fields) {
  out.put(same_fields ? int64_t{kStreamEntrySameFields} : int64_t{0});
  // Differences wrap as unsigned numbers do; sequences may be smaller than the node's.
  out.put(static_cast<int64_t>(id.ms - node_id.ms));
  out.put(static_cast<int64_t>(id.seq - node_id.seq));
  const int64_t fields = static_cast<int64_t>(pairs.size() / 2);
  if (!same_fields) out.put(fields);
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (!same_fields) out.put(ListpackValue(pairs[i]));
    out.put(ListpackValue(pairs[i + 1]));
  }
  out.put(same_fields ? fields + 3 : 2 * fields + 4);
}

// Ends the listpack where the writer stands.
void finish(StreamNode& node, const ElementWriter& out) {
  *out.at() = static_cast<char>(0xff);
  node.size = static_cast<uint32_t>(out.at() + 1 - node.bytes);
  listpack_detail::write_header(node.bytes, node.size, out.count());
}

}  // namespace

// ---- reading

StreamNodeView::StreamNodeView(StreamId id, std::string_view bytes) : id_(id), pack_(bytes) {
  size_t at = pack_.begin();
  count_ = pack_.get(at).number;
  at = pack_.next(at);
  deleted_ = pack_.get(at).number;
  at = pack_.next(at);
  field_count_ = static_cast<size_t>(pack_.get(at).number);
  fields_at_ = pack_.next(at);
  entries_at_ = pack_.next(skip(fields_at_, field_count_));
}

StreamNodeView::StreamNodeView(const StreamNode& node) : StreamNodeView(node.id, node.view()) {}

bool StreamNodeView::read(size_t at, StreamEntryRef& out) const {
  if (at >= pack_.end()) return false;
  out.at = at;
  out.flags = pack_.get(at).number;
  at = pack_.next(at);
  out.id.ms = id_.ms + static_cast<uint64_t>(pack_.get(at).number);
  at = pack_.next(at);
  out.id.seq = id_.seq + static_cast<uint64_t>(pack_.get(at).number);
  at = pack_.next(at);
  if (out.has_master_fields()) {
    out.field_count = field_count_;
  } else {
    out.field_count = static_cast<size_t>(pack_.get(at).number);
    at = pack_.next(at);
  }
  out.fields_at = at;
  return true;
}

size_t StreamNodeView::behind(const StreamEntryRef& entry) const {
  const size_t elements = entry.has_master_fields() ? entry.field_count : 2 * entry.field_count;
  return pack_.next(skip(entry.fields_at, elements));
}

bool StreamNodeView::read_before(size_t at, StreamEntryRef& out) const {
  if (at <= entries_at_) return false;
  at = pack_.prev(at);
  for (int64_t elements = pack_.get(at).number; elements > 0; --elements) at = pack_.prev(at);
  return read(at, out);
}

namespace {

// Whether `id` lies nearer to `last` than to `first`, as far as ids tell.
bool nearer_to_last(StreamId first, StreamId last, StreamId id) {
  if (first.ms == last.ms) return id.seq - first.seq > (last.seq - first.seq) / 2;
  return id.ms - first.ms > (last.ms - first.ms) / 2;
}

}  // namespace

bool StreamNodeView::at_least(StreamId id, StreamEntryRef& out) const {
  StreamEntryRef at;
  if (!last(at) || at.id < id) return false;
  if (id > id_ && nearer_to_last(id_, at.id, id)) {
    do {
      out = at;
    } while (previous(at) && at.id >= id);
    return true;
  }
  for (bool more = first(out); more; more = next(out)) {
    if (out.id >= id) return true;
  }
  return false;
}

bool StreamNodeView::at_most(StreamId id, StreamEntryRef& out) const {
  StreamEntryRef at;
  if (id < id_ || !last(at)) return false;
  if (at.id <= id) {
    out = at;
    return true;
  }
  if (nearer_to_last(id_, at.id, id)) {
    while (previous(at)) {
      if (at.id > id) continue;
      out = at;
      return true;
    }
    return false;
  }
  bool found = false;
  for (bool more = first(at); more && at.id <= id; more = next(at)) {
    out = at;
    found = true;
  }
  return found;
}

// ---- writing

StreamNode stream_node_make(Container& owner, StreamId id, StreamPairs pairs) {
  StreamNode node{id, nullptr, 0, 0};
  // Master and first entry; values come once.
  const size_t bytes = ListpackView::kEmptyBytes + most_bytes(pairs) + 8 * kIntegerBytes;
  node.capacity = static_cast<uint32_t>(capacity_for(std::max(bytes, kSmallestNode)));
  node.bytes = static_cast<char*>(owner.allocate(node.capacity));
  std::memcpy(node.bytes, empty_listpack().data(), ListpackView::kEmptyBytes);
  ElementWriter out(node.bytes + ListpackView::kHeaderBytes);
  out.put(int64_t{1});
  out.put(int64_t{0});
  out.put(static_cast<int64_t>(pairs.size() / 2));
  for (size_t i = 0; i < pairs.size(); i += 2) out.put(ListpackValue(pairs[i]));
  out.put(int64_t{0});
  put_entry(out, id, id, pairs, true);
  finish(node, out);
  return node;
}

void stream_node_append(Container& owner, StreamNode& node, StreamId id, StreamPairs pairs) {
  NodeBuffer buffer(owner, node);
  const StreamNodeView view(node);
  const bool same_fields = has_fields_of_master(view, pairs);
  const int64_t count = view.count();
  listpack_replace(buffer, ListpackView::kHeaderBytes, count + 1);
  const size_t most = node.size + most_bytes(pairs) + 5 * kIntegerBytes;
  if (most > node.capacity) buffer.reserve(most);
  ElementWriter out(node.bytes + node.size - 1);
  put_entry(out, node.id, id, pairs, same_fields);
  finish(node, out);
}

void stream_node_flag(StreamNode& node, const StreamEntryRef& entry) {
  // Flags are numbers of 7 bits, one byte and the length backwards.
  node.bytes[entry.at] = static_cast<char>(entry.flags | kStreamEntryDeleted);
}

void stream_node_count_deleted(Container& owner, StreamNode& node, int64_t entries) {
  NodeBuffer buffer(owner, node);
  const StreamNodeView view(node);
  const size_t deleted_at = view.pack().next(view.pack().begin());
  listpack_replace(buffer, deleted_at, view.deleted() + entries);
  listpack_replace(buffer, ListpackView::kHeaderBytes, view.count() - entries);
}

void stream_node_fit(Container& owner, StreamNode& node) {
  const size_t capacity = capacity_for(node.size);
  if (capacity < node.capacity && !Memory::same_class(capacity, node.capacity)) {
    NodeBuffer(owner, node).move_to(capacity);
  }
}

void stream_node_free(Container& owner, StreamNode& node) {
  owner.release(node.bytes, node.capacity);
}

StreamNode stream_node_copy(Container& owner, StreamId id, std::string_view bytes) {
  StreamNode node{id, nullptr, static_cast<uint32_t>(bytes.size()), 0};
  node.capacity = static_cast<uint32_t>(capacity_for(bytes.size()));
  node.bytes = static_cast<char*>(owner.allocate(node.capacity));
  std::memcpy(node.bytes, bytes.data(), bytes.size());
  return node;
}

// ---- checking

namespace {

// Steps over a valid listpack and says whether the elements are what a node may hold.
class Walk {
 public:
  explicit Walk(std::string_view bytes) : bytes_(bytes), pack_(bytes), at_(pack_.begin()) {}
  bool at_end() const { return at_ >= pack_.end(); }
  bool at_small_number() const { return !at_end() && pack_.stride(at_) == 2 && (bytes_[at_] & 0x80) == 0; }
  bool integer(int64_t& out) {
    if (at_end()) return false;
    const ListpackElement element = pack_.get(at_);
    at_ = pack_.next(at_);
    out = element.number;
    return element.is_int;
  }
  bool skip(int64_t count) {
    for (; count > 0; --count) {
      if (at_end()) return false;
      at_ = pack_.next(at_);
    }
    return true;
  }

 private:
  std::string_view bytes_;
  ListpackView pack_;
  size_t at_;
};

bool entry_valid(Walk& walk, StreamId node_id, int64_t master_fields, int64_t& flags, StreamId& id) {
  int64_t ms = 0, seq = 0, fields = master_fields, elements = 0;
  if (!walk.at_small_number() || !walk.integer(flags) || (flags & ~int64_t{3}) != 0) return false;
  if (!walk.integer(ms) || !walk.integer(seq)) return false;
  const bool same = (flags & kStreamEntrySameFields) != 0;
  if (!same && !walk.integer(fields)) return false;
  if (fields < 0 || fields > INT32_MAX || !walk.skip(same ? fields : 2 * fields)) return false;
  if (!walk.integer(elements) || elements != (same ? fields + 3 : 2 * fields + 4)) return false;
  id = {node_id.ms + static_cast<uint64_t>(ms), node_id.seq + static_cast<uint64_t>(seq)};
  return true;
}

}  // namespace

bool stream_node_valid(StreamId id, std::string_view bytes, StreamNodeFacts* facts) {
  if (!listpack_valid(bytes)) return false;
  Walk walk(bytes);
  int64_t count = 0, deleted = 0, fields = 0, zero = 0;
  if (!walk.integer(count) || !walk.integer(deleted) || !walk.integer(fields)) return false;
  if (count < 0 || deleted < 0 || fields < 0 || !walk.skip(fields)) return false;
  if (!walk.integer(zero) || zero != 0 || walk.at_end()) return false;
  StreamNodeFacts found;
  int64_t marked = 0;
  while (!walk.at_end()) {
    int64_t flags = 0;
    StreamId entry;
    if (!entry_valid(walk, id, fields, flags, entry)) return false;
    const bool is_first = found.live + marked == 0;
    if (is_first ? entry < id : entry <= found.last) found.is_ordered = false;
    found.last = entry;
    ++((flags & kStreamEntryDeleted) != 0 ? marked : found.live);
  }
  if (facts) *facts = found;
  return found.live == count && marked == deleted;
}

}  // namespace tessera::store
