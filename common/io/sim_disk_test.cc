// Role: the simulated disk's promises and its malice. Thread: one.
#include "common/io/sim_disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <set>

#include "common/io/sim_world.h"

namespace tessera::io {
namespace {

// What a reader finds after a crash, over many seeds. Absent files show as "<none>".
std::set<std::string> outcomes(const std::function<void(SimEnv&)>& life, const std::string& path,
                               int seeds = 200) {
  std::set<std::string> seen;
  for (int seed = 1; seed <= seeds; ++seed) {
    SimOptions options;
    options.seed = static_cast<uint64_t>(seed);
    SimWorld world(options);
    SimEnv& host = world.add_host("a", "10.0.0.1");
    life(host);
    world.crash(host);
    world.restart(host);
    auto content = host.files().read_all(path);
    seen.insert(content ? *content : "<none>");
  }
  return seen;
}

void put(SimEnv& host, const std::string& path, const std::string& bytes, bool sync) {
  auto file = host.files().open(path, OpenMode::kAppend);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->write(bytes).ok());
  if (sync) {
    ASSERT_TRUE((*file)->sync().ok());
  }
}

TEST(SimDisk, WhatWasSyncedSurvivesEveryCrash) {
  const auto seen = outcomes(
      [](SimEnv& host) {
        put(host, "/data/f", "one", true);
        ASSERT_TRUE(host.files().sync_dir("/data").ok());
      },
      "/data/f");
  EXPECT_EQ(seen, std::set<std::string>{"one"});
}

TEST(SimDisk, WhatIsDurableIsKnownBeforeTheCrash) {
  SimWorld world(SimOptions{});
  SimEnv& host = world.add_host("a", "10.0.0.1");
  put(host, "/data/f", "one", true);
  EXPECT_EQ(host.files().durable("/data/f"), std::nullopt) << "its name is not";
  ASSERT_TRUE(host.files().sync_dir("/data").ok());
  put(host, "/data/f", "two", false);
  EXPECT_EQ(host.files().durable("/data/f"), "one");
  ASSERT_TRUE(host.files().rename("/data/f", "/data/g").ok());
  EXPECT_EQ(host.files().durable("/data/f"), "one");
  EXPECT_EQ(host.files().durable("/data/g"), std::nullopt);
}

TEST(SimDisk, UnsyncedBytesMayGoOrStay) {
  const auto seen = outcomes(
      [](SimEnv& host) {
        put(host, "/data/f", "one", true);
        ASSERT_TRUE(host.files().sync_dir("/data").ok());
        put(host, "/data/f", "two", false);
      },
      "/data/f");
  EXPECT_EQ(seen, (std::set<std::string>{"one", "onetwo"}));
}

TEST(SimDisk, UnsyncedNamesMayGoOrStay) {
  const auto seen = outcomes([](SimEnv& host) { put(host, "/data/f", "one", true); }, "/data/f");
  EXPECT_EQ(seen, (std::set<std::string>{"<none>", "one"}));
}

TEST(SimDisk, LongWritesAreTornAtSectors) {
  const std::string bytes(5000, 'x');
  const auto seen = outcomes(
      [&](SimEnv& host) {
        put(host, "/data/f", "", true);
        ASSERT_TRUE(host.files().sync_dir("/data").ok());
        put(host, "/data/f", bytes, false);
      },
      "/data/f");
  EXPECT_GT(seen.size(), 4u);
  for (const auto& content : seen) {
    EXPECT_TRUE(content.size() % 512 == 0 || content.size() == bytes.size()) << content.size();
    EXPECT_EQ(content, bytes.substr(0, content.size()));
  }
}

TEST(SimDisk, ReplaceShowsTheOldOrTheNewContentAtEveryStepOfACrash) {
  std::set<std::string> before_return;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    for (uint64_t step = 1; step <= 8; ++step) {
      SimOptions options;
      options.seed = seed;
      SimWorld world(options);
      SimEnv& host = world.add_host("a", "10.0.0.1");
      ASSERT_TRUE(host.files().replace("/data/conf", "old content").ok());
      host.files().crash_at(step);
      const bool done = host.files().replace("/data/conf", "new content").ok();
      const bool crashed = !host.alive();
      if (!crashed) world.crash(host);
      world.restart(host);
      auto content = host.files().read_all("/data/conf");
      ASSERT_TRUE(content.ok()) << "seed " << seed << " step " << step;
      if (done) {
        EXPECT_EQ(*content, "new content") << "seed " << seed << " step " << step;
      } else {
        EXPECT_TRUE(crashed);
        before_return.insert(*content);
      }
    }
  }
  EXPECT_EQ(before_return, (std::set<std::string>{"new content", "old content"}));
}

