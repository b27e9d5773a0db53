// Role: connecting (look-up, addresses in turn, time-out), collecting writes, reading values.
#include "common/resp/link.h"

#include <algorithm>
#include <cerrno>

namespace tessera::resp {

std::string ClientOptions::address_text() const {
  return unix_path.empty() ? host + ":" + std::to_string(port) : unix_path;
}

std::vector<std::vector<std::string>> handshake_commands(const ClientOptions& options) {
  std::vector<std::vector<std::string>> commands;
  const std::string user = options.user.empty() ? "default" : options.user;
  if (options.proto >= 3) {
    commands.push_back({"HELLO", std::to_string(options.proto)});
    if (!options.password.empty())
      commands.back().insert(commands.back().end(), {"AUTH", user, options.password});
  } else if (!options.user.empty() && !options.password.empty()) {
    commands.push_back({"AUTH", user, options.password});
  } else if (!options.password.empty()) {
    commands.push_back({"AUTH", options.password});
  }
  if (!options.name.empty()) commands.push_back({"CLIENT", "SETNAME", options.name});
  if (options.database != 0) commands.push_back({"SELECT", std::to_string(options.database)});
  return commands;
}

Link::~Link() {
  *alive_ = false;
}

void Link::close() {
  state_ = State::kClosed;
  stream_.reset();
  timer_.reset();
}

void Link::connect(const ClientOptions& options) {
  options_ = options;
  state_ = State::kConnecting;
  stream_.reset();
  parser_ = ReplyParser();
  raw_ = draining_ = false;
  out_.clear();
  out_pos_ = 0;
  addresses_.clear();
  last_error_ = {};
  if (options_.connect_timeout.us > 0) {
    timer_ = loop_.make_timer([this] { opened(Error{"Connection timed out", ETIMEDOUT}); });
    timer_->start(options_.connect_timeout, Micros{0});
  }
  if (!options_.unix_path.empty()) {
    addresses_.push_back({options_.unix_path, 0, true});
    try_next_address();
    return;
  }
  loop_.resolve(options_.host, [this, alive = alive_](Result<std::vector<std::string>> found) {
    if (*alive && state_ == State::kConnecting) resolved(std::move(found));
  });
}

void Link::resolved(Result<std::vector<std::string>> found) {
  if (!found.ok()) {
    opened(found.error());
    return;
  }
  for (auto& ip : *found) addresses_.push_back({std::move(ip), options_.port, false});
  std::stable_partition(addresses_.begin(), addresses_.end(),
                        [](const io::Address& a) { return a.ip.find(':') == std::string::npos; });
  std::reverse(addresses_.begin(), addresses_.end());
  try_next_address();
}

void Link::try_next_address() {
  while (!addresses_.empty()) {
    const io::Address to = std::move(addresses_.back());
    addresses_.pop_back();
    auto stream = loop_.connect(to, options_.bind_ip, this);
    if (stream.ok()) {
      stream_ = std::move(*stream);
      return;
    }
    last_error_ = stream.error();
  }
  if (last_error_.message.empty()) last_error_ = {"no address found for " + options_.host, EADDRNOTAVAIL};
  // Told from a poll even when it fails at once: the caller of connect() is not in the middle of something
  // then.
  timer_ = loop_.make_timer([this] { opened(last_error_); });
  timer_->start(Micros{0}, Micros{0});
}

void Link::on_connected(io::Stream& stream, Result<void> result) {
  if (!result.ok()) {
    last_error_ = result.error();
    stream_.reset();
    try_next_address();
    return;
  }
  // The options of the socket are niceties: a connection without them works.
  if (options_.unix_path.empty()) {
    (void)stream.set_no_delay(true);
    if (options_.keepalive_s > 0) (void)stream.set_keepalive(options_.keepalive_s);
  }
  stream.read_start();
  opened({});
}

void Link::opened(Result<void> result) {
  state_ = result.ok() ? State::kOpen : State::kClosed;
  if (!result.ok()) stream_.reset();
  // Not reset: this may be the timer's own callback.
  if (timer_) timer_->stop();
  const std::shared_ptr<bool> alive = alive_;
  handler_->on_open(std::move(result));
  if (*alive && is_open()) flush();
}

void Link::flush() {
  if (state_ != State::kOpen || draining_) return;
  while (out_pos_ < out_.size()) {
    const io::Slice slice{out_.data() + out_pos_, out_.size() - out_pos_};
    const size_t n = stream_->try_write({&slice, 1});
    if (n == 0) {
      draining_ = true;
      stream_->want_drained();
      break;
    }
    out_pos_ += n;
  }
  if (out_pos_ == out_.size()) {
    out_.clear();
    out_pos_ = 0;
  } else if (out_pos_ > out_.size() / 2) {
    out_.erase(0, out_pos_);
    out_pos_ = 0;
  }
}

void Link::on_drained(io::Stream&) {
  draining_ = false;
  flush();
}

std::string Link::enter_raw() {
  raw_ = true;
  return parser_.take_rest();
}

void Link::set_reading(bool on) {
  if (!stream_) return;
  on ? stream_->read_start() : stream_->read_stop();
}

void Link::on_data(io::Stream&, std::string_view bytes) {
  if (raw_) {
    handler_->on_raw(bytes);
    return;
  }
  parser_.feed(bytes);
  const std::shared_ptr<bool> alive = alive_;
  while (*alive && state_ == State::kOpen && !raw_) {
    Value value;
    switch (parser_.next(value)) {
      case ReplyParser::Status::kNeedMore:
        return;
      case ReplyParser::Status::kError:
        fail({parser_.error(), EPROTO});
        return;
      case ReplyParser::Status::kValue:
        handler_->on_value(std::move(value));
    }
  }
}

void Link::on_end(io::Stream&, const Error& error) {
  // A server that closed reads nothing either, as far as a client is concerned.
  fail(error.code == 0 ? Error{"Server closed the connection", 0} : error);
}

void Link::fail(Error error) {
  if (state_ != State::kOpen) return;
  close();
  handler_->on_closed(error);
}

}  // namespace tessera::resp
