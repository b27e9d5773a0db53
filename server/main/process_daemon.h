// Role: how the process stands in its system: in the background, under a supervisor, its pid file and title.
// Thread: main, before other threads exist (daemonize, ProcTitle), or at its end (PidFile).
#pragma once

#include <string>

#include "common/base/log.h"
#include "common/base/result.h"
#include "server/config/config.h"

namespace tessera::server {

enum class Supervisor { kNone, kSystemd, kUpstart };

// Finds the supervisor that `supervised` asks for, and says in the log when it is not there.
Supervisor find_supervisor(const config::Config& config, Log& log);

// One message to systemd ("STATUS=...", "READY=1", lines). False: there is no $NOTIFY_SOCKET or it does not
// take it.
bool notify_systemd(const std::string& state);

// Tells the supervisor that the node serves. Upstart is told by stopping once (SIGSTOP).
void tell_ready(Supervisor supervisor);
// That the server has begun to stop.
void tell_stopping(Supervisor supervisor);

// Goes on in a child of its own session, without terminal; the parent leaves with 0. REQUIRES: no other
// thread.
Result<void> daemonize();

// Writes the pid, removes the file at the end.
class PidFile {
 public:
  PidFile() = default;
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  Result<void> write(const std::string& path);
  // Says so in the log.
  void remove(Log& log);
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What ps shows. Overwrites the space of the arguments and the environment, which moves elsewhere.
// One object a process; made before anything keeps pointers into argv.
class ProcTitle {
 public:
  ProcTitle(int argc, char** argv);
  void set(const std::string& title);

 private:
  char* begin_ = nullptr;
  char* end_ = nullptr;
};

// The template of the configuration filled in; `program` is how the process was called.
std::string proc_title(const config::Config& config, const std::string& program);

}  // namespace tessera::server
