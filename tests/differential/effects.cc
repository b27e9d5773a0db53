// Role: see effects.h.
#include "tests/differential/effects.h"

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace tessera::differential {

using support::Deadline;
using support::ServerProcess;
using support::Value;

namespace {

// The number behind the sign at `at` and the offset behind its line; false while the line is incomplete.
bool read_header(std::string_view bytes, size_t& at, size_t& number) {
  const size_t end = bytes.find("\r\n", at);
  if (end == std::string_view::npos) return false;
  number = static_cast<size_t>(std::strtoull(std::string(bytes.substr(at + 1, end - at - 1)).c_str(), nullptr, 10));
  at = end + 2;
  return true;
}

// Appends the whole commands at the beginning of `bytes` to `out` and returns how many bytes they are. MULTI and EXEC are
// left out: they say that nobody may see half of a transaction, nobody looks here, and the server has no transactions yet.
size_t take_commands(std::string_view bytes, std::string& out) {
  size_t taken = 0;
  for (;;) {
    size_t at = taken;
    size_t count = 0;
    if (at >= bytes.size() || !read_header(bytes, at, count)) return taken;
    for (size_t i = 0; i < count; ++i) {
      size_t size = 0;
      if (at >= bytes.size() || !read_header(bytes, at, size)) return taken;
      at += size + 2;
      if (at > bytes.size()) return taken;
    }
    const std::string_view command = bytes.substr(taken, at - taken);
    if (command != "*1\r\n$5\r\nMULTI\r\n" && command != "*1\r\n$4\r\nEXEC\r\n") out.append(command);
    taken = at;
  }
}

}  // namespace

Result<std::unique_ptr<EffectsFollower>> EffectsFollower::start(const std::string& binary, int shards,
                                                                int port) {
  std::unique_ptr<EffectsFollower> follower(new EffectsFollower);
  const Result<void> connected = follower->stream_.connect(port);
  if (!connected.ok()) return connected.error();
  (void)follower->stream_.ask({"CLIENT", "SETNAME", "differential-effects"});
  const Value answer = follower->stream_.ask({"DEBUG", "EFFECTS"});
  if (answer.is_error()) return Error{"DEBUG EFFECTS: " + answer.text, ENOTSUP};
  auto server =
      ServerProcess::start({binary, {"--enable-debug-command", "yes", "--shards", std::to_string(shards)}});
  if (!server.ok()) return server.error();
  follower->server_ = std::move(*server);
  for (support::RespConnection* connection : {&follower->replay_, &follower->control_}) {
    const Result<void> made = connection->connect(follower->server_->port());
    if (!made.ok()) return made.error();
  }
  return follower;
}

Result<void> EffectsFollower::pass_on(int timeout_ms) {
  const Result<std::string> bytes = stream_.read_some(timeout_ms);
  if (!bytes.ok()) return Error{"the stream of effects ended: " + bytes.error().message, bytes.error().code};
  if (bytes->empty()) return {};
  bytes_ += bytes->size();
  pending_ += *bytes;
  std::string commands;
  pending_.erase(0, take_commands(pending_, commands));
  const Result<void> sent = replay_.send(commands);
  if (!sent.ok()) return Error{"replaying effects: " + sent.error().message, sent.error().code};
  return drain_replies();
}

Result<void> EffectsFollower::drain_replies() {
  for (;;) {
    const Result<std::string> bytes = replay_.read_some(0);
    if (!bytes.ok()) return Error{"replaying effects: " + bytes.error().message, bytes.error().code};
    if (bytes->empty()) return {};
    const size_t error = bytes->rfind('-', 0) == 0 ? 0 : bytes->find("\r\n-");
    if (error != std::string::npos) {
      return Error{
          "an effect was refused: " + support::printable(std::string_view(*bytes).substr(error), 200), 0};
    }
  }
}

Result<void> EffectsFollower::pump() {
  const uint64_t before = bytes_;
  do {
    const Result<void> passed = pass_on(0);
    if (!passed.ok()) return passed;
  } while (bytes_ - before >= 65536);
  return {};
}

Result<void> EffectsFollower::wait_for(const std::string& key, const std::string& mark) {
  const Deadline deadline(30000);
  while (!deadline.passed()) {
    const Result<void> passed = pass_on(20);
    if (!passed.ok()) return passed;
    if (control_.ask({"GET", key}).text == mark) return drain_replies();
  }
  return Error{"the effects did not arrive within 30 s", ETIMEDOUT};
}

std::string EffectsFollower::digest() {
  return control_.ask({"DEBUG", "DIGEST"}).text;
}

}  // namespace tessera::differential
