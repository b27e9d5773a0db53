// Role: the log of watched files says what became of them, and the process dies at the step that was asked
// for. Thread: the test's.
#include "common/io/watched_files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/io/uv_internal.h"

namespace tessera::io {
namespace {

class WatchedFilesTest : public testing::Test {
 protected:
  WatchedFilesTest() {
    char name[] = "/tmp/tessera-watched-XXXXXX";
    dir_ = mkdtemp(name);
    for (const char* sub : {"/data", "/own", "/own/links", "/own/old"})
      std::filesystem::create_directory(dir_ + sub);
  }
  ~WatchedFilesTest() override { std::filesystem::remove_all(dir_); }

  std::unique_ptr<Files> make(const std::string& kill = "") {
    return watch(make_posix_files(), {dir_ + "/own", kill});
  }
  std::string path(const std::string& name) const { return dir_ + "/data/" + name; }
  std::string inode(const std::string& name) const {
    struct stat info {};
    EXPECT_EQ(::stat(path(name).c_str(), &info), 0);
    return std::to_string(info.st_ino);
  }
  // Without the lines of steps.
  std::string log() const {
    const auto text = make_posix_files()->read_all(dir_ + "/own/log");
    std::string lines;
    for (size_t at = 0; at < text->size();) {
      const size_t end = text->find('\n', at) + 1;
      if (text->compare(at, 5, "step\t") != 0) lines += text->substr(at, end - at);
      at = end;
    }
    return lines;
  }
  static void put(Files& files, const std::string& path, std::string_view bytes, bool synced) {
    auto file = files.open(path, OpenMode::kCreateTrunc);
    ASSERT_TRUE(file.ok() && (*file)->write(bytes).ok());
    if (synced) {
      ASSERT_TRUE((*file)->sync().ok());
    }
  }

  std::string dir_;
};

TEST_F(WatchedFilesTest, TheLogSaysWhatBecomesOfFiles) {
  auto files = make();
  put(*files, path("a1"), "hello", true);
  ASSERT_TRUE(files->rename(path("a1"), path("b")).ok());
  ASSERT_TRUE(files->sync_dir(dir_ + "/data").ok());
  const std::string number = inode("b");
  ASSERT_TRUE(files->remove(path("b")).ok());
  EXPECT_FALSE(files->remove(path("b")).ok());
  EXPECT_EQ(log(), "open\t" + number + "\t" + path("a1") + "\nsync\t" + number + "\t5\nrename\t" +
                       path("a1") + "\t" + path("b") + "\nsyncdir\t" + dir_ + "/data\nremove\t" + path("b") +
                       "\n");
  EXPECT_EQ(*make_posix_files()->read_all(dir_ + "/own/links/" + number), "hello") << "no name, but a link";
}

TEST_F(WatchedFilesTest, DurableBytesThatGoAreKept) {
  auto files = make();
  put(*files, path("a"), "durable", true);
  put(*files, path("a"), "new", false);
  const std::string number = inode("a");
  EXPECT_EQ(*make_posix_files()->read_all(dir_ + "/own/old/" + number), "durable");
  put(*files, path("a"), "newer", false);
  EXPECT_EQ(*make_posix_files()->read_all(dir_ + "/own/old/" + number), "durable");
  put(*files, path("a"), "newest", true);
  {
    auto file = files->open(path("a"), OpenMode::kReadWrite);
    ASSERT_TRUE(file.ok() && (*file)->truncate(3).ok());
  }
  EXPECT_EQ(*make_posix_files()->read_all(dir_ + "/own/old/" + number), "newest");
}

TEST_F(WatchedFilesTest, DiesAtAStep) {
  EXPECT_EXIT(put(*make("before 1 sync a#"), path("a17"), "bytes", true), testing::KilledBySignal(SIGKILL),
              "killed before: sync a#");
  EXPECT_EQ(log().find("sync\t"), std::string::npos);
  EXPECT_EXIT(put(*make("after 1 sync a#"), path("a17"), "bytes", true), testing::KilledBySignal(SIGKILL),
              "killed after: sync a#");
  EXPECT_NE(log().find("sync\t"), std::string::npos);
  EXPECT_EXIT(put(*make("half 2 any"), path("a17"), "bytes", true), testing::KilledBySignal(SIGKILL),
              "killed half: write a#");
  EXPECT_EQ(*make_posix_files()->read_all(path("a17")), "by");
}

TEST(StepName, HasNoNumbers) {
  EXPECT_EQ(step_name("open", "/x9/temp-123.rdb"), "open temp-#.rdb");
  EXPECT_EQ(step_name("sync", "a.1.22.b"), "sync a.#.#.b");
  EXPECT_EQ(step_name("", "b/c"), "c");
}

}  // namespace
}  // namespace tessera::io
