// Role: replies in RESP2 or RESP3, as redis-server shapes them. Thread: the chain's owner.
// Invariants: one call, one complete RESP element; containers announce their length first (or later: deferred_*).
// Errors are counted here, since every error reply passes here: the per-command and per-code statistics read it.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/resp/out.h"

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
  void integer(int64_t n);
  void bulk(std::string_view bytes);
  void bulk_int(int64_t n);                                                 // the number as a bulk string
  void bulk_shared(const SharedBytes& bytes, size_t offset, size_t n);      // no copy
  void bulk_begin(size_t n);                                                // then exactly n bytes by raw(), then bulk_end()
  void bulk_end() { out_->append("\r\n"); }
  void null();        // RESP2 $-1, RESP3 _
  void null_array();  // RESP2 *-1, RESP3 _
  void array(int64_t n);
  void map(int64_t pairs);  // RESP2: array of 2 * pairs
  void set(int64_t n);      // RESP2: array
  void push(int64_t n);     // RESP2: array
  void attribute(int64_t pairs);  // RESP3 only
  void real(double value);        // RESP2: bulk; RESP3: ,value
  void human_real(long double value);  // bulk in both, as INCRBYFLOAT prints
  void boolean(bool value);       // RESP2: 1 or 0
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
  void header(char kind, int64_t n);

  OutChain* out_;
  int proto_;
  uint32_t error_count_ = 0;
  uint8_t last_error_code_size_ = 0;
  char last_error_code_[31];
};

}  // namespace tessera::resp
