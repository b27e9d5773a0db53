// Role: see encode.h: everything but streams.
#include "server/persist/rdb/encode.h"

#include <algorithm>

#include "server/journal/faults.h"
#include "server/persist/rdb/encode_stream.h"
#include "server/persist/rdb/format.h"
#include "server/persist/rdb/kept_bytes.h"
#include "server/store/encodings/intset.h"
#include "server/store/keyspace.h"
#include "server/store/string_ref.h"
#include "server/store/types/hash.h"
#include "server/store/types/list_cut.h"
#include "server/store/types/member_cut.h"
#include "server/store/types/quicklist.h"
#include "server/store/types/set_table.h"
#include "server/store/types/zset_table.h"

namespace tessera::rdb {

namespace {

using store::Encoding;
using store::Entry;
using store::HashTable;
using store::Keyspace;
using store::ListCut;
using store::ListNode;
using store::ListpackElement;
using store::ListpackView;
using store::MemberCut;
using store::MemberTable;
using store::Quicklist;
using store::SetTable;
using store::StringRef;
using store::Type;
using store::ZsetTable;

void write_string(const StringRef& value, Output& out) {
  if (value.is_int()) {
    out.number(value.int_value());
  } else if (value.contiguous()) {
    out.string(value.view());
  } else if (out.compresses()) {
    std::string scratch;
    out.string(value.view(scratch));
  } else {
    out.length(value.size());
    value.for_each_piece(0, value.size(), [&](std::string_view piece) {
      out.bytes().append(piece);
      return true;
    });
  }
}

void write_packed(const Entry& entry, Output& out) {
  const std::string_view bytes = Keyspace::packed_bytes(entry);
  if (entry.type() == Type::kList) {
    out.length(1);
    out.length(2);
    out.string(bytes);
  } else if (entry.type() == Type::kSet && entry.encoding() == Encoding::kListpack) {
    // Version 10 has no listpacks of members.
    const ListpackView view(bytes);
    out.length(view.count());
    for (size_t at = view.begin(); at < view.end();) {
      const ListpackElement member = view.read(at);
      member.is_int ? out.number(member.number) : out.string(member.bytes);
    }
  } else {
    out.string(bytes);
  }
}

// What lies in the entry.
class SmallWriter final : public EntryWriter {
 public:
  SmallWriter(const Entry& entry, const WriteOptions& options) : entry_(entry), options_(options) {}
  bool write_some(std::string& bytes, size_t) override {
    Output out(bytes, options_);
    if (entry_.type() == Type::kString) {
      write_string(StringRef(entry_), out);
    } else {
      write_packed(entry_, out);
    }
    return true;
  }

 private:
  const Entry& entry_;
  const WriteOptions options_;
};

class ListWriter final : public EntryWriter {
 public:
  ListWriter(const Quicklist& list, const WriteOptions& options)
      : cut_(list.nodes()), node_count_(list.nodes().node_count()), options_(options) {}

  bool write_some(std::string& bytes, size_t budget) override {
    Output out(bytes, options_);
    const size_t begin = bytes.size();
    if (!begun_) out.length(node_count_);
    begun_ = true;
    do {
      if (cut_.step([&](const ListNode& node) { write_node(node, out); },
                    [&](const std::string& kept) { bytes += kept; })) {
        continue;
      }
      leave();
      return true;
    } while (bytes.size() - begin < budget);
    return false;
  }
  void follow(std::function<void(size_t)> copied) override {
    follows_ = true;
    copied_ = std::move(copied);
    cut_.follow([this](const ListNode& node) {
      std::string bytes;
      Output out(bytes, options_);
      if (!journal::planted(journal::Fault::kPieceLost)) write_node(node, out);
      if (journal::planted(journal::Fault::kPieceTwice)) write_node(node, out);
      copied_(bytes.size());
      return bytes;
    });
  }
  void leave() override {
    if (follows_) cut_.leave();
    follows_ = false;
  }
  size_t kept_bytes() const override { return cut_.kept_bytes(); }

