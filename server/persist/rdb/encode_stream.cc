// Role: streams as RDB objects: nodes, facts, groups, each in slices. Thread: as encode.h.
#include "server/persist/rdb/encode_stream.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/journal/faults.h"
#include "server/persist/rdb/encode_group.h"

namespace tessera::rdb {

namespace {

using store::Stream;
using store::StreamGroup;
using store::StreamId;

void write_id(StreamId id, Output& out) {
  out.length(id.ms);
  out.length(id.seq);
}

// Nodes by id, then groups by name. A node that is about to change before its turn is copied and waits for
// it, a group follows its changes itself.
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
    if (!copied_) return;
    stream_.watch(nullptr);
    if (group_) group_->leave();
    for (auto& [name, kept] : kept_groups_) {
      if (kept.writer) kept.writer->leave();
    }
    copied_ = nullptr;
  }
  size_t kept_bytes() const override { return kept_; }

  // ---- what changes

  void before_change(StreamId node, std::string_view bytes) override {
    if (is_passed(node) || kept_nodes_.count(node) != 0) return;
    if (journal::planted(journal::Fault::kPieceLost)) return;
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
    if (is_passed(group.name()) || (group_ && group_->name() == group.name())) return;
    const auto [at, is_new] = kept_groups_.try_emplace(std::string(group.name()));
    if (!is_new) return;
    at->second.writer = follow(group);
    keep(0, true);
  }
  void made(const StreamGroup& group) override {
    if (!is_passed(group.name()) && kept_groups_.try_emplace(std::string(group.name())).second) keep(0, true);
  }
  void before_end(const StreamGroup& group) override {
    if (is_passed(group.name())) return;
    if (group_ && group_->name() == group.name()) {
      rest_ = finish(std::move(group_));
      last_group_ = group.name();
      return;
    }
    const auto [at, is_new] = kept_groups_.try_emplace(std::string(group.name()));
    if (is_new) {
      at->second.writer = follow(group);
      keep(0, true);
    }
    if (at->second.writer) at->second.bytes = finish(std::move(at->second.writer));
  }

 private:
  enum class Phase { kHead, kNodes, kFacts, kGroups, kDone };
  static constexpr size_t kNoteBytes = 96;  // of a piece in a map
  // A group that changed before its turn: it follows, or is written already. Neither: it came later.
  struct KeptGroup {
    std::unique_ptr<GroupWriter> writer;
    std::string bytes;
  };

  bool is_passed(StreamId node) const {
    return phase_ > Phase::kNodes || (last_node_ && node <= *last_node_);
  }
  bool is_passed(std::string_view group) const {
    return (last_group_ && group <= *last_group_) || (group_ && group < group_->name());
  }
  void keep(size_t bytes, bool with_note) {
    kept_ += bytes + (with_note ? kNoteBytes : 0);
    copied_(bytes);
  }
  std::unique_ptr<GroupWriter> follow(const StreamGroup& group) {
    auto writer = std::make_unique<GroupWriter>(group);
    if (copied_) writer->follow([this](size_t bytes) { keep(bytes, false); });
    return writer;
  }
  // What is left of it, at once.
  std::string finish(std::unique_ptr<GroupWriter> writer) {
    std::string bytes;
    Output out(bytes, options_);
    writer->write_some(out, SIZE_MAX);
    writer->leave();
    kept_ -= writer->noted_bytes();
    keep(bytes.size(), false);
    return bytes;
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
        if (!journal::planted(journal::Fault::kPieceTwice)) last_node_ = kept->first;
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
        kept_ -= group_->noted_bytes();
        last_group_ = group_->name();
        group_.reset();
      }
      if (out.bytes().size() >= limit) return false;
      if (!next_group(out)) {
        phase_ = Phase::kDone;
        return true;
      }
    }
  }

  // False: there is none.
  bool next_group(Output& out) {
    auto next =
        last_group_ ? stream_.groups().at_least(std::string_view(*last_group_)) : stream_.groups().first();
    if (last_group_ && next && (*next)->name() == *last_group_) next.next();
    const auto kept = kept_groups_.begin();
    if (kept == kept_groups_.end() || (next && (*next)->name() < kept->first)) {
      if (next) group_ = follow(**next);
      return bool(next);
    }
    if (kept->second.writer) {
      group_ = std::move(kept->second.writer);
      release(0);
    } else {
      out.bytes() += kept->second.bytes;
      last_group_ = kept->first;
      release(kept->second.bytes.size());
    }
    kept_groups_.erase(kept);
    return true;
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
  std::unique_ptr<GroupWriter> group_;     // being written
  std::string rest_;                       // of a group that ended while it was
  // Before their turn; nothing of those that came later.
  std::map<StreamId, std::string> kept_nodes_;
  std::map<std::string, KeptGroup, std::less<>> kept_groups_;
  size_t kept_ = 0;
  std::function<void(size_t)> copied_;  // set: it follows
};

}  // namespace

std::unique_ptr<EntryWriter> make_stream_writer(const Stream& stream, const WriteOptions& options) {
  return std::make_unique<StreamWriter>(stream, options);
}

}  // namespace tessera::rdb
