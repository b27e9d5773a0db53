// Role: the bytes of listpacks. Format: redis' listpack.md, as its RDB files show it.
#include "server/store/encodings/listpack.h"

#include "common/text/integers.h"

namespace tessera::store {

namespace {

constexpr unsigned char kEnd = 0xff;
constexpr uint16_t kCountUnknown = 0xffff;
// First bytes: 0xxxxxxx 7-bit number; 10xxxxxx bytes up to 63; 110xxxxx 13-bit number; 1110xxxx bytes up to
// 4095; then whole-byte codes.
constexpr unsigned char kBytes32 = 0xf0, kInt16 = 0xf1, kInt24 = 0xf2, kInt32 = 0xf3, kInt64 = 0xf4;

unsigned char byte_at(const char* p) {
  return static_cast<unsigned char>(*p);
}

uint64_t read_le(const char* p, size_t n) {
  uint64_t value = 0;
  std::memcpy(&value, p, n);
  return value;
}

int64_t sign_extend(uint64_t value, unsigned bits) {
  const unsigned shift = 64 - bits;
  return static_cast<int64_t>(value << shift) >> shift;
}

// Bytes of encoding and data, without the length backwards. REQUIRES: the encoding's bytes are there
size_t body_size(const char* p) {
  const unsigned char c = byte_at(p);
  if (c < 0x80) return 1;
  if (c < 0xc0) return 1 + (c & 0x3f);
  if (c < 0xe0) return 2;
  if (c < 0xf0) return 2 + (size_t{c & 0xfu} << 8 | byte_at(p + 1));
  switch (c) {
    case kBytes32:
      return 5 + read_le(p + 1, 4);
    case kInt16:
      return 3;
    case kInt24:
      return 4;
    case kInt32:
      return 5;
    case kInt64:
      return 9;
    default:
      return 1;
  }
}

size_t back_size(size_t body) {
  return body < 128 ? 1 : body < 16384 ? 2 : body < 2097152 ? 3 : body < 268435456 ? 4 : 5;
}

// The length backwards: groups of 7 bits, the highest first; all but the first carry the bit that says that
// more lie before.
void write_back(char* out, size_t body) {
  const size_t n = back_size(body);
  for (size_t i = 0; i < n; ++i) {
    const size_t group = body >> (7 * (n - 1 - i)) & 127;
    out[i] = static_cast<char>(i == 0 ? group : group | 128);
  }
}

size_t header_of_bytes(size_t n) {
  return n < 64 ? 1 : n < 4096 ? 2 : 5;
}

size_t size_of_number(int64_t n) {
  if (n >= 0 && n <= 127) return 1;
  if (n >= -4096 && n <= 4095) return 2;
  if (n >= INT16_MIN && n <= INT16_MAX) return 3;
  if (n >= -8388608 && n <= 8388607) return 4;
  if (n >= INT32_MIN && n <= INT32_MAX) return 5;
  return 9;
}

char* write_number(char* out, int64_t n) {
  const uint64_t bits = static_cast<uint64_t>(n);
  const size_t size = size_of_number(n);
  switch (size) {
    case 1:
      out[0] = static_cast<char>(n);
      return out + 1;
    case 2:
      out[0] = static_cast<char>(0xc0 | (bits >> 8 & 0x1f));
      out[1] = static_cast<char>(bits);
      return out + 2;
    case 3:
      out[0] = static_cast<char>(kInt16);
      break;
    case 4:
      out[0] = static_cast<char>(kInt24);
      break;
    case 5:
      out[0] = static_cast<char>(kInt32);
      break;
    default:
      out[0] = static_cast<char>(kInt64);
      break;
  }
  std::memcpy(out + 1, &bits, size - 1);
  return out + size;
}

char* write_bytes(char* out, std::string_view bytes) {
  const size_t n = bytes.size();
  if (n < 64) {
    *out++ = static_cast<char>(0x80 | n);
  } else if (n < 4096) {
    *out++ = static_cast<char>(0xe0 | n >> 8);
    *out++ = static_cast<char>(n);
  } else {
    *out++ = static_cast<char>(kBytes32);
    const uint32_t size = static_cast<uint32_t>(n);
    std::memcpy(out, &size, 4);
    out += 4;
  }
  if (n > 0) std::memcpy(out, bytes.data(), n);
  return out + n;
}

}  // namespace

// ---- elements

std::string_view ListpackElement::text(char (&scratch)[kScratchBytes]) const {
  if (!is_int) return bytes;
  char* end = text::write_int64(scratch, number);
  return {scratch, static_cast<size_t>(end - scratch)};
}

std::string ListpackElement::to_string() const {
  char scratch[kScratchBytes];
  return std::string(text(scratch));
}

void ListpackElement::append_to(std::string& out) const {
  char scratch[kScratchBytes];
  out += text(scratch);
}

size_t ListpackElement::text_size() const {
  char scratch[kScratchBytes];
  return text(scratch).size();
}

ListpackValue::ListpackValue(std::string_view bytes) : bytes_(bytes) {
  if (bytes.size() > text::kInt64Chars) return;
  if (const auto number = text::parse_int64(bytes)) {
    is_int_ = true;
    number_ = *number;
  }
}

size_t ListpackValue::encoded_size() const {
  const size_t body = is_int_ ? size_of_number(number_) : header_of_bytes(bytes_.size()) + bytes_.size();
  return body + back_size(body);
}

size_t ListpackValue::encode(char* out) const {
  char* end = is_int_ ? write_number(out, number_) : write_bytes(out, bytes_);
  const size_t body = static_cast<size_t>(end - out);
  write_back(end, body);
  return body + back_size(body);
}

// ---- reading

size_t ListpackView::stride(size_t at) const {
  const size_t body = body_size(data_ + at);
  return body + back_size(body);
}

size_t ListpackView::prev(size_t at) const {
  if (at <= kHeaderBytes) return end();
  size_t body = 0;
  const char* p = data_ + at - 1;
  for (unsigned shift = 0; shift < 35; shift += 7, --p) {
    body |= static_cast<size_t>(byte_at(p) & 127) << shift;
    if ((byte_at(p) & 128) == 0) break;
  }
  return at - body - back_size(body);
}

size_t ListpackView::count() const {
  const uint16_t known = listpack_detail::read_count(data_);
  if (known != kCountUnknown) return known;
  size_t n = 0;
  for (size_t at = begin(); at < end(); at = next(at)) ++n;
  return n;
}

size_t ListpackView::seek(int64_t index) const {
  const uint16_t known = listpack_detail::read_count(data_);
  bool forward = index >= 0;
  if (known != kCountUnknown) {
    const int64_t n = known;
    if (index < 0) index += n;
    if (index < 0 || index >= n) return end();
    forward = index <= n / 2;
    if (!forward) index -= n;
  }
  if (forward) {
    size_t at = begin();
    for (; index > 0 && at < end(); --index) at = next(at);
    return at;
  }
  size_t at = end();
  for (; index < 0; ++index) {
    if (at <= begin()) return end();
    at = prev(at);
  }
  return at;
}

ListpackElement ListpackView::get(size_t at) const {
  const char* p = data_ + at;
  const unsigned char c = byte_at(p);
  ListpackElement e;
  if (c < 0x80) {
    e.is_int = true;
    e.number = c;
  } else if (c < 0xc0) {
    e.bytes = {p + 1, c & size_t{0x3f}};
  } else if (c < 0xe0) {
    e.is_int = true;
    e.number = sign_extend(uint64_t{c & 0x1fu} << 8 | byte_at(p + 1), 13);
  } else if (c < 0xf0) {
    e.bytes = {p + 2, size_t{c & 0xfu} << 8 | byte_at(p + 1)};
  } else if (c == kBytes32) {
    e.bytes = {p + 5, read_le(p + 1, 4)};
  } else {
    const size_t n = body_size(p) - 1;
    e.is_int = true;
    e.number = sign_extend(read_le(p + 1, n), static_cast<unsigned>(8 * n));
  }
  return e;
}

size_t ListpackView::find(const ListpackValue& value, size_t from, size_t step) const {
  const size_t last = end();
  for (size_t at = from; at < last;) {
    if (value.is_int()) {
      if (byte_at(data_ + at) < 0x80 || byte_at(data_ + at) >= 0xc0) {
        if (value.equals(get(at))) return at;
      }
    } else {
      const unsigned char c = byte_at(data_ + at);
      const size_t n = value.bytes().size();
      if (c >= 0x80 && c < 0xc0) {
        if ((c & 0x3fu) == n && std::memcmp(data_ + at + 1, value.bytes().data(), n) == 0) return at;
      } else if (c >= 0xe0 && c <= kBytes32) {
        if (value.equals(get(at))) return at;
      }
    }
    for (size_t i = 0; i < step && at < last; ++i) at = next(at);
  }
  return last;
}

std::string_view empty_listpack() {
  static constexpr char kEmpty[] = {7, 0, 0, 0, 0, 0, static_cast<char>(kEnd)};
  return {kEmpty, sizeof(kEmpty)};
}

bool listpack_valid(std::string_view bytes, size_t* count) {
  if (bytes.size() < ListpackView::kEmptyBytes || bytes.size() > UINT32_MAX) return false;
  if (read_le(bytes.data(), 4) != bytes.size()) return false;
  const size_t end = bytes.size() - 1;
  if (byte_at(bytes.data() + end) != kEnd) return false;
  size_t n = 0;
  for (size_t at = ListpackView::kHeaderBytes; at < end; ++n) {
    const char* p = bytes.data() + at;
    const unsigned char c = byte_at(p);
    if (c > kInt64) return false;
    const size_t left = end - at;
    if (c >= 0xe0 && c < 0xf0 && left < 2) return false;
    if (c == kBytes32 && left < 5) return false;
    const size_t body = body_size(p);
    if (body > left || back_size(body) > left - body) return false;
    char back[5];
    write_back(back, body);
    if (std::memcmp(p + body, back, back_size(body)) != 0) return false;
    at += body + back_size(body);
  }
  const uint16_t known = listpack_detail::read_count(bytes.data());
  if (known != kCountUnknown && known != n) return false;
  if (count) *count = n;
  return true;
}

// ---- writing

namespace listpack_detail {

uint16_t read_count(const char* data) {
  return static_cast<uint16_t>(read_le(data + 4, 2));
}

void write_header(char* data, size_t size, int64_t added) {
  const uint32_t total = static_cast<uint32_t>(size);
  std::memcpy(data, &total, 4);
  if (added == 0) return;
  int64_t n = read_count(data);
  if (n == kCountUnknown) {
    if (added > 0) return;
    n = 0;
    const ListpackView view({data, size});
    for (size_t at = view.begin(); at < view.end(); at = view.next(at)) ++n;
  } else {
    n += added;
  }
  const uint16_t count = n < kCountUnknown ? static_cast<uint16_t>(n) : kCountUnknown;
  std::memcpy(data + 4, &count, 2);
}

}  // namespace listpack_detail

}  // namespace tessera::store
