// Role: a client on a loop it shares: each command has a callback. For many connections at once, for sentinel
// and for peers. Thread: the loop's. Invariants: callbacks run inside Loop::poll(), in the order of the
// commands, each exactly once (with an error when the connection is lost or closed); they may send, close or
// destroy the client.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/resp/link.h"

namespace tessera::resp {

class AsyncClient final : LinkHandler {
 public:
  using Reply = std::function<void(Result<Value>)>;

  explicit AsyncClient(io::Loop& loop) : link_(loop, this) {}
  ~AsyncClient() override;  // no callbacks any more

  // Connects and sends the handshake; `done` tells, with the server's text if it refused.
  void connect(const ClientOptions& options, std::function<void(Result<void>)> done);
  bool connected() const { return ready_; }
  // Fails what is pending.
  void close();

  // Collected until flush(). Without a connection `reply` is called at once, with an error.
  void send(const std::vector<std::string>& args, Reply reply);
  void flush() { link_.flush(); }
  size_t pending_replies() const { return pending_.size(); }
  size_t unsent_bytes() const { return link_.unsent_bytes(); }

  // Pushes of RESP3, and whatever comes while no command waits (messages in RESP2, MONITOR).
  void on_push(std::function<void(Value)> handler) { push_handler_ = std::move(handler); }
  // The connection was lost (not: closed by close()); after the callbacks of what was pending.
  void on_lost(std::function<void(const Error&)> handler) { lost_handler_ = std::move(handler); }

 private:
  void on_open(Result<void> result) override;
  void on_value(Value value) override;
  void on_closed(const Error& error) override;
  void handshake_reply(Result<Value> reply, bool last);
  void tell(Result<void> result);
  bool fail_pending(const Error& error);  // false: destroyed meanwhile

  ClientOptions options_;
  bool ready_ = false;
  std::function<void(Result<void>)> connected_;
  std::deque<Reply> pending_;
  std::function<void(Value)> push_handler_;
  std::function<void(const Error&)> lost_handler_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Link link_;
};

}  // namespace tessera::resp
