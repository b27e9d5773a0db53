// Role: see old_encodings.h.
#include "server/persist/rdb/old_encodings.h"

#include <cstring>

namespace tessera::rdb {

namespace {

uint64_t little(const char* p, int bytes) {
  uint64_t value = 0;
  std::memcpy(&value, p, static_cast<size_t>(bytes));
  return value;
}

uint8_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

// Of `width` bytes, with sign.
int64_t signed_little(const char* p, int width) {
  const int unused = 64 - 8 * width;
  return static_cast<int64_t>(little(p, width) << unused) >> unused;
}

// ---- ziplists: 4 bytes size, 4 bytes offset of the last entry, 2 bytes count, entries, 0xff. An entry:
// length of the one before (1 byte, or 0xfe and 4), encoding, data.
constexpr size_t kZiplistHeader = 10;
constexpr uint8_t kEnd = 0xff;

// Reads encoding and data at `at`, which moves behind them. False: they do not fit.
bool ziplist_value(std::string_view bytes, size_t end, size_t& at, store::ListpackElement& out) {
  if (at >= end) return false;
  const uint8_t encoding = byte_at(bytes, at);
  size_t size = 0, header = 1;
  int width = 0;
  out = store::ListpackElement();
  if (encoding < 0x40) {
    size = encoding;
  } else if (encoding < 0x80) {
    header = 2;
    if (end - at < header) return false;
    size = (size_t{encoding} & 0x3f) << 8 | byte_at(bytes, at + 1);
  } else if (encoding < 0xc0) {
    header = 5;
    if (encoding != 0x80 || end - at < header) return false;
    for (size_t i = 1; i < header; ++i) size = size << 8 | byte_at(bytes, at + i);
  } else {
    out.is_int = true;
    switch (encoding) {
      case 0xc0:
        width = 2;
        break;
      case 0xd0:
        width = 4;
        break;
      case 0xe0:
        width = 8;
        break;
      case 0xf0:
        width = 3;
        break;
      case 0xfe:
        width = 1;
        break;
      default:
        if (encoding < 0xf1 || encoding > 0xfd) return false;
        out.number = (encoding & 0x0f) - 1;
    }
    size = static_cast<size_t>(width);
  }
  if (size > end - at - header) return false;
  if (width > 0) {
    out.number = signed_little(bytes.data() + at + header, width);
  } else if (!out.is_int) {
    out.bytes = bytes.substr(at + header, size);
  }
  at += header + size;
  return true;
}

// ---- zipmaps: a byte count (254: count by walking), then field and value in turn, each behind its length (1
// byte, or 254 and 4), between a value's length and its bytes a byte that tells how many unused ones follow
// it; 0xff.
constexpr uint8_t kZipmapLong = 254;

bool zipmap_length(std::string_view bytes, size_t end, size_t& at, size_t* out) {
  if (at >= end) return false;
  const uint8_t first = byte_at(bytes, at++);
  if (first < kZipmapLong) {
    *out = first;
    return true;
  }
  if (first != kZipmapLong || end - at < 4) return false;
  *out = little(bytes.data() + at, 4);
  at += 4;
  return true;
}

bool zipmap_text(std::string_view bytes, size_t end, size_t& at, size_t size, std::string_view* out) {
  if (size > end - at) return false;
  *out = bytes.substr(at, size);
  at += size;
  return true;
}

}  // namespace

bool for_each_of_ziplist(std::string_view bytes,
                         const std::function<bool(const store::ListpackElement&)>& f) {
  if (bytes.size() < kZiplistHeader + 1 || little(bytes.data(), 4) != bytes.size()) return false;
  const size_t end = bytes.size() - 1;
  if (byte_at(bytes, end) != kEnd) return false;
  size_t at = kZiplistHeader, count = 0, before = 0, last = kZiplistHeader;
  store::ListpackElement element;
  for (; at < end; ++count) {
    const size_t begin = at;
    size_t back = byte_at(bytes, at++);
    if (back == kEnd) return false;
    if (back == 0xfe) {
      if (end - at < 4) return false;
      back = little(bytes.data() + at, 4);
      at += 4;
    }
    if (back != before || !ziplist_value(bytes, end, at, element)) return false;
    last = begin;
    before = at - begin;
    if (!f(element)) return false;
  }
  const uint64_t known = little(bytes.data() + 8, 2);
  return little(bytes.data() + 4, 4) == last && (known == count || known == 0xffff);
}

bool for_each_of_zipmap(std::string_view bytes,
                        const std::function<bool(std::string_view, std::string_view)>& f) {
  if (bytes.size() < 2) return false;
  const size_t end = bytes.size() - 1;
  if (byte_at(bytes, end) != kEnd) return false;
  size_t at = 1, count = 0;
  for (; at < end; ++count) {
    size_t size = 0;
    std::string_view field, value;
    if (!zipmap_length(bytes, end, at, &size) || !zipmap_text(bytes, end, at, size, &field)) return false;
    if (!zipmap_length(bytes, end, at, &size) || at >= end) return false;
    const size_t unused = byte_at(bytes, at++);
    if (!zipmap_text(bytes, end, at, size, &value) || unused > end - at) return false;
    at += unused;
    if (!f(field, value)) return false;
  }
  return byte_at(bytes, 0) == count || byte_at(bytes, 0) >= kZipmapLong;
}

}  // namespace tessera::rdb
