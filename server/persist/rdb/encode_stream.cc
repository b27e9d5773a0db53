// Role: streams as RDB objects: nodes, facts, groups, each in slices. Thread: as encode.h.
// What XNACK released belongs to nobody, which the format cannot say: it is written as pending for a consumer
// without name that was never seen (time 0), which every server reads and we read back as nobody's.
#include "server/persist/rdb/encode_stream.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace tessera::rdb {

namespace {

using store::Stream;
using store::StreamConsumer;
using store::StreamConsumerTree;
using store::StreamGroup;
using store::StreamGroupTree;
using store::StreamId;
using store::StreamIdTree;
using store::StreamPendingTree;

void write_raw(StreamId id, Output& out) {
  const uint64_t raw[] = {__builtin_bswap64(id.ms), __builtin_bswap64(id.seq)};
  out.bytes().append(reinterpret_cast<const char*>(raw), sizeof(raw));
}

void write_id(StreamId id, Output& out) {
  out.length(id.ms);
  out.length(id.seq);
}

// One group, in slices. It does not change meanwhile.
class GroupWriter {
 public:
  explicit GroupWriter(const StreamGroup& group) : group_(group) {}

  const StreamGroup& group() const { return group_; }

  // Until `out` has `limit` bytes. True: it is complete.
  bool write_some(Output& out, size_t limit) {
    while (phase_ != Phase::kDone) {
      if (!write_phase(out, limit)) return false;
    }
    return true;
  }

 private:
  enum class Phase { kHead, kPending, kConsumer, kOwned, kUnowned, kDone };

  // False: the slice is full.
  bool write_phase(Output& out, size_t limit) {
    switch (phase_) {
      case Phase::kHead:
        head(out);
        return true;
      case Phase::kPending:
        return pending(out, limit);
      case Phase::kConsumer:
        begin_consumer(out);
        return true;
      case Phase::kOwned:
        return owned(out, limit);
      case Phase::kUnowned:
        return unowned(out, limit);
      case Phase::kDone:
        break;
    }
    return true;
  }

  void head(Output& out) {
    out.string(group_.name());
    write_id(group_.last_id, out);
    out.length(static_cast<uint64_t>(group_.entries_read));
    out.length(group_.pending().size());
    pending_ = group_.pending().first();
    phase_ = Phase::kPending;
  }

  bool pending(Output& out, size_t limit) {
    for (; pending_; pending_.next()) {
      if (out.bytes().size() >= limit) return false;
      write_raw(pending_->id, out);
      out.fixed64(static_cast<uint64_t>(pending_->delivered_ms));
      out.length(pending_->delivery_count);
      if (pending_->consumer == nullptr) ++unowned_;
    }
    nameless_ = unowned_ > 0 ? group_.find_consumer({}) : nullptr;
    out.length(group_.consumers().size() + (unowned_ > 0 && nameless_ == nullptr ? 1 : 0));
    consumer_ = group_.consumers().first();
    phase_ = Phase::kConsumer;
    if (unowned_ == 0 || nameless_ != nullptr) return true;
    // A consumer without name that was never seen has them.
    out.string({});
    out.fixed64(0);
    out.length(unowned_);
    begin_unowned();
    after_unowned_ = Phase::kConsumer;
    phase_ = Phase::kUnowned;
    return true;
  }

  // A consumer that does have no name gets what is nobody's.
  void begin_consumer(Output& out) {
    if (!consumer_) {
      phase_ = Phase::kDone;
      return;
    }
    const StreamConsumer& consumer = **consumer_;
    out.string(consumer.name());
    out.fixed64(static_cast<uint64_t>(consumer.seen_ms));
    const bool takes_all = &consumer == nameless_;
    out.length(consumer.pending.size() + (takes_all ? unowned_ : 0));
    owned_ = consumer.pending.first();
    after_unowned_ = Phase::kOwned;
    if (takes_all) begin_unowned();
    phase_ = takes_all ? Phase::kUnowned : Phase::kOwned;
  }

