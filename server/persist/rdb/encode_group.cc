// Role: see encode_group.h.
// What XNACK released belongs to nobody, which the format cannot say: it is written as pending for a consumer
// without name that was never seen (time 0), which every server reads and we read back as nobody's.
#include "server/persist/rdb/encode_group.h"

#include <utility>

#include "common/base/check.h"
#include "server/journal/faults.h"

namespace tessera::rdb {

namespace {

using store::StreamConsumer;
using store::StreamGroup;
using store::StreamId;

void write_raw(StreamId id, Output& out) {
  const uint64_t raw[] = {__builtin_bswap64(id.ms), __builtin_bswap64(id.seq)};
  out.bytes().append(reinterpret_cast<const char*>(raw), sizeof(raw));
}

// The first item of a tree behind `last`, or of all.
template <typename Tree>
typename Tree::Place behind(const Tree& tree, bool is_begun, StreamId last) {
  return !is_begun ? tree.first() : last.is_max() ? typename Tree::Place() : tree.at_least(last.next());
}
template <typename Map>
auto behind(Map& map, bool is_begun, StreamId last) {
  return is_begun ? map.upper_bound(last) : map.begin();
}

}  // namespace

GroupWriter::GroupWriter(const StreamGroup& group)
    : group_(group),
      name_(group.name()),
      last_delivered_(group.last_id),
      entries_read_(group.entries_read),
      pending_count_(group.pending().size()),
      consumer_count_(group.consumers().size()) {}

// ---- what changes

void GroupWriter::follow(std::function<void(size_t)> noted) {
  noted_ = std::move(noted);
  group_.watch(this);
}

void GroupWriter::leave() {
  if (noted_) group_.watch(nullptr);
  noted_ = nullptr;
}

void GroupWriter::count_note(size_t bytes) {
  noted_bytes_ += bytes;
  noted_(bytes);
}

GroupWriter::OldConsumer& GroupWriter::note(const StreamConsumer& consumer) {
  const auto found = old_by_place_.find(&consumer);
  if (found != old_by_place_.end()) return found->second->second;
  const auto at = old_consumers_.emplace(consumer.name(), OldConsumer()).first;
  at->second.seen_ms = consumer.seen_ms;
  at->second.pending_count = consumer.pending.size();
  at->second.live = &consumer;
  old_by_place_.emplace(&consumer, at);
  count_note(consumer.name().size() + kNoteBytes);
  return at->second;
}

void GroupWriter::before_change(const StreamConsumer& consumer) {
  if (made_later_.count(&consumer) == 0) note(consumer);
}

void GroupWriter::made(const StreamConsumer& consumer) {
  made_later_.insert(&consumer);
  count_note(kNoteBytes / 2);
}

void GroupWriter::before_end(const StreamConsumer& consumer) {
  if (made_later_.erase(&consumer) != 0) return;
  note(consumer).live = nullptr;
  old_by_place_.erase(&consumer);
  if (consumer_ == &consumer) consumer_ = nullptr;
}

void GroupWriter::before_change(StreamId id) {
  if (journal::planted(journal::Fault::kPieceLost)) return;
  const auto [at, is_new] = old_.try_emplace(id);
  if (!is_new) return;
  count_note(kNoteBytes);
  const auto* pending = group_.find_pending(id);
  if (pending == nullptr) return;
  OldPending& old = at->second;
  old.was_there = true;
  old.was_owned = pending->consumer != nullptr;
  old.delivered_ms = pending->delivered_ms;
  old.delivery_count = pending->delivery_count;
  if (old.was_owned) {
    TESSERA_DCHECK(made_later_.count(pending->consumer) == 0);
    note(*pending->consumer).ids.insert(id);
  } else {
    old_unowned_.insert(id);
  }
}

// ---- writing

bool GroupWriter::write_some(Output& out, size_t limit) {
  is_paused_ = false;
  while (phase_ != Phase::kDone) {
    if (is_paused_ || (phase_ != Phase::kHead && out.bytes().size() >= limit)) return false;
    write_phase(out, limit);
  }
  return true;
}

void GroupWriter::write_phase(Output& out, size_t limit) {
  switch (phase_) {
    case Phase::kHead:
      return head(out);
    case Phase::kPending:
      return pending(out, limit);
    case Phase::kConsumers:
      return consumer_count(out);
    case Phase::kConsumer:
      return next_consumer(out);
    case Phase::kOwned:
      return owned(out, limit);
    case Phase::kUnowned:
      return unowned(out, limit);
    case Phase::kDone:
      break;
  }
}

void GroupWriter::head(Output& out) {
  out.string(name_);
  out.length(last_delivered_.ms);
  out.length(last_delivered_.seq);
  out.length(static_cast<uint64_t>(entries_read_));
  out.length(pending_count_);
  phase_ = Phase::kPending;
}

void GroupWriter::pending(Output& out, size_t limit) {
  const auto write = [&](StreamId id, int64_t delivered_ms, uint64_t delivery_count, bool is_owned) {
    write_raw(id, out);
    out.fixed64(static_cast<uint64_t>(delivered_ms));
    out.length(delivery_count);
    unowned_count_ += !is_owned;
  };
  auto live = behind(group_.pending(), is_begun_, last_);
  auto old = behind(old_, is_begun_, last_);
  while (out.bytes().size() < limit) {
    if (old != old_.end() && (!live || old->first <= live->id)) {
      last_ = old->first;
      const OldPending& was = old->second;
      if (was.was_there) write(last_, was.delivered_ms, was.delivery_count, was.was_owned);
      if (live && live->id == last_ && !journal::planted(journal::Fault::kPieceTwice)) live.next();
      ++old;
    } else if (live) {
      last_ = live->id;
      write(last_, live->delivered_ms, live->delivery_count, live->consumer != nullptr);
      live.next();
    } else {
      phase_ = Phase::kConsumers;
      is_begun_ = false;
      return;
    }
    is_begun_ = true;
  }
}

void GroupWriter::consumer_count(Output& out) {
  if (unowned_count_ > 0) {
    const StreamConsumer* nameless = group_.find_consumer({});
    has_nameless_ = (nameless != nullptr && made_later_.count(nameless) == 0) ||
                    old_consumers_.find(std::string_view()) != old_consumers_.end();
  }
  const bool one_more = unowned_count_ > 0 && !has_nameless_;
  out.length(consumer_count_ + one_more);
  phase_ = Phase::kConsumer;
  if (!one_more) return;
  // A consumer without name that was never seen has them.
  out.string({});
  out.fixed64(0);
  out.length(unowned_count_);
  after_unowned_ = Phase::kConsumer;
  phase_ = Phase::kUnowned;
}

// By name, of those that are there and those that are gone.
void GroupWriter::next_consumer(Output& out) {
  const std::string_view last = consumer_name_;
  auto live = has_consumer_ ? group_.consumers().at_least(last) : group_.consumers().first();
  while (live && ((has_consumer_ && (*live)->name() == last) || made_later_.count(*live) != 0)) live.next();
  auto old = has_consumer_ ? old_consumers_.upper_bound(last) : old_consumers_.begin();
  while (old != old_consumers_.end() && old->second.live != nullptr) ++old;
  if (old != old_consumers_.end() && (!live || old->first < (*live)->name())) {
    begin_consumer(old->first, nullptr, out);
  } else if (live) {
    begin_consumer(std::string((*live)->name()), *live, out);
  } else {
    phase_ = Phase::kDone;
    leave();
  }
}

// A consumer that does have no name gets what is nobody's.
void GroupWriter::begin_consumer(std::string name, const StreamConsumer* live, Output& out) {
  has_consumer_ = true;
  consumer_name_ = std::move(name);
  consumer_ = live;
  const auto old = old_consumers_.find(consumer_name_);
  const bool changed = old != old_consumers_.end();
  const bool takes_all = has_nameless_ && consumer_name_.empty();
  out.string(consumer_name_);
  out.fixed64(static_cast<uint64_t>(changed ? old->second.seen_ms : live->seen_ms));
  out.length((changed ? old->second.pending_count : live->pending.size()) + (takes_all ? unowned_count_ : 0));
  is_begun_ = false;
  after_unowned_ = Phase::kOwned;
  phase_ = takes_all ? Phase::kUnowned : Phase::kOwned;
}

void GroupWriter::owned(Output& out, size_t limit) {
  static const std::set<StreamId> kNone;
  const auto found = old_consumers_.find(consumer_name_);
  const std::set<StreamId>& noted = found == old_consumers_.end() ? kNone : found->second.ids;
  auto old = behind(noted, is_begun_, last_);
  auto live =
      consumer_ == nullptr ? store::StreamIdTree::Place() : behind(consumer_->pending, is_begun_, last_);
  while (out.bytes().size() < limit) {
    if (old != noted.end() && (!live || *old <= *live)) {
      last_ = *old++;
      write_raw(last_, out);
      if (live && *live == last_) live.next();
    } else if (live) {
      last_ = *live;
      if (old_.empty() || old_.count(last_) == 0) write_raw(last_, out);
      live.next();
    } else {
      is_begun_ = false;
      phase_ = Phase::kConsumer;
      return;
    }
    is_begun_ = true;
  }
}

// For a consumer whose head is written.
void GroupWriter::unowned(Output& out, size_t limit) {
  size_t looks = limit == SIZE_MAX ? SIZE_MAX : 4096;  // at others' in a slice
  auto old = behind(old_unowned_, is_begun_, last_);
  auto live = behind(group_.pending(), is_begun_, last_);
  while (out.bytes().size() < limit && looks-- > 0) {
    if (old != old_unowned_.end() && (!live || *old <= live->id)) {
      last_ = *old++;
      write_raw(last_, out);
      if (live && live->id == last_) live.next();
    } else if (live) {
      last_ = live->id;
      if (live->consumer == nullptr && (old_.empty() || old_.count(last_) == 0)) write_raw(last_, out);
      live.next();
    } else {
      is_begun_ = false;
      phase_ = after_unowned_;
      return;
    }
    is_begun_ = true;
  }
  is_paused_ = true;
}

}  // namespace tessera::rdb
