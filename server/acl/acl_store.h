// Role: the owner of all users. Thread: control only.
// Invariants: a change applies whole or not at all, makes new User objects, and publishes one new view; the
// default user is always there.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/published.h"
#include "common/base/result.h"
#include "server/acl/acl_file.h"
#include "server/acl/acl_log.h"
#include "server/acl/acl_view.h"
#include "server/acl/rules.h"

namespace tessera::acl {

class AclStore {
 public:
  // Begins with the default user that may do everything without a password.
  explicit AclStore(const registry::CommandTable& commands);

  std::shared_ptr<const AclView> view() const { return view_; }
  // From now on every change is published there. It must hold view() already.
  void publish_to(Published<AclView>* published) { published_ = published; }

  const registry::CommandTable& commands() const { return *commands_; }
  AclLog& log() { return log_; }
  // Any thread: refusals that were posted to the log and are not in it yet; who posts keeps it bounded.
  std::atomic<int>& refusals_under_way() { return refusals_under_way_; }
  // acl-pubsub-default: whether new users may use all channels.
  void set_all_channels_by_default(bool on) { all_channels_ = on; }

  // Makes or changes a user. Errors are what ACL SETUSER replies behind "ERR ".
  Result<void> set_user(std::string_view name, std::span<const std::string_view> rules);
  // How many of the names were users. Refuses the default user.
  Result<int64_t> delete_users(std::span<const std::string_view> names);
  // requirepass: the default user's only password; none when empty.
  void set_default_password(std::string_view password);

  // Replaces all users by those of `text`, lines "user <name> <rule> ..." and blank lines. Errors name
  // `source` and the lines, several in one message, as redis-server; nothing is changed then. Without a line
  // for the default user it may do everything without a password, whatever it was before.
  Result<void> load(std::string_view text, std::string_view source);
  // aclfile; nullptr: none is configured. Set before threads start.
  void set_file(std::unique_ptr<AclFile> file) { file_ = std::move(file); }
  AclFile* file() const { return file_.get(); }
  // Adds one user of the configuration's `user` lines: `words` begin with the name.
  Result<void> load_line(std::span<const std::string_view> words);
  // The words behind "user" of each user, for the configuration file.
  std::vector<std::string> config_lines() const;
  // Lines of all users, as load() reads them.
  std::string save() const;

 private:
  using Users = std::map<std::string, UserRef, std::less<>>;

  RuleContext context() const { return {commands_, all_channels_}; }
  User editable(std::string_view name) const;
  void put(Users users);

  const registry::CommandTable* commands_;
  bool all_channels_ = false;
  Users users_;
  std::shared_ptr<const AclView> view_;
  Published<AclView>* published_ = nullptr;
  AclLog log_;
  std::unique_ptr<AclFile> file_;
  std::atomic<int> refusals_under_way_{0};
};

}  // namespace tessera::acl