  bool owned(Output& out, size_t limit) {
    for (; owned_; owned_.next()) {
      if (out.bytes().size() >= limit) return false;
      write_raw(*owned_, out);
    }
    consumer_.next();
    phase_ = Phase::kConsumer;
    return true;
  }

  // Those that are nobody's, for a consumer whose head is written.
  bool unowned(Output& out, size_t limit) {
    constexpr size_t kLooks = 4096;  // at others' in a slice
    size_t looks = 0;
    for (; free_; free_.next()) {
      if (out.bytes().size() >= limit || (limit != SIZE_MAX && ++looks > kLooks)) return false;
      if (free_->consumer == nullptr) write_raw(free_->id, out);
    }
    phase_ = after_unowned_;
    return true;
  }

  void begin_unowned() { free_ = group_.pending().first(); }

  const StreamGroup& group_;
  Phase phase_ = Phase::kHead;
  StreamPendingTree::Place pending_;
  StreamConsumerTree::Place consumer_;
  StreamIdTree::Place owned_;
  StreamPendingTree::Place free_;
  Phase after_unowned_ = Phase::kConsumer;
  const StreamConsumer* nameless_ = nullptr;
  size_t unowned_ = 0;
};

// Nodes by id, then groups by name. One that is about to change before its turn is copied and waits for it.
class StreamWriter final : public EntryWriter, public Stream::Watcher {
 public:
  StreamWriter(const Stream& stream, const WriteOptions& options)
      : stream_(stream),
        options_(options),
        node_count_(stream.node_count()),
        length_(stream.length()),
        last_id_(stream.last_id()),
        first_id_(stream.first_id()),
        max_deleted_id_(stream.max_deleted_id()),
        entries_added_(stream.entries_added()),
        group_count_(stream.groups().size()) {}

  bool write_some(std::string& bytes, size_t budget) override {
    Output out(bytes, options_);
    const size_t limit = bytes.size() + std::min(budget, SIZE_MAX - bytes.size());
    while (phase_ != Phase::kDone) {
      if (!write_phase(out, limit)) return false;
    }
    leave();
    return true;
  }

  void follow(std::function<void(size_t)> copied) override {
    copied_ = std::move(copied);
    stream_.watch(this);
  }
  void leave() override {
    if (copied_) stream_.watch(nullptr);
    copied_ = nullptr;
  }
  size_t kept_bytes() const override { return kept_; }

  // ---- what changes

  void before_change(StreamId node, std::string_view bytes) override {
    if (is_passed(node) || kept_nodes_.count(node) != 0) return;
    std::string copy;
    Output out(copy, options_);
    write_node(node, bytes, out);
    keep(copy.size(), true);
    kept_nodes_.emplace(node, std::move(copy));
  }
  void made(StreamId node) override {
    if (!is_passed(node) && kept_nodes_.emplace(node, std::string()).second) keep(0, true);
  }
  void before_change(const StreamGroup& group) override {
    if (is_passed(group.name()) || kept_groups_.count(group.name()) != 0) return;
    if (group_ && &group_->group() == &group) {
      finish_group();
      return;
    }
    std::string copy;
    Output out(copy, options_);
    GroupWriter(group).write_some(out, SIZE_MAX);
    keep(copy.size(), true);
    kept_groups_.emplace(group.name(), std::move(copy));
  }
  void made(const StreamGroup& group) override {
    if (!is_passed(group.name()) && kept_groups_.emplace(group.name(), std::string()).second) keep(0, true);
  }

 private:
  enum class Phase { kHead, kNodes, kFacts, kGroups, kDone };
  static constexpr size_t kNoteBytes = 96;  // of a piece in a map

  bool is_passed(StreamId node) const {
    return phase_ > Phase::kNodes || (last_node_ && node <= *last_node_);
  }
  bool is_passed(std::string_view group) const { return last_group_ && group <= *last_group_; }
  void keep(size_t bytes, bool with_note) {
    kept_ += bytes + (with_note ? kNoteBytes : 0);
    copied_(bytes);
  }
  void release(size_t bytes) { kept_ -= bytes + kNoteBytes; }

