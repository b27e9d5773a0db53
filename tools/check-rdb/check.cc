// Role: see check.h.
#include "tools/check-rdb/check.h"

#include <chrono>
#include <cinttypes>
#include <cstdarg>
#include <vector>

#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/framer.h"
#include "server/persist/rdb/value.h"
#include "server/store/keyspace.h"

namespace tessera::check_rdb {

namespace {

using rdb::Framer;
using rdb::Record;

class Check {
 public:
  Check(std::FILE* out, Stats& stats) : out_(out), stats_(stats), keyspace_({}) {
    keyspace_.set_owner_thread();
    options_.memory = &keyspace_.memory();
    now_ms_ = std::chrono::duration_cast<std::chrono::milliseconds>(
                  std::chrono::system_clock::now().time_since_epoch())
                  .count();
  }

  bool run(std::FILE* file) {
    std::vector<char> chunk(1024 * 1024);
    for (;;) {
      const size_t n = std::fread(chunk.data(), 1, chunk.size(), file);
      if (n == 0) {
        note_doing();
        if (std::ferror(file) != 0) return fail("Reading the file failed");
        return fail("Unexpected EOF reading RDB file", framer_.truncated().message);
      }
      std::string_view input(chunk.data(), n);
      Record record;
      Framer::Next next;
      while ((next = framer_.next(input, record)) == Framer::Next::kRecord) {
        if (!take(record)) return false;
        if (record.what != Record::What::kEnd) continue;
        info("\\o/ RDB looks OK! \\o/");
        return true;
      }
      if (next == Framer::Next::kBad) return bad();
    }
  }

  uint64_t offset() const { return framer_.offset(); }

 private:
  void info(const char* format, ...) __attribute__((format(printf, 2, 3))) {
    std::fprintf(out_, "[offset %" PRIu64 "] ", framer_.offset());
    va_list arguments;
    va_start(arguments, format);
    std::vfprintf(out_, format, arguments);
    va_end(arguments);
    std::fputc('\n', out_);
  }

  // What the framer was at when it had to stop.
  void note_doing() {
    if (framer_.doing_type() >= 0) {
      doing_ = framer_.doing_key().empty() ? "read-key" : "read-object-value";
      if (framer_.doing_key().empty()) return;
      key_ = framer_.doing_key();
      type_ = framer_.doing_type();
      stats_.add_key(false, false);
      return;
    }
    if (framer_.offset() == 0) {
      doing_ = "start";
    } else if (framer_.doing_checksum()) {
      doing_ = "check-sum";
    } else {
      doing_ = framer_.doing_opcode() == rdb::kOpAux        ? "read-aux"
               : framer_.doing_opcode() == rdb::kOpFunction ? "read-functions"
                                                            : "read-type";
    }
  }

  bool bad() {
    note_doing();
    const std::string& what = framer_.error().message;
    if (framer_.doing_checksum()) return fail("RDB CRC error", what);
    if (framer_.offset() > 0) return fail(what);
    if (framer_.version() > 0)
      return fail("Can't handle RDB format version " + std::to_string(framer_.version()), what);
    return fail("Wrong signature trying to load DB from file", what);
  }

  // First the words that scripts look for, then what we know beyond them.
  bool fail(const std::string& what, const std::string& more = {}) {
    std::fprintf(out_, "--- RDB ERROR DETECTED ---\n");
    info("%s", what.c_str());
    if (!more.empty()) std::fprintf(out_, "[additional info] %s\n", more.c_str());
    std::fprintf(out_, "[additional info] While doing: %s\n", doing_);
    if (!key_.empty()) std::fprintf(out_, "[additional info] Reading key '%s'\n", key_.c_str());
    if (type_ >= 0) {
      const std::string_view name = rdb::type_name(static_cast<uint8_t>(type_), framer_.family());
      std::fprintf(out_, "[additional info] Reading type %d (%.*s)\n", type_, static_cast<int>(name.size()),
                   name.empty() ? "unknown" : name.data());
    }
    return false;
  }

  bool take(const Record& record) {
    using What = Record::What;
    switch (record.what) {
      case What::kHeader:
        stats_.begin(framer_.version(), framer_.family() == rdb::Family::kValkey);
        return true;
      case What::kAux:
        return aux(record);
      case What::kSelectDb:
        info("Selecting DB ID %" PRIu64, record.numbers[0]);
        return true;
      case What::kModuleAux:
        info("MODULE AUX for: %s", rdb::module_name(record.numbers[0]).c_str());
        return true;
      case What::kFunction:
        return function(record);
      case What::kKey:
        return key(record);
      case What::kEnd:
        if (framer_.version() >= rdb::kChecksumSince) {
          info("%s", framer_.checksum_was_there()
                         ? "Checksum OK"
                         : "RDB file was saved with checksum disabled: no check performed.");
        }
        return true;
      default:
        return true;
    }
  }

  bool aux(const Record& record) {
    doing_ = "read-aux";
    const auto name = rdb::decode_string(record.key, record.offset + 1);
    const auto value = rdb::decode_string(record.value, record.value_offset);
    if (!name.ok() || !value.ok()) return fail((name.ok() ? value : name).error().message);
    info("AUX FIELD %s = '%s'", name->c_str(), value->c_str());
    return true;
  }

  bool function(const Record& record) {
    doing_ = "read-functions";
    const auto code = rdb::decode_string(record.value, record.value_offset);
    if (!code.ok()) return fail(code.error().message);
    stats_.add_function();
    return true;
  }

  bool key(const Record& record) {
    doing_ = "read-key";
    auto name = rdb::decode_string(record.key, record.offset + 1);
    if (!name.ok()) return fail(name.error().message);
    key_ = std::move(*name);
    type_ = record.type;
    doing_ = "read-object-value";
    stats_.add_key(record.expire_ms >= 0, record.expire_ms >= 0 && record.expire_ms < now_ms_);
    rdb::Value value;
    const auto decoded = rdb::decode(record.kind, record.value, record.value_offset, options_, value);
    // Old servers left collections without elements behind: a load skips them.
    if (!decoded.ok() && decoded.error().code != rdb::kEmptyValue) return fail(decoded.error().message);
    if (decoded.ok()) {
      stats_.add_value({.db = record.db,
                        .type = value.type(),
                        .form = rdb::type_name(record.type, framer_.family()),
                        .key = key_,
                        .file_bytes = record.key.size() + record.value.size() + 1,
                        .elements = value.element_count()});
    }
    key_.clear();
    type_ = -1;
    return true;
  }

  std::FILE* out_;
  Stats& stats_;
  store::Keyspace keyspace_;
  rdb::DecodeOptions options_;
  Framer framer_;
  int64_t now_ms_ = 0;
  const char* doing_ = "start";
  std::string key_;
  int type_ = 0;  // as redis-check-rdb has it before the first key
};

}  // namespace

bool check(std::FILE* file, std::FILE* out, Stats& stats, uint64_t* end) {
  Check check(out, stats);
  const bool well = check.run(file);
  if (end != nullptr) *end = check.offset();
  return well;
}

}  // namespace tessera::check_rdb
