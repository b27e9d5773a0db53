// Role: replies to their callbacks. A callback may destroy the client, so nothing of it is touched after one.
#include "common/resp/async_client.h"

#include <cerrno>

namespace tessera::resp {

AsyncClient::~AsyncClient() {
  *alive_ = false;
}

void AsyncClient::connect(const ClientOptions& options, std::function<void(Result<void>)> done) {
  options_ = options;
  connected_ = std::move(done);
  ready_ = false;
  link_.connect(options);
}

void AsyncClient::close() {
  ready_ = false;
  connected_ = nullptr;
  link_.close();
  fail_pending({"the connection was closed", ECANCELED});
}

void AsyncClient::send(const std::vector<std::string>& args, Reply reply) {
  if (!link_.is_open()) {
    reply(Error{"not connected to " + options_.address_text(), ENOTCONN});
    return;
  }
  link_.send(args);
  pending_.push_back(std::move(reply));
}

void AsyncClient::tell(Result<void> result) {
  const auto done = std::exchange(connected_, nullptr);
  if (done) done(std::move(result));
}

void AsyncClient::on_open(Result<void> result) {
  if (!result.ok()) {
    tell(std::move(result));
    return;
  }
  const auto commands = handshake_commands(options_);
  for (size_t i = 0; i < commands.size(); ++i) {
    const bool last = i + 1 == commands.size();
    send(commands[i], [this, last](Result<Value> reply) { handshake_reply(std::move(reply), last); });
  }
  if (commands.empty()) {
    ready_ = true;
    tell({});
  }
}

void AsyncClient::handshake_reply(Result<Value> reply, bool last) {
  if (!connected_) return;  // an earlier one failed
  if (reply.ok() && !reply->is_error()) {
    if (!last) return;
    ready_ = true;
    tell({});
    return;
  }
  const Error error = reply.ok() ? Error{reply->text, EACCES} : reply.error();
  link_.close();
  pending_.clear();  // the rest of the handshake
  tell(error);
}

void AsyncClient::on_value(Value value) {
  if (value.is(Value::Kind::kPush) || pending_.empty()) {
    if (push_handler_) push_handler_(std::move(value));
    return;
  }
  const Reply reply = std::move(pending_.front());
  pending_.pop_front();
  reply(std::move(value));
}

bool AsyncClient::fail_pending(const Error& error) {
  const std::shared_ptr<bool> alive = alive_;
  while (*alive && !pending_.empty()) {
    const Reply reply = std::move(pending_.front());
    pending_.pop_front();
    reply(error);
  }
  return *alive;
}

void AsyncClient::on_closed(const Error& error) {
  const bool was_ready = std::exchange(ready_, false);
  const Error copy = error;
  if (fail_pending(copy) && was_ready && lost_handler_) lost_handler_(copy);
}

}  // namespace tessera::resp
