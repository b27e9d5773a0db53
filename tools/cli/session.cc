// Role: connecting and what has to be said first.
#include "tools/cli/session.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tessera::cli {

std::string reason(const Error& error) {
  if (error.code > 0 && error.code != EPROTO) return std::strerror(error.code);
  // Look-ups: "<name>: <text>".
  const size_t colon = error.message.rfind(": ");
  return error.code == 0 && colon != std::string::npos ? error.message.substr(colon + 2) : error.message;
}

Session::Session(io::Env& env, const Options& options)
    : env_(env),
      options_(options),
      host_(options.host),
      port_(options.port),
      wanted_database_(options.database) {}

bool Session::connect(bool quiet) {
  if (client_ != nullptr) return true;
  database_ = 0;
  in_multi_ = false;
  resp::ClientOptions to;
  to.host = host_;
  to.port = port_;
  if (!redirected_) to.unix_path = options_.socket;
  to.connect_timeout = Micros{options_.connect_timeout_us};
  to.keepalive_s = 15;
  auto client = resp::Client::connect_bare(env_, to);
  if (!client.ok()) {
    if (!quiet) {
      std::fprintf(stderr, "Could not connect to Redis at %s: %s\n", to.address_text().c_str(),
                   reason(client.error()).c_str());
    }
    return false;
  }
  client_ = std::move(*client);
  return authenticate() && select_wanted() && switch_protocol();
}

bool Session::reconnect() {
  client_.reset();
  return connect();
}

bool Session::authenticate() {
  if (!options_.password) return true;
  const resp::Value reply = options_.user.empty() ? command({"AUTH", *options_.password})
                                                  : command({"AUTH", options_.user, *options_.password});
  if (!reply.is_error()) return true;
  std::fprintf(stderr, "AUTH failed: %s\n", reply.text.c_str());
  return false;
}

bool Session::select_wanted() {
  if (database_ == wanted_database_) return true;
  const resp::Value reply = command({"SELECT", std::to_string(wanted_database_)});
  if (reply.is_error()) {
    std::fprintf(stderr, "SELECT %d failed: %s\n", wanted_database_, reply.text.c_str());
    return false;
  }
  database_ = wanted_database_;
  return true;
}

bool Session::switch_protocol() {
  if (options_.resp3 == Resp3::kNo) return true;
  const resp::Value reply = command({"HELLO", "3"});
  if (!reply.is_error()) return true;
  std::fprintf(stderr, "HELLO 3 failed: %s\n", reply.text.c_str());
  return options_.resp3 == Resp3::kPreferred;
}

resp::Value Session::command(const std::vector<std::string>& args) {
  client_->append(args);
  return receive();
}

resp::Value Session::receive() {
  auto reply = client_->receive();
  if (!reply.ok()) {
    std::fprintf(stderr, "Error: %s\n", reason(reply.error()).c_str());
    std::fflush(stdout);
    std::exit(1);
  }
  return std::move(*reply);
}

std::string Session::prompt() const {
  if (!has_connection()) return "not connected> ";
  std::string text;
  if (!options_.socket.empty() && !redirected_) {
    text = "tessera " + options_.socket;
  } else {
    text = host_.find(':') != std::string::npos ? "[" + host_ + "]" : host_;
    text += ":" + std::to_string(port_);
  }
  if (database_ != 0) text += "[" + std::to_string(database_) + "]";
  if (in_multi_) text += "(TX)";
  return text + "> ";
}

void Session::redirect(const std::string& host, int port) {
  redirected_ = true;
  set_target(host, port);
}

void Session::set_target(const std::string& host, int port) {
  if (!host.empty()) host_ = host;  // a cluster that does not know how it is called says only the port
  port_ = port;
}

void Session::multi_begun() {
  in_multi_ = true;
  before_multi_ = database_;
}

void Session::multi_ended(bool keep_database) {
  in_multi_ = false;
  if (!keep_database) selected(before_multi_);
}

void Session::was_reset() {
  in_multi_ = false;
  selected(0);
}

}  // namespace tessera::cli
