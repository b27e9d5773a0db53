// Role: the bytes of intsets.
#include "server/store/encodings/intset.h"

#include <cstring>

namespace tessera::store {

namespace {

constexpr size_t kHeaderBytes = 8;

uint32_t read_u32(const char* p) {
  uint32_t n;
  std::memcpy(&n, p, sizeof(n));
  return n;
}

void write_u32(char* p, size_t n) {
  const uint32_t value = static_cast<uint32_t>(n);
  std::memcpy(p, &value, sizeof(value));
}

size_t width_for(int64_t value) {
  if (value >= INT16_MIN && value <= INT16_MAX) return 2;
  if (value >= INT32_MIN && value <= INT32_MAX) return 4;
  return 8;
}

int64_t read_number(const char* p, size_t width) {
  if (width == 2) {
    int16_t n;
    std::memcpy(&n, p, sizeof(n));
    return n;
  }
  if (width == 4) {
    int32_t n;
    std::memcpy(&n, p, sizeof(n));
    return n;
  }
  int64_t n;
  std::memcpy(&n, p, sizeof(n));
  return n;
}

void write_number(char* p, int64_t value, size_t width) {
  std::memcpy(p, &value, width);  // little-endian: the low bytes come first
}

size_t width_of(const char* data) {
  return read_u32(data);
}

// All numbers again, wider. From the last on, so that none is overwritten before it is read.
void widen(std::string& bytes, size_t width) {
  const size_t old = width_of(bytes.data());
  const size_t n = read_u32(bytes.data() + 4);
  bytes.resize(kHeaderBytes + n * width);
  char* numbers = bytes.data() + kHeaderBytes;
  for (size_t i = n; i-- > 0;) write_number(numbers + i * width, read_number(numbers + i * old, old), width);
  write_u32(bytes.data(), width);
}

}  // namespace

size_t IntsetView::count() const {
  return read_u32(data_ + 4);
}

int64_t IntsetView::at(size_t index) const {
  const size_t width = width_of(data_);
  return read_number(data_ + kHeaderBytes + index * width, width);
}

bool IntsetView::find(int64_t value, size_t* index) const {
  size_t low = 0, high = count();
  if (width_for(value) > width_of(data_)) {
    if (index) *index = value < 0 ? 0 : high;
    return false;
  }
  if (high > 0 && value > at(high - 1)) low = high;  // the usual order of insertion
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (at(middle) < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (index) *index = low;
  return low < count() && at(low) == value;
}

std::string_view empty_intset() {
  static constexpr char kEmpty[kHeaderBytes] = {2, 0, 0, 0, 0, 0, 0, 0};
  return {kEmpty, sizeof(kEmpty)};
}

bool intset_add(std::string& bytes, int64_t value) {
  size_t index = 0;
  if (IntsetView(bytes).find(value, &index)) return false;
  if (width_for(value) > width_of(bytes.data())) widen(bytes, width_for(value));
  const size_t width = width_of(bytes.data());
  bytes.insert(kHeaderBytes + index * width, width, '\0');
  write_number(bytes.data() + kHeaderBytes + index * width, value, width);
  write_u32(bytes.data() + 4, read_u32(bytes.data() + 4) + size_t{1});
  return true;
}

void intset_remove_at(std::string& bytes, size_t index) {
  const size_t width = width_of(bytes.data());
  bytes.erase(kHeaderBytes + index * width, width);
  write_u32(bytes.data() + 4, read_u32(bytes.data() + 4) - size_t{1});
}

bool intset_remove(std::string& bytes, int64_t value) {
  size_t index = 0;
  if (!IntsetView(bytes).find(value, &index)) return false;
  intset_remove_at(bytes, index);
  return true;
}

bool intset_valid(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return false;
  const size_t width = read_u32(bytes.data());
  if (width != 2 && width != 4 && width != 8) return false;
  const size_t n = read_u32(bytes.data() + 4);
  if (bytes.size() - kHeaderBytes != n * width) return false;
  const IntsetView view(bytes);
  for (size_t i = 1; i < n; ++i) {
    if (view.at(i - 1) >= view.at(i)) return false;
  }
  return true;
}

}  // namespace tessera::store
