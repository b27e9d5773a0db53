// Role: consumer groups. See stream_group.h.
#include "server/store/types/stream_group.h"

namespace tessera::store {

const StreamConsumer* StreamGroup::find_consumer(std::string_view name) const {
  StreamConsumer** found = consumers_.find(name);
  return found == nullptr ? nullptr : *found;
}

StreamConsumer* StreamGroup::find_consumer(std::string_view name) {
  StreamConsumer** found = consumers_.find(name);
  if (found == nullptr) return nullptr;
  before_change(**found);
  return *found;
}

StreamConsumer* StreamGroup::make_consumer(std::string_view name, int64_t now_ms) {
  StreamConsumer* consumer = make_named<StreamConsumer>(*owner_, name);
  consumer->seen_ms = now_ms;
  consumers_.insert(consumer);
  if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->made(*consumer);
  return consumer;
}

void StreamGroup::free_consumer(StreamConsumer* consumer) {
  while (consumer->pending.free_first_leaf([](const StreamId&) {})) {
  }
  free_named(*owner_, consumer);
}

size_t StreamGroup::erase_consumer(StreamConsumer* consumer) {
  const size_t pending = consumer->pending.size();
  owner_->touch(pending + 1);
  for (auto place = consumer->pending.first(); place; place.next()) {
    before_change(*place);
    pending_.erase(*place);
  }
  if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_end(*consumer);
  consumers_.erase(consumer->name());
  free_consumer(consumer);
  return pending;
}

StreamPending* StreamGroup::assign(StreamId id, StreamConsumer* consumer, bool* is_new) {
  owner_->touch();
  before_change(id);
  before_change(*consumer);
  StreamPending* pending = pending_.insert({id, 0, 0, consumer}, is_new);
  if (!*is_new) {
    if (pending->consumer == consumer) return pending;
    if (pending->consumer != nullptr) pending->consumer->pending.erase(id);
    pending->consumer = consumer;
  }
  consumer->pending.insert(id);
  return pending;
}

void StreamGroup::release(StreamPending& pending) {
  owner_->touch();
  if (pending.consumer == nullptr) return;
  before_change(pending.id);
  pending.consumer->pending.erase(pending.id);
  pending.consumer = nullptr;
}

bool StreamGroup::erase_pending(StreamId id) {
  if (__builtin_expect(watcher_ != nullptr, 0) && pending_.find(id) != nullptr) before_change(id);
  StreamPending gone;
  if (!pending_.erase(id, &gone)) return false;
  if (gone.consumer != nullptr) gone.consumer->pending.erase(id);
  owner_->touch();
  return true;
}

bool StreamGroup::free_some(size_t& items) {
  const auto count = [&](size_t freed) { items -= freed < items ? freed : items; };
  while (items > 0) {
    const size_t before = pending_.size();
    if (!pending_.free_first_leaf([](const StreamPending&) {})) break;
    count(before - pending_.size());
  }
  while (items > 0 && !consumers_.empty()) {
    StreamConsumer* consumer = *consumers_.first();
    consumer->pending.move_to(*owner_);
    while (items > 0) {
      const size_t before = consumer->pending.size();
      if (!consumer->pending.free_first_leaf([](const StreamId&) {})) break;
      count(before - consumer->pending.size());
    }
    if (!consumer->pending.empty()) break;
    consumers_.drop_first();
    free_named(*owner_, consumer);
    count(1);
  }
  return pending_.empty() && consumers_.empty();
}

size_t StreamGroup::allocated_bytes() const {
  size_t bytes = Memory::block_bytes(this, sizeof(StreamGroup) + name_size_);
  bytes += pending_.allocated_bytes() + consumers_.allocated_bytes();
  for (auto place = consumers_.first(); place; place.next()) {
    const StreamConsumer& consumer = **place;
    bytes += Memory::block_bytes(&consumer, sizeof(StreamConsumer) + consumer.name_size);
    bytes += consumer.pending.allocated_bytes();
  }
  return bytes;
}

void StreamGroup::begin_copy(const StreamGroup& other) {
  last_id = other.last_id;
  entries_read = other.entries_read;
  for (auto place = other.consumers_.first(); place; place.next()) {
    const StreamConsumer& from = **place;
    StreamConsumer* to = make_consumer(from.name(), from.seen_ms);
    to->active_ms = from.active_ms;
  }
}

bool StreamGroup::copy_pending(const StreamGroup& other, size_t& items) {
  StreamConsumer* to = nullptr;
  const StreamConsumer* from = nullptr;
  auto place = other.pending_.first();
  if (!pending_.empty()) {
    place = other.pending_.at_least(pending_.last()->id);
    place.next();
  }
  for (; place; place.next()) {
    if (items == 0) return false;
    --items;
    StreamPending copy = *place;
    if (copy.consumer != nullptr) {
      if (copy.consumer != from) {
        from = copy.consumer;
        to = find_consumer(from->name());
      }
      copy.consumer = to;
      to->pending.insert(copy.id);
    }
    pending_.insert(copy);
  }
  return true;
}

// ---- groups that go

DroppedGroup::DroppedGroup(Memory& memory, Container& from, StreamGroup* group)
    : Container(memory), group_(group) {
  const auto bytes = static_cast<int64_t>(group->allocated_bytes());
  from.note_outside(-bytes);
  note_outside(bytes);
  group->move_to(*this);
}

size_t DroppedGroup::element_count() const {
  return group_ == nullptr ? 0 : 1 + group_->pending().size() + group_->consumers().size();
}

Container* DroppedGroup::clone(Memory& memory) const {
  (void)memory;
  TESSERA_CHECK(false);  // it belongs to no key
  return nullptr;
}

bool DroppedGroup::free_some(size_t elements) {
  if (group_ == nullptr) return true;
  if (!group_->free_some(elements)) return false;
  free_named(*this, group_);
  group_ = nullptr;
  return true;
}

std::string StreamGroup::self_check() const {
  std::string problem = pending_.self_check();
  if (problem.empty()) problem = consumers_.self_check();
  size_t owned = 0;
  for (auto place = consumers_.first(); place && problem.empty(); place.next()) {
    StreamConsumer& consumer = **place;
    problem = consumer.pending.self_check();
    owned += consumer.pending.size();
    for (auto id = consumer.pending.first(); id; id.next()) {
      const StreamPending* pending = pending_.find(*id);
      if (pending == nullptr || pending->consumer != &consumer)
        problem = "a consumer's pending id is not the group's";
    }
  }
  size_t unowned = 0;
  for (auto place = pending_.first(); place; place.next()) unowned += place->consumer == nullptr;
  if (problem.empty() && owned + unowned != pending_.size())
    problem = "pending entries without their consumer";
  return problem;
}

}  // namespace tessera::store
