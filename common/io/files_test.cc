// Role: one behaviour of files, tried on every twin. Thread: the test's.
#include <cerrno>

#include "common/io/test_support.h"

namespace tessera::io {
namespace {

class FilesTest : public testing::TestWithParam<TwinKind> {
 protected:
  FilesTest() : twin_(GetParam().make()) {}
  Files& files() { return twin_->env().files(); }
  std::string path(const std::string& name) { return twin_->dir() + "/" + name; }

  std::unique_ptr<Twin> twin_;
};

TEST_P(FilesTest, WritesReadsSeeksAndTruncates) {
  auto file = files().open(path("a"), OpenMode::kCreateTrunc);
  ASSERT_TRUE(file.ok()) << file.error().message;
  size_t written = 0;
  ASSERT_TRUE((*file)->write("hello world", &written).ok());
  EXPECT_EQ(written, 11u);
  ASSERT_TRUE((*file)->seek(6).ok());
  ASSERT_TRUE((*file)->write("there").ok());
  EXPECT_EQ(*(*file)->size(), 11u);
  ASSERT_TRUE((*file)->truncate(9).ok());
  ASSERT_TRUE((*file)->sync().ok());
  ASSERT_TRUE((*file)->seek(0).ok());
  char buffer[32];
  auto got = (*file)->read(buffer, sizeof buffer);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(std::string(buffer, *got), "hello the");
  EXPECT_EQ(*(*file)->read(buffer, sizeof buffer), 0u) << "the end";
  EXPECT_EQ(*files().read_all(path("a")), "hello the");
}

TEST_P(FilesTest, OpenModes) {
  EXPECT_EQ(files().open(path("none"), OpenMode::kRead).error().code, ENOENT);
  {
    auto file = files().open(path("log"), OpenMode::kAppend);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->write("one ").ok());
  }
  {
    auto file = files().open(path("log"), OpenMode::kAppend);
    ASSERT_TRUE((*file)->write("two").ok());
  }
  EXPECT_EQ(*files().read_all(path("log")), "one two");
  EXPECT_EQ(files().open(path("log"), OpenMode::kCreateExcl).error().code, EEXIST);
  {
    auto file = files().open(path("log"), OpenMode::kReadWrite);
    ASSERT_TRUE((*file)->write("ONE").ok());
  }
  EXPECT_EQ(*files().read_all(path("log")), "ONE two");
  { EXPECT_TRUE(files().open(path("log"), OpenMode::kCreateTrunc).ok()); }
  EXPECT_EQ(*files().read_all(path("log")), "");
  auto read_only = files().open(path("log"), OpenMode::kRead);
  ASSERT_TRUE(read_only.ok());
  EXPECT_FALSE((*read_only)->write("x").ok());
}

TEST_P(FilesTest, NamesAreListedRenamedAndRemoved) {
  ASSERT_TRUE(files().make_dir(path("d")).ok());
  EXPECT_EQ(files().make_dir(path("d")).error().code, EEXIST);
  for (const char* name : {"c", "a", "b"})
    ASSERT_TRUE(files().open(path("d/") + name, OpenMode::kCreateExcl).ok());
  EXPECT_EQ(*files().list(path("d")), (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_TRUE(files().rename(path("d/a"), path("d/c")).ok());
  EXPECT_EQ(*files().list(path("d")), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(files().rename(path("d/a"), path("d/x")).error().code, ENOENT);
  EXPECT_EQ(files().remove(path("d")).error().code, ENOTEMPTY);
  ASSERT_TRUE(files().remove(path("d/b")).ok());
  ASSERT_TRUE(files().remove(path("d/c")).ok());
  EXPECT_EQ(files().remove(path("d/c")).error().code, ENOENT);
  ASSERT_TRUE(files().sync_dir(path("d")).ok());
  auto info = files().stat(path("d"));
  ASSERT_TRUE(info.ok());
  EXPECT_TRUE(info->is_dir);
  ASSERT_TRUE(files().remove(path("d")).ok());
  EXPECT_EQ(files().stat(path("d")).error().code, ENOENT);
  EXPECT_EQ(files().list(path("d")).error().code, ENOENT);
}

TEST_P(FilesTest, StatTellsSizeAndTime) {
  const int64_t before_ms = twin_->env().clock().wall_ms().ms;
  { ASSERT_TRUE((*files().open(path("s"), OpenMode::kCreateTrunc))->write("12345").ok()); }
  auto info = files().stat(path("s"));
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->size_bytes, 5u);
  EXPECT_FALSE(info->is_dir);
  EXPECT_GE(info->modified_ms, before_ms - 100) << "file systems keep time with a coarse clock";
  EXPECT_LE(info->modified_ms, twin_->env().clock().wall_ms().ms);
}

TEST_P(FilesTest, ReplaceLeavesNoTemporaryName) {
  ASSERT_TRUE(files().replace(path("conf"), "first").ok());
  ASSERT_TRUE(files().replace(path("conf"), "second").ok());
  EXPECT_EQ(*files().read_all(path("conf")), "second");
  EXPECT_EQ(*files().list(twin_->dir()), std::vector<std::string>{"conf"});
  auto failed = files().replace(path("no-folder/conf"), "x");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ENOENT);
  EXPECT_NE(failed.error().message.find("no-folder/conf"), std::string::npos) << failed.error().message;
}

TEST_P(FilesTest, ALockIsHadOnce) {
  auto first = files().lock(path("lock"));
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(files().lock(path("lock")).error().code, EWOULDBLOCK);
  first->reset();
  EXPECT_TRUE(files().lock(path("lock")).ok());
}

TEST_P(FilesTest, ALockMovesWithItsFile) {
  auto lock = files().lock(path("new"));
  ASSERT_TRUE(lock.ok());
  ASSERT_TRUE(files().rename(path("new"), path("lock")).ok());
  EXPECT_EQ(files().lock(path("lock")).error().code, EWOULDBLOCK);
  EXPECT_TRUE(files().lock(path("new")).ok()) << "another file";
}

INSTANTIATE_TEST_SUITE_P(Twins, FilesTest,
                         testing::Values(TwinKind{"uv", make_uv_twin}, TwinKind{"sim", make_sim_twin}),
                         [](const auto& twin) { return std::string(twin.param.name); });

}  // namespace
}  // namespace tessera::io
