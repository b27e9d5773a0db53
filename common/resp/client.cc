// Role: the waiting client: polls its own loop until what it waits for is there.
#include "common/resp/client.h"

#include <cerrno>

namespace tessera::resp {

Client::~Client() {
  link_.reset();  // streams before their loop
  loop_.reset();
}

Result<std::unique_ptr<Client>> Client::connect(const ClientOptions& options) {
  std::unique_ptr<io::Env> env = io::make_uv_env();
  auto client = connect(*env, options);
  if (client.ok()) (*client)->own_env_ = std::move(env);
  return client;
}

Result<std::unique_ptr<Client>> Client::connect(io::Env& env, const ClientOptions& options) {
  auto client = connect_bare(env, options);
  if (client.ok()) {
    if (auto done = (*client)->handshake(); !done.ok()) return done.error();
  }
  return client;
}

Result<std::unique_ptr<Client>> Client::connect_bare(io::Env& env, const ClientOptions& options) {
  std::unique_ptr<Client> client(new Client(options));
  if (auto opened = client->open(env); !opened.ok()) return opened.error();
  return client;
}

Result<void> Client::open(io::Env& env) {
  loop_ = env.make_loop();
  link_ = std::make_unique<Link>(*loop_, static_cast<LinkHandler*>(this));
  link_->connect(options_);
  wait(Micros{0}, [this] { return decided_; });  // the link has the time-out
  if (!link_->is_open()) return error_;
  return {};
}

Result<void> Client::handshake() {
  for (const auto& command_args : handshake_commands(options_)) {
    auto reply = command(command_args);
    if (!reply.ok()) return reply.error();
    if (reply->is_error()) return Error{reply->text, EACCES};
  }
  return {};
}

template <typename Done>
bool Client::wait(Micros timeout, Done done) {
  const MonoTime deadline = loop_->clock().mono() + timeout;
  while (!done()) {
    Micros left{-1};
    if (timeout.us > 0) {
      left = deadline - loop_->clock().mono();
      if (left.us <= 0) return false;
    }
    loop_->poll(left);
  }
  return true;
}

Result<Value> Client::command(const std::vector<std::string>& args, Micros timeout) {
  append(args);
  return receive(timeout);
}

Result<std::vector<Value>> Client::pipeline(const std::vector<std::vector<std::string>>& commands) {
  for (const auto& args : commands) append(args);
  std::vector<Value> replies;
  while (replies.size() < commands.size()) {
    auto reply = receive();
    if (!reply.ok()) return reply.error();
    replies.push_back(std::move(*reply));
  }
  return replies;
}

Result<Value> Client::receive(Micros timeout) {
  if (values_.empty()) link_->flush();
  if (!wait(timeout, [this] { return !values_.empty() || !link_->is_open(); })) {
    return Error{"no reply in time from " + options_.address_text(), ETIMEDOUT};
  }
  if (values_.empty()) return error_;
  Value value = std::move(values_.front());
  values_.pop_front();
  return value;
}

bool Client::poll(Micros wait) {
  link_->flush();
  if (values_.empty() && link_->is_open()) loop_->poll(wait);
  return !values_.empty();
}

void Client::enter_raw() {
  raw_ = link_->enter_raw();
}

Result<std::string> Client::receive_raw(Micros timeout) {
  link_->flush();
  wait(timeout, [this] { return !raw_.empty() || !link_->is_open(); });
  if (raw_.empty() && !link_->is_open()) return error_;
  return std::exchange(raw_, std::string());
}

void Client::on_open(Result<void> result) {
  decided_ = true;
  if (!result.ok()) error_ = result.error();
}

void Client::on_value(Value value) {
  if (value.is(Value::Kind::kPush)) {
    if (push_handler_) push_handler_(std::move(value));
    return;
  }
  values_.push_back(std::move(value));
}

void Client::on_raw(std::string_view bytes) {
  raw_.append(bytes);
}

void Client::on_closed(const Error& error) {
  error_ = error;
}

}  // namespace tessera::resp
