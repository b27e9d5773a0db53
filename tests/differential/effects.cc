// Role: see effects.h.
#include "tests/differential/effects.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace tessera::differential {

using support::Deadline;
using support::ServerProcess;
using support::Value;

Result<std::unique_ptr<EffectsFollower>> EffectsFollower::start(const std::string& binary, int shards,
                                                                int port,
                                                                const std::vector<std::string>& arguments) {
  std::unique_ptr<EffectsFollower> follower(new EffectsFollower);
  const Result<void> connected = follower->stream_.connect(port);
  if (!connected.ok()) return connected.error();
  (void)follower->stream_.ask({"CLIENT", "SETNAME", "differential-effects"});
  const Value answer = follower->stream_.ask({"DEBUG", "EFFECTS"});
  if (answer.is_error()) return Error{"DEBUG EFFECTS: " + answer.text, ENOTSUP};
  support::ServerOptions options{
      binary, {"--enable-debug-command", "yes", "--shards", std::to_string(shards)}, 20000};
  options.args.insert(options.args.end(), arguments.begin(), arguments.end());
  auto server = ServerProcess::start(options);
  if (!server.ok()) return server.error();
  follower->server_ = std::move(*server);
  for (support::RespConnection* connection : {&follower->replay_, &follower->control_}) {
    const Result<void> made = connection->connect(follower->server_->port());
    if (!made.ok()) return made.error();
  }
  const Value multi = follower->control_.ask({"COMMAND", "INFO", "multi"});
  follower->passes_multi_ = !multi.items.empty() && !multi.items[0].is_null;
  return follower;
}

// The whole commands of what has come. Every MULTI must have its EXEC.
Result<std::string> EffectsFollower::take_commands() {
  std::string commands;
  for (;;) {
    support::ReplyScanner scanner;
    const auto status = scanner.scan(pending_);
    if (status == support::ReplyScanner::Status::kNeedMore) return commands;
    if (status == support::ReplyScanner::Status::kMalformed)
      return Error{"the stream of effects is not RESP", 0};
    const std::string raw = pending_.substr(0, scanner.length());
    pending_.erase(0, scanner.length());
    const Value command = support::parse_value(raw);
    if (command.type != '*' || command.items.empty())
      return Error{"not a command: " + support::printable(raw, 100), 0};
    const std::string& name = command.items[0].text;
    const bool begins = name == "MULTI", ends = name == "EXEC";
    if (begins == in_transaction_ && (begins || ends))
      return Error{"MULTI and EXEC are not balanced in the effects", 0};
    if (begins || ends) in_transaction_ = begins;
    if ((!begins && !ends) || passes_multi_) commands += raw;
  }
}

Result<void> EffectsFollower::pass_on(int timeout_ms) {
  const Result<std::string> bytes = stream_.read_some(timeout_ms);
  if (!bytes.ok()) return Error{"the stream of effects ended: " + bytes.error().message, bytes.error().code};
  if (bytes->empty()) return {};
  bytes_ += bytes->size();
  pending_ += *bytes;
  const Result<std::string> commands = take_commands();
  if (!commands.ok()) return commands.error();
  if (commands->empty()) return {};
  const Result<void> sent = replay_.send(*commands);
  if (!sent.ok()) return Error{"replaying effects: " + sent.error().message, sent.error().code};
  return drain_replies();
}

namespace {

bool has_error(const support::Value& reply) {
  if (reply.is_error()) return true;
  return std::any_of(reply.items.begin(), reply.items.end(), has_error);
}

}  // namespace

Result<void> EffectsFollower::drain_replies() {
  for (;;) {
    const Result<std::string> bytes = replay_.read_some(0);
    if (!bytes.ok()) return Error{"replaying effects: " + bytes.error().message, bytes.error().code};
    if (bytes->empty()) return {};
    replies_ += *bytes;
    size_t done = 0;
    for (;;) {
      support::ReplyScanner scanner;
      const std::string_view rest = std::string_view(replies_).substr(done);
      if (scanner.scan(rest) != support::ReplyScanner::Status::kComplete) break;
      const std::string_view reply = rest.substr(0, scanner.length());
      if (has_error(support::parse_value(reply)))
        return Error{"an effect was refused: " + support::printable(reply, 200), 0};
      done += scanner.length();
    }
    replies_.erase(0, done);
  }
}

Result<void> EffectsFollower::pump() {
  for (;;) {
    const uint64_t before = bytes_;
    const Result<void> passed = pass_on(0);
    if (!passed.ok() || bytes_ == before) return passed;
  }
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

Value EffectsFollower::ask_in_db(int db, const std::vector<std::string>& args) {
  (void)control_.ask({"SELECT", std::to_string(db)});
  Value answer = control_.ask(args);
  (void)control_.ask({"SELECT", "0"});
  return answer;
}

std::string EffectsFollower::digest() {
  return control_.ask({"DEBUG", "DIGEST"}).text;
}

}  // namespace tessera::differential
