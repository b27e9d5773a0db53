// Role: streams: nodes as they lie in files, then what is known of all entries, then groups. Thread: as
// decode.h.
#include <algorithm>
#include <cstring>

#include "server/persist/rdb/builders.h"
#include "server/persist/rdb/decode.h"
#include "server/store/types/stream.h"

namespace tessera::rdb::detail {

namespace {

using store::Container;
using store::Encoding;
using store::Stream;
using store::StreamConsumer;
using store::StreamEntryRef;
using store::StreamGroup;
using store::StreamId;
using store::StreamNodeFacts;
using store::StreamNodeView;
using store::StreamPending;
using store::Type;

// Ids stand in keys and lists of what is pending as 16 bytes in the order of their numbers.
StreamId id_of(std::string_view raw) {
  StreamId id;
  std::memcpy(&id.ms, raw.data(), 8);
  std::memcpy(&id.seq, raw.data() + 8, 8);
  id.ms = __builtin_bswap64(id.ms);
  id.seq = __builtin_bswap64(id.seq);
  return id;
}

// Times with which nobody's arithmetic overflows. Counts are whatever commands may set them to.
constexpr uint64_t kMostMs = 1ULL << 53;

bool time_valid(uint64_t ms) {
  return ms <= kMostMs || ms == UINT64_MAX;  // -1: never
}

class StreamDecoder {
 public:
  StreamDecoder(Input& in, const DecodeOptions& options, Kind kind)
      : in_(in), kind_(kind), stream_(Container::make<Stream>(*options.memory)) {}
  ~StreamDecoder() {
    if (stream_ != nullptr) Container::destroy(stream_);
  }
  StreamDecoder(const StreamDecoder&) = delete;
  StreamDecoder& operator=(const StreamDecoder&) = delete;

  bool run() { return nodes() && facts() && groups(); }
  Stream* take() { return std::exchange(stream_, nullptr); }

 private:
  bool id(StreamId* out) { return in_.length(&out->ms) && in_.length(&out->seq); }
  bool raw_id(StreamId* out) {
    std::string_view raw;
    if (!in_.bytes(16, &raw)) return false;
    *out = id_of(raw);
    return true;
  }

  bool nodes() {
    uint64_t count = 0;
    if (!in_.count(2, &count)) return false;
    StreamId last_node;
    bool is_first = true;
    for (; count > 0; --count) {
      const uint64_t at = in_.offset();
      std::string_view key, bytes;
      if (!in_.string(&key, scratch_)) return false;
      if (key.size() != 16) return in_.fail_at(at, "a stream's node without id");
      const StreamId id = id_of(key);
      if (!is_first && id <= last_node) return in_.fail_at(at, "nodes of a stream out of order");
      last_node = id;
      is_first = false;
      if (!in_.string(&bytes, scratch_)) return false;
      StreamNodeFacts facts;
      if (!store::stream_node_valid(id, bytes, &facts)) {
        return in_.fail_at(at, "a stream's node that is not well-formed");
      }
      if (!live_ids_rise(id, bytes)) return in_.fail_at(at, "entries of a stream out of order");
      stream_->load_node(id, bytes, facts.is_ordered);
    }
    return true;
  }

  // Of entries that were not deleted, over all nodes.
  bool live_ids_rise(StreamId id, std::string_view bytes) {
    const StreamNodeView view(id, bytes);
    StreamEntryRef entry;
    for (bool more = view.first(entry); more; more = view.next(entry)) {
      if (entry.is_deleted()) continue;
      if (has_live_ ? entry.id <= last_live_ : entry.id.is_zero()) return false;
      has_live_ = true;
      last_live_ = entry.id;
    }
    return true;
  }

  bool facts() {
    const uint64_t at = in_.offset();
    uint64_t length = 0, added = 0;
    StreamId last, first, max_deleted;
    if (!in_.length(&length) || !id(&last)) return false;
    if (length != stream_->length())
      return in_.fail_at(at, "a stream's length that is not that of its entries");
    if (has_live_ && last < last_live_) return in_.fail_at(at, "a stream's last id that is not the last one");
    added = length;
    if (kind_ != Kind::kStream) {
      if (!id(&first) || !id(&max_deleted) || !in_.length(&added)) return false;
      // The first id is what the entries say it is.
    }
    stream_->finish_loading(last, max_deleted, added);
    return true;
  }

