// Role: a client that waits: one call, one reply. For tools, benchmarks and tests; never for a shard.
// Thread: the one that made it. Invariants: replies come in the order of the commands; pushes of RESP3 go to
// their handler and are never taken for a reply.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "common/resp/link.h"

namespace tessera::resp {

class Client final : LinkHandler {
 public:
  // Connects and sends the handshake of the options; fails with the server's text if it refuses that.
  static Result<std::unique_ptr<Client>> connect(const ClientOptions& options);
  // With an environment that many clients share (each has threads of its own otherwise).
  static Result<std::unique_ptr<Client>> connect(io::Env& env, const ClientOptions& options);
  // Connects only.
  static Result<std::unique_ptr<Client>> connect_bare(io::Env& env, const ClientOptions& options);
  ~Client() override;

  // Error replies are values too. An Error means that there is no reply: time-out, connection lost.
  Result<Value> command(const std::vector<std::string>& args) {
    return command(args, options_.command_timeout);
  }
  Result<Value> command(const std::vector<std::string>& args, Micros timeout);
  // Sends all, then waits for all.
  Result<std::vector<Value>> pipeline(const std::vector<std::vector<std::string>>& commands);

  // By hand: append() and append_raw() collect, flush() writes, receive() flushes and waits for one reply.
  void append(const std::vector<std::string>& args) { link_->send(args); }
  void append_raw(std::string_view bytes) { link_->send_raw(bytes); }
  void flush() { link_->flush(); }
  Result<Value> receive() { return receive(options_.command_timeout); }
  Result<Value> receive(Micros timeout);  // 0: for ever
  // Lets what is under way happen for at most `wait`; true when a reply is there for receive().
  bool poll(Micros wait);
  size_t unsent_bytes() const { return link_->unsent_bytes(); }

  void on_push(std::function<void(Value)> handler) { push_handler_ = std::move(handler); }
  // From here on bytes are not replies: receive_raw() gives them as they come, "" after the time-out.
  void enter_raw();
  Result<std::string> receive_raw(Micros timeout);

  bool connected() const { return link_->is_open(); }
  const ClientOptions& options() const { return options_; }
  io::Address local() const { return link_->local(); }
  io::Loop& loop() { return *loop_; }

 private:
  explicit Client(ClientOptions options) : options_(std::move(options)) {}
  void on_open(Result<void> result) override;
  void on_value(Value value) override;
  void on_raw(std::string_view bytes) override;
  void on_closed(const Error& error) override;
  Result<void> open(io::Env& env);
  Result<void> handshake();
  // Polls until `done` or the time is over; false then.
  template <typename Done>
  bool wait(Micros timeout, Done done);

  ClientOptions options_;
  std::unique_ptr<io::Env> own_env_;
  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<Link> link_;
  std::deque<Value> values_;
  std::string raw_;
  std::function<void(Value)> push_handler_;
  bool decided_ = false;  // connecting is over
  Error error_;           // why there is no connection
};

}  // namespace tessera::resp
