// Role: what happens outside the settings when a parameter changes: log, listening, limits. Thread: control.
#include "server/main/node.h"
#include "server/persist/saves.h"

namespace tessera::server {

void Node::add_hooks() {
  if (options_.process_hooks) options_.process_hooks(*editor_);
  if (options_.resolve_dir) control_.services().resolve_dir = options_.resolve_dir;
  add_user_hooks();
  add_append_only_hooks();
  editor_->on_change({"save", "stop-writes-on-bgsave-error"},
                     [this](const config::Config&, const config::Config& after) -> Result<void> {
                       saves_->judge_writes(after);
                       return {};
                     });
  Log* log = options_.log;
  editor_->on_change({"port", "bind"}, [this](const config::Config& before, const config::Config& after) {
    return move_listeners(before, after);
  });
  editor_->on_change({"loglevel", "log-format", "log-timestamp-format"},
                     [log](const config::Config&, const config::Config& after) -> Result<void> {
                       if (auto level = parse_log_level(after.text("loglevel"))) log->set_level(*level);
                       log->set_format(static_cast<LogFormat>(after.integer("log-format")));
                       log->set_times(static_cast<LogTimes>(after.integer("log-timestamp-format")));
                       return {};
                     });
}

}  // namespace tessera::server