 private:
  void write_node(const ListNode& node, Output& out) {
    out.length(node.is_large() ? 1 : 2);
    if (node.is_pressed()) {
      out.pressed({node.bytes, node.capacity}, node.size);
    } else {
      out.string(node.is_large() ? node.large(scratch_) : node.packed());
    }
  }

  ListCut cut_;
  const size_t node_count_;
  const WriteOptions options_;
  std::function<void(size_t)> copied_;
  std::string scratch_;
  bool begun_ = false, follows_ = false;
};

// Members of a table in the table's order, but for those that change first, which come earlier.
class TableWriter : public EntryWriter {
 public:
  TableWriter(const MemberTable& table, const WriteOptions& options)
      : options_(options), count_(table.size()), cut_(table) {}

  bool write_some(std::string& bytes, size_t budget) override {
    if (!begun_ && !prepare()) return false;
    const size_t begin = bytes.size();
    Output out(bytes, options_);
    if (!begun_) write_head(out);
    begun_ = true;
    if (!kept_.write_some(bytes, budget)) return false;
    do {
      if (walk(out)) {
        leave();
        return true;
      }
    } while (bytes.size() - begin < budget);
    return false;
  }
  void follow(std::function<void(size_t)> copied) override {
    copied_ = std::move(copied);
    cut_.follow([this](const MemberTable::Item& item) { keep(item); }, [this] { changes(); });
  }
  void leave() override {
    if (copied_) cut_.leave();
    copied_ = nullptr;
  }
  size_t kept_bytes() const override { return kept_.size() + cut_.noted_bytes(); }

 protected:
  static constexpr size_t kItems = 16;  // of a step

  // A slice of what has to be known first; true: all is.
  virtual bool prepare() { return true; }
  // It is about to change for the first time.
  virtual void changes() {}
  virtual void write_head(Output& out) { out.length(count_); }
  virtual void write_item(const MemberTable::Item& item, Output& out) = 0;
  virtual bool walk(Output& out) {
    return cut_.walk(kItems, [&](const MemberTable::Item& item) { write_item(item, out); });
  }

  const WriteOptions options_;
  const size_t count_;
  MemberCut cut_;
  bool begun_ = false;

 private:
  void keep(const MemberTable::Item& item) {
    Output out(kept_.open(), options_);
    const size_t before = out.bytes().size();
    write_item(item, out);
    const size_t bytes = out.bytes().size() - before;
    kept_.note(bytes);
    copied_(bytes);
  }

  KeptBytes kept_;
  std::function<void(size_t)> copied_;  // set: it follows
};

class SetWriter final : public TableWriter {
 public:
  using TableWriter::TableWriter;
  void write_item(const MemberTable::Item& item, Output& out) override { out.string(item.member); }
};

class HashWriter final : public TableWriter {
 public:
  HashWriter(const MemberTable& table, const WriteOptions& options)
      : TableWriter(table, options),
        table_(table),
        has_times_(table.expiring_count() > 0),
        is_measured_(!has_times_),
        known_soonest_ms_(table.soonest_expire_ms()) {}

  // The soonest time: what the table knows may be early, and what is loaded would be written differently.
  bool prepare() override {
    constexpr size_t kItemsOfSlice = 4096;
    if (is_measured_) return true;
    measured_ = table_.scan(measured_, kItemsOfSlice, [&](const MemberTable::Item& item) {
      if (item.expire_ms >= 0) soonest_ms_ = std::min(soonest_ms_, item.expire_ms);
    });
    is_measured_ = measured_ == 0;
    return is_measured_;
  }
  void changes() override {
    if (!is_measured_) soonest_ms_ = known_soonest_ms_;
    is_measured_ = true;
  }
  void write_head(Output& out) override {
    if (has_times_) out.fixed64(static_cast<uint64_t>(soonest_ms_));
    out.length(count_);
  }
  void write_item(const MemberTable::Item& item, Output& out) override {
    if (has_times_) {
      out.length(item.expire_ms < 0
                     ? 0
                     : static_cast<uint64_t>(item.expire_ms) - static_cast<uint64_t>(soonest_ms_) + 1);
    }
    out.string(item.member);
    out.string(item.value);
  }

