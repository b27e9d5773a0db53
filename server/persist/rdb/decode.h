// Role: the bytes of one RDB object into a value of the store, verified in depth: lengths, well-formed packed
// bytes, order, duplicates, ids. Thread: the owner of the keyspace whose memory is given.
// Invariants: nothing is read beyond the bytes; memory is in the size class of what the bytes hold; a value
// that comes out satisfies all that store/types demand of one, whatever the bytes were.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "server/persist/rdb/format.h"
#include "server/persist/rdb/input.h"
#include "server/persist/rdb/value.h"
#include "server/store/types/hash_limits.h"
#include "server/store/types/list_limits.h"
#include "server/store/types/set_limits.h"
#include "server/store/types/zset_limits.h"

namespace tessera::rdb {

struct DecodeOptions {
  store::Memory* memory = nullptr;
  uint64_t hash_seed = 0;
  store::ListLimits list;
  store::SetLimits set;
  store::HashLimits hash;
  store::ZsetLimits zset;
};

// All of `bytes` has to be the value. `base`: their offset, for errors, whose code is an ErrorCode.
Result<void> decode(Kind kind, std::string_view bytes, uint64_t base, const DecodeOptions& options,
                    Value& out);

// A string, as keys and others are encoded. All of `bytes`.
Result<std::string> decode_string(std::string_view bytes, uint64_t base = 0);

namespace detail {

// One object's decoding: each type in a file of its own. False: in.fail() was called.
class Decoder {
 public:
  Decoder(Input& in, const DecodeOptions& options, Value& out) : in_(in), options_(options), out_(out) {}
  bool run(Kind kind);

 private:
  bool string();
  // decode_list.cc
  bool list_plain();
  bool list_ziplist();
  bool list_quicklist(bool second_form);
  // decode_set.cc
  bool set_plain();
  bool set_intset();
  bool set_listpack();
  bool put_numbers(std::vector<int64_t>& numbers);
  // decode_hash.cc
  bool hash_plain();
  bool hash_old(Kind kind);
  bool hash_listpack(bool has_times, bool has_soonest);
  bool hash_times(Kind kind);
  // decode_zset.cc
  bool zset_plain(bool binary);
  bool zset_ziplist();
  bool zset_listpack();
  // decode_stream.cc
  bool stream(Kind kind);

  // The next string as a listpack that is well-formed and whose numbers are numbers. `scratch` may hold it.
  bool listpack(std::string_view* out, std::string& scratch, size_t* count);
  bool empty() { return in_.fail("an empty collection", kEmptyValue); }

  Input& in_;
  const DecodeOptions& options_;
  Value& out_;
};

// Whether two elements of the first of each `step` are equal.
bool has_equal_elements(std::string_view listpack, size_t step, uint64_t seed);

}  // namespace detail

}  // namespace tessera::rdb
