// Role: what an RDB file holds: counts by database, type and form, and the largest keys. Thread: one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/key.h"

namespace tessera::check_rdb {

class Stats {
 public:
  struct Item {
    int db;
    store::Type type;
    std::string_view form;  // the name of its type byte
    std::string_view key;
    uint64_t file_bytes;
    uint64_t elements;
  };
  void begin(int version, bool is_valkey) {
    version_ = version;
    is_valkey_ = is_valkey;
  }
  void add_function() { ++functions_; }
  void add_key(bool expires, bool expired) {
    ++keys_;
    if (expires) ++expires_;
    if (expired) ++expired_;
  }
  void add_value(const Item& item);

  // The three lines at the end of every check.
  void write_counts(std::FILE* out) const;
  void write_text(std::FILE* out) const;
  void write_json(std::FILE* out) const;

 private:
  struct Sum {
    uint64_t keys = 0, bytes = 0, elements = 0, most_elements = 0;
    void add(const Item& item);
  };
  struct Large {
    uint64_t bytes, elements;
    int db;
    std::string type, key;
  };
  static constexpr size_t kLargest = 10;

  int version_ = 0;
  bool is_valkey_ = false;
  uint64_t keys_ = 0, expires_ = 0, expired_ = 0, functions_ = 0;
  std::map<int, Sum> databases_;
  std::map<std::string, Sum, std::less<>> types_, forms_;
  std::vector<Large> largest_;  // by bytes, the largest first
};

}  // namespace tessera::check_rdb
