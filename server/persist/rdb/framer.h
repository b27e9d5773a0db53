// Role: takes an RDB stream apart into records as its bytes come: from a file, a socket, memory. Whoever
// wants the values decodes a key's bytes (decode.h), elsewhere and in parallel. Thread: any; one Framer by
// one thread. Invariants: never holds more than one record, and of it only what has come; what lies behind
// the end is not taken; after an error nothing more is read, and the error names offset and what.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "server/persist/rdb/format.h"
#include "server/persist/rdb/skipper.h"

namespace tessera::rdb {

// Views live until the next call of next().
struct Record {
  enum class What : uint8_t {
    kHeader,      // version
    kAux,         // key, value: two strings, encoded
    kSelectDb,    // numbers[0]
    kResizeDb,    // keys, keys that expire
    kSlotInfo,    // slot, keys, keys that expire
    kSlotImport,  // value: name and ranges of slots, encoded
    kFunction,    // value: the code, encoded
    kModuleAux,   // numbers[0]: the module's id
    kKey,         // key (encoded), value
    kEnd,
  };
  What what = What::kEnd;
  uint8_t type = 0;
  Kind kind = Kind::kUnknown;
  int db = 0;
  uint64_t offset = 0;        // of the record's first byte
  uint64_t value_offset = 0;  // of `value`'s
  uint64_t numbers[3] = {};
  std::string_view key, value;
  int64_t expire_ms = -1;
  int64_t idle_s = -1;
  int freq = -1;
};

// "aa": a module's name of an id, as its value names it.
std::string module_name(uint64_t id);

class Framer {
 public:
  // `verify`: the checksum at the end is compared. `relaxed`: versions that are not known are tried.
  explicit Framer(bool verify = true, bool relaxed = false) : verify_(verify), relaxed_(relaxed) {}

  // So many bytes there are in all: a length beyond them is found at once, before anything is kept for it.
  void expect_bytes(uint64_t total) { total_ = total; }

  enum class Next : uint8_t { kRecord, kMore, kEnd, kBad, kAgain };  // kAgain: inside only
  // Takes bytes from the front of `input`, which all are taken when it answers kMore.
  Next next(std::string_view& input, Record& out);
  // The input has ended where it must not.
  Error truncated() const;

  const Error& error() const { return error_; }
  uint64_t offset() const { return taken_; }  // behind the last record
  int version() const { return version_; }
  Family family() const { return family_; }
  int db() const { return db_; }
  bool checksum_was_there() const { return has_checksum_; }
  // What is read at the moment, for checkers.
  int doing_type() const { return type_; }  // of a key's value, -1
  std::string doing_key() const { return phase_ == Phase::kOver ? key_name_ : key_in(held_); }
  bool doing_checksum() const { return phase_ == Phase::kChecksum || wrong_checksum_; }
  int doing_opcode() const { return phase_ == Phase::kBody && type_ < 0 ? opcode_ : -1; }  // not a key's; -1

 private:
  enum class Phase : uint8_t { kMagic, kOpcode, kKey, kBody, kChecksum, kOver };

  Next run(std::string_view window, Record& out);
  Next magic(std::string_view window, Record& out);
  Next opcode(std::string_view window);
  Next skip(std::string_view window);
  Next key_done(std::string_view window, Record& out);
  Next body_done(std::string_view window, Record& out);
  Next checksum(std::string_view window, Record& out);
  Next more(uint64_t need);
  Next fail(uint64_t offset, std::string what);
  std::string key_in(std::string_view window) const;

  bool verify_;
  bool relaxed_;
  Phase phase_ = Phase::kMagic;
  std::string held_;      // the record's beginning, when it did not come at once
  bool release_ = false;  // what is held has been given out
  size_t pos_ = 0;        // in the record
  size_t key_end_ = 0;
  uint64_t need_ = 0;
  uint64_t total_ = 0;  // 0: not known
  uint64_t taken_ = 0;
  uint64_t crc_ = 0;
  uint8_t opcode_ = 0;
  int type_ = -1;
  Kind kind_ = Kind::kUnknown;
  int version_ = 0;
  Family family_ = Family::kRedis;
  int db_ = 0;
  int64_t expire_ms_ = -1, idle_s_ = -1;
  int freq_ = -1;
  bool has_checksum_ = false;
  bool wrong_checksum_ = false;
  Skipper skipper_;
  std::string key_name_;
  Error error_;
};

}  // namespace tessera::rdb
