// Role: tests of one file of what was spilled, on the simulated disk. Thread: one.
#include "server/persist/spill_file.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "common/io/sim_world.h"

namespace tessera::persist {
namespace {

class SpillFileTest : public testing::Test {
 protected:
  SpillFileTest() : world_(io::SimOptions{.seed = 1}), host_(world_.add_host("host", "10.0.0.1")) {
    host_.files().make_dirs("/d");
  }
  std::unique_ptr<SpillFile> create(int shard = 0) {
    auto file = SpillFile::create(host_.files(), spill_path(spill_prefix("/d", 7), shard, 0));
    EXPECT_TRUE(file.ok());
    return std::move(*file);
  }
  std::vector<std::string> names() { return *host_.files().list("/d"); }

  io::SimWorld world_;
  io::SimEnv& host_;
};

TEST_F(SpillFileTest, GivesBackWhatWasWritten) {
  const auto file = create();
  std::string all;
  for (int i = 0; i < 3000; ++i) {
    const std::string part(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    ASSERT_TRUE(file->write(part).ok());
    all += part;
  }
  file->keep();
  EXPECT_EQ(file->size_bytes(), all.size());
  std::string read;
  for (size_t n = 1; !file->at_end(); n = n * 5 + 1) {
    const size_t left = all.size() - read.size();
    if (n % 2 == 0 || n > left) {
      const auto some = file->read_some(n);
      ASSERT_TRUE(some.ok());
      ASSERT_GT(some->size(), 0u);
      read += *some;
    } else {
      const auto exactly = file->read(n);
      ASSERT_TRUE(exactly.ok());
      ASSERT_EQ(exactly->size(), n);
      read += *exactly;
    }
    if (n > left) n = 1;
  }
  EXPECT_TRUE(read == all);
  EXPECT_FALSE(file->read(1).ok());
}

TEST_F(SpillFileTest, WhatWasNotWrittenWholeIsNotRead) {
  const auto file = create();
  ASSERT_TRUE(file->write("whole").ok());
  file->keep();
  host_.files().set_hook([](const io::DiskOp& op) {
    io::DiskFault fault;
    if (op.kind == io::DiskOpKind::kWrite) fault = {.code = ENOSPC, .keep_bytes = 3};
    return fault;
  });
  EXPECT_FALSE(file->write("part").ok());
  EXPECT_EQ(file->size_bytes(), 8u);
  const auto read = file->read(5);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, "whole");
  EXPECT_TRUE(file->at_end());
}

TEST_F(SpillFileTest, GoesWithTheObjectAndIsReadWhoeverTookItsName) {
  auto file = create();
  ASSERT_TRUE(file->write("bytes").ok());
  file->keep();
  remove_spill_files(host_.files(), "/d");  // another server that starts
  EXPECT_TRUE(names().empty());
  EXPECT_EQ(*file->read(5), "bytes");
  const auto again = create(2);
  EXPECT_EQ(names().size(), 1u);
  file = create(1);
  EXPECT_EQ(names().size(), 2u);
  file.reset();
  EXPECT_EQ(names().size(), 1u);
}

TEST_F(SpillFileTest, OthersStay) {
  const std::vector<std::string> others = {"temp-1-2.3.4.spill.x", "temp-1-2.3.spill", "temp-1.rdb",
                                           "x.spill"};
  for (const std::string& name : others) ASSERT_TRUE(host_.files().replace("/d/" + name, "x").ok());
  ASSERT_TRUE(host_.files().replace("/d/temp-1-2.3.4.spill", "x").ok());
  remove_spill_files(host_.files(), "/d");
  EXPECT_EQ(names(), others);
}

}  // namespace
}  // namespace tessera::persist
