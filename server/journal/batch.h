// Role: what one thread's tick changed, as the bytes a replica or the AOF would apply (RESP commands).
// Thread: built by one shard thread, then handed over whole.
// Invariants: between records the stream is in database 0, so a batch that used another ends with SELECT 0;
// the changes of one command are one transaction (MULTI .. EXEC when there are several).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/mailbox.h"

namespace tessera::journal {

constexpr uint16_t kNoSlot = 0xffff;  // keyless, or several slots

struct Record {
  uint32_t begin = 0;  // in Batch::bytes
  uint32_t size = 0;
  uint16_t slot = kNoSlot;
  uint8_t consumers = 0xff;  // mask; all for now
};

struct Batch : io::Message {
  uint64_t offset = 0;  // of the first byte, set by Journal::append
  std::string bytes;
  std::vector<Record> records;
};

class BatchBuilder {
 public:
  bool empty() const { return bytes_.empty(); }
  size_t size_bytes() const { return bytes_.size(); }
  // One command's changes: begin, effects, end. An effect is a complete command. What a command begins and
  // ends inside another one (transactions, scripts) is part of the outer one's changes.
  void begin_command();
  void effect(int db, uint16_t slot, std::span<const std::string_view> args);
  void end_command();
  // Everything so far, ready for Journal::append; the builder is empty afterwards. REQUIRES: !empty(), no
  // open command.
  Batch* take();

 private:
  void write_command(std::span<const std::string_view> args);
  void select(int db);

  std::string bytes_;
  std::vector<Record> records_;
  std::vector<Record> open_;  // effects of the command in progress
  size_t command_begin_ = 0;
  int db_ = 0;
  int depth_ = 0;  // of commands in progress
};

}  // namespace tessera::journal