TEST(SimDisk, AnOpenFileIsUselessAfterTheCrash) {
  SimWorld world(SimOptions{});
  SimEnv& host = world.add_host("a", "10.0.0.1");
  auto file = host.files().open("/data/f", OpenMode::kCreateTrunc);
  ASSERT_TRUE(file.ok());
  auto lock = host.files().lock("/data/lock");
  ASSERT_TRUE(lock.ok());
  world.crash(host);
  EXPECT_EQ((*file)->write("x").error().code, EIO);
  EXPECT_EQ((*file)->sync().error().code, EIO);
  world.restart(host);
  EXPECT_EQ((*file)->write("x").error().code, EIO) << "a descriptor of another life";
  EXPECT_TRUE(host.files().lock("/data/lock").ok()) << "locks die with their process";
}

TEST(SimDisk, AKilledProcessLosesNothingOfThePageCache) {
  SimWorld world(SimOptions{});
  SimEnv& host = world.add_host("a", "10.0.0.1");
  put(host, "/data/f", "unsynced", false);
  world.kill(host);
  world.restart(host);
  EXPECT_EQ(*host.files().read_all("/data/f"), "unsynced");
}

TEST(SimDisk, FullDisksTakeWhatFits) {
  SimWorld world(SimOptions{});
  SimEnv& host = world.add_host("a", "10.0.0.1");
  host.files().set_capacity(10);
  auto file = host.files().open("/data/f", OpenMode::kCreateTrunc);
  size_t written = 0;
  EXPECT_TRUE((*file)->write("12345678", &written).ok());
  auto full = (*file)->write("abcdef", &written);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ENOSPC);
  EXPECT_EQ(written, 2u);
  EXPECT_EQ(*host.files().read_all("/data/f"), "12345678ab");
  ASSERT_TRUE(host.files().remove("/data/f").ok());
  EXPECT_TRUE((*host.files().open("/data/g", OpenMode::kCreateTrunc))->write("0123456789").ok());
}

TEST(SimDisk, InjectedFaultsHitWhatTheyNameAndOnlyThat) {
  SimWorld world(SimOptions{});
  SimEnv& host = world.add_host("a", "10.0.0.1");
  host.files().set_hook([](const DiskOp& op) {
    DiskFault fault;
    if (op.kind == DiskOpKind::kWrite && op.path == "/data/bad") {
      fault.code = EIO;
      fault.keep_bytes = 3;
    }
    if (op.kind == DiskOpKind::kSync) fault.delay = seconds(2);
    return fault;
  });
  auto bad = host.files().open("/data/bad", OpenMode::kCreateTrunc);
  size_t written = 99;
  EXPECT_EQ((*bad)->write("abcdef", &written).error().code, EIO);
  EXPECT_EQ(written, 3u);
  EXPECT_EQ(*host.files().read_all("/data/bad"), "abc");
  auto good = host.files().open("/data/good", OpenMode::kCreateTrunc);
  EXPECT_TRUE((*good)->write("abcdef").ok());
  const MonoTime before = world.now();
  EXPECT_TRUE((*good)->sync().ok());
  EXPECT_GE((world.now() - before).us, seconds(2).us) << "slow disks are slow in virtual time";
  host.files().fail_next(DiskOpKind::kOpen, EMFILE, 2);
  EXPECT_EQ(host.files().open("/data/x", OpenMode::kRead).error().code, EMFILE);
  EXPECT_EQ(host.files().open("/data/x", OpenMode::kRead).error().code, EMFILE);
  EXPECT_EQ(host.files().open("/data/x", OpenMode::kRead).error().code, ENOENT);
  EXPECT_EQ(host.files().op_count(DiskOpKind::kSync), 1u);
}

TEST(SimDisk, WhatAFailedSyncLostIsNeverDurable) {
  const auto seen = outcomes(
      [](SimEnv& host) {
        auto file = host.files().open("/data/f", OpenMode::kAppend);
        ASSERT_TRUE(host.files().sync_dir("/data").ok());
        ASSERT_TRUE((*file)->write("lost").ok());
        host.files().fail_next(DiskOpKind::kSync, EIO);
        EXPECT_FALSE((*file)->sync().ok());
        EXPECT_TRUE((*file)->sync().ok()) << "the second one lies, as Linux does";
        EXPECT_EQ(*host.files().read_all("/data/f"), "lost");
      },
      "/data/f");
  EXPECT_EQ(seen, std::set<std::string>{""});
}

TEST(SimDisk, ASlowSyncLetsTheWorldGoOn) {
  SimWorld world(SimOptions{});
  SimEnv& host = world.add_host("a", "10.0.0.1");
  struct Ticker : Actor {
    void start(Loop&) override {}
    Micros tick(Loop&) override { return ++ticks == 100 ? kDone : millis(10); }
    void finish(Loop&) override {}
    int ticks = 0;
  } ticker;
  host.files().set_sync_time(seconds(5), seconds(5));
  auto thread = host.start_thread("ticker", ticker);
  put(host, "/data/f", "x", true);
  EXPECT_EQ(ticker.ticks, 100);
  thread->join();
}

}  // namespace
}  // namespace tessera::io
