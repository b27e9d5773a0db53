// Role: see command_sink.h.
#include "server/persist/command_sink.h"

#include "common/hash/crc64.h"
#include "common/text/integers.h"
#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/payload.h"

namespace tessera::persist {

namespace {

constexpr size_t kFlushBytes = 256 * 1024;

}  // namespace

Result<void> CommandSink::begin(const CutInfo& cut) {
  if (timestamp_) buffer_ = "#TS:" + text::to_text(cut.taken.ms / 1000) + "\r\n";
  return out_->begin(cut);
}

Result<void> CommandSink::write(std::string_view bytes) {
  rdb::Record record;
  rdb::Framer::Next next;
  while ((next = framer_.next(bytes, record)) == rdb::Framer::Next::kRecord) {
    if (auto taken = take(record); !taken.ok()) return taken;
  }
  if (next == rdb::Framer::Next::kBad) return framer_.error();
  return {};
}

Result<void> CommandSink::end() {
  if (auto written = flush(); !written.ok()) return written;
  return out_->end();
}

Result<void> CommandSink::take(const rdb::Record& record) {
  if (record.what == rdb::Record::What::kKey) return restore(record);
  if (record.what != rdb::Record::What::kFunction) return {};
  const auto code = rdb::decode_string(record.value, record.value_offset);
  if (!code.ok()) return code.error();
  head(3);
  word("FUNCTION");
  word("LOAD");
  word(*code);
  return {};
}

Result<void> CommandSink::restore(const rdb::Record& record) {
  const auto name = rdb::decode_string(record.key, record.offset + 1);
  if (!name.ok()) return name.error();
  if (record.db != db_) {
    db_ = record.db;
    head(2);
    word("SELECT");
    number(db_);
  }
  const bool has_time = record.expire_ms >= 0;
  const bool has_idle = record.idle_s >= 0, has_freq = record.freq >= 0;
  head(4 + (has_time ? 1 : 0) + (has_idle ? 2 : 0) + (has_freq ? 2 : 0));
  word("RESTORE");
  word(*name);
  number(has_time ? record.expire_ms : 0);
  // The payload, whose value may be large, goes in parts.
  const char type = static_cast<char>(record.type);
  uint64_t crc = hash::crc64(0, {&type, 1});
  crc = hash::crc64(crc, record.value);
  buffer_ += '$';
  buffer_ += text::to_text(static_cast<int64_t>(1 + record.value.size() + rdb::kPayloadEndBytes));
  buffer_ += "\r\n";
  buffer_ += type;
  if (record.value.size() < kFlushBytes) {
    buffer_ += record.value;
  } else {
    if (auto written = flush(); !written.ok()) return written;
    if (auto written = out_->write(record.value); !written.ok()) return written;
  }
  rdb::end_payload(rdb::version_of_type(record.type), crc, buffer_);
  buffer_ += "\r\n";
  if (has_time) word("ABSTTL");
  if (has_idle) {
    word("IDLETIME");
    number(record.idle_s);
  }
  if (has_freq) {
    word("FREQ");
    number(record.freq);
  }
  return buffer_.size() < kFlushBytes ? Result<void>{} : flush();
}

Result<void> CommandSink::flush() {
  auto written = out_->write(buffer_);
  buffer_.clear();
  return written;
}

void CommandSink::head(size_t words) {
  buffer_ += '*';
  buffer_ += text::to_text(static_cast<int64_t>(words));
  buffer_ += "\r\n";
}

void CommandSink::word(std::string_view bytes) {
  buffer_ += '$';
  buffer_ += text::to_text(static_cast<int64_t>(bytes.size()));
  buffer_ += "\r\n";
  buffer_ += bytes;
  buffer_ += "\r\n";
}

void CommandSink::number(int64_t n) {
  word(text::to_text(n));
}

}  // namespace tessera::persist
