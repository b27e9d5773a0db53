// Role: the parts of the process that need no second process: command line, title, pid file, systemd's
// socket, folders.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "server/config/loader.h"
#include "server/main/process_config.h"
#include "server/main/process_daemon.h"
#include "server/main/process_limits.h"
#include "server/main/process_options.h"

namespace tessera::server {
namespace {

using Action = ProcessOptions::Action;

std::shared_ptr<const config::Config> config_of(const std::string& text) {
  const auto lines = conf::parse(text, "t");
  const auto table = std::make_shared<const config::ParameterTable>(config::all_sections());
  auto config = config::load(table, *lines, {});
  EXPECT_TRUE(config.ok()) << text;
  return config.ok() ? *config : nullptr;
}

class TempDir {
 public:
  TempDir() { EXPECT_NE(mkdtemp(path_), nullptr); }
  ~TempDir() { rmdir(path_); }
  std::string operator/(const char* name) const { return std::string(path_) + "/" + name; }

 private:
  char path_[32] = "/tmp/tessera-process-XXXXXX";
};

TEST(Options, WordsThatPrint) {
  for (const char* word : {"-v", "--version"}) {
    const auto options = parse_process_options({"srv", word});
    EXPECT_EQ(options.action, Action::kPrint);
    EXPECT_EQ(options.exit_code, 0);
    EXPECT_EQ(options.text.rfind("Tessera server v=", 0), 0u);
    EXPECT_NE(options.text.find("redis=7.2.4"), std::string::npos);
  }
  for (const char* word : {"-h", "--help"}) {
    const auto options = parse_process_options({"srv", word});
    EXPECT_EQ(options.action, Action::kPrint);
    EXPECT_EQ(options.exit_code, 1);
    EXPECT_EQ(options.text.rfind("Usage: srv ", 0), 0u);
  }
  EXPECT_EQ(parse_process_options({"srv", "--check-system"}).action, Action::kCheckSystem);
  EXPECT_EQ(parse_process_options({"srv", "--print-default-config"}).action, Action::kPrintDefaults);
  EXPECT_EQ(parse_process_options({"srv", "--test-memory", "7"}).test_megabytes, 7);
  EXPECT_EQ(parse_process_options({"srv", "--test-memory"}).exit_code, 1);
  EXPECT_EQ(parse_process_options({"srv", "--test-memory", "x"}).exit_code, 1);
}

TEST(Options, SpecialWordsCountOnlyInFront) {
  const auto options = parse_process_options({"srv", "--port", "1", "--version"});
  EXPECT_EQ(options.action, Action::kServe);
  EXPECT_NE(options.command.options.find("version"), std::string::npos);
}

TEST(Options, SentinelIsRefused) {
  for (const auto& args :
       std::vector<std::vector<std::string>>{{"srv", "s.conf", "--sentinel"}, {"/bin/x-sentinel"}}) {
    const auto options = parse_process_options(args);
    EXPECT_EQ(options.action, Action::kPrint);
    EXPECT_EQ(options.exit_code, 1);
    EXPECT_NE(options.text.find("Sentinel"), std::string::npos);
  }
}

TEST(Options, FileStdinAndParameters) {
  const auto options = parse_process_options({"srv", "a.conf", "--port", "7", "-"});
  EXPECT_EQ(options.action, Action::kServe);
  EXPECT_EQ(options.command.config_file, "a.conf");
  EXPECT_TRUE(options.command.from_stdin);
  EXPECT_NE(options.command.options.find("port \"7\""), std::string::npos) << options.command.options;
}

TEST(Title, TemplateIsFilledIn) {
  EXPECT_EQ(proc_title(*config_of(""), "/usr/bin/srv"), "/usr/bin/srv *:6379");
  EXPECT_EQ(proc_title(*config_of("bind 127.0.0.1 ::1"), "srv"), "srv 127.0.0.1:6379");
  EXPECT_EQ(proc_title(*config_of("port 0\nunixsocket /s"), "srv"), "srv unixsocket:/s");
  EXPECT_EQ(proc_title(*config_of("cluster-enabled yes"), "srv"), "srv *:6379 [cluster]");
  EXPECT_EQ(
      proc_title(*config_of("proc-title-template \"{title}{port}{tls-port} {config-file}.\""), "{port}"),
      "{port}63790 .");
}

TEST(PidFileTest, HoldsThePidAndGoes) {
  TempDir dir;
  const std::string path = dir / "x.pid";
  Log log([] {
    LogOptions options;
    options.sink = [](LogLevel, std::string_view) {};
    return options;
  }());
  {
    PidFile file;
    ASSERT_TRUE(file.write(path).ok());
    std::string line;
    std::getline(std::ifstream(path), line);
    EXPECT_EQ(line, std::to_string(getpid()));
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  PidFile file;
  ASSERT_TRUE(file.write(path).ok());
  file.remove(log);
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  EXPECT_FALSE(file.write(dir / "no/such/x.pid").ok());
}

TEST(Systemd, ReceivesTheState) {
  TempDir dir;
  const std::string path = dir / "notify";
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  ASSERT_GE(fd, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(notify_systemd("READY=1\n"));
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  Log log([] {
    LogOptions options;
    options.sink = [](LogLevel, std::string_view) {};
    return options;
  }());
  EXPECT_EQ(find_supervisor(*config_of("supervised no"), log), Supervisor::kNone);
  EXPECT_EQ(find_supervisor(*config_of("supervised auto"), log), Supervisor::kSystemd);
  tell_ready(Supervisor::kSystemd);
  unsetenv("NOTIFY_SOCKET");
  EXPECT_EQ(find_supervisor(*config_of("supervised systemd"), log), Supervisor::kNone);
  char buffer[256];
  ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(n)), "STATUS=Tessera is loading...\n");
  n = recv(fd, buffer, sizeof(buffer), 0);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(n)), "STATUS=Ready to accept connections\nREADY=1\n");
  close(fd);
  unlink(path.c_str());
}

TEST(Dir, IsResolvedAndChecked) {
  EXPECT_EQ(*resolve_dir("/usr/../usr/bin", "/"), "/usr/bin");
  EXPECT_EQ(*resolve_dir("bin", "/usr"), "/usr/bin");
  EXPECT_EQ(*resolve_dir(".", "/usr"), "/usr");
  EXPECT_EQ(resolve_dir("/nope", "/").error().message, "No such file or directory");
  EXPECT_EQ(resolve_dir("", "/").error().message, "No such file or directory");
  EXPECT_EQ(resolve_dir("/etc/passwd", "/").error().message, "Not a directory");
}

TEST(Limits, FilesReservedGrowWithShards) {
  EXPECT_EQ(reserved_files(*config_of("shards 1")), 32);
  EXPECT_EQ(reserved_files(*config_of("shards 2")), 32);
  EXPECT_EQ(reserved_files(*config_of("shards 4")), 48);
}

TEST(Memory, TestPasses) {
  EXPECT_EQ(test_memory(1), 0);
}

}  // namespace
}  // namespace tessera::server
