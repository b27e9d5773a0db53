// Role: queues of waits: order, readiness, ends; the claim word between threads.
#include "server/shard/waiting.h"

#include <gtest/gtest.h>

#include <thread>

namespace tessera::shard {
namespace {

std::vector<const Wait*> order_of(Waiting& waiting, int db, std::string_view key) {
  std::vector<const Wait*> order;
  if (Waiting::Queue* queue = waiting.find(db, key)) {
    for (const Waiting::Place& place : *queue) order.push_back(place.wait.get());
  }
  return order;
}

TEST(Waiting, FirstComeFirstServedPerKey) {
  Waiting waiting;
  const auto a = std::make_shared<Wait>(), b = std::make_shared<Wait>(), c = std::make_shared<Wait>();
  for (const auto& wait : {a, b, c}) waiting.add(0, "k", wait);
  waiting.add(0, "other", b);
  waiting.add(1, "k", c);
  EXPECT_EQ(order_of(waiting, 0, "k"), (std::vector<const Wait*>{a.get(), b.get(), c.get()}));
  waiting.remove(0, "k", a.get());
  waiting.add(0, "k", a);
  EXPECT_EQ(order_of(waiting, 0, "k"), (std::vector<const Wait*>{b.get(), c.get(), a.get()}));
  EXPECT_EQ(order_of(waiting, 1, "k"), std::vector<const Wait*>{c.get()});
  EXPECT_EQ(waiting.counts().keys.get(), 3);
}

TEST(Waiting, AKeyNamedTwiceIsOnePlace) {
  Waiting waiting;
  const auto a = std::make_shared<Wait>();
  waiting.add(0, "k", a);
  waiting.add(0, "k", a);
  waiting.remove(0, "k", a.get());
  EXPECT_TRUE(waiting.empty());
  EXPECT_EQ(waiting.counts().keys.get(), 0);
}

TEST(Waiting, KeysAreReadyInTheOrderTheyChanged) {
  Waiting waiting;
  const auto a = std::make_shared<Wait>();
  for (const char* key : {"x", "y", "z"}) waiting.add(0, key, a);
  waiting.touched(0, "y", waiting.next_order());
  waiting.touched(0, "x", waiting.next_order());
  waiting.touched(0, "y", waiting.next_order());
  waiting.touched(0, "nobody", waiting.next_order());
  waiting.touched(1, "z", waiting.next_order());
  EXPECT_EQ(waiting.take_first_ready().key, "y");
  EXPECT_EQ(waiting.take_first_ready().key, "x");
  EXPECT_FALSE(waiting.has_ready());
  waiting.touched(0, "y", waiting.next_order());  // again, once it was taken
  EXPECT_TRUE(waiting.has_ready());
}

TEST(Waiting, AWholeDatabaseIsReady) {
  Waiting waiting;
  const auto a = std::make_shared<Wait>();
  waiting.add(0, "x", a);
  waiting.add(3, "y", a);
  waiting.all_touched(3, waiting.next_order());
  const Waiting::Ready ready = waiting.take_first_ready();
  EXPECT_EQ(ready.db, 3);
  EXPECT_EQ(ready.key, "y");
  EXPECT_FALSE(waiting.has_ready());
}

TEST(Waiting, CountsThoseWhoWaitForTheEndOfAKey) {
  Waiting waiting;
  const auto a = std::make_shared<Wait>(), b = std::make_shared<Wait>();
  a->when_gone = b->when_gone = true;
  waiting.add(0, "x", a);
  waiting.add(0, "x", b);
  EXPECT_EQ(waiting.counts().keys_when_gone.get(), 1);
  waiting.remove(0, "x", a.get());
  EXPECT_EQ(waiting.counts().keys_when_gone.get(), 1);
  waiting.remove(0, "x", b.get());
  EXPECT_EQ(waiting.counts().keys_when_gone.get(), 0);
}

TEST(ClaimWord, AWaitEndsOnce) {
  ClaimWord word;
  EXPECT_TRUE(word.claim());
  EXPECT_FALSE(word.claim());
  EXPECT_TRUE(word.give_back());
  EXPECT_TRUE(word.claim());
  EXPECT_EQ(word.stop(), ClaimWord::Stop::kBeingServed);
  EXPECT_FALSE(word.give_back());  // it was stopped while somebody tried
  EXPECT_TRUE(word.done());
  EXPECT_EQ(word.stop(), ClaimWord::Stop::kTooLate);
  ClaimWord other;
  EXPECT_EQ(other.stop(), ClaimWord::Stop::kStopped);
  EXPECT_FALSE(other.claim());
}

// Threads that serve, give back and stop: of each wait exactly one of them says that it is over.
TEST(ClaimWord, OneWinnerBetweenThreads) {
  constexpr int kWaits = 20000;
  std::vector<ClaimWord> words(kWaits);
  std::atomic<int> served{0}, stopped{0}, stopped_late{0};
  const auto serve = [&](int every) {
    for (int i = 0; i < kWaits; ++i) {
      if (!words[static_cast<size_t>(i)].claim()) continue;
      if (i % every == 0) {
        if (!words[static_cast<size_t>(i)].give_back()) ++stopped_late;
      } else {
        words[static_cast<size_t>(i)].finish();
        ++served;
      }
    }
  };
  std::thread first([&] { serve(2); }), second([&] { serve(3); });
  for (int i = 0; i < kWaits; ++i) {
    switch (words[static_cast<size_t>(i)].stop()) {
      case ClaimWord::Stop::kStopped:
        ++stopped;
        break;
      case ClaimWord::Stop::kBeingServed:
        break;
      case ClaimWord::Stop::kTooLate:
        break;
    }
  }
  first.join();
  second.join();
  EXPECT_EQ(served + stopped + stopped_late, kWaits);
  for (const ClaimWord& word : words) EXPECT_TRUE(word.done());
}

}  // namespace
}  // namespace tessera::shard
