// Role: streams: adding, finding, deleting and trimming entries, and what a container owes. See stream.h.
#include "server/store/types/stream.h"

#include <algorithm>

#include <string>

#include "common/text/integers.h"
#include "server/store/digest.h"

namespace tessera::store {

Stream::Stream(Memory& memory) : Container(memory), nodes_(*this), groups_(*this) {}

// ---- entries

namespace {

bool node_is_full(const StreamNode& node, size_t more_bytes, const StreamLimits& limits) {
  size_t most = Stream::kMaxEntryBytes;
  if (limits.node_max_bytes > 0 && static_cast<uint64_t>(limits.node_max_bytes) < most) {
    most = static_cast<size_t>(limits.node_max_bytes);
  }
  if (node.size + more_bytes >= most) return true;
  if (limits.node_max_entries <= 0) return false;
  const StreamNodeView view(node);
  return view.count() + view.deleted() >= limits.node_max_entries;
}

}  // namespace

void Stream::append(StreamId id, StreamPairs pairs, const StreamLimits& limits) {
  TESSERA_DCHECK(id > last_id_);
  touch();
  size_t bytes = 0;
  for (const std::string_view text : pairs) bytes += text.size();
  Nodes::Place last = nodes_.last();
  if (last && node_is_full(*last, bytes, limits)) {
    stream_node_fit(*this, *last);
    last = {};
  }
  if (last) {
    before_change(*last);
    stream_node_append(*this, *last, id, pairs);
  } else {
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->made(id);
    nodes_.insert(stream_node_make(*this, id, pairs));
  }
  if (length_ == 0) first_id_ = id;
  if (nodes_.size() == 1 && length_ == 0 && nodes_.first()->id == id) is_ordered_ = true;
  ++length_;
  ++entries_added_;
  last_id_ = id;
}

void Stream::drop_node(StreamNode& node) {
  const StreamId id = node.id;
  before_change(node);
  stream_node_free(*this, node);
  nodes_.erase(id);
}

bool Stream::contains(StreamId id) const {
  return StreamCursor(*this, id, id, false).next();
}

bool Stream::erase(StreamId id) {
  StreamCursor cursor(*this, id, id, false);
  if (!cursor.next()) return false;
  touch();
  StreamNode& node = *cursor.node_;
  if (cursor.view_.count() == 1) {
    drop_node(node);
  } else {
    before_change(node);
    stream_node_flag(node, cursor.entry());
    stream_node_count_deleted(*this, node, 1);
  }
  --length_;
  if (id > max_deleted_id_) max_deleted_id_ = id;
  if (id == first_id_ || length_ == 0) find_first_id();
  return true;
}

void Stream::set_last_id(StreamId id) {
  StreamEntryRef last;
  if (!nodes_.empty() && StreamNodeView(*nodes_.last()).last(last) && last.id > id) is_ordered_ = false;
  last_id_ = id;
}

void Stream::find_first_id() {
  StreamCursor cursor(*this, {}, StreamId::max(), false);
  first_id_ = cursor.next() ? cursor.entry().id : StreamId{};
}

StreamId Stream::last_entry_id() const {
  StreamCursor cursor(*this, {}, StreamId::max(), true);
  return cursor.next() ? cursor.entry().id : StreamId{};
}

namespace {

void tell_removed(const StreamNodeView& view, const std::function<void(StreamId)>* removed) {
  StreamEntryRef entry;
  for (bool more = removed && view.first(entry); more; more = view.next(entry)) {
    if (!entry.is_deleted()) (*removed)(entry.id);
  }
}

}  // namespace

// Whether the first node of a stream of `length` entries goes as a whole.
bool Stream::trims_whole(const StreamNodeView& view, const StreamTrim& how, size_t length) const {
  if (how.by == StreamTrim::By::kLength) return length - static_cast<size_t>(view.count()) >= how.max_length;
  StreamEntryRef last;
  return !view.last(last) || last.id < how.min_id;
}

size_t Stream::trim(const StreamTrim& how, const std::function<void(StreamId)>* removed) {
  size_t count = 0;
  for (Nodes::Place node = nodes_.first(); node; node = nodes_.first()) {
    if (how.by == StreamTrim::By::kLength && length_ <= how.max_length) break;
    const StreamNodeView view(*node);
    const size_t entries = static_cast<size_t>(view.count());
    if (how.limit != 0 && count + entries > how.limit) break;
    if (!trims_whole(view, how, length_)) {
      if (!how.approximate) count += trim_inside(*node, how, removed);
      break;
    }
    tell_removed(view, removed);
    drop_node(*node);
    length_ -= entries;
    count += entries;
  }
  touch(count);
  if (count > 0) find_first_id();
  return count;
}

// Nodes that have left their stream, on their way to be freed in slices.
class DroppedNodes final : public Container {
 public:
  explicit DroppedNodes(Memory& memory) : Container(memory), nodes_(*this) {}
  // Of a tree of `from`, which counts `bytes` for nodes and tree.
  void take(Container& from, Stream::Nodes& nodes, size_t entries, size_t bytes) {
    from.note_outside(-static_cast<int64_t>(bytes));
    note_outside(static_cast<int64_t>(bytes));
    nodes_.swap_items(nodes);
    entries_ = entries;
  }