  bool groups() {
    uint64_t count = 0;
    if (!in_.count(5, &count)) return false;
    for (; count > 0; --count) {
      const uint64_t at = in_.offset();
      std::string_view name;
      StreamId last;
      if (!in_.string(&name, scratch_) || name.size() > UINT32_MAX || !id_after_name(name, &last))
        return false;
      uint64_t read = 0;
      if (kind_ != Kind::kStream) {
        if (!in_.length(&read)) return false;
      } else {
        const int64_t known = stream_->entries_added_up_to(last);
        read = static_cast<uint64_t>(known);
      }
      StreamGroup* group = stream_->make_group(name_, last, static_cast<int64_t>(read));
      if (group == nullptr) return in_.fail_at(at, "a consumer group that is there twice");
      if (!pending(*group) || !consumers(*group)) return false;
    }
    return true;
  }

  // A name may lie in the scratch that the next string takes.
  bool id_after_name(std::string_view name, StreamId* out) {
    name_.assign(name);
    return id(out);
  }

  // All that is pending of a group, owners to come.
  bool pending(StreamGroup& group) {
    uint64_t count = 0;
    if (!in_.count(16 + 8 + 1, &count)) return false;
    for (; count > 0; --count) {
      const uint64_t at = in_.offset();
      StreamId id;
      uint64_t delivered = 0, deliveries = 0;
      if (!raw_id(&id) || !in_.fixed64(&delivered) || !in_.length(&deliveries)) return false;
      if (delivered > kMostMs) {
        return in_.fail_at(at, "a pending entry's time or count that cannot be");
      }
      if (group.find_pending(id) != nullptr) return in_.fail_at(at, "a pending entry that is there twice");
      StreamPending* made = group.make_unowned(id);
      made->delivered_ms = static_cast<int64_t>(delivered);
      // Redis counts beyond 2^63 and shows that as a negative number.
      made->delivery_count = std::min(deliveries, store::StreamPending::kMostDeliveries);
    }
    return true;
  }

  bool consumers(StreamGroup& group) {
    uint64_t count = 0;
    if (!in_.count(1 + 8 + 1, &count)) return false;
    for (; count > 0; --count) {
      const uint64_t at = in_.offset();
      std::string_view name;
      uint64_t seen = 0, active = 0;
      if (!in_.string(&name, scratch_) || !in_.fixed64(&seen)) return false;
      active = seen;
      if (kind_ == Kind::kStream3 && !in_.fixed64(&active)) return false;
      if (!time_valid(seen) || !time_valid(active))
        return in_.fail_at(at, "a consumer's time that cannot be");
      if (name.size() > UINT32_MAX) return in_.fail_at(at, "a consumer's name that is too long");
      if (name.empty() && seen == 0) {  // what nobody owns: see encode_stream.cc
        if (!owned(group, nullptr)) return false;
        continue;
      }
      if (group.find_consumer(name) != nullptr) return in_.fail_at(at, "a consumer that is there twice");
      StreamConsumer* consumer = group.make_consumer(name, static_cast<int64_t>(seen));
      consumer->active_ms = static_cast<int64_t>(active);
      if (!owned(group, consumer)) return false;
    }
    for (auto place = group.pending().first(); place; place.next()) {
      if (place->consumer == nullptr && ownerless_ == 0) return in_.fail("a pending entry that nobody has");
      if (place->consumer == nullptr) --ownerless_;
    }
    if (ownerless_ != 0) return in_.fail("a pending entry that nobody has");
    return true;
  }

  // The ids that a consumer has; nullptr: those nobody has.
  bool owned(StreamGroup& group, StreamConsumer* consumer) {
    uint64_t count = 0;
    if (!in_.count(16, &count)) return false;
    for (; count > 0; --count) {
      const uint64_t at = in_.offset();
      StreamId id;
      if (!raw_id(&id)) return false;
      StreamPending* found = group.find_pending(id);
      if (found == nullptr || found->consumer != nullptr) {
        return in_.fail_at(at, "a consumer's entry that is not pending, or another's");
      }
      if (consumer == nullptr) {
        ++ownerless_;
        continue;
      }
      bool is_new = false;
      group.assign(id, consumer, &is_new);
    }
    return true;
  }

  Input& in_;
  const Kind kind_;
  Stream* stream_;
  std::string scratch_, name_;
  StreamId last_live_;
  bool has_live_ = false;
  uint64_t ownerless_ = 0;
};

}  // namespace

bool Decoder::stream(Kind kind) {
  StreamDecoder decoder(in_, options_, kind);
  if (!decoder.run()) return false;
  out_.set_container(Type::kStream, Encoding::kStream, decoder.take());
  return true;
}

}  // namespace tessera::rdb::detail
