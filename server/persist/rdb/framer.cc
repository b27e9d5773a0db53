// Role: see framer.h.
#include "server/persist/rdb/framer.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "common/hash/crc64.h"
#include "common/text/integers.h"
#include "server/persist/rdb/input.h"

namespace tessera::rdb {

namespace {

constexpr size_t kMagicBytes = 9;
constexpr size_t kAtOnce = 4096;  // of a record that did not come at once

// What follows an opcode; nullptr: no opcode of that family.
const char* operands_of(uint8_t opcode, Family family) {
  switch (opcode) {
    case kOpSlotImport:
      return family == Family::kValkey ? "S(LL)" : nullptr;
    case kOpSlotInfo:
      return "LLL";
    case kOpModuleAux:
      return "LLLM";
    case kOpIdle:
    case kOpSelectDb:
      return "L";
    case kOpFreq:
      return "C";
    case kOpAux:
      return "SS";
    case kOpResizeDb:
      return "LL";
    case kOpExpireMs:
      return "B";
    case kOpExpireS:
      return "F";
    case kOpFunction:
      return "S";
    case kOpEnd:
      return "";
    default:
      return nullptr;
  }
}

Record::What what_of(uint8_t opcode) {
  switch (opcode) {
    case kOpSlotImport:
      return Record::What::kSlotImport;
    case kOpSlotInfo:
      return Record::What::kSlotInfo;
    case kOpModuleAux:
      return Record::What::kModuleAux;
    case kOpAux:
      return Record::What::kAux;
    case kOpResizeDb:
      return Record::What::kResizeDb;
    case kOpFunction:
      return Record::What::kFunction;
    default:
      return Record::What::kSelectDb;
  }
}

// A time that a key may have: what is in front of 1970 has long gone.
int64_t expiry_of(int64_t ms) {
  return ms < 0 && ms != -1 ? 1 : ms;
}

}  // namespace

std::string module_name(uint64_t id) {
  constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string name;
  for (int shift = 58; shift >= 10; shift -= 6) name += kLetters[(id >> shift) & 63];
  return name;
}

Framer::Next Framer::next(std::string_view& input, Record& out) {
  if (phase_ == Phase::kOver) return error_.message.empty() ? Next::kEnd : Next::kBad;
  if (release_) {
    constexpr size_t kKept = 1024 * 1024;
    if (held_.capacity() > kKept) std::string().swap(held_);
    held_.clear();
    release_ = false;
  }
  for (;;) {
    const std::string_view window = held_.empty() ? input : std::string_view(held_);
    const Next result = run(window, out);
    if (result == Next::kBad) return result;
    if (result == Next::kMore) {
      if (total_ != 0 && taken_ + window.size() + need_ > total_) {
        return fail(total_, "unexpected end: what begins at offset " + text::to_text(taken_) +
                                " is longer than the file, which ends");
      }
      if (held_.empty()) {
        held_.assign(input);
        input = {};
      }
      if (input.empty()) return result;
      const size_t n =
          static_cast<size_t>(std::min<uint64_t>(std::max<uint64_t>(need_, kAtOnce), input.size()));
      held_.append(input.substr(0, n));
      input.remove_prefix(n);
      continue;
    }
    if (verify_) crc_ = hash::crc64(crc_, window.substr(0, pos_));
    taken_ += pos_;
    if (held_.empty()) {
      input.remove_prefix(pos_);
    } else {
      // What was taken beyond the record is of this very input, and the next one's.
      const size_t beyond = held_.size() - pos_;
      input = {input.data() - beyond, input.size() + beyond};
      release_ = result == Next::kRecord;
      if (!release_) held_.clear();
    }
    pos_ = 0;
    if (result == Next::kRecord) return result;
  }
}

Framer::Next Framer::run(std::string_view window, Record& out) {
  switch (phase_) {
    case Phase::kMagic:
      return magic(window, out);
    case Phase::kChecksum:
      return checksum(window, out);
    case Phase::kOpcode: {
      const Next next = opcode(window);
      if (next != Next::kAgain) return next;
      break;
    }
    default:
      break;
  }
  if (phase_ == Phase::kKey) {
    const Next next = skip(window);
    if (next != Next::kAgain) return next;
    key_end_ = pos_;
    skipper_.start(grammar_of(kind_));
    phase_ = Phase::kBody;
  }
  const Next next = skip(window);
  if (next != Next::kAgain) return next;
  return type_ >= 0 ? key_done(window, out) : body_done(window, out);
}

Framer::Next Framer::skip(std::string_view window) {
  switch (skipper_.run(window, pos_, need_)) {
    case Skipper::State::kMore:
      return Next::kMore;
    case Skipper::State::kDone:
      return Next::kAgain;
    default:
      break;
  }
  key_name_ = key_in(window);
  return fail(taken_ + pos_, skipper_.what());
}

Framer::Next Framer::more(uint64_t need) {
  need_ = need;
  return Next::kMore;
}

Framer::Next Framer::fail(uint64_t offset, std::string what) {
  wrong_checksum_ = phase_ == Phase::kChecksum;
  phase_ = Phase::kOver;
  error_ = {std::move(what) + " at offset " + text::to_text(offset), kBadBytes};
  return Next::kBad;
}

// Of the key whose value is read: its name, from the record's bytes.
std::string Framer::key_in(std::string_view window) const {
  if (phase_ != Phase::kBody || type_ < 0 || window.size() < key_end_) return {};
  Input input(window.substr(1, key_end_ - 1));
  std::string scratch;
  std::string_view name;
  return input.string(&name, scratch) ? std::string(name) : std::string();
}

Error Framer::truncated() const {
  return {"unexpected end at offset " + text::to_text(taken_ + held_.size()), kBadBytes};
}

Framer::Next Framer::magic(std::string_view window, Record& out) {
  const std::string_view redis = "REDIS", valkey = "VALKEY";
  const size_t known = std::min(window.size(), redis.size());
  const bool is_redis = window.substr(0, known) == redis.substr(0, known);
  const bool is_valkey = window.substr(0, known) == valkey.substr(0, known);
  if (!is_redis && !is_valkey) return fail(0, "this is no RDB file: its first bytes are not REDIS or VALKEY");
  if (window.size() < kMagicBytes) return more(kMagicBytes - window.size());
  if (is_valkey && window.substr(0, valkey.size()) != valkey) return fail(0, "this is no RDB file");
  family_ = is_redis ? Family::kRedis : Family::kValkey;
  version_ = 0;
  for (const char c : window.substr(is_redis ? redis.size() : valkey.size(), is_redis ? 4 : 3)) {
    if (c < '0' || c > '9') return fail(redis.size(), "a version that is no number");
    version_ = version_ * 10 + (c - '0');
  }
  if (!version_is_read(version_, family_, relaxed_)) {
    return fail(kMagicBytes, "RDB version " + text::to_text(version_) +
                                 (is_redis ? " of Redis" : " of Valkey") + " is not known here");
  }
  pos_ = kMagicBytes;
  phase_ = Phase::kOpcode;
  out = Record();
  out.what = Record::What::kHeader;
  return Next::kRecord;
}

Framer::Next Framer::opcode(std::string_view window) {
  if (window.empty()) return more(1);
  opcode_ = static_cast<uint8_t>(window[0]);
  pos_ = 1;
  const char* operands = operands_of(opcode_, family_);
  if (operands != nullptr) {
    type_ = -1;
    skipper_.start(operands);
    phase_ = Phase::kBody;
    return Next::kAgain;
  }
  if (opcode_ == kOpFunctionPre)
    return fail(taken_, "functions of a release candidate of Redis 7.0 are not read");
  kind_ = kind_of(opcode_, family_);
  if (kind_ == Kind::kModulePre) {
    return fail(
        taken_,
        "a module's value in the form of release candidates of Redis 4.0, which only the module reads");
  }
  if (kind_ == Kind::kUnknown)
    return fail(taken_, "unknown type or opcode " + text::to_text(unsigned{opcode_}));
  type_ = opcode_;
  key_name_.clear();
  skipper_.start("S");
  phase_ = Phase::kKey;
  return Next::kAgain;
}

Framer::Next Framer::key_done(std::string_view window, Record& out) {
  out.what = Record::What::kKey;
  out.type = static_cast<uint8_t>(type_);
  out.kind = kind_;
  out.db = db_;
  out.offset = taken_;
  out.value_offset = taken_ + key_end_;
  out.key = window.substr(1, key_end_ - 1);
  out.value = window.substr(key_end_, pos_ - key_end_);
  out.expire_ms = expire_ms_;
  out.idle_s = idle_s_;
  out.freq = freq_;
  expire_ms_ = idle_s_ = -1;
  freq_ = -1;
  phase_ = Phase::kOpcode;
  return Next::kRecord;
}

// An opcode with all that belongs to it.
Framer::Next Framer::body_done(std::string_view window, Record& out) {
  Input input(window.substr(1, pos_ - 1), taken_ + 1);
  phase_ = Phase::kOpcode;
  uint64_t number = 0;
  switch (opcode_) {
    case kOpEnd:
      phase_ = Phase::kChecksum;
      return Next::kAgain;
    case kOpExpireMs:
      (void)input.fixed64(&number);
      expire_ms_ = expiry_of(static_cast<int64_t>(number));
      return Next::kAgain;
    case kOpExpireS: {
      int32_t seconds;
      std::memcpy(&seconds, window.data() + 1, sizeof(seconds));
      expire_ms_ = seconds == -1 ? -1 : expiry_of(int64_t{seconds} * 1000);
      return Next::kAgain;
    }
    case kOpFreq:
      freq_ = static_cast<uint8_t>(window[1]);
      return Next::kAgain;
    case kOpIdle:
      (void)input.length(&number);
      idle_s_ = static_cast<int64_t>(std::min<uint64_t>(number, INT32_MAX));
      return Next::kAgain;
    default:
      break;
  }
  out = Record();
  out.what = what_of(opcode_);
  out.offset = taken_;
  out.db = db_;
  out.value_offset = taken_ + 1;
  out.value = window.substr(1, pos_ - 1);
  if (opcode_ == kOpSlotInfo || opcode_ == kOpResizeDb || opcode_ == kOpModuleAux || opcode_ == kOpSelectDb) {
    const int count = opcode_ == kOpResizeDb ? 2 : opcode_ == kOpSelectDb ? 1 : 3;
    for (int i = 0; i < count; ++i) (void)input.length(&out.numbers[i]);
  }
  if (opcode_ == kOpSelectDb) {
    if (out.numbers[0] > INT32_MAX) return fail(taken_, "a database number that cannot be");
    out.db = db_ = static_cast<int>(out.numbers[0]);
  } else if (opcode_ == kOpAux) {
    std::string scratch;
    std::string_view key;
    if (!input.string(&key, scratch)) return fail(taken_, input.error().message);
    const size_t key_bytes = static_cast<size_t>(input.offset() - out.value_offset);
    out.key = out.value.substr(0, key_bytes);
    out.value.remove_prefix(key_bytes);
    out.value_offset += key_bytes;
  }
  return Next::kRecord;
}

Framer::Next Framer::checksum(std::string_view window, Record& out) {
  uint64_t sum = 0;
  if (version_ >= kChecksumSince) {
    if (window.size() < sizeof(sum)) return more(sizeof(sum) - window.size());
    std::memcpy(&sum, window.data(), sizeof(sum));
    pos_ = sizeof(sum);
    if (sum != 0 && verify_ && sum != crc_) {
      char text[96];
      std::snprintf(text, sizeof(text),
                    "the checksum is %016" PRIx64 ", the bytes before it have %016" PRIx64, sum, crc_);
      return fail(taken_, text);
    }
    has_checksum_ = sum != 0;
  }
  phase_ = Phase::kOver;
  out = Record();
  out.what = Record::What::kEnd;
  out.offset = taken_;
  return Next::kRecord;
}

}  // namespace tessera::rdb
