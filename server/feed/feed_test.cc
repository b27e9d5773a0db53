// The list read by several threads while others append; readers that lag; audiences against a model.
#include "server/feed/feed.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>

#include "common/base/random.h"
#include "common/base/test_seed.h"

namespace tessera::feed {
namespace {

Chunk* chunk_of(std::string_view name, std::string_view text) {
  Builder items;
  items.add(Kind::kMessage, name, text);
  return items.take();
}

struct Wakes {
  int count = 0;
  void operator()(int) { ++count; }
};

std::vector<std::string> read_all(List& list, int reader, List::Read* result = nullptr) {
  std::vector<std::string> out;
  for (;;) {
    list.mark(reader);
    const List::Read read = list.read(reader, [&](const Chunk& chunk) {
      chunk.for_each(
          [&](const Item& item) { out.push_back(std::string(item.name) + ":" + std::string(item.text)); });
    });
    if (result != nullptr) *result = read;
    if (read != List::Read::kMore) return out;
  }
}

TEST(List, ReadersSeeWhatIsAppendedAfterTheyBegan) {
  List list(3);
  Wakes wakes;
  list.append(chunk_of("a", "1"), -1, wakes);  // nobody reads
  EXPECT_EQ(wakes.count, 0);
  list.listen(0);
  list.append(chunk_of("a", "2"), -1, wakes);
  list.listen(2);
  list.append(chunk_of("a", "3"), 2, wakes);
  list.append(chunk_of("a", "4"), -1, wakes);
  EXPECT_EQ(wakes.count, 2);  // each reader once until it reads
  EXPECT_EQ(read_all(list, 0), (std::vector<std::string>{"a:2", "a:3", "a:4"}));
  EXPECT_EQ(read_all(list, 2), (std::vector<std::string>{"a:3", "a:4"}));
  EXPECT_TRUE(read_all(list, 1).empty());
  list.append(chunk_of("b", ""), -1, wakes);
  EXPECT_EQ(wakes.count, 4);
  list.stop(0);
  EXPECT_TRUE(read_all(list, 0).empty());
}

TEST(List, WhoLagsIsCutOff) {
  List list(2);
  Wakes wakes;
  list.listen(0);
  list.listen(1);
  const std::string text(1 << 20, 'x');
  for (uint64_t bytes = 0; bytes < List::kMaxLagBytes + (4 << 20); bytes += text.size()) {
    list.append(chunk_of("a", text), -1, wakes);
    read_all(list, 1);
  }
  List::Read result = List::Read::kAll;
  EXPECT_TRUE(read_all(list, 0, &result).empty());
  EXPECT_EQ(result, List::Read::kLost);
  EXPECT_FALSE(list.listens(0));
  list.listen(0);  // and begins anew
  list.append(chunk_of("b", "1"), -1, wakes);
  EXPECT_EQ(read_all(list, 0), (std::vector<std::string>{"b:1"}));
  EXPECT_TRUE(list.listens(1));
}

TEST(List, OneLargeMessageCutsNobodyOffWhoKeepsUp) {
  List list(1);
  Wakes wakes;
  list.listen(0);
  const std::string text(List::kMaxLagBytes + 1, 'x');
  list.append(chunk_of("a", text), -1, wakes);
  List::Read result = List::Read::kLost;
  const std::vector<std::string> large = read_all(list, 0, &result);
  EXPECT_EQ(result, List::Read::kAll);
  ASSERT_EQ(large.size(), 1u);
  EXPECT_EQ(large[0].size(), text.size() + 2);
  list.append(chunk_of("b", "1"), -1, wakes);
  EXPECT_EQ(read_all(list, 0), (std::vector<std::string>{"b:1"}));
}

TEST(Builder, TooMuchOfOneTickIsLost) {
  List list(1);
  Wakes wakes;
  list.listen(0);
  Builder items;
  const std::string text(Builder::kLargeBytes - 1, 'x');
  for (size_t bytes = 0; bytes < Builder::kMaxBytes + (1 << 20); bytes += text.size()) {
    items.add(Kind::kMessage, "c", text);
  }
  list.append(items.take(), -1, wakes);
  List::Read result = List::Read::kAll;
  EXPECT_TRUE(read_all(list, 0, &result).empty());
  EXPECT_EQ(result, List::Read::kLost);
}

TEST(Builder, LargeTextsAreSharedNotCopied) {
  const SharedBytes text = SharedBytes::copy_of(std::string(Builder::kLargeBytes, 'y'));
  Builder items;
  items.add(Kind::kMessage, "c", text.view(), &text);
  items.add(Kind::kInvalidate, "", "key", nullptr, {3, 4, 5});
  const std::unique_ptr<Chunk> chunk(items.take());
  int count = 0;
  chunk->for_each([&](const Item& item) {
    if (count++ == 0) {
      EXPECT_EQ(item.text.data(), text.data());
      EXPECT_EQ(item.owner->data(), text.data());
    } else {
      EXPECT_EQ(item.kind, Kind::kInvalidate);
      EXPECT_EQ(item.text, "key");
      EXPECT_EQ(item.to.place, 4u);
    }
  });
  EXPECT_EQ(count, 2);
}

// Four threads append, three read: one order, and each writer's own kept.
TEST(List, OneOrderForAllThreads) {
  constexpr int kWriters = 4, kReaders = 3, kEach = 3000;
  List list(kReaders);
  for (int i = 0; i < kReaders; ++i) list.listen(i);
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&list, writer] {
      for (int i = 0; i < kEach; ++i) {
        list.append(chunk_of(std::to_string(writer), std::to_string(i)), -1, [](int) {});
      }
    });
  }
  std::vector<std::vector<std::string>> seen(kReaders);
  for (int reader = 0; reader < kReaders; ++reader) {
    threads.emplace_back([&list, &seen, reader] {
      while (seen[static_cast<size_t>(reader)].size() < size_t{kWriters} * kEach) {
        for (std::string& each : read_all(list, reader))
          seen[static_cast<size_t>(reader)].push_back(std::move(each));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0], seen[2]);
  std::map<char, int> next;
  for (const std::string& each : seen[0]) EXPECT_EQ(std::stoi(each.substr(2)), next[each[0]]++);
}

TEST(Feed, CountsAreThoseOfAModel) {
  const uint64_t seed = test_seed("Feed.CountsAreThoseOfAModel");
  Random random(seed);
  Feed feed(3, 99);
  std::map<std::string, int> model[3];
  for (int step = 0; step < 30000; ++step) {
    const auto thread = static_cast<int>(random.below(3));
    const std::string name = "channel:" + std::to_string(random.below(400));
    std::map<std::string, int>& mine = model[thread];
    if (random.one_in(2)) {
      feed.audience(thread).channels.add(feed.hash_of(name, false));
      feed.subscriptions.fetch_add(1);
      ++mine[name];
    } else if (mine.count(name) != 0) {
      feed.audience(thread).channels.remove(feed.hash_of(name, false));
      feed.subscriptions.fetch_sub(1);
      if (--mine[name] == 0) mine.erase(name);
    }
    if (step % 100 == 0) {
      for (int i = 0; i < 3; ++i) feed.grace().pass(i);
      for (int i = 0; i < 3; ++i) feed.audience(i).retired.free_some();
    }
    const std::string asked = "channel:" + std::to_string(random.below(400));
    int64_t expected = 0;
    for (const auto& each : model) expected += each.count(asked) ? each.at(asked) : 0;
    ASSERT_EQ(feed.receivers(asked, false), expected) << "seed " << seed;
    ASSERT_EQ(feed.receivers(asked, true), 0);
  }
  std::map<std::string, int> all;
  for (const auto& each : model) all.insert(each.begin(), each.end());
  EXPECT_EQ(feed.channel_count(false), static_cast<int64_t>(all.size()));
}

TEST(Feed, PatternsAreCountedOncePerClient) {
  Feed feed(2, 7);
  const auto add = [&](int thread, const char* pattern) {
    feed.audience(thread).patterns.add(pattern);
    feed.subscriptions.fetch_add(1);
    feed.pattern_subscriptions.fetch_add(1);
  };
  add(0, "a*");
  add(1, "a*");
  add(1, "a*");
  add(1, "?b");
  EXPECT_EQ(feed.receivers("ab", false), 4);
  EXPECT_EQ(feed.receivers("ac", false), 3);
  EXPECT_EQ(feed.receivers("ab", true), 0);
  EXPECT_EQ(feed.pattern_count(), 2);
  feed.audience(1).patterns.remove("a*");
  EXPECT_EQ(feed.receivers("ac", false), 2);
  feed.audience(1).patterns.remove("a*");
  feed.audience(0).patterns.remove("a*");
  EXPECT_EQ(feed.receivers("ab", false), 1);
  EXPECT_EQ(feed.pattern_count(), 1);
}

// A thread publishes while another one's clients come and go: nothing that is read is freed too early (TSan,
// ASan), and a count is never more than there were.
TEST(Feed, IsReadWhileItChanges) {
  Feed feed(2, 1);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop.load()) {
      for (int i = 0; i < 50; ++i) EXPECT_LE(feed.receivers("c:" + std::to_string(i), false), 2);
      feed.grace().pass(1);
    }
  });
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 50; ++i) {
      const std::string name = "c:" + std::to_string(i);
      feed.audience(0).channels.add(feed.hash_of(name, false));
      feed.audience(0).patterns.add(name);
      feed.subscriptions.fetch_add(1);
      feed.pattern_subscriptions.fetch_add(1);
    }
    for (int i = 0; i < 50; ++i) {
      const std::string name = "c:" + std::to_string(i);
      feed.audience(0).channels.remove(feed.hash_of(name, false));
      feed.audience(0).patterns.remove(name);
    }
    feed.grace().pass(0);
    feed.audience(0).retired.free_some();
  }
  stop.store(true);
  reader.join();
}

}  // namespace
}  // namespace tessera::feed
