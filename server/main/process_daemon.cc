// Role: see process_daemon.h.
#include "server/main/process_daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "common/text/strings.h"

extern char** environ;

namespace tessera::server {

namespace {

enum SupervisedValue { kNo = 0, kWantSystemd = 1, kWantUpstart = 2, kWantAny = 3 };

std::string error_text(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

}  // namespace

Supervisor find_supervisor(const config::Config& config, Log& log) {
  const int64_t wanted = config.integer("supervised");
  const bool has_upstart = std::getenv("UPSTART_JOB") != nullptr;
  const bool has_systemd = std::getenv("NOTIFY_SOCKET") != nullptr;
  if (wanted == kWantUpstart || (wanted == kWantAny && has_upstart)) {
    if (!has_upstart) {
      log.warning("upstart supervision requested, but UPSTART_JOB not found!");
      return Supervisor::kNone;
    }
    log.notice("supervised by upstart, will stop to signal readiness.");
    return Supervisor::kUpstart;
  }
  if (wanted == kWantSystemd || (wanted == kWantAny && has_systemd)) {
    if (!has_systemd) {
      log.warning("systemd supervision error: NOTIFY_SOCKET not found!");
      return Supervisor::kNone;
    }
    if (!notify_systemd("STATUS=Tessera is loading...\n")) {
      log.warning("systemd supervision error: sd_notify: %d", errno);
      return Supervisor::kNone;
    }
    return Supervisor::kSystemd;
  }
  return Supervisor::kNone;
}

bool notify_systemd(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (!path || (path[0] != '/' && path[0] != '@')) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // a name that is no file
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto address_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const ssize_t sent = sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&address), address_size);
  const int saved_errno = errno;
  close(fd);
  errno = saved_errno;
  return sent == static_cast<ssize_t>(state.size());
}

void tell_ready(Supervisor supervisor) {
  if (supervisor == Supervisor::kSystemd) {
    (void)notify_systemd("STATUS=Ready to accept connections\nREADY=1\n");
  } else if (supervisor == Supervisor::kUpstart) {
    unsetenv("UPSTART_JOB");
    raise(SIGSTOP);
  }
}

void tell_stopping(Supervisor supervisor) {
  if (supervisor == Supervisor::kSystemd) (void)notify_systemd("STOPPING=1\n");
}

Result<void> daemonize() {
  const pid_t child = fork();
  if (child < 0) return Error{error_text("Can't daemonize"), errno};
  if (child > 0) _exit(0);
  setsid();
  const int fd = open("/dev/null", O_RDWR);
  if (fd < 0) return Error{error_text("Can't open /dev/null"), errno};
  dup2(fd, STDIN_FILENO);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  if (fd > STDERR_FILENO) close(fd);
  return {};
}

PidFile::~PidFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<void> PidFile::write(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return Error{error_text("Failed to write PID file"), errno};
  const std::string text = std::to_string(getpid()) + "\n";
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int saved_errno = errno;
  close(fd);
  errno = saved_errno;
  if (!written) return Error{error_text("Failed to write PID file"), errno};
  // Absolute, since the directory may be another one when it is removed.
  char* absolute = realpath(path.c_str(), nullptr);
  path_ = absolute ? absolute : path;
  std::free(absolute);
  return {};
}

void PidFile::remove(Log& log) {
  if (path_.empty()) return;
  log.notice("Removing the pid file.");
  unlink(path_.c_str());
  path_.clear();
}

ProcTitle::ProcTitle(int argc, char** argv) {
  if (argc <= 0) return;
  begin_ = argv[0];
  end_ = begin_;
  // The kernel lays arguments and environment out one behind the other; whatever is not there is not ours.
  const auto extend = [&](char* text) {
    if (text == end_) end_ = text + std::strlen(text) + 1;
  };
  for (int i = 0; i < argc; ++i) extend(argv[i]);
  size_t count = 0;
  while (environ[count]) extend(environ[count++]);
  // Both move: libraries may keep pointers to variables of the environment. Kept as long as the process
  // lives, those that are unset as well.
  static auto* const kept = new std::vector<std::string>;
  static auto* const moved = new std::vector<char*>;
  kept->assign(environ, environ + count);
  moved->clear();
  for (std::string& variable : *kept) moved->push_back(variable.data());
  moved->push_back(nullptr);
  environ = moved->data();
}

void ProcTitle::set(const std::string& title) {
  if (begin_ == end_) return;
  const size_t room = static_cast<size_t>(end_ - begin_);
  std::memset(begin_, 0, room);
  std::memcpy(begin_, title.data(), std::min(title.size(), room - 1));
}

std::string proc_title(const config::Config& config, const std::string& program) {
  const std::string port = config.printed("port");
  const std::string tls_port = config.printed("tls-port");
  const auto addresses = config.bind_addresses();
  const std::string host = addresses.empty() ? "*" : addresses[0];
  std::string listens = "unixsocket:" + config.text("unixsocket");
  if (port != "0") {
    listens = host + ":" + port;
  } else if (tls_port != "0") {
    listens = host + ":" + tls_port;
  }
  const std::pair<std::string_view, std::string> values[] = {
      {"{title}", program},
      {"{listen-addr}", listens},
      {"{server-mode}", config.boolean("cluster-enabled") ? "[cluster]" : ""},
      {"{port}", port},
      {"{tls-port}", tls_port},
      {"{unixsocket}", config.text("unixsocket")},
      {"{config-file}", config.config_file()}};
  std::string title = config.text("proc-title-template");
  for (size_t at = title.find('{'); at != std::string::npos; at = title.find('{', at)) {
    bool replaced = false;
    for (const auto& [name, value] : values) {
      if (title.compare(at, name.size(), name) != 0) continue;
      title.replace(at, name.size(), value);
      at += value.size();
      replaced = true;
      break;
    }
    if (!replaced) ++at;
  }
  return std::string(text::trim(title, " "));
}

}  // namespace tessera::server
