// Role: tests of the inbox alone. Thread: many.
#include "common/io/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace tessera::io {
namespace {

struct Note : Message {
  Note(int from, int number) : sender(from), serial(number) {}
  int sender;
  int serial;
};

TEST(Mailbox, GivesMessagesInTheOrderOfPosting) {
  Mailbox box;
  EXPECT_TRUE(box.empty());
  EXPECT_EQ(box.take_all(), nullptr);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(box.post(new Note(0, i)));
  EXPECT_FALSE(box.empty());
  Message* message = box.take_all();
  for (int i = 0; i < 5; ++i) {
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(static_cast<Note*>(message)->serial, i);
    Message* next = message->next;
    delete message;
    message = next;
  }
  EXPECT_EQ(message, nullptr);
}

TEST(Mailbox, OnlyTheFirstPostToASleeperWakes) {
  Mailbox box;
  EXPECT_TRUE(box.prepare_sleep());
  EXPECT_TRUE(box.post(new Note(0, 0)));
  EXPECT_FALSE(box.post(new Note(0, 1)));
  box.finish_sleep();
  EXPECT_FALSE(box.prepare_sleep()) << "a message waits";
  EXPECT_FALSE(box.post(new Note(0, 2))) << "the receiver stayed awake";
}

TEST(Mailbox, DeletesWhatWasNeverTaken) {
  static int alive = 0;
  struct Counted : Message {
    Counted() { ++alive; }
    ~Counted() override { --alive; }
  };
  {
    Mailbox box;
    for (int i = 0; i < 3; ++i) box.post(new Counted);
    EXPECT_EQ(alive, 3);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Mailbox, ManySendersLoseNothingAndKeepEachOnesOrder) {
  constexpr int kSenders = 4;
  constexpr int kEach = 20000;
  Mailbox box;
  std::vector<std::thread> senders;
  for (int s = 0; s < kSenders; ++s) {
    senders.emplace_back([&box, s] {
      for (int i = 0; i < kEach; ++i) box.post(new Note(s, i));
    });
  }
  std::vector<int> expected(kSenders, 0);
  int wrong_count = 0;
  for (int taken = 0; taken < kSenders * kEach;) {
    Message* message = box.take_all();
    if (message == nullptr) std::this_thread::yield();
    while (message != nullptr) {
      auto* note = static_cast<Note*>(message);
      if (note->serial != expected[static_cast<size_t>(note->sender)]++) ++wrong_count;
      ++taken;
      message = note->next;
      delete note;
    }
  }
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(wrong_count, 0);
  EXPECT_TRUE(box.empty());
}

// Causality: A posts to the receiver, then tells B, which posts to the receiver too: B's message comes
// second.
TEST(Mailbox, WhatWasPostedBeforeACauseIsTakenBeforeItsEffect) {
  constexpr int kRounds = 20000;
  Mailbox box;
  std::atomic<int> told{0};
  std::thread first([&] {
    for (int i = 1; i <= kRounds; ++i) {
      box.post(new Note(0, i));
      told.store(i, std::memory_order_release);
    }
  });
  std::thread second([&] {
    for (int seen = 0; seen < kRounds;) {
      const int now = told.load(std::memory_order_acquire);
      if (now == seen) {
        std::this_thread::yield();
        continue;
      }
      seen = now;
      box.post(new Note(1, now));
    }
  });
  int newest_of_first = 0;
  int newest_of_second = 0;
  int wrong_count = 0;
  while (newest_of_second < kRounds) {
    Message* message = box.take_all();
    if (message == nullptr) std::this_thread::yield();
    while (message != nullptr) {
      auto* note = static_cast<Note*>(message);
      if (note->sender == 0) {
        newest_of_first = note->serial;
      } else {
        newest_of_second = note->serial;
        if (newest_of_first < note->serial) ++wrong_count;
      }
      message = note->next;
      delete note;
    }
  }
  first.join();
  second.join();
  EXPECT_EQ(wrong_count, 0);
}

}  // namespace
}  // namespace tessera::io
