// Role: DEBUG RESTART and CRASH-AND-RECOVER: the process begins anew. Thread: control.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/main/node.h"

namespace tessera::server {

namespace {

constexpr const char* kFailed = "ERR failed to restart the server. Check server logs.";

}  // namespace

void Node::restart(control::ControlCtx& ctx, const registry::Args& args, resp::Writer& reply) {
  Log& log = *options_.log;
  int64_t delay_ms = 0;
  if (args.size() > 2 && !text::parse_int64(args[2], &delay_ms)) {
    reply.error("ERR value is not an integer or out of range");
    return;
  }
  delay_ms = std::max<int64_t>(delay_ms, 0);
  const std::string& executable = options_.executable;
  if (access(executable.c_str(), X_OK) != 0 || !options_.begin_anew) {
    log.warning("Can't restart: this process has no permissions to execute %s", executable.c_str());
    reply.error(kFailed);
    return;
  }
  if (text::iequals(args[1], "crash-and-recover")) {
    options_.begin_anew(delay_ms);
    reply.error(kFailed);  // it came back
    return;
  }
  const auto send = ctx.reply_later();
  const auto refuse = [send] { send([](resp::Writer& out) { out.error(kFailed); }); };
  const auto stop = [this, delay_ms, refuse] {
    shut_down(0, true, false, [this, delay_ms, refuse](bool stops) {
      if (stops) {
        restart_after_ms_ = delay_ms;
      } else {
        options_.log->warning("Can't restart: error preparing for shutdown");
        refuse();
      }
    });
  };
  const std::shared_ptr<const config::Config> current = editor_->current();
  if (current->config_file().empty()) return stop();
  std::vector<std::string> users;
  if (current->text("aclfile").empty()) users = users_->config_lines();
  options_.env->pool().submit([this, current, users = std::move(users), turn = rewriter_.next_turn(), stop,
                               refuse, &log] {
    const auto written = rewriter_.rewrite(options_.env->files(), *current, users, turn, false);
    if (written.ok()) {
      control_.post(stop);
      return;
    }
    log.warning("Can't restart: configuration rewrite process failed: %s", written.error().message.c_str());
    refuse();
  });
}

}  // namespace tessera::server
