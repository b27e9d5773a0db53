// Role: replies in RESP2 or RESP3, as redis-server shapes them. Thread: the chain's owner.
// Invariants: one call, one complete RESP element; containers announce their length first (or later:
// deferred_*). Errors are counted here, since every error reply passes here: the per-command and per-code
// statistics read it.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/resp/out.h"
#include "common/text/integers.h"

namespace tessera::resp {

class Writer {
 public:
  Writer(OutChain& out, int proto) : out_(&out), proto_(proto) {}

  int proto() const { return proto_; }  // 2 or 3
  void set_proto(int proto) { proto_ = proto; }
  OutChain& out() { return *out_; }

  void ok() { out_->append("+OK\r\n"); }
  void simple(std::string_view text);  // +text
  // "ERR text" or another code in front, without '-' and line end. Line breaks inside become spaces.
  void error(std::string_view text);
  void errorf(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void integer(int64_t n) { header(':', n); }
  void bulk(std::string_view bytes) {
    if (__builtin_expect(bytes.size() > kInlineBulk, 0)) {
      bulk_large(bytes);
      return;
    }
    char* const start = out_->reserve(static_cast<uint32_t>(bytes.size()) + kHeaderBytes + 2);
    char* at = put_header(start, '$', static_cast<int64_t>(bytes.size()));
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    at = put_end(at + bytes.size());
    out_->commit(static_cast<uint32_t>(at - start));
  }
  void bulk_int(int64_t n);                                             // the number as a bulk string
  void bulk_shared(const SharedBytes& bytes, size_t offset, size_t n);  // no copy
  void bulk_begin(size_t n) {
    header('$', static_cast<int64_t>(n));
  }  // then exactly n bytes by raw(), then bulk_end()
  void bulk_end() { out_->append("\r\n"); }
  void null() { out_->append(proto_ == 2 ? "$-1\r\n" : "_\r\n"); }        // RESP2 $-1, RESP3 _
  void null_array() { out_->append(proto_ == 2 ? "*-1\r\n" : "_\r\n"); }  // RESP2 *-1, RESP3 _
  void array(int64_t n) { header('*', n); }
  void map(int64_t pairs) {
    proto_ == 2 ? header('*', pairs * 2) : header('%', pairs);
  }                                                             // RESP2: array of 2 * pairs
  void set(int64_t n) { header(proto_ == 2 ? '*' : '~', n); }   // RESP2: array
  void push(int64_t n) { header(proto_ == 2 ? '*' : '>', n); }  // RESP2: array
  void attribute(int64_t pairs);       // RESP3 only: the caller sends the element that follows it either way
  void real(double value);             // RESP2: bulk; RESP3: ,value
  void human_real(long double value);  // bulk in both, as INCRBYFLOAT prints
  void human_double(long double value);  // the same text; RESP3: ,value (coordinates)
  void boolean(bool value);              // RESP2: 1 or 0
  void big_number(std::string_view digits);
  void verbatim(std::string_view format3, std::string_view text);  // RESP2: bulk
  void raw(std::string_view bytes) { out_->append(bytes); }

  // Containers whose length is known at the end.
  Chunk* deferred() { return out_->placeholder(); }
  void finish_array(Chunk* place, int64_t n);
  void finish_map(Chunk* place, int64_t pairs);
  void finish_set(Chunk* place, int64_t n);

  // Statistics: error replies written so far, and the code (first word) of the last one.
  uint32_t error_count() const { return error_count_; }
  std::string_view last_error_code() const { return {last_error_code_, last_error_code_size_}; }

 private:
  static constexpr size_t kInlineBulk = 1024;   // longer ones may be split over chunks
  static constexpr uint32_t kHeaderBytes = 23;  // kind, the longest number, line end

  static char* put_end(char* at) {
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
  }
  // Lengths and small results are nearly all below 1000: no call for them.
  static char* put_header(char* at, char kind, int64_t n) {
    *at++ = kind;
    const auto u = static_cast<uint64_t>(n);
    if (u < 10) {
      *at++ = static_cast<char>('0' + u);
    } else if (u < 100) {
      *at++ = static_cast<char>('0' + u / 10);
      *at++ = static_cast<char>('0' + u % 10);
    } else if (u < 1000) {
      *at++ = static_cast<char>('0' + u / 100);
      *at++ = static_cast<char>('0' + u / 10 % 10);
      *at++ = static_cast<char>('0' + u % 10);
    } else {
      at = text::write_int64(at, n);
    }
    return put_end(at);
  }
  void header(char kind, int64_t n) {
    char* const start = out_->reserve(kHeaderBytes);
    out_->commit(static_cast<uint32_t>(put_header(start, kind, n) - start));
  }
  void line(char kind, std::string_view text);
  void bulk_large(std::string_view bytes);
  void finish(Chunk* place, char kind, int64_t n);

  OutChain* out_;
  int proto_;
  uint32_t error_count_ = 0;
  uint8_t last_error_code_size_ = 0;
  char last_error_code_[31];
};

}  // namespace tessera::resp
