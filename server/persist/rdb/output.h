// Role: writing the parts of RDB files and payloads: lengths, strings, what stands around keys. Thread: any.
// Invariant: bytes are what redis-server 7.0 writes for the same value, compression included.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::rdb {

struct WriteOptions {
  bool compress = true;  // rdbcompression
};

class Output {
 public:
  Output(std::string& out, WriteOptions options) : out_(out), options_(options) {}

  std::string& bytes() { return out_; }
  bool compresses() const { return options_.compress; }
  void byte(uint8_t value) { out_ += static_cast<char>(value); }
  void length(uint64_t value);
  void fixed64(uint64_t value);
  void fixed_double(double value);
  // As a number, pressed, or as it is: what is shortest by Redis' rules.
  void string(std::string_view text);
  // The same for a number that a value holds as one.
  void number(int64_t value);
  // A string that is pressed already.
  void pressed(std::string_view bytes, uint64_t full_size);

 private:
  bool short_number(int64_t value);
  bool press(std::string_view text);

  std::string& out_;
  const WriteOptions options_;
};

// ---- what a file is made of beside values

void write_magic(std::string& out, int version);
void write_aux(Output& out, std::string_view key, std::string_view value);
void write_select_db(Output& out, int db);
void write_resize_db(Output& out, uint64_t keys, uint64_t expires);
void write_function(Output& out, std::string_view code);
// What stands in front of a key's value. idle_s and freq: -1, none.
void write_key(Output& out, uint8_t type, std::string_view key, int64_t expire_ms, int64_t idle_s, int freq);
// The end, with the checksum of all that came before the end's byte (0: none is kept).
void write_end(Output& out, uint64_t crc_before, bool checksum);

}  // namespace tessera::rdb
