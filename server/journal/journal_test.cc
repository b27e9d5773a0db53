// Role: the log's order with several threads that append and several cursors; what batches look like; who is
// told that the log is durable. Thread: several.
#include "server/journal/journal.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/text/integers.h"

namespace tessera::journal {

namespace {

void add(BatchBuilder& builder, int db, uint16_t slot, std::initializer_list<std::string_view> words) {
  const std::vector<std::string_view> args(words);
  builder.effect(db, slot, args);
}

TEST(Batch, SeveralEffectsAreOneTransactionAndTheEndIsInDatabase0) {
  BatchBuilder builder;
  builder.begin_command();
  add(builder, 0, 5, {"SET", "k", "v"});
  builder.end_command();
  builder.begin_command();
  add(builder, 12, 5, {"DEL", "k"});
  add(builder, 12, 6, {"SET", "l", ""});
  builder.end_command();
  const std::unique_ptr<Batch> batch(builder.take());
  EXPECT_EQ(batch->bytes,
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n"
            "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nl\r\n$0\r\n\r\n*1\r\n$4\r\nEXEC\r\n"
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
  ASSERT_EQ(batch->records.size(), 2U);
  EXPECT_EQ(batch->records[0].slot, 5);
  EXPECT_EQ(batch->records[1].slot, kNoSlot);
  EXPECT_EQ(batch->records[1].begin, batch->records[0].size);
}

TEST(Batch, WhatCameBeforeACommandCanLeaveWhileThatRuns) {
  BatchBuilder builder;
  builder.begin_command();
  add(builder, 3, 5, {"SET", "k", "v"});
  builder.end_command();
  builder.begin_command();
  EXPECT_FALSE(builder.has_open());
  const std::unique_ptr<Batch> before(builder.take());
  EXPECT_TRUE(before->bytes.ends_with("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"));
  add(builder, 3, 5, {"DEL", "k"});
  EXPECT_TRUE(builder.has_open());
  add(builder, 3, 5, {"DEL", "l"});
  builder.end_command();
  const std::unique_ptr<Batch> after(builder.take());
  EXPECT_EQ(after->bytes,
            "*1\r\n$5\r\nMULTI\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"
            "*2\r\n$3\r\nDEL\r\n$1\r\nl\r\n*1\r\n$4\r\nEXEC\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
}

TEST(Journal, EveryCursorSeesOneOrderWithoutGaps) {
  constexpr int kThreads = 3, kBatches = 2000;
  Journal journal;
  Cursor first, second;
  journal.turn_on(kAof, nullptr, &first);
  journal.turn_on(kReplicas, nullptr, &second);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&journal, t] {
      BatchBuilder builder;
      for (int i = 0; i < kBatches; ++i) {
        builder.begin_command();
        add(builder, 0, 1, {text::to_text(t), text::to_text(i)});
        builder.end_command();
        journal.append(builder.take());
      }
    });
  }
  const auto read = [&journal](Cursor& cursor, std::string& seen) {
    uint64_t offset = 0;
    for (int left = kThreads * kBatches; left > 0;) {
      journal.order();
      while (const Chunk chunk = cursor.take()) {
        ASSERT_EQ(chunk->offset, offset);
        offset = chunk->end();
        seen += chunk->bytes;
        --left;
      }
    }
    EXPECT_TRUE(journal.prepare_sleep(kAof, cursor));
  };
  std::string a, b;
  std::thread reader([&] { read(first, a); });
  read(second, b);
  reader.join();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.size(), journal.end_offset());
  first.reset();
  second.reset();
  journal.turn_off(kAof);
  journal.turn_off(kReplicas);
  EXPECT_FALSE(journal.wanted());
}

TEST(Journal, ChunksLiveAsLongAsACursorIsBehindThem) {
  Journal journal;
  Cursor cursor;
  journal.turn_on(kAof, nullptr, &cursor);
  BatchBuilder builder;
  constexpr int kMany = 200000;  // freed one by one, not one inside the other
  for (int i = 0; i < kMany; ++i) {
    builder.begin_command();
    add(builder, 0, 1, {"PING"});
    builder.end_command();
    journal.append(builder.take());
  }
  journal.order();
  EXPECT_GT(journal.live_bytes(), int64_t{kMany} * 14);
  cursor.reset();
  EXPECT_LT(journal.live_bytes(), 100000);
}

TEST(Durability, StatesFollowTheDisk) {
  Durability durability;
  const MonoTime now{100'000'000};
  EXPECT_FALSE(durability.state(now).any());
  durability.set_policy(Durability::Policy::kEverysec);
  EXPECT_FALSE(durability.state(now).any());
  durability.set_unsynced_since(MonoTime{now.us - 2'500'000});
  EXPECT_TRUE(durability.state(now).holds_writes);
  EXPECT_FALSE(durability.state(now).holds_reads);
  EXPECT_FALSE(durability.state(now).refuses_writes);
  durability.set_unsynced_since(MonoTime{now.us - 10'500'000});
  EXPECT_TRUE(durability.state(now).refuses_writes);
  durability.set_unsynced_since({});
  // The journal thread hangs in something else than a sync: shards count from the first time they ask.
  durability.note_writes({}, 10);
  EXPECT_FALSE(durability.state(now).holds_writes);
  EXPECT_FALSE(durability.state(MonoTime{now.us + 1'500'000}).holds_writes);
  EXPECT_TRUE(durability.state(MonoTime{now.us + 2'500'000}).holds_writes);
  EXPECT_EQ(durability.unsynced_since(), now);
  durability.set_durable(10);
  durability.set_unsynced_since({});
  EXPECT_FALSE(durability.state(MonoTime{now.us + 9'500'000}).holds_writes);
  durability.set_failure(28);
  EXPECT_EQ(durability.failure_text(), "No space left on device");
  durability.set_failure(0);
  durability.set_policy(Durability::Policy::kAlways);
  EXPECT_TRUE(durability.state(now).holds_reads);
  durability.note_writes({7}, 50);
  EXPECT_EQ(durability.last_write(7), 50U);
  EXPECT_EQ(durability.last_write(8), 0U);
  durability.note_writes({kNoSlot}, 60);
  EXPECT_EQ(durability.last_write(8), 60U);
}

}  // namespace

}  // namespace tessera::journal
