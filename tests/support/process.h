// Role: child processes of tests: a server on a free port in a folder of its own, ended by its pid when the
// object dies (and by the kernel when this process dies first). Thread: the one that started it, which must
// outlive it: the kernel's signal is tied to the starting thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tessera::support {

// A folder under TMPDIR or /tmp that is removed with all its files when the object dies.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A TCP port on which nobody listens now, with port + 10000 free too (the cluster bus). Below the range the
// kernel gives to outgoing connections, so that it stays free until the server binds it.
int free_port();

struct ServerOptions {
  std::string binary;             // path; see tested_server() and oracle_server()
  std::vector<std::string> args;  // behind the usual ones: --port, --dir, --save "", --appendonly no
  int ready_timeout_ms = 20000;
};

class ServerProcess {
 public:
  // Starts the server and waits until it says that it is ready and answers on its port.
  static Result<std::unique_ptr<ServerProcess>> start(const ServerOptions& options);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  int port() const { return port_; }
  pid_t pid() const { return pid_; }
  const std::string& dir() const { return dir_.path(); }
  std::string log() const;  // everything the server printed so far
  bool running();           // false once it has ended
  // SIGKILL and wait; idempotent. Under a sanitizer (TESSERA_SANITIZED=1) SIGTERM first, for the check of
  // leaks.
  void stop();

 private:
  ServerProcess() = default;
  TempDir dir_;
  int port_ = 0;
  pid_t pid_ = -1;
  bool ends_in_order_ = false;
};

// True when the binary is stock redis-server (which knows no --shards).
bool is_redis(const std::string& binary);
// The server under test: $TESSERA_SERVER, else $TESSERA_BIN/tessera-server, else build/bin/tessera-server.
std::string tested_server();
// redis-server 7.0.15: $TESSERA_ORACLE, else /usr/bin/redis-server.
std::string oracle_server();

}  // namespace tessera::support
