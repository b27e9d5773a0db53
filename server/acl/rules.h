// Role: the language of ACL SETUSER, of `user` lines in configuration and of ACL files: rules to a user.
// Thread: control. Words, effects and error texts: redis-server's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/acl/user.h"
#include "server/registry/command_table.h"

namespace tessera::acl {

// A user that may do nothing, off. `all_channels`: acl-pubsub-default allchannels.
User new_user(std::string name, const registry::CommandTable& commands, bool all_channels);

struct RuleContext {
  const registry::CommandTable* commands = nullptr;
  bool all_channels = false;  // what a reset and a new selector begin with
};

struct RuleFailure {
  std::string rule;  // empty: the reason says it all
  std::string reason;
  // As ACL SETUSER replies, behind "ERR ".
  std::string text() const {
    return rule.empty() ? reason : "Error in ACL SETUSER modifier '" + rule + "': " + reason;
  }
};

// Applies all rules in order. After a failure the user is half changed: work on a copy.
std::optional<RuleFailure> apply_rules(User& user, std::span<const std::string_view> rules,
                                       const RuleContext& context);

// Applies all rules that can be applied, and says what is wrong with the others. An opening parenthesis that
// nobody closes: nothing is applied, and the only failure has no rule.
std::vector<RuleFailure> apply_each_rule(User& user, std::span<const std::string_view> rules,
                                         const RuleContext& context);
// Whether a rule failed because it names a command or category that is not there.
bool names_unknown_command(const RuleFailure& failure);

// Names cannot have spaces or zero bytes.
bool valid_user_name(std::string_view name);

}  // namespace tessera::acl
