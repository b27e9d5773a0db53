// Role: the connection of a command line session and what it remembers: database, transaction, protocol,
// where to. Thread: one. Invariants: after a reconnect the database that was chosen last is chosen again, a
// transaction is gone; problems are told on standard error once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/resp/client.h"
#include "tools/cli/options.h"

namespace tessera::cli {

// What went wrong, as the C library says it.
std::string reason(const Error& error);

class Session {
 public:
  Session(io::Env& env, const Options& options);

  // Connects unless connected, then AUTH, SELECT and HELLO as the options want. False: told, and not
  // connected (a refused password, database or protocol leaves the connection).
  bool connect(bool quiet = false);
  bool reconnect();
  void drop() { client_.reset(); }
  bool has_connection() const { return client_ != nullptr; }
  bool usable() const { return client_ != nullptr && client_->connected(); }
  resp::Client& client() { return *client_; }
  io::Env& env() { return env_; }

  // For modes: one command, one reply. Prints what failed and exits the process with 1 if the connection is
  // lost.
  resp::Value command(const std::vector<std::string>& args);
  resp::Value receive();

  // "host:port> ", "host:port[3](TX)> ", "not connected> "
  std::string prompt() const;

  // Cluster: the next connect() goes there.
  void redirect(const std::string& host, int port);
  void set_target(const std::string& host, int port);
  const std::string& host() const { return host_; }
  int port() const { return port_; }

  // What replies change.
  void selected(int database) { database_ = wanted_database_ = database; }
  void multi_begun();
  void multi_ended(bool keep_database);
  void was_reset();
  bool select_wanted();  // after AUTH: the database may be allowed now
  bool in_multi() const { return in_multi_; }

 private:
  bool authenticate();
  bool switch_protocol();

  io::Env& env_;
  const Options& options_;
  std::string host_;
  int port_;
  bool redirected_ = false;  // by a cluster: the Unix socket is not the way any more
  std::unique_ptr<resp::Client> client_;
  int database_ = 0;         // of the connection
  int wanted_database_ = 0;  // of the session
  int before_multi_ = 0;
  bool in_multi_ = false;
};

}  // namespace tessera::cli
