// Role: the node's users: from the configuration at start, and what parameters change of them later.
// Thread: make_users() on the thread that starts the node, the hooks on the control thread.
#include "server/main/node.h"

namespace tessera::server {

Result<void> Node::make_users() {
  const config::Config& config = *options_.config;
  users_ = std::make_unique<acl::AclStore>(*commands_);
  users_->set_all_channels_by_default(config.text("acl-pubsub-default") == "allchannels");
  users_->log().set_limit(static_cast<size_t>(config.integer("acllog-max-len")));
  if (!config.text("requirepass").empty()) users_->set_default_password(config.text("requirepass"));
  for (const std::vector<std::string>& line : config.directives().users) {
    const std::vector<std::string_view> words(line.begin(), line.end());
    if (auto loaded = users_->load_line(words); !loaded.ok()) return loaded;
  }
  if (const std::string& name = config.text("aclfile"); !name.empty()) {
    users_->set_file(std::make_unique<acl::AclFile>(name, absolute_path(name)));
    const auto text = users_->file()->read(options_.env->files());
    const Result<void> loaded = text.ok() ? users_->load(*text, name) : Result<void>(text.error());
    if (!loaded.ok()) {
      return Error{"Aborting the start because of ACL errors: " + loaded.error().message,
                   loaded.error().code};
    }
    if (!config.text("requirepass").empty()) {
      options_.log->warning("requirepass is ignored: what the default user needs is said in the ACL file.");
    }
  }
  shared_.acl = std::make_unique<Published<acl::AclView>>(users_->view());
  users_->publish_to(shared_.acl.get());
  control_.services().acl = users_.get();
  return {};
}

void Node::add_user_hooks() {
  editor_->on_change({"requirepass"},
                     [this](const config::Config&, const config::Config& after) -> Result<void> {
                       users_->set_default_password(after.text("requirepass"));
                       return {};
                     });
  editor_->on_change({"acl-pubsub-default"},
                     [this](const config::Config&, const config::Config& after) -> Result<void> {
                       users_->set_all_channels_by_default(after.text("acl-pubsub-default") == "allchannels");
                       return {};
                     });
  editor_->on_change({"acllog-max-len"},
                     [this](const config::Config&, const config::Config& after) -> Result<void> {
                       users_->log().set_limit(static_cast<size_t>(after.integer("acllog-max-len")));
                       return {};
                     });
}

}  // namespace tessera::server
