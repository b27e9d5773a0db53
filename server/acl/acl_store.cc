#include "server/acl/acl_store.h"

#include <utility>
#include <vector>

#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"
#include "server/acl/describe.h"

namespace tessera::acl {
namespace {

constexpr const char* kDefault = "default";

User open_default_user(const RuleContext& context) {
  User user = new_user(kDefault, *context.commands, context.all_channels);
  const std::string_view rules[] = {"on", "nopass", "+@all", "~*", "&*"};
  (void)apply_rules(user, rules, context);
  return user;
}

// What is wrong with a line of a file. Unknown commands are all named; of other faults the first, since what
// comes behind it may be wrong because of it, and never the rule, which may be a password.
std::string problems_of(const std::vector<RuleFailure>& failures, const std::string& where) {
  std::string text;
  bool told = false;
  for (const RuleFailure& failure : failures) {
    if (failure.rule.empty()) {
      text += where + ": " + failure.reason;
    } else if (names_unknown_command(failure)) {
      text += where + ": Error in applying operation '" + failure.rule + "': " + failure.reason + ". ";
    } else if (!std::exchange(told, true)) {
      text += where + ": " + failure.reason + ". ";
    }
  }
  return text;
}

UserRef frozen(User user) {
  user.refresh();
  return std::make_shared<const User>(std::move(user));
}

}  // namespace

AclStore::AclStore(const registry::CommandTable& commands) : commands_(&commands) {
  put({{kDefault, frozen(open_default_user(context()))}});
}

void AclStore::put(Users users) {
  users_ = std::move(users);
  std::vector<UserRef> sorted;
  for (const auto& [name, user] : users_) sorted.push_back(user);
  view_ = std::make_shared<const AclView>(std::move(sorted));
  if (published_) published_->publish(view_);
}

User AclStore::editable(std::string_view name) const {
  const auto known = users_.find(name);
  return known != users_.end() ? *known->second : new_user(std::string(name), *commands_, all_channels_);
}

Result<void> AclStore::set_user(std::string_view name, std::span<const std::string_view> rules) {
  if (!valid_user_name(name)) return Error{"Usernames can't contain spaces or null characters"};
  User user = editable(name);
  if (const auto failure = apply_rules(user, rules, context())) return Error{failure->text()};
  Users users = users_;
  users[std::string(name)] = frozen(std::move(user));
  put(std::move(users));
  return {};
}

Result<int64_t> AclStore::delete_users(std::span<const std::string_view> names) {
  Users users = users_;
  int64_t deleted = 0;
  for (const std::string_view name : names) {
    if (name == kDefault) return Error{"The 'default' user cannot be removed"};
    const auto known = users.find(name);
    if (known == users.end()) continue;
    users.erase(known);
    ++deleted;
  }
  if (deleted > 0) put(std::move(users));
  return deleted;
}

void AclStore::set_default_password(std::string_view password) {
  const std::string rule = ">" + std::string(password);
  const std::string_view protect[] = {"resetpass", rule};
  const std::string_view open[] = {"nopass"};
  (void)set_user(kDefault, password.empty() ? std::span<const std::string_view>(open) : protect);
}

Result<void> AclStore::load_line(std::span<const std::string_view> words) {
  if (words.empty()) return Error{"user needs a name"};
  const std::string_view name = words[0];
  if (!valid_user_name(name)) return Error{"Usernames can't contain spaces or null characters"};
  // The default user is there before any line is read, so its line starts afresh instead of being a
  // duplicate.
  User user = new_user(std::string(name), *commands_, all_channels_);
  if (name != kDefault && users_.find(name) != users_.end()) {
    return Error{"Duplicate user found. A user can only be defined once in config files"};
  }
  if (const auto failure = apply_rules(user, words.subspan(1), context())) {
    return Error{"Error loading ACL rule '" + failure->rule + "' for the user named '" + user.name +
                 "': " + failure->reason};
  }
  Users users = users_;
  users[std::string(name)] = frozen(std::move(user));
  put(std::move(users));
  return {};
}

Result<void> AclStore::load(std::string_view text, std::string_view source) {
  Users users;
  std::string problems;
  int line_number = 0;
  const auto here = [&] { return std::string(source) + ":" + text::to_text(line_number); };
  for (const std::string_view raw : text::split(text, '\n')) {
    ++line_number;
    const std::string_view line = text::trim(raw);
    if (line.empty()) continue;
    // Words are separated by blanks and nothing is quoted: patterns may hold quotes.
    std::vector<std::string_view> words;
    for (const std::string_view word : text::split(line, ' ')) {
      if (!word.empty()) words.push_back(word);
    }
    if (words[0] != "user" || words.size() < 2) {
      problems += here() + " should start with user keyword followed by the username. ";
      continue;
    }
    if (!valid_user_name(words[1])) {
      problems += here() + ": username '" + std::string(words[1]) + "' contains invalid characters. ";
      continue;
    }
    if (users.find(words[1]) != users.end()) {
      problems += "WARNING: Duplicate user '" + std::string(words[1]) + "' found on line " +
                  text::to_text(line_number) + ". ";
      continue;
    }
    User user = new_user(std::string(words[1]), *commands_, all_channels_);
    problems += problems_of(apply_each_rule(user, std::span(words).subspan(2), context()), here());
    users[std::string(words[1])] = frozen(std::move(user));
  }
  if (!problems.empty()) {
    return Error{problems +
                 "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"};
  }
  if (users.find(kDefault) == users.end()) users[kDefault] = frozen(open_default_user(context()));
  put(std::move(users));
  return {};
}

std::vector<std::string> AclStore::config_lines() const {
  std::vector<std::string> lines;
  for (const auto& [name, user] : users_) lines.push_back(name + " " + describe(*user, *commands_));
  return lines;
}

std::string AclStore::save() const {
  std::string text;
  for (const std::string& line : config_lines()) text += "user " + line + "\n";
  return text;
}

}  // namespace tessera::acl