  size_t element_count() const override { return entries_ + nodes_.size(); }
  Container* clone(Memory& memory) const override {
    (void)memory;
    TESSERA_CHECK(false);  // it belongs to no key
    return nullptr;
  }
  void digest(Digest& digest) const override { (void)digest; }
  bool free_some(size_t elements) override {
    const auto free_node = [&](StreamNode& node) {
      const size_t entries = static_cast<size_t>(StreamNodeView(node).count());
      entries_ -= entries;
      elements -= std::min(elements, entries + 1);
      stream_node_free(*this, node);
    };
    while (elements > 0 && nodes_.free_first_leaf(free_node)) {
    }
    return nodes_.empty();
  }

 private:
  size_t object_bytes() const override { return sizeof(DroppedNodes); }

  Stream::Nodes nodes_;
  size_t entries_ = 0;
};

Container* Stream::take_out_front(const StreamTrim& how, size_t& gone) {
  constexpr size_t kMany = 512, kFew = 16;
  if (how.limit != 0 || watcher_ != nullptr || !is_ordered_ || nodes_.size() < kMany) return nullptr;
  // Trims that take little from much come often: they are told without a look into nodes.
  if (how.by == StreamTrim::By::kLength && how.max_length > length_ / 2) return nullptr;
  Nodes::Place node = nodes_.last();
  for (size_t i = 0; i <= kFew; ++i) node.previous();
  if (how.by == StreamTrim::By::kId && !(node->id < how.min_id)) return nullptr;
  StreamNode stay[kFew];
  size_t count = 0, entries = 0;
  node = nodes_.last();
  for (; node; node.previous()) {
    const StreamNodeView view(*node);
    const size_t with_it = entries + static_cast<size_t>(view.count());
    if (trims_whole(view, how, with_it)) break;
    if (count == kFew) return nullptr;
    stay[count++] = *node;
    entries = with_it;
  }
  if (!node) return nullptr;
  size_t bytes = allocated_bytes() - Memory::block_bytes(this, sizeof(Stream)) - groups_.allocated_bytes();
  for (auto group = groups_.first(); group; group.next()) {
    touch((*group)->consumers().size());
    bytes -= (*group)->allocated_bytes();
  }
  Nodes kept(*this);
  while (count-- > 0) kept.insert(stream_node_copy(*this, stay[count].id, stay[count].view()));
  nodes_.swap_items(kept);
  gone = length_ - entries;
  DroppedNodes* dropped = make<DroppedNodes>(memory());
  dropped->take(*this, kept, gone, bytes);
  length_ = entries;
  touch(entries + 1);
  find_first_id();
  return dropped;
}

size_t Stream::trim_inside(StreamNode& node, const StreamTrim& how,
                           const std::function<void(StreamId)>* removed) {
  const StreamNodeView view(node);
  StreamEntryRef entry;
  int64_t marked = 0;
  before_change(node);
  for (bool more = view.first(entry); more; more = view.next(entry)) {
    if (how.by == StreamTrim::By::kLength ? length_ <= how.max_length : entry.id >= how.min_id) break;
    if (entry.is_deleted()) continue;
    if (removed) (*removed)(entry.id);
    stream_node_flag(node, entry);
    --length_;
    ++marked;
  }
  if (marked > 0) stream_node_count_deleted(*this, node, marked);
  return static_cast<size_t>(marked);
}

StreamId Stream::trim_bound(const StreamTrim& how) const {
  size_t left = length_, count = 0;
  for (Nodes::Place node = nodes_.first(); node; node.next()) {
    const StreamNodeView view(*node);
    const size_t entries = static_cast<size_t>(view.count());
    if (how.by == StreamTrim::By::kLength && left <= how.max_length) return node->id;
    if (how.limit != 0 && count + entries > how.limit) return node->id;
    if (!trims_whole(view, how, left)) return node->id;
    left -= entries;
    count += entries;
  }
  return StreamId::max();
}

bool Stream::has_deleted_since(StreamId from) const {
  // What was deleted in front of everything leaves no hole.
  return length_ != 0 && !max_deleted_id_.is_zero() && first_id_ <= max_deleted_id_ &&
         from <= max_deleted_id_;
}

int64_t Stream::entries_added_up_to(StreamId id) const {
  const auto added = static_cast<int64_t>(entries_added_);
  if (added == 0) return 0;
  if (length_ == 0 && id <= last_id_) return added;
  if (id == last_id_) return added;
  if (id > last_id_) return kUnknownRead;
  if (max_deleted_id_.is_zero() || max_deleted_id_ < first_id_) {
    // XSETID may have set fewer than there are: then the difference goes round.
    if (id < first_id_) return static_cast<int64_t>(entries_added_ - length_);
    if (id == first_id_) return static_cast<int64_t>(entries_added_ - length_ + 1);
  }
  return kUnknownRead;
}

// ---- groups

const StreamGroup* Stream::find_group(std::string_view name) const {
  StreamGroup** found = groups_.find(name);
  return found == nullptr ? nullptr : *found;
}

StreamGroup* Stream::find_group(std::string_view name) {
  StreamGroup** found = groups_.find(name);
  if (found == nullptr) return nullptr;
  before_change(**found);
  return *found;
}

StreamGroup* Stream::make_group(std::string_view name, StreamId last_id, int64_t entries_read) {
  if (groups_.find(name) != nullptr) return nullptr;
  StreamGroup* group = make_named<StreamGroup>(*this, name);
  if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->made(*group);
  group->last_id = last_id;
  group->entries_read = entries_read;
  groups_.insert(group);
  return group;
}

void Stream::erase_group(StreamGroup* group) {
  size_t all = std::numeric_limits<size_t>::max();
  if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_end(*group);
  touch(group->pending().size() + group->consumers().size());
  group->free_some(all);
  groups_.erase(group->name());
  free_named(*this, group);
}

Container* Stream::take_out_group(StreamGroup* group) {
  constexpr size_t kAtOnce = 512;  // elements, as the keyspace frees of values
  if (group->pending().size() + group->consumers().size() <= kAtOnce) {
    erase_group(group);
    return nullptr;
  }
  if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_end(*group);
  touch(1 + group->consumers().size());
  groups_.erase(group->name());
  return make<DroppedGroup>(memory(), *this, group);
}

// ---- loading

void Stream::load_node(StreamId id, std::string_view bytes, bool is_ordered) {
  const StreamNode node = stream_node_copy(*this, id, bytes);
  length_ += static_cast<size_t>(StreamNodeView(node).count());
  StreamEntryRef last;
  if (!is_ordered || (!nodes_.empty() && StreamNodeView(*nodes_.last()).last(last) && last.id >= id)) {
    is_ordered_ = false;
  }
  nodes_.insert(node);
}

void Stream::finish_loading(StreamId last_id, StreamId max_deleted_id, uint64_t entries_added) {
  last_id_ = last_id;
  max_deleted_id_ = max_deleted_id;
  entries_added_ = entries_added;
  find_first_id();
}

bool Stream::next_node(const StreamId* behind, StreamId& id, std::string_view& bytes) const {
  auto node = behind == nullptr ? nodes_.first() : nodes_.at_least(*behind);
  if (behind != nullptr && node && node->id == *behind) node.next();
  if (!node) return false;
  id = node->id;
  bytes = node->view();
  return true;
}

void Stream::for_each_node(const std::function<void(StreamId, std::string_view)>& f) const {
  for (auto node = nodes_.first(); node; node.next()) f(node->id, node->view());
}

// ---- Container

size_t Stream::element_count() const {
  size_t count = length_ + nodes_.size();
  for (auto group = groups_.first(); group; group.next()) {
    count += 1 + (*group)->pending().size() + (*group)->consumers().size();
  }
  return count;
}

Container* Stream::clone(Memory& memory) const {
  Container* copy = empty_copy(memory);
  CopyPlace place;
  while (!copy->copy_some(*this, place, static_cast<size_t>(-1))) {
  }
  return copy;
}

Container* Stream::empty_copy(Memory& memory) const {
  return make<Stream>(memory);
}

// Stage 0: nodes; 1: the next group; 2: what is pending in the group of that name.
bool Stream::copy_some(const Container& from, CopyPlace& place, size_t elements) {
  const auto& other = static_cast<const Stream&>(from);
  const size_t before = elements;
  const bool done = copy_nodes(other, place, elements) && copy_groups(other, place, elements);
  place.copied += before - elements;
  return done;
}

bool Stream::copy_nodes(const Stream& other, CopyPlace& place, size_t& elements) {
  if (place.stage > 0) return true;
  auto node = other.nodes_.first();
  if (!nodes_.empty()) {
    node = other.nodes_.at_least(nodes_.last()->id);
    node.next();
  }
  const size_t per_node = other.nodes_.empty() ? 1 : 1 + other.length_ / other.nodes_.size();
  for (; node; node.next()) {
    if (elements == 0) return false;
    elements -= std::min(elements, per_node);
    nodes_.insert(stream_node_copy(*this, node->id, node->view()));
  }
  length_ = other.length_;
  first_id_ = other.first_id_;
  last_id_ = other.last_id_;
  max_deleted_id_ = other.max_deleted_id_;
  entries_added_ = other.entries_added_;
  is_ordered_ = other.is_ordered_;
  place.stage = 1;
  return true;
}

bool Stream::copy_groups(const Stream& other, CopyPlace& place, size_t& elements) {
  for (;;) {
    if (place.stage == 1) {
      auto group = other.groups_.first();
      if (!groups_.empty()) {
        group = other.groups_.at_least((*groups_.last())->name());
        group.next();
      }
      if (!group) return true;
      if (elements == 0) return false;
      StreamGroup* made = make_named<StreamGroup>(*this, (*group)->name());
      made->begin_copy(**group);
      groups_.insert(made);
      elements -= std::min(elements, 1 + (*group)->consumers().size());
      place.stage = 2;
    }
    StreamGroup& group = **groups_.last();
    if (!group.copy_pending(*other.find_group(group.name()), elements)) return false;
    place.stage = 1;
  }
}

// Ids and fields in order; groups and last ids are not part of it.
void Stream::digest(Digest& digest) const {
  StreamCursor cursor(*this, {}, StreamId::max(), false);
  char field_scratch[ListpackElement::kScratchBytes], value_scratch[ListpackElement::kScratchBytes];
  while (cursor.next()) {
    const StreamId id = cursor.entry().id;
    digest.mix(text::to_text(id.ms) + "." + text::to_text(id.seq));
    StreamFields fields = cursor.fields();
    ListpackElement field, value;
    while (fields.next(field, value)) {
      digest.mix(field.text(field_scratch));
      digest.mix(value.text(value_scratch));
    }
  }
}

bool Stream::free_some(size_t elements) {
  const auto count = [&](size_t freed) { elements -= freed < elements ? freed : elements; };
  const auto free_node = [&](StreamNode& node) {
    count(static_cast<size_t>(StreamNodeView(node).count()) + 1);
    stream_node_free(*this, node);
  };
  while (elements > 0 && nodes_.free_first_leaf(free_node)) {
  }
  while (elements > 0 && !groups_.empty()) {
    StreamGroup* group = *groups_.first();
    if (!group->free_some(elements)) break;
    groups_.drop_first();
    free_named(*this, group);
    count(1);
  }
  return nodes_.empty() && groups_.empty();
}

std::string Stream::self_check() const {
  std::string problem = nodes_.self_check();
  if (problem.empty()) problem = groups_.self_check();
  size_t length = 0;
  StreamId before;
  for (auto node = nodes_.first(); node && problem.empty(); node.next()) {
    StreamNodeFacts facts;
    if (!stream_node_valid(node->id, node->view(), &facts)) return "a malformed node of a stream";
    if (node->size > node->capacity) problem = "a node larger than its memory";
    length += static_cast<size_t>(facts.live);
    if (is_ordered_ && (!facts.is_ordered || node->id <= before)) problem = "a stream that is not in order";
    before = facts.last;
  }
  if (length != length_) problem = "a stream counts its entries wrong";
  StreamCursor cursor(*this, {}, StreamId::max(), false);
  if (first_id_ != (cursor.next() ? cursor.entry().id : StreamId{})) problem = "another first id";
  for (auto group = groups_.first(); group && problem.empty(); group.next()) problem = (*group)->self_check();
  return problem;
}

// ---- walking

StreamCursor::StreamCursor(const Stream& stream, StreamId start, StreamId end, bool backwards)
    : stream_(stream), start_(start), end_(end), backwards_(backwards) {}

bool StreamCursor::begin() {
  node_ = stream_.nodes_.at_most(backwards_ ? end_ : start_);
  if (!node_ && !backwards_) node_ = stream_.nodes_.first();
  if (!node_) return false;
  view_ = StreamNodeView(*node_);
  if (!stream_.is_ordered_) return backwards_ ? view_.last(entry_) : view_.first(entry_);
  return backwards_ ? view_.at_most(end_, entry_) : view_.at_least(start_, entry_);
}

bool StreamCursor::step_node() {
  if (backwards_) {
    node_.previous();
  } else {
    node_.next();
  }
  if (!node_) return false;
  view_ = StreamNodeView(*node_);
  return true;
}

bool StreamCursor::next() {
  bool at_entry = false;
  if (begun_) {
    at_entry = node_ && (backwards_ ? view_.previous(entry_) : view_.next(entry_));
  } else {
    begun_ = true;
    at_entry = begin();
  }
  while (node_) {
    while (!at_entry) {
      if (!step_node()) return false;
      at_entry = backwards_ ? view_.last(entry_) : view_.first(entry_);
    }
    // Only what is there decides that the range ends: see Stream::is_ordered_.
    const bool is_before = backwards_ ? entry_.id > end_ : entry_.id < start_;
    if (!entry_.is_deleted() && !is_before) {
      if (backwards_ ? entry_.id >= start_ : entry_.id <= end_) return true;
      node_ = {};
      return false;
    }
    at_entry = backwards_ ? view_.previous(entry_) : view_.next(entry_);
  }
  return false;
}

Entry* make_stream(Keyspace& keyspace, int db, const Key& key) {
  Stream* stream = Container::make<Stream>(keyspace.memory());
  return keyspace.set_container(db, key, Type::kStream, Encoding::kStream, stream, kNoExpire);
}

}  // namespace tessera::store