  // False: the slice is full.
  bool write_phase(Output& out, size_t limit) {
    switch (phase_) {
      case Phase::kHead:
        out.length(node_count_);
        phase_ = Phase::kNodes;
        return true;
      case Phase::kNodes:
        return nodes(out, limit);
      case Phase::kFacts:
        facts(out);
        phase_ = Phase::kGroups;
        return true;
      case Phase::kGroups:
        return groups(out, limit);
      case Phase::kDone:
        break;
    }
    return true;
  }

  bool nodes(Output& out, size_t limit) {
    for (;;) {
      if (out.bytes().size() >= limit) return false;
      StreamId id;
      std::string_view bytes;
      const bool more = stream_.next_node(last_node_ ? &*last_node_ : nullptr, id, bytes);
      const auto kept = kept_nodes_.begin();
      if (kept != kept_nodes_.end() && (!more || kept->first <= id)) {
        out.bytes() += kept->second;
        last_node_ = kept->first;
        release(kept->second.size());
        kept_nodes_.erase(kept);
      } else if (more) {
        write_node(id, bytes, out);
        last_node_ = id;
      } else {
        phase_ = Phase::kFacts;
        return true;
      }
    }
  }

  static void write_node(StreamId id, std::string_view bytes, Output& out) {
    const uint64_t raw[] = {__builtin_bswap64(id.ms), __builtin_bswap64(id.seq)};
    out.string({reinterpret_cast<const char*>(raw), sizeof(raw)});
    out.string(bytes);
  }

  void facts(Output& out) {
    out.length(length_);
    write_id(last_id_, out);
    write_id(first_id_, out);
    write_id(max_deleted_id_, out);
    out.length(entries_added_);
    out.length(group_count_);
  }

  bool groups(Output& out, size_t limit) {
    for (;;) {
      if (!rest_.empty()) {
        out.bytes() += rest_;
        kept_ -= rest_.size();
        rest_.clear();
      }
      if (group_) {
        if (!group_->write_some(out, limit)) return false;
        last_group_ = group_->group().name();
        group_.reset();
      }
      if (out.bytes().size() >= limit) return false;
      auto next =
          last_group_ ? stream_.groups().at_least(std::string_view(*last_group_)) : stream_.groups().first();
      if (last_group_ && next && (*next)->name() == *last_group_) next.next();
      const auto kept = kept_groups_.begin();
      if (kept != kept_groups_.end() && (!next || kept->first <= (*next)->name())) {
        out.bytes() += kept->second;
        last_group_ = kept->first;
        release(kept->second.size());
        kept_groups_.erase(kept);
      } else if (next) {
        group_.emplace(**next);
      } else {
        phase_ = Phase::kDone;
        return true;
      }
    }
  }

  // What is left of the group that is being written.
  void finish_group() {
    Output out(rest_, options_);
    const size_t before = rest_.size();
    group_->write_some(out, SIZE_MAX);
    last_group_ = group_->group().name();
    group_.reset();
    keep(rest_.size() - before, false);
  }

  const Stream& stream_;
  const WriteOptions options_;
  const size_t node_count_, length_;
  const StreamId last_id_, first_id_, max_deleted_id_;
  const uint64_t entries_added_;
  const size_t group_count_;
  Phase phase_ = Phase::kHead;
  std::optional<StreamId> last_node_;      // written, or passed
  std::optional<std::string> last_group_;  // likewise
  std::optional<GroupWriter> group_;       // being written
  std::string rest_;                       // of a group that changed while it was
  // Before their turn; nothing of those that came later.
  std::map<StreamId, std::string> kept_nodes_;
  std::map<std::string, std::string, std::less<>> kept_groups_;
  size_t kept_ = 0;
  std::function<void(size_t)> copied_;  // set: it follows
};

}  // namespace

std::unique_ptr<EntryWriter> make_stream_writer(const Stream& stream, const WriteOptions& options) {
  return std::make_unique<StreamWriter>(stream, options);
}

}  // namespace tessera::rdb
