// Role: listpacks: elements, numbers or bytes, in one run of bytes, walked in both directions. The layout is
// that of Redis (its RDB files hold listpacks as they are): 4 bytes total size, 2 bytes count (65535: more,
// count by walking), elements, 0xff. An element: encoding with data, then its length backwards in groups of 7
// bits. All little-endian. Thread: any (pure bytes).
// Invariants: what is read here was written here or passed listpack_valid(): bytes from outside (RESTORE,
// RDB) must pass that first. Bytes that print as a 64-bit number are stored as the number, so equal values
// have equal bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tessera::store {

// One element as it lies in the listpack.
struct ListpackElement {
  std::string_view bytes;  // when !is_int
  int64_t number = 0;
  bool is_int = false;

  // The text; `scratch` holds digits of numbers.
  static constexpr size_t kScratchBytes = 24;
  std::string_view text(char (&scratch)[kScratchBytes]) const;
  std::string to_string() const;
  void append_to(std::string& out) const;
  size_t text_size() const;
};

// An element on its way in: its text, and the number when that prints back to the same text.
class ListpackValue {
 public:
  ListpackValue(std::string_view bytes);                             // NOLINT: implicit on purpose
  ListpackValue(int64_t number) : number_(number), is_int_(true) {}  // NOLINT
  bool is_int() const { return is_int_; }
  int64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }
  bool equals(const ListpackElement& e) const {
    return is_int_ ? e.is_int && e.number == number_ : !e.is_int && e.bytes == bytes_;
  }
  // Bytes it takes, the length backwards included.
  size_t encoded_size() const;
  // Writes them; returns encoded_size().
  size_t encode(char* out) const;

 private:
  std::string_view bytes_;
  int64_t number_ = 0;
  bool is_int_ = false;
};

// Reading. A position is an offset of an element; end() is behind the last one, and before the first one
// going backwards.
class ListpackView {
 public:
  static constexpr size_t kHeaderBytes = 6;
  static constexpr size_t kEmptyBytes = 7;

  explicit ListpackView(std::string_view bytes) : data_(bytes.data()), size_(bytes.size()) {}

  size_t count() const;  // walks when there are 65535 or more
  bool empty() const { return size_ <= kEmptyBytes; }
  size_t size_bytes() const { return size_; }
  size_t begin() const { return kHeaderBytes; }
  size_t end() const { return size_ - 1; }
  // end() when there is none.
  size_t last() const { return empty() ? end() : prev(end()); }
  size_t next(size_t at) const { return at + stride(at); }
  size_t prev(size_t at) const;  // REQUIRES at > begin(); of end(): the last element. Of begin(): end()
  // The element at an index, negative from the end; end() outside. Walks from the nearer side.
  size_t seek(int64_t index) const;
  ListpackElement get(size_t at) const;
  // The same, and `at` becomes the position behind it. Short bytes and small numbers in a few instructions.
  ListpackElement read(size_t& at) const {
    const auto c = static_cast<unsigned char>(data_[at]);
    ListpackElement e;
    if (c < 0x80) {
      e.is_int = true;
      e.number = c;
      at += 2;
    } else if (c < 0xc0) {
      e.bytes = {data_ + at + 1, c & size_t{0x3f}};
      at += 2 + e.bytes.size();
    } else {
      e = get(at);
      at = next(at);
    }
    return e;
  }
  // The first of the elements at `from`, and every `step`-th behind it, that equals; end(): none.
  size_t find(const ListpackValue& value, size_t from, size_t step = 1) const;
  // Bytes of the element at `at`, length backwards included.
  size_t stride(size_t at) const;

 private:
  const char* data_;
  size_t size_;
};

// An empty listpack's bytes.
std::string_view empty_listpack();
// True when bytes from anywhere are a well-formed listpack of exactly this size (every element, the count,
// the end). Cost: one walk. `count` gets the number of elements.
bool listpack_valid(std::string_view bytes, size_t* count = nullptr);

// ---- writing, on a buffer with
//   const char* data(); size_t size();
//   char* splice(size_t at, size_t removed, size_t inserted);  replaces bytes; returns the first of the new
//   ones
// (bytes outside keep their values; everything may move). StringBuffer is one over std::string.
class StringBuffer {
 public:
  explicit StringBuffer(std::string& bytes) : bytes_(bytes) {}
  const char* data() const { return bytes_.data(); }
  char* data() { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  char* splice(size_t at, size_t removed, size_t inserted) {
    if (inserted > removed) {
      bytes_.insert(at, inserted - removed, '\0');
    } else {
      bytes_.erase(at, removed - inserted);
    }
    return bytes_.data() + at;
  }

 private:
  std::string& bytes_;
};

namespace listpack_detail {
uint16_t read_count(const char* data);
// Sets size, and the count to what `added` makes of it (recounted when it falls out of the unknown).
void write_header(char* data, size_t size, int64_t added);
}  // namespace listpack_detail

// Inserts before the element at `at` (view.end(): appends). Returns the position behind the new element.
template <typename Buffer>
size_t listpack_insert(Buffer& buffer, size_t at, const ListpackValue& value) {
  const size_t n = value.encoded_size();
  value.encode(buffer.splice(at, 0, n));
  listpack_detail::write_header(buffer.data(), buffer.size(), 1);
  return at + n;
}

template <typename Buffer>
void listpack_append(Buffer& buffer, const ListpackValue& value) {
  listpack_insert(buffer, buffer.size() - 1, value);
}

// Replaces the element at `at`. Returns the position behind it.
template <typename Buffer>
size_t listpack_replace(Buffer& buffer, size_t at, const ListpackValue& value) {
  const size_t old = ListpackView({buffer.data(), buffer.size()}).stride(at);
  const size_t n = value.encoded_size();
  value.encode(buffer.splice(at, old, n));
  listpack_detail::write_header(buffer.data(), buffer.size(), 0);
  return at + n;
}

// Erases up to `count` elements from `at` on; what was behind them is then at `at`. Returns how many.
template <typename Buffer>
size_t listpack_erase(Buffer& buffer, size_t at, size_t count = 1) {
  const ListpackView view({buffer.data(), buffer.size()});
  size_t to = at, n = 0;
  for (; n < count && to < view.end(); ++n) to = view.next(to);
  buffer.splice(at, to - at, 0);
  listpack_detail::write_header(buffer.data(), buffer.size(), -static_cast<int64_t>(n));
  return n;
}

// Puts all elements of another listpack at the end.
template <typename Buffer>
void listpack_append_all(Buffer& buffer, std::string_view other) {
  const ListpackView view(other);
  const size_t n = view.end() - view.begin();
  const size_t count = view.count();
  char* at = buffer.splice(buffer.size() - 1, 0, n);
  if (n > 0) std::memcpy(at, other.data() + view.begin(), n);
  listpack_detail::write_header(buffer.data(), buffer.size(), static_cast<int64_t>(count));
}

}  // namespace tessera::store
