// Role: encoding of effects into a batch.
#include "server/journal/batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/text/integers.h"

namespace tessera::journal {

namespace {

constexpr size_t kRoomBytes = 64 * 1024;  // at most so much is taken ahead for the next tick
constexpr size_t kRoomRecords = 2048;
constexpr size_t kHeadBytes = 1 + text::kInt64Chars + 2;

char* write_head(char* out, char kind, size_t n) {
  *out++ = kind;
  if (n < 10) {
    *out++ = static_cast<char>('0' + n);
  } else {
    out = text::write_uint64(out, n);
  }
  *out++ = '\r';
  *out++ = '\n';
  return out;
}

char* put_command(char* out, std::span<const std::string_view> args) {
  out = write_head(out, '*', args.size());
  for (std::string_view arg : args) {
    out = write_head(out, '$', arg.size());
    if (!arg.empty()) std::memcpy(out, arg.data(), arg.size());
    out += arg.size();
    *out++ = '\r';
    *out++ = '\n';
  }
  return out;
}

}  // namespace

void BatchBuilder::begin_command() {
  if (depth_++ > 0) return;
  open_first_ = records_.size();
  command_begin_ = bytes_.size();
}

void BatchBuilder::select(int db) {
  if (db == db_) return;
  const std::string number = text::to_text(db);
  const std::string_view args[2] = {"SELECT", number};
  write_command(args);
  db_ = db;
}

void BatchBuilder::effect(int db, uint16_t slot, std::span<const std::string_view> args) {
  const size_t begin = bytes_.size();
  select(db);
  write_command(args);
  records_.push_back({begin, bytes_.size() - begin, slot, kEverybody});
  if (slots_.empty() || slots_.back() != slot) slots_.push_back(slot);
}

void BatchBuilder::end_command() {
  if (--depth_ > 0) return;
  const size_t first = std::exchange(open_first_, records_.size());
  if (records_.size() - first <= 1) return;
  // Several changes become one record, a transaction: nothing may see half of it.
  static constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
  static constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";
  bytes_.insert(command_begin_, kMulti);
  bytes_.append(kExec);
  uint16_t slot = records_[first].slot;
  for (size_t i = first + 1; i < records_.size(); ++i) {
    if (records_[i].slot != slot) slot = kNoSlot;
  }
  records_.resize(first);
  records_.push_back({command_begin_, bytes_.size() - command_begin_, slot, kEverybody});
  open_first_ = records_.size();
}

Batch* BatchBuilder::take() {
  TESSERA_DCHECK(!has_open());
  select(0);
  auto* batch = new Batch;
  const size_t size = bytes_.size(), count = records_.size();
  taken_count_ += count;
  batch->bytes.swap(bytes_);
  batch->records.swap(records_);
  batch->slots.swap(slots_);
  open_first_ = command_begin_ = 0;
  // The next tick will be like this one.
  bytes_.reserve(std::min(size + size / 4, kRoomBytes));
  records_.reserve(std::min(count + count / 4, kRoomRecords));
  slots_.reserve(std::min(count + count / 4, kRoomRecords));
  return batch;
}

// One step: the whole size is known before anything is written.
void BatchBuilder::write_command(std::span<const std::string_view> args) {
  size_t most = kHeadBytes;
  for (std::string_view arg : args) most += kHeadBytes + arg.size() + 2;
  const size_t begin = bytes_.size();
  if (bytes_.capacity() < begin + most) bytes_.reserve(std::max(begin + most, 2 * bytes_.capacity()));
  bytes_.resize(begin + most);
  bytes_.resize(static_cast<size_t>(put_command(bytes_.data() + begin, args) - bytes_.data()));
}

}  // namespace tessera::journal
