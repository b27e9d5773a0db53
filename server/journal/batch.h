// Role: what one thread's tick changed, as the bytes a replica or the AOF would apply (RESP commands).
// Thread: built by one shard thread, then handed over whole; once in the log anyone reads.
// Invariants: between batches the stream is in database 0, so a batch that used another ends with SELECT 0;
// the changes of one command are one transaction (MULTI .. EXEC when there are several).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/mailbox.h"

namespace tessera::journal {

constexpr uint16_t kNoSlot = 0xffff;  // keyless, or several slots

// Who reads the log: bits of a record's mask.
enum Consumer : uint8_t { kAof = 1, kReplicas = 2, kMigration = 4, kTap = 8, kEverybody = 0xff };
constexpr int kConsumerCount = 4;

// Two words: there is one for every change.
struct Record {
  uint64_t begin = 0;  // in Batch::bytes
  uint64_t size : 40 = 0;
  uint64_t slot : 16 = kNoSlot;
  uint64_t consumers : 8 = kEverybody;
};

// A chunk of the log: counted by those who are behind it or keep it.
struct Batch : io::Message {
  Batch() = default;
  ~Batch() override {
    if (live_bytes != nullptr) live_bytes->fetch_sub(counted_bytes, std::memory_order_relaxed);
  }
  uint64_t offset = 0;  // of the first byte, set by Journal::append
  uint64_t end() const { return offset + bytes.size(); }
  std::string bytes;
  std::vector<Record> records;
  bool mixed = false;           // not every record is for everybody
  std::vector<uint16_t> slots;  // that its records change; kNoSlot: any

  // ---- the log's
  mutable std::atomic<bool> linked{false};
  mutable std::shared_ptr<const Batch> next;  // once `linked`
  std::atomic<int64_t>* live_bytes = nullptr;
  int64_t counted_bytes = 0;
};

class BatchBuilder {
 public:
  bool empty() const { return bytes_.empty(); }
  size_t size_bytes() const { return bytes_.size(); }
  // Of commands that changed something, those of batches that were taken too: grows by whatever is encoded.
  uint64_t record_count() const { return taken_count_ + records_.size(); }
  // One command's changes: begin, effects, end. An effect is a complete command. What a command begins and
  // ends inside another one (transactions, scripts) is part of the outer one's changes.
  void begin_command();
  void effect(int db, uint16_t slot, std::span<const std::string_view> args);
  void end_command();
  // The command in progress, if there is one, has changed something.
  bool has_open() const { return records_.size() > open_first_; }
  // Everything so far, ready for Journal::append; the builder is empty afterwards. REQUIRES: !empty(),
  // !has_open()
  Batch* take();

 private:
  void write_command(std::span<const std::string_view> args);
  void select(int db);

  std::string bytes_;
  std::vector<Record> records_;
  std::vector<uint16_t> slots_;
  size_t open_first_ = 0;  // of records_: the first effect of the command in progress
  size_t command_begin_ = 0;
  uint64_t taken_count_ = 0;  // records of batches that were taken
  int db_ = 0;
  int depth_ = 0;  // of commands in progress
};

}  // namespace tessera::journal
