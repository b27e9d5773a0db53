// Role: see encode.h: everything but streams.
#include "server/persist/rdb/encode.h"

#include <algorithm>

#include "server/persist/rdb/encode_stream.h"
#include "server/persist/rdb/format.h"
#include "server/store/encodings/intset.h"
#include "server/store/keyspace.h"
#include "server/store/string_ref.h"
#include "server/store/types/hash.h"
#include "server/store/types/quicklist.h"
#include "server/store/types/set_table.h"
#include "server/store/types/zset_table.h"

namespace tessera::rdb {

namespace {

using store::Encoding;
using store::Entry;
using store::HashTable;
using store::Keyspace;
using store::ListNode;
using store::ListpackElement;
using store::ListpackView;
using store::ListTree;
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
      : list_(list), at_(list.nodes().first()), options_(options) {}
  bool write_some(std::string& bytes, size_t budget) override {
    Output out(bytes, options_);
    const size_t begin = bytes.size();
    if (!begun_) out.length(list_.nodes().node_count());
    begun_ = true;
    for (; at_; at_ = ListTree::next(at_)) {
      if (bytes.size() - begin >= budget) return false;
      write_node(at_.node(), out);
    }
    return true;
  }

 private:
  void write_node(const ListNode& node, Output& out) {
    out.length(node.is_large() ? 1 : 2);
    if (node.is_pressed()) {
      out.pressed({node.bytes, node.capacity}, node.size);
    } else {
      out.string(node.is_large() ? node.large(scratch_) : node.packed());
    }
  }

  const Quicklist& list_;
  ListTree::Pos at_;
  const WriteOptions options_;
  std::string scratch_;
  bool begun_ = false;
};

// Members of a table in the table's order.
class TableWriter : public EntryWriter {
 public:
  TableWriter(const MemberTable& table, const WriteOptions& options) : options_(options), table_(table) {}
  bool write_some(std::string& bytes, size_t budget) override {
    if (!begun_ && !prepare()) return false;
    Output out(bytes, options_);
    const size_t begin = bytes.size();
    if (!begun_) write_head(out);
    begun_ = true;
    constexpr size_t kItems = 16;
    do {
      cursor_ = table_.scan(cursor_, kItems, [&](const MemberTable::Item& item) { write_item(item, out); });
      if (cursor_ == 0) return true;
    } while (bytes.size() - begin < budget);
    return false;
  }

 protected:
  // A slice of what has to be known first; true: all is.
  virtual bool prepare() { return true; }
  virtual void write_head(Output& out) { out.length(table_.size()); }
  virtual void write_item(const MemberTable::Item& item, Output& out) = 0;
  const MemberTable& table() const { return table_; }
  const WriteOptions options_;

 private:
  const MemberTable& table_;
  uint64_t cursor_ = 0;
  bool begun_ = false;
};

class SetWriter final : public TableWriter {
 public:
  using TableWriter::TableWriter;
  void write_item(const MemberTable::Item& item, Output& out) override { out.string(item.member); }
};

class HashWriter final : public TableWriter {
 public:
  using TableWriter::TableWriter;
  // The soonest time: what the table knows may be early, and what is loaded would be written differently.
  bool prepare() override {
    has_times_ = table().expiring_count() > 0;
    if (!has_times_) return true;
    constexpr size_t kItemsOfSlice = 4096;
    measured_ = table().scan(measured_, kItemsOfSlice, [&](const MemberTable::Item& item) {
      if (item.expire_ms >= 0) soonest_ms_ = std::min(soonest_ms_, item.expire_ms);
    });
    return measured_ == 0;
  }
  void write_head(Output& out) override {
    if (has_times_) out.fixed64(static_cast<uint64_t>(soonest_ms_));
    out.length(table().size());
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
  bool has_times_ = false;
  uint64_t measured_ = 0;  // cursor
  int64_t soonest_ms_ = INT64_MAX;
};

// From the highest score on, as redis-server does, which then inserts each at the front.
class ZsetWriter final : public EntryWriter {
 public:
  ZsetWriter(const ZsetTable& set, const WriteOptions& options)
      : set_(set), options_(options), left_(set.size()) {}
  bool write_some(std::string& bytes, size_t budget) override {
    Output out(bytes, options_);
    const size_t begin = bytes.size();
    if (!begun_) out.length(set_.size());
    begun_ = true;
    if (left_ == 0) return true;
    auto at = set_.tree().at(left_ - 1);
    for (; left_ > 0 && at.valid(); --left_, at.prev()) {
      if (bytes.size() - begin >= budget) return false;
      out.string(at.member());
      out.fixed_double(at.score());
    }
    return true;
  }

 private:
  const ZsetTable& set_;
  const WriteOptions options_;
  size_t left_;
  bool begun_ = false;
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
