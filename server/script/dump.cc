// Role: FUNCTION DUMP and RESTORE. See dump.h.
#include "server/script/dump.h"

extern "C" {
#include <lzf.h>
}

#include <cstdint>

#include "common/hash/crc64.h"
#include "common/text/integers.h"
#include "server/script/interpreter.h"

namespace tessera::script {

namespace {

constexpr unsigned char kOpcode = 245;
constexpr unsigned char kOpcodePre = 246;
constexpr uint16_t kRdbVersion = 10, kNewestRdbVersion = 12;
constexpr size_t kFooterBytes = 10;
constexpr size_t kCompressFrom = 20;

void append_length(std::string& out, uint64_t n) {
  const auto byte = [&out](uint64_t b) { out.push_back(static_cast<char>(b & 0xff)); };
  if (n < 64) {
    byte(n);
  } else if (n < 16384) {
    byte(0x40 | (n >> 8));
    byte(n);
  } else if (n <= 0xffffffff) {
    byte(0x80);
    for (int shift = 24; shift >= 0; shift -= 8) byte(n >> shift);
  } else {
    byte(0x81);
    for (int shift = 56; shift >= 0; shift -= 8) byte(n >> shift);
  }
}

void append_string(std::string& out, std::string_view text) {
  if (text.size() > kCompressFrom) {
    std::string packed(text.size() - 4, '\0');
    const unsigned size = lzf_compress(text.data(), static_cast<unsigned>(text.size()), packed.data(),
                                       static_cast<unsigned>(packed.size()));
    if (size != 0) {
      out.push_back(static_cast<char>(0xc3));
      append_length(out, size);
      append_length(out, text.size());
      out.append(packed, 0, size);
      return;
    }
  }
  append_length(out, text.size());
  out += text;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::string_view rest() const { return rest_; }
  bool byte(unsigned char& out) {
    if (rest_.empty()) return false;
    out = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    return true;
  }
  bool number(uint64_t& out) {
    unsigned char first;
    return byte(first) && length(first, out);
  }
  bool string(std::string& out) {
    unsigned char first;
    if (!byte(first)) return false;
    if (first >> 6 == 3) return encoded(first & 0x3f, out);
    uint64_t size;
    return length(first, size) && take(size, out);
  }

 private:
  bool big_endian(int bytes, uint64_t& out) {
    out = 0;
    for (int i = 0; i < bytes; ++i) {
      unsigned char b;
      if (!byte(b)) return false;
      out = (out << 8) | b;
    }
    return true;
  }
  bool length(unsigned char first, uint64_t& out) {
    switch (first >> 6) {
      case 0:
        out = first & 0x3f;
        return true;
      case 1: {
        unsigned char low;
        if (!byte(low)) return false;
        out = (uint64_t{first & 0x3fu} << 8) | low;
        return true;
      }
      case 2:
        if (first == 0x80) return big_endian(4, out);
        if (first == 0x81) return big_endian(8, out);
        return false;
      default:
        return false;
    }
  }
  bool take(uint64_t size, std::string& out) {
    if (size > rest_.size()) return false;
    out.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return true;
  }
  bool encoded(int kind, std::string& out) {
    if (kind <= 2) {  // a number
      int64_t n = 0;
      const int bytes = 1 << kind;
      for (int i = 0; i < bytes; ++i) {
        unsigned char b;
        if (!byte(b)) return false;
        n |= int64_t{b} << (8 * i);
      }
      const int shift = 64 - 8 * bytes;
      out = std::to_string(static_cast<int64_t>(static_cast<uint64_t>(n) << shift) >> shift);
      return true;
    }
    if (kind != 3) return false;
    unsigned char first;
    uint64_t packed, size;
    std::string bytes;
    if (!byte(first) || !length(first, packed) || !byte(first) || !length(first, size)) return false;
    if (size > Interpreter::kMaxSourceBytes || !take(packed, bytes)) return false;
    out.resize(size);
    return lzf_decompress(bytes.data(), static_cast<unsigned>(bytes.size()), out.data(),
                          static_cast<unsigned>(size)) == size;
  }

  std::string_view rest_;
};

}  // namespace

std::string dump_sources(const std::vector<std::string_view>& sources) {
  std::string out;
  for (std::string_view source : sources) {
    out.push_back(static_cast<char>(kOpcode));
    append_string(out, source);
  }
  out.push_back(static_cast<char>(kRdbVersion));
  out.push_back('\0');
  const uint64_t crc = hash::crc64(0, out);
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(crc >> (8 * i)));
  return out;
}

bool DumpReader::open(std::string_view payload, std::string& error) {
  error = "ERR DUMP payload version or checksum are wrong";
  if (payload.size() < kFooterBytes) return false;
  const std::string_view footer = payload.substr(payload.size() - kFooterBytes);
  const auto at = [&](size_t i) { return static_cast<unsigned char>(footer[i]); };
  if ((at(0) | at(1) << 8) > kNewestRdbVersion) return false;
  uint64_t crc = 0;
  for (size_t i = 0; i < 8; ++i) crc |= uint64_t{at(2 + i)} << (8 * i);
  if (crc != hash::crc64(0, payload.substr(0, payload.size() - 8))) return false;
  rest_ = payload.substr(0, payload.size() - kFooterBytes);
  error.clear();
  return true;
}

namespace {

// The form of the release candidates of Redis 7.0: name, engine, a description if there is one, the source
// without its first line.
bool read_pre(Reader& reader, std::string& source, std::string& error) {
  std::string name, engine, description, code;
  uint64_t has_description = 0;
  if (!reader.string(name)) {
    error = "ERR Failed loading library name";
  } else if (!reader.string(engine)) {
    error = "ERR Failed loading engine name";
  } else if (!reader.number(has_description)) {
    error = "ERR Failed loading library description indicator";
  } else if (has_description != 0 && !reader.string(description)) {
    error = "ERR Failed loading library description";
  } else if (!reader.string(code)) {
    error = "ERR Failed loading library blob";
  } else {
    source = "#!" + engine + " name=" + name + "\n" + code;
    return true;
  }
  return false;
}

}  // namespace

bool DumpReader::next(std::string& source, std::string& error) {
  if (rest_.empty()) return false;
  Reader reader(rest_);
  unsigned char opcode;
  if (!reader.byte(opcode) || (opcode != kOpcode && opcode != kOpcodePre)) {
    error = "ERR given type is not a function";
    return false;
  }
  if (opcode == kOpcodePre ? !read_pre(reader, source, error) : !reader.string(source)) {
    if (error.empty()) error = "ERR Failed loading library data";
    return false;
  }
  rest_ = reader.rest();
  return true;
}

}  // namespace tessera::script
