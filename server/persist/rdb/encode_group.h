// Role: one consumer group of a stream as an RDB object, in slices, while it may change. Thread: as encode.h.
// Pieces are a pending entry and what a consumer is beside its entries. What is about to change is noted as
// it was, and everything is written as what is there and was not noted, merged with the notes. Invariants:
// what is written is the group as it was when this was made. The group outlives it, or finish() or leave()
// was called.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "server/persist/rdb/output.h"
#include "server/store/types/stream_group.h"

namespace tessera::rdb {

class GroupWriter final : public store::StreamGroup::Watcher {
 public:
  explicit GroupWriter(const store::StreamGroup& group);
  ~GroupWriter() = default;
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  const std::string& name() const { return name_; }
  // Until `out` has `limit` bytes. True: it is complete.
  bool write_some(Output& out, size_t limit);

  // From now on the group may change; `noted` is told how many bytes are kept for that.
  void follow(std::function<void(size_t bytes)> noted);
  void leave();
  size_t noted_bytes() const { return noted_bytes_; }

  void before_change(store::StreamId id) override;
  void before_change(const store::StreamConsumer& consumer) override;
  void made(const store::StreamConsumer& consumer) override;
  void before_end(const store::StreamConsumer& consumer) override;

 private:
  enum class Phase { kHead, kPending, kConsumers, kConsumer, kOwned, kUnowned, kDone };

  // A consumer that changed, as it was.
  struct OldConsumer {
    int64_t seen_ms = 0;
    size_t pending_count = 0;
    const store::StreamConsumer* live = nullptr;  // nullptr: gone
    std::set<store::StreamId> ids;                // of noted entries that were its
  };
  using OldConsumers = std::map<std::string, OldConsumer, std::less<>>;
  // A pending entry that changed, as it was.
  struct OldPending {
    bool was_there = false, was_owned = false;
    int64_t delivered_ms = 0;
    uint64_t delivery_count = 0;
  };

  void write_phase(Output& out, size_t limit);
  void head(Output& out);
  void pending(Output& out, size_t limit);
  void consumer_count(Output& out);
  void next_consumer(Output& out);
  void begin_consumer(std::string name, const store::StreamConsumer* live, Output& out);
  void owned(Output& out, size_t limit);
  void unowned(Output& out, size_t limit);
  OldConsumer& note(const store::StreamConsumer& consumer);
  void count_note(size_t bytes);

  static constexpr size_t kNoteBytes = 160;  // of an entry, in the map and its consumer's set

  const store::StreamGroup& group_;
  // As it was.
  const std::string name_;
  const store::StreamId last_delivered_;
  const int64_t entries_read_;
  const size_t pending_count_, consumer_count_;

  std::map<store::StreamId, OldPending> old_;
  std::set<store::StreamId> old_unowned_;
  OldConsumers old_consumers_;
  std::unordered_map<const store::StreamConsumer*, OldConsumers::iterator> old_by_place_;
  std::unordered_set<const store::StreamConsumer*> made_later_;
  std::function<void(size_t)> noted_;  // set: it follows
  size_t noted_bytes_ = 0;

  // Where it is.
  Phase phase_ = Phase::kHead;
  bool is_paused_ = false;  // enough was looked at
  bool is_begun_ = false;   // the phase's list: `last_` counts
  store::StreamId last_;    // entry that was written or passed
  size_t unowned_count_ = 0;
  bool has_nameless_ = false;
  bool has_consumer_ = false;                        // `consumer_name_` counts
  std::string consumer_name_;                        // written last, or being written
  const store::StreamConsumer* consumer_ = nullptr;  // being written; nullptr: gone meanwhile
  Phase after_unowned_ = Phase::kConsumers;
};

}  // namespace tessera::rdb
