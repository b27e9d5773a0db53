// Role: one connection to a server: connects, sends commands, turns what comes into values. Knows nothing of
// which reply belongs to what; Client and AsyncClient do. Thread: the loop's. Invariants: what is sent is
// collected until flush(); handlers run inside Loop::poll() and may send, flush, close or destroy the link,
// but not poll.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/loop.h"
#include "common/resp/value.h"

namespace tessera::resp {

struct ClientOptions {
  std::string host = "127.0.0.1";  // a name or an address
  int port = 6379;
  std::string unix_path;                 // instead of host and port
  std::string bind_ip;                   // local address, empty: any
  Micros connect_timeout = seconds(10);  // with the name look-up; 0: as long as the system tries
  int keepalive_s = 0;                   // 0: off

  // What Client and AsyncClient send first.
  std::string user;      // with password
  std::string password;  // empty: no AUTH
  int proto = 2;
  int database = 0;
  std::string name;  // CLIENT SETNAME

  Micros command_timeout{0};  // of Client's calls that are given none; 0: for ever

  std::string address_text() const;  // "host:port" or the path
};

// HELLO or AUTH, CLIENT SETNAME, SELECT: whatever these options need.
std::vector<std::vector<std::string>> handshake_commands(const ClientOptions& options);

class LinkHandler {
 public:
  virtual ~LinkHandler() = default;
  virtual void on_open(Result<void> result) = 0;
  virtual void on_value(Value value) = 0;
  // Bytes behind what was read as replies, after enter_raw().
  virtual void on_raw(std::string_view bytes) { (void)bytes; }
  // The other side closed (code 0), or the connection broke. Once, and not after close().
  virtual void on_closed(const Error& error) = 0;
};

class Link final : io::StreamHandler {
 public:
  Link(io::Loop& loop, LinkHandler* handler) : loop_(loop), handler_(handler) {}
  ~Link() override;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // handler->on_open tells, inside a later poll. IPv4 addresses of a name are tried first.
  void connect(const ClientOptions& options);
  bool is_open() const { return state_ == State::kOpen; }
  bool is_connecting() const { return state_ == State::kConnecting; }
  void close();

  void send(const std::vector<std::string>& args) { append_command(out_, args); }
  void send_raw(std::string_view bytes) { out_.append(bytes); }  // whole commands, encoded
  // Writes what was collected; what the kernel does not take goes out in later polls.
  void flush();
  size_t unsent_bytes() const { return out_.size() - out_pos_; }

  // Bytes are no longer read as replies; returns those that have come already.
  std::string enter_raw();
  // Stops or goes on reading (a consumer that lags).
  void set_reading(bool on);

  io::Address peer() const { return stream_ ? stream_->peer() : io::Address{}; }
  io::Address local() const { return stream_ ? stream_->local() : io::Address{}; }

 private:
  enum class State { kIdle, kConnecting, kOpen, kClosed };

  void on_data(io::Stream& stream, std::string_view bytes) override;
  void on_end(io::Stream& stream, const Error& error) override;
  void on_drained(io::Stream& stream) override;
  void on_connected(io::Stream& stream, Result<void> result) override;

  void resolved(Result<std::vector<std::string>> found);
  void try_next_address();
  void opened(Result<void> result);
  void fail(Error error);

  io::Loop& loop_;
  LinkHandler* handler_;
  ClientOptions options_;
  State state_ = State::kIdle;
  std::unique_ptr<io::Stream> stream_;
  std::unique_ptr<io::Timer> timer_;
  std::vector<io::Address> addresses_;  // still to try, next at the end
  Error last_error_;
  ReplyParser parser_;
  bool raw_ = false;
  std::string out_;
  size_t out_pos_ = 0;
  bool draining_ = false;
  // Look-ups and handlers may outlive this object; they look here.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tessera::resp
