// Role: see process.h.
#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/support/resp.h"

namespace tessera::support {
namespace {

bool can_bind(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool ok = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return ok;
}

// What the child does between fork and exec: only calls that are safe there.
[[noreturn]] void run_child(char* const* argv, const char* dir, const char* log_path) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = ::open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int null = ::open("/dev/null", O_RDONLY);
  if (log < 0 || null < 0 || ::chdir(dir) != 0) ::_exit(126);
  ::dup2(null, 0);
  ::dup2(log, 1);
  ::dup2(log, 2);
  ::execv(argv[0], argv);
  ::_exit(127);
}

std::string env_or(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = env_or("TMPDIR", "/tmp") + "/tessera-test-XXXXXX";
  const char* made = ::mkdtemp(pattern.data());
  path_ = made != nullptr ? made : "";
}

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

int free_port() {
  std::random_device entropy;
  for (;;) {
    const int port = 12000 + static_cast<int>(entropy() % 10000);
    if (can_bind(port) && can_bind(port + 10000)) return port;
  }
}

Result<std::unique_ptr<ServerProcess>> ServerProcess::start(const ServerOptions& options) {
  const std::string binary = std::filesystem::absolute(options.binary).string();
  if (::access(binary.c_str(), X_OK) != 0) return Error{"no such program: " + binary, ENOENT};
  std::unique_ptr<ServerProcess> server(new ServerProcess);
  server->port_ = free_port();
  std::vector<std::string> words = {binary,  "--port",       std::to_string(server->port_),
                                    "--dir", server->dir(),  "--save",
                                    "",      "--appendonly", "no"};
  words.insert(words.end(), options.args.begin(), options.args.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log_path = server->dir() + "/log";
  const pid_t pid = ::fork();
  if (pid < 0) return Error{"fork failed", errno};
  if (pid == 0) run_child(argv.data(), server->dir().c_str(), log_path.c_str());
  server->pid_ = pid;
  server->ends_in_order_ = env_or("TESSERA_SANITIZED", "0") == "1" && !is_redis(binary);

  const Deadline deadline(options.ready_timeout_ms);
  while (!deadline.passed()) {
    if (!server->running()) return Error{"the server ended at start:\n" + server->log(), 0};
    if (server->log().find("eady to accept connections") != std::string::npos) {
      RespConnection connection;
      if (connection.connect(server->port_).ok()) {
        const Result<std::string> pong = connection.call({"PING"}, 5000);
        if (pong.ok()) return server;
      }
    }
    ::usleep(5000);  // between polls of a condition with a deadline
  }
  return Error{"the server was not ready in time:\n" + server->log(), ETIMEDOUT};
}

ServerProcess::~ServerProcess() {
  stop();
}

std::string ServerProcess::log() const {
  std::ifstream file(dir() + "/log", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool ServerProcess::running() {
  if (pid_ < 0) return false;
  if (::waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

void ServerProcess::stop() {
  if (pid_ < 0) return;
  if (ends_in_order_) {
    ::kill(pid_, SIGTERM);
    const Deadline deadline(60000);
    while (!deadline.passed() && running()) ::usleep(5000);  // between polls of a condition with a deadline
    if (pid_ < 0) return;
  }
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

bool is_redis(const std::string& binary) {
  const std::string name = std::filesystem::path(binary).filename().string();
  return name.rfind("redis-server", 0) == 0 || name.rfind("redis-check", 0) == 0;
}

std::string tested_server() {
  return env_or("TESSERA_SERVER", env_or("TESSERA_BIN", "build/bin") + "/tessera-server");
}

std::string oracle_server() {
  return env_or("TESSERA_ORACLE", "/usr/bin/redis-server");
}

}  // namespace tessera::support
