// Role: the log's line format, levels, and where lines go.
#include "common/base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {
// Stands in for libc's, so that the test sees what would go to the system's log.
std::mutex syslog_mutex;
std::vector<std::pair<int, std::string>> syslog_lines;
std::string syslog_ident;
int syslog_facility;
}  // namespace

extern "C" void openlog(const char* ident, int, int facility) {
  syslog_ident = ident;
  syslog_facility = facility;
}
extern "C" void closelog() {
  syslog_ident.clear();
}
extern "C" void syslog(int priority, const char* format, ...) {
  char text[256];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  const std::lock_guard<std::mutex> lock(syslog_mutex);
  syslog_lines.emplace_back(priority, text);
}

namespace tessera {
namespace {

constexpr int64_t kMoment = 1795226400123;  // 21 Nov 2026 02:00:00.123 UTC

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
    char pattern[] = "/tmp/tessera-log-XXXXXX";
    dir_ = mkdtemp(pattern);
  }
  void TearDown() override {
    unlink(path().c_str());
    unlink((path() + ".1").c_str());
    rmdir(dir_.c_str());
  }

  std::string path() const { return dir_ + "/node.log"; }
  static std::string read(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  LogOptions to_lines() {
    LogOptions options;
    options.sink = [this](LogLevel, std::string_view line) { lines_.emplace_back(line); };
    options.wall_ms = [] { return kMoment; };
    options.pid = 4711;
    return options;
  }

  std::string dir_;
  std::vector<std::string> lines_;
};

TEST_F(LogTest, LineFormat) {
  Log log(to_lines());
  log.set_level(LogLevel::kDebug);
  log.debug("a %d", 1);
  log.verbose("b");
  log.notice("Ready to accept connections %s", "tcp");
  log.set_role(LogRole::kReplica);
  log.warning("c");
  log.set_role(LogRole::kSentinel);
  log.log(LogLevel::kNotice, "d");
  log.set_role(LogRole::kChild);
  log.write(LogLevel::kNotice, "100% %s");
  log.raw("raw\nlines");
  EXPECT_EQ(lines_, (std::vector<std::string>{
                        "4711:M 21 Nov 2026 02:00:00.123 . a 1\n", "4711:M 21 Nov 2026 02:00:00.123 - b\n",
                        "4711:M 21 Nov 2026 02:00:00.123 * Ready to accept connections tcp\n",
                        "4711:S 21 Nov 2026 02:00:00.123 # c\n", "4711:X 21 Nov 2026 02:00:00.123 * d\n",
                        "4711:C 21 Nov 2026 02:00:00.123 * 100% %s\n", "raw\nlines"}));
  EXPECT_EQ(log.prefix(LogLevel::kWarning), "4711:C 21 Nov 2026 02:00:00.123 # ");
}

TEST_F(LogTest, DaysAndYearsHaveTheirZeros) {
  LogOptions options = to_lines();
  options.wall_ms = [] { return int64_t{-1}; };
  Log log(options);
  EXPECT_EQ(log.prefix(LogLevel::kNotice), "4711:M 31 Dec 1969 23:59:59.999 * ");
  options.wall_ms = [] { return int64_t{7}; };
  log.configure(options);
  EXPECT_EQ(log.prefix(LogLevel::kNotice), "4711:M 01 Jan 1970 00:00:00.007 * ");
}

TEST_F(LogTest, OtherForms) {
  Log log(to_lines());
  log.set_format(LogFormat::kLogfmt);
  log.notice("say \"x\"\nand y");
  log.set_role(LogRole::kReplica);
  log.set_times(LogTimes::kIso8601);
  log.warning("z");
  log.set_times(LogTimes::kMilliseconds);
  log.write(LogLevel::kWarning, std::string(2000, 'a'));
  log.set_format(LogFormat::kLegacy);
  log.notice("b");
  EXPECT_EQ(
      lines_,
      (std::vector<std::string>{
          "pid=4711 role=primary timestamp=\"21 Nov 2026 02:00:00.123\" level=notice message=\"say 'x' and "
          "y\"\n",
          "pid=4711 role=replica timestamp=\"2026-11-21T02:00:00.123+00:00\" level=warning message=\"z\"\n",
          "pid=4711 role=replica timestamp=\"1795226400123\" level=warning message=\"" +
              std::string(2000, 'a') + "\"\n",
          "4711:S 1795226400123 * b\n"}));
  setenv("TZ", "XXX+03:30", 1);  // west of Greenwich
  tzset();
  log.set_times(LogTimes::kIso8601);
  EXPECT_EQ(log.prefix(LogLevel::kNotice), "4711:S 2026-11-20T22:30:00.123-03:30 * ");
}

TEST_F(LogTest, LevelsFilter) {
  for (int level = 0; level <= 4; ++level) {
    lines_.clear();
    Log log(to_lines());
    log.set_level(static_cast<LogLevel>(level));
    log.debug("x");
    log.verbose("x");
    log.notice("x");
    log.warning("x");
    EXPECT_EQ(lines_.size(), static_cast<size_t>(4 - level));
    EXPECT_EQ(log.enabled(LogLevel::kNotice), level <= 2);
  }
}

TEST_F(LogTest, LevelNames) {
  EXPECT_EQ(parse_log_level("Warning"), LogLevel::kWarning);
  EXPECT_EQ(parse_log_level("nothing"), LogLevel::kNothing);
  EXPECT_FALSE(parse_log_level("loud"));
  EXPECT_FALSE(parse_log_level(""));
  for (int level = 0; level <= 4; ++level) {
    EXPECT_EQ(parse_log_level(log_level_name(static_cast<LogLevel>(level))), static_cast<LogLevel>(level));
  }
}

TEST_F(LogTest, LongTextsStayWhole) {
  Log log(to_lines());
  for (size_t size : {1022, 1023, 1024, 1025, 5000}) {
    lines_.clear();
    const std::string text(size, 'x');
    log.notice("%s", text.c_str());
    ASSERT_EQ(lines_.size(), 1u);
    EXPECT_EQ(lines_[0], "4711:M 21 Nov 2026 02:00:00.123 * " + text + "\n");
  }
}

TEST_F(LogTest, FileSurvivesRotation) {
  LogOptions options = to_lines();
  options.sink = nullptr;
  options.file = path();
  Log log(options);
  log.notice("one");
  ASSERT_EQ(rename(path().c_str(), (path() + ".1").c_str()), 0);
  errno = 42;
  log.notice("two");
  EXPECT_EQ(errno, 42);
  log.raw("three\n");
  EXPECT_EQ(read(path() + ".1"), "4711:M 21 Nov 2026 02:00:00.123 * one\n");
  EXPECT_EQ(read(path()), "4711:M 21 Nov 2026 02:00:00.123 * two\nthree\n");
}

TEST_F(LogTest, UnwritableFileIsNoFailure) {
  LogOptions options = to_lines();
  options.sink = nullptr;
  options.file = dir_ + "/no/such/folder.log";
  Log log(options);
  log.warning("lost");
  EXPECT_NE(access(options.file.c_str(), F_OK), 0);
}

TEST_F(LogTest, StandardOutput) {
  fflush(stdout);
  const int saved = dup(STDOUT_FILENO);
  const int fd = open(path().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(fd, STDOUT_FILENO);
  {
    LogOptions options;
    options.wall_ms = [] { return kMoment; };
    Log log(options);
    log.notice("here");
  }
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(fd);
  EXPECT_EQ(read(path()), std::to_string(getpid()) + ":M 21 Nov 2026 02:00:00.123 * here\n");
}

TEST_F(LogTest, LinesOfThreadsDoNotMix) {
  LogOptions options;
  options.file = path();
  Log log(options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      const std::string text(200 + t, static_cast<char>('a' + t));
      for (int i = 0; i < 200; ++i) log.warning("%s %d", text.c_str(), i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::ifstream in(path());
  std::set<std::string> seen;
  for (std::string line; std::getline(in, line);) {
    const size_t text = line.find(" # ");
    ASSERT_NE(text, std::string::npos);
    seen.insert(line.substr(text + 3));
  }
  EXPECT_EQ(seen.size(), 800u);
  for (int t = 0; t < 4; ++t) {
    EXPECT_TRUE(seen.contains(std::string(200 + t, static_cast<char>('a' + t)) + " 199"));
  }
}

TEST_F(LogTest, SystemLog) {
  syslog_lines.clear();
  {
    LogOptions options = to_lines();
    options.to_syslog = true;
    options.syslog_ident = "node-1";
    options.syslog_facility = LOG_LOCAL3;
    Log log(options);
    EXPECT_EQ(syslog_ident, "node-1");
    EXPECT_EQ(syslog_facility, LOG_LOCAL3);
    log.notice("100%%");
    log.warning("bad");
    log.verbose("not shown");
  }
  EXPECT_EQ(syslog_ident, "");
  EXPECT_EQ(syslog_lines,
            (std::vector<std::pair<int, std::string>>{{LOG_NOTICE, "100%"}, {LOG_WARNING, "bad"}}));
  EXPECT_EQ(lines_.size(), 2u);
}

TEST_F(LogTest, TwoNodesInOneProcess) {
  std::string a, b;
  LogOptions options = to_lines();
  options.sink = [&a](LogLevel, std::string_view line) { a += line; };
  Log first(options);
  options.sink = [&b](LogLevel, std::string_view line) { b += line; };
  Log second(options);
  second.set_role(LogRole::kReplica);
  first.notice("1");
  second.notice("2");
  EXPECT_EQ(a, "4711:M 21 Nov 2026 02:00:00.123 * 1\n");
  EXPECT_EQ(b, "4711:S 21 Nov 2026 02:00:00.123 * 2\n");
}

}  // namespace
}  // namespace tessera
