// Role: what a keyspace keeps while a cut is on; for store/ alone. Thread: the owner or holder.
// Invariants: `left` is the sum of what all tables of the cut have to save, turned or not; a database or
// table that leaves the keyspace with something to save stays here until that is saved.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "server/store/cut.h"
#include "server/store/database.h"
#include "server/store/detached.h"

namespace tessera::store {

// A database as it was when the cut began.
struct CutDatabase {
  Database* database;
  int db;
  std::unique_ptr<DetachedTables> owner;  // of one that left the keyspace since
};

// A table that left the keyspace alone.
struct CutTable {
  uint64_t root;
  Table table;
  int db;
  int slot;
  std::unique_ptr<DetachedTables> owner;
  uint64_t from = 0;  // how far the walk is in it
  bool done = false;
};

struct CutState {
  struct Large {
    size_t database;  // place in `databases`
    int slot;
    std::string key;
  };

  CutSink* sink = nullptr;  // nullptr: abandoned, it paints
  uint64_t left = 0;
  std::unordered_set<const Container*> open;  // large values that are being saved
  std::vector<CutDatabase> databases;
  std::vector<CutTable> tables;
  std::vector<Large> large;  // passed by the walk, which comes back for them
  size_t next_large = 0;
  std::unique_ptr<DetachedTables> saved;  // tables that left the keyspace and are saved; for the sink
  int64_t saved_bytes = 0;
  // Where the walk is.
  size_t database = 0;
  int slot = 0;
  uint64_t from = 0;  // position in the table
};

}  // namespace tessera::store
