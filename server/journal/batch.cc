// Role: encoding of effects into a batch.
#include "server/journal/batch.h"

#include <cstdio>

#include "common/base/check.h"

namespace tessera::journal {

void BatchBuilder::begin_command() {
  if (depth_++ > 0) return;
  open_.clear();
  command_begin_ = bytes_.size();
}

void BatchBuilder::select(int db) {
  if (db == db_) return;
  char number[16];
  const int n = std::snprintf(number, sizeof(number), "%d", db);
  const std::string_view args[2] = {"SELECT", {number, static_cast<size_t>(n)}};
  write_command(args);
  db_ = db;
}

void BatchBuilder::effect(int db, uint16_t slot, std::span<const std::string_view> args) {
  const auto begin = static_cast<uint32_t>(bytes_.size());
  select(db);
  write_command(args);
  open_.push_back({begin, static_cast<uint32_t>(bytes_.size()) - begin, slot, 0xff});
}

void BatchBuilder::end_command() {
  if (--depth_ > 0) return;
  if (open_.empty()) return;
  if (open_.size() == 1) {
    records_.push_back(open_[0]);
    open_.clear();
    return;
  }
  // Several changes become one record, a transaction: nothing may see half of it.
  static constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
  static constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";
  bytes_.insert(command_begin_, kMulti);
  bytes_.append(kExec);
  uint16_t slot = open_[0].slot;
  for (const Record& part : open_) {
    if (part.slot != slot) slot = kNoSlot;
  }
  records_.push_back({static_cast<uint32_t>(command_begin_),
                      static_cast<uint32_t>(bytes_.size() - command_begin_), slot, 0xff});
  open_.clear();
}

Batch* BatchBuilder::take() {
  TESSERA_DCHECK(open_.empty());
  select(0);
  auto* batch = new Batch;
  batch->bytes.swap(bytes_);
  batch->records.swap(records_);
  return batch;
}

void BatchBuilder::write_command(std::span<const std::string_view> args) {
  char head[32];
  int n = std::snprintf(head, sizeof(head), "*%zu\r\n", args.size());
  bytes_.append(head, static_cast<size_t>(n));
  for (std::string_view arg : args) {
    n = std::snprintf(head, sizeof(head), "$%zu\r\n", arg.size());
    bytes_.append(head, static_cast<size_t>(n));
    bytes_.append(arg);
    bytes_.append("\r\n");
  }
}

}  // namespace tessera::journal
