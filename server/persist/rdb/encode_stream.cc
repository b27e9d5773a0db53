// Role: streams as RDB objects: nodes, facts, groups, each in slices. Thread: as encode.h.
// What XNACK released belongs to nobody, which the format cannot say: it is written as pending for a consumer
// without name that was never seen (time 0), which every server reads and we read back as nobody's.
#include "server/persist/rdb/encode_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

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

class StreamWriter final : public EntryWriter {
 public:
  StreamWriter(const Stream& stream, const WriteOptions& options)
      : stream_(stream), options_(options), group_(stream.groups().first()) {}

  bool write_some(std::string& bytes, size_t budget) override {
    Output out(bytes, options_);
    const size_t limit = bytes.size() + std::min(budget, SIZE_MAX - bytes.size());
    while (phase_ != Phase::kDone) {
      if (!write_phase(out, limit)) return false;
    }
    return true;
  }

 private:
  enum class Phase { kHead, kNodes, kFacts, kGroup, kPending, kConsumer, kOwned, kUnowned, kDone };

  // False: the slice is full.
  bool write_phase(Output& out, size_t limit) {
    switch (phase_) {
      case Phase::kHead:
        out.length(stream_.node_count());
        nodes_.reserve(stream_.node_count());
        stream_.for_each_node([&](StreamId id, std::string_view bytes) { nodes_.emplace_back(id, bytes); });
        phase_ = Phase::kNodes;
        return true;
      case Phase::kNodes:
        return nodes(out, limit);
      case Phase::kFacts:
        facts(out);
        phase_ = Phase::kGroup;
        return true;
      case Phase::kGroup:
        begin_group(out);
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

  bool nodes(Output& out, size_t limit) {
    for (; next_node_ < nodes_.size(); ++next_node_) {
      if (out.bytes().size() >= limit) return false;
      const StreamId id = nodes_[next_node_].first;
      const uint64_t raw[] = {__builtin_bswap64(id.ms), __builtin_bswap64(id.seq)};
      out.string({reinterpret_cast<const char*>(raw), sizeof(raw)});
      out.string(nodes_[next_node_].second);
    }
    nodes_ = {};
    phase_ = Phase::kFacts;
    return true;
  }

  void facts(Output& out) {
    out.length(stream_.length());
    write_id(stream_.last_id(), out);
    write_id(stream_.first_id(), out);
    write_id(stream_.max_deleted_id(), out);
    out.length(stream_.entries_added());
    out.length(stream_.groups().size());
  }

  void begin_group(Output& out) {
    if (!group_) {
      phase_ = Phase::kDone;
      return;
    }
    const StreamGroup& group = **group_;
    out.string(group.name());
    write_id(group.last_id, out);
    out.length(static_cast<uint64_t>(group.entries_read));
    out.length(group.pending().size());
    pending_ = group.pending().first();
    unowned_ = 0;
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
    const StreamGroup& group = **group_;
    nameless_ = unowned_ > 0 ? group.find_consumer({}) : nullptr;
    out.length(group.consumers().size() + (unowned_ > 0 && nameless_ == nullptr ? 1 : 0));
    consumer_ = group.consumers().first();
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
      group_.next();
      phase_ = Phase::kGroup;
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
      if (out.bytes().size() >= limit || ++looks > kLooks) return false;
      if (free_->consumer == nullptr) write_raw(free_->id, out);
    }
    phase_ = after_unowned_;
    return true;
  }

  void begin_unowned() { free_ = (*group_)->pending().first(); }

  const Stream& stream_;
  const WriteOptions options_;
  Phase phase_ = Phase::kHead;
  std::vector<std::pair<StreamId, std::string_view>> nodes_;  // views: the value does not change
  size_t next_node_ = 0;
  StreamGroupTree::Place group_;
  StreamPendingTree::Place pending_;
  StreamConsumerTree::Place consumer_;
  StreamIdTree::Place owned_;
  StreamPendingTree::Place free_;
  Phase after_unowned_ = Phase::kConsumer;
  const StreamConsumer* nameless_ = nullptr;
  size_t unowned_ = 0;
};

}  // namespace

std::unique_ptr<EntryWriter> make_stream_writer(const Stream& stream, const WriteOptions& options) {
  return std::make_unique<StreamWriter>(stream, options);
}

}  // namespace tessera::rdb