 private:
  const MemberTable& table_;
  const bool has_times_;
  bool is_measured_;
  const int64_t known_soonest_ms_;
  uint64_t measured_ = 0;  // cursor
  int64_t soonest_ms_ = INT64_MAX;
};

// From the highest score on, as redis-server does, which then inserts each at the front. Once the set changes
// the rest comes in the order of its table, in which what has been written is known by its score and member.
class ZsetWriter final : public TableWriter {
 public:
  ZsetWriter(const ZsetTable& set, const WriteOptions& options)
      : TableWriter(set.members(), options), set_(set), left_(set.size()) {}

  void changes() override { is_ranked_ = false; }
  bool walk(Output& out) override {
    if (!is_ranked_) return TableWriter::walk(out);
    if (left_ == 0) return true;
    auto at = set_.tree().at(left_ - 1);
    std::string_view member;
    for (size_t i = 0; i < kRanks && left_ > 0; ++i, --left_, at.prev()) {
      last_score_ = at.score();
      member = at.member();
      write_element(member, last_score_, out);
    }
    last_member_ = member;
    return left_ == 0;
  }
  void write_item(const MemberTable::Item& item, Output& out) override {
    const double score = ZsetTable::score_of(item.value);
    if (!is_written(item.member, score)) write_element(item.member, score, out);
  }

 private:
  bool is_written(std::string_view member, double score) const {
    if (left_ == count_) return false;
    return score != last_score_ ? score > last_score_ : member >= last_member_;
  }
  void write_element(std::string_view member, double score, Output& out) {
    out.string(member);
    out.fixed_double(score);
  }

  static constexpr size_t kRanks = 128;  // of a step

  const ZsetTable& set_;
  size_t left_;  // in order
  bool is_ranked_ = true;
  double last_score_ = 0;  // written last in order
  std::string last_member_;
};

bool hash_has_times(const Entry& entry) {
  return entry.type() == Type::kHash && !Keyspace::is_packed(entry) &&
         static_cast<const HashTable&>(Keyspace::container(entry)).fields.expiring_count() > 0;
}

}  // namespace

uint8_t type_of(const Entry& entry) {
  const bool packed = entry.type() != Type::kString && Keyspace::is_packed(entry);
  switch (entry.type()) {
    case Type::kString:
      return kTypeString;
    case Type::kList:
      return kTypeListQuicklist2;
    case Type::kSet:
      return packed && entry.encoding() == Encoding::kIntset ? kTypeSetIntset : kTypeSet;
    case Type::kZset:
      return packed ? kTypeZsetListpack : kTypeZset2;
    case Type::kHash:
      return packed ? kTypeHashListpack : hash_has_times(entry) ? kTypeHashTimes : kTypeHash;
    case Type::kStream:
      break;
  }
  return kTypeStream2;
}

int version_of(const Entry& entry) {
  return version_of_type(type_of(entry));
}

std::unique_ptr<EntryWriter> make_writer(const Entry& entry, const WriteOptions& options) {
  if (entry.type() == Type::kString || Keyspace::is_packed(entry)) {
    return std::make_unique<SmallWriter>(entry, options);
  }
  const store::Container& container = Keyspace::container(entry);
  switch (entry.type()) {
    case Type::kList:
      return std::make_unique<ListWriter>(static_cast<const Quicklist&>(container), options);
    case Type::kSet:
      return std::make_unique<SetWriter>(static_cast<const SetTable&>(container).members(), options);
    case Type::kZset:
      return std::make_unique<ZsetWriter>(static_cast<const ZsetTable&>(container), options);
    case Type::kHash:
      return std::make_unique<HashWriter>(static_cast<const HashTable&>(container).fields, options);
    default:
      return make_stream_writer(static_cast<const store::Stream&>(container), options);
  }
}

void write_value(const Entry& entry, const WriteOptions& options, std::string& out) {
  if (entry.type() == Type::kString || Keyspace::is_packed(entry)) {
    SmallWriter(entry, options).write_some(out, SIZE_MAX);
  } else {
    const std::unique_ptr<EntryWriter> writer = make_writer(entry, options);
    while (!writer->write_some(out, SIZE_MAX)) {
    }
  }
}

}  // namespace tessera::rdb
