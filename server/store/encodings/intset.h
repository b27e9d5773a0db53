// Role: sets of integers as one sorted run of equally wide numbers. The layout is that of Redis (its RDB
// files hold intsets as they are): 4 bytes width (2, 4 or 8), 4 bytes count, numbers, all little-endian.
// Thread: any (pure bytes). Invariants: numbers rise strictly; the width only grows. Bytes from outside must
// pass intset_valid() first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::store {

class IntsetView {
 public:
  explicit IntsetView(std::string_view bytes) : data_(bytes.data()) {}

  size_t count() const;
  int64_t at(size_t index) const;  // REQUIRES index < count()
  bool contains(int64_t value) const { return find(value, nullptr); }
  // True when it is there; `index` gets its place, or where it belongs.
  bool find(int64_t value, size_t* index) const;

 private:
  const char* data_;
};

std::string_view empty_intset();
// False (and nothing done) when it is there already / is not there.
bool intset_add(std::string& bytes, int64_t value);
bool intset_remove(std::string& bytes, int64_t value);
void intset_remove_at(std::string& bytes, size_t index);
// True when bytes from anywhere are a well-formed intset of exactly this size.
bool intset_valid(std::string_view bytes);

}  // namespace tessera::store
