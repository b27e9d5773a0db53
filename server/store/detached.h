// Role: tables, databases and large values that were taken out of a keyspace and wait to be freed. Thread:
// any one thread at a time; never the keyspace's lists are touched, objects go back over the slab's remote
// lists. Invariants: nothing of it is counted by the keyspace any more.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "server/store/chunked_string.h"
#include "server/store/database.h"
#include "server/store/keyspace.h"

namespace tessera::store {

// A value that lies outside its entry.
struct OutsideValue {
  Form form;
  void* pointer;
};

class DetachedTables final : public Detached {
 public:
  explicit DetachedTables(std::shared_ptr<Slab> slab) : slab_(std::move(slab)) {}
  DetachedTables(std::shared_ptr<Slab> slab, Database* d) : DetachedTables(std::move(slab)) { add(d); }
  ~DetachedTables() override { free_some(static_cast<size_t>(-1)); }
  DetachedTables(const DetachedTables&) = delete;
  DetachedTables& operator=(const DetachedTables&) = delete;

  void add(Database* d);
  void add(uint64_t root, size_t keys);
  // One table of a database that is here.
  void give(uint64_t& root, size_t keys, DetachedTables& to);

  size_t key_count() const override { return key_count_; }
  bool free_some(size_t keys) override;

 private:
  size_t free_leaves(uint64_t& root, size_t keys);

  std::shared_ptr<Slab> slab_;  // holds the pages
  std::vector<Database*> databases_;
  std::vector<uint64_t> roots_;  // of single tables
  size_t key_count_ = 0;
  int next_slot_ = 0;            // of databases_.back()
  uint64_t next_directory_ = 0;  // of the table being freed
};

class DetachedValues final : public Detached {
 public:
  DetachedValues(std::shared_ptr<Slab> slab, std::vector<OutsideValue> values)
      : slab_(std::move(slab)), values_(std::move(values)) {}
  ~DetachedValues() override { free_some(static_cast<size_t>(-1)); }
  size_t key_count() const override { return values_.size(); }
  bool free_some(size_t keys) override;  // of containers: elements

 private:
  std::shared_ptr<Slab> slab_;  // holds the pages
  std::vector<OutsideValue> values_;
};

}  // namespace tessera::store
