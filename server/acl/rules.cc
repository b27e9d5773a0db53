#include "server/acl/rules.h"

#include <algorithm>
#include <vector>

#include "common/hash/sha256.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"
#include "server/registry/flag_names.h"

namespace tessera::acl {

using registry::CommandRow;
using registry::CommandTable;
using text::iequals;

namespace {

constexpr const char* kSyntax = "Syntax error";
constexpr const char* kUnknownName = "Unknown command or category name in ACL";
constexpr const char* kFirstArgOfSubcommand = "Allowing first-arg of a subcommand is not supported";
constexpr const char* kBadHash =
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
constexpr const char* kNoSuchPassword = "The password you are trying to remove from the user does not exist";
constexpr const char* kPatternAfterAll =
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
    "Try "
    "'resetkeys' to start with an empty list of patterns";
constexpr const char* kChannelAfterAll =
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any "
    "effect. Try "
    "'resetchannels' to start with an empty list of channels";

// Rules return nullptr or what is wrong.
using Problem = const char*;

bool has_space(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return text::is_space(c) || c == '\0'; });
}

// ---- commands

void allow(Selector& selector, const CommandRow& row, bool on) {
  selector.commands.set(row.id, on);
  selector.first_args.erase(row.id);
  for (const CommandRow& subcommand : row.subcommands) allow(selector, subcommand, on);
}

Problem change_category(Selector& selector, const CommandTable& commands, std::string_view name, bool on) {
  const uint32_t category = registry::acl_category_by_name(name);
  if (category == 0) return kUnknownName;
  for (const CommandRow& row : commands.all()) {
    if (row.categories & category) allow(selector, row, on);
  }
  return nullptr;
}

Problem change_command(Selector& selector, const CommandTable& commands, std::string_view name, bool on) {
  const size_t bar = name.rfind('|');
  const CommandRow* row = commands.find_original(name);
  if (!on || bar == std::string_view::npos) {
    if (row == nullptr) return kUnknownName;
    allow(selector, *row, on);
    return nullptr;
  }
  const CommandRow* command = commands.find_original(name.substr(0, bar));
  const std::string_view first_arg = name.substr(bar + 1);
  if (command == nullptr) return kUnknownName;
  if (command->parent != 0xffff) return kFirstArgOfSubcommand;
  if (first_arg.empty()) return kSyntax;
  if (!command->subcommands.empty()) {
    if (row == nullptr) return kUnknownName;
    allow(selector, *row, true);
    return nullptr;
  }
  auto& list = selector.first_args[command->id];
  const bool known =
      std::any_of(list.begin(), list.end(), [&](const auto& a) { return iequals(a, first_arg); });
  if (!known) list.push_back(text::to_lower(first_arg));
  return nullptr;
}

void change_all_commands(Selector& selector, bool on) {
  selector.commands.set_all(on);
  selector.first_args.clear();
}

// ---- keys and channels

Problem add_key_pattern(Selector& selector, std::string_view rule) {
  if (selector.all_keys) return kPatternAfterAll;
  KeyPattern pattern;
  size_t at = 1;
  if (rule[0] == '%') {
    pattern.read = pattern.write = false;
    for (; at < rule.size() && rule[at] != '~'; ++at) {
      bool& permission = text::upper(rule[at]) == 'R' ? pattern.read : pattern.write;
      if (text::upper(rule[at]) != 'R' && text::upper(rule[at]) != 'W') return kSyntax;
      if (permission) return kSyntax;
      permission = true;
    }
    if (!pattern.read && !pattern.write) return kSyntax;
    at = std::min(at + 1, rule.size());
  }
  pattern.glob = rule.substr(at);
  if (has_space(pattern.glob)) return kSyntax;
  if (pattern.glob == "*" && pattern.read && pattern.write) {
    selector.all_keys = true;
    selector.keys.clear();
    return nullptr;
  }
  for (KeyPattern& known : selector.keys) {
    if (known.glob != pattern.glob) continue;
    known.read |= pattern.read;
    known.write |= pattern.write;
    return nullptr;
  }
  selector.keys.push_back(std::move(pattern));
  return nullptr;
}

Problem add_channel(Selector& selector, std::string_view channel) {
  if (selector.all_channels) return kChannelAfterAll;
  if (has_space(channel)) return kSyntax;
  if (std::find(selector.channels.begin(), selector.channels.end(), channel) == selector.channels.end()) {
    selector.channels.emplace_back(channel);
  }
  return nullptr;
}

void change_all_keys(Selector& selector, bool on) {
  selector.all_keys = on;
  selector.keys.clear();
}

void change_all_channels(Selector& selector, bool on) {
  selector.all_channels = on;
  selector.channels.clear();
}

Problem apply_to_selector(Selector& selector, std::string_view rule, const RuleContext& context) {
  const bool is_sign = !rule.empty() && (rule[0] == '+' || rule[0] == '-');
  if (iequals(rule, "allkeys") || rule == "~*") {
    change_all_keys(selector, true);
  } else if (iequals(rule, "resetkeys")) {
    change_all_keys(selector, false);
  } else if (iequals(rule, "allchannels") || rule == "&*") {
    change_all_channels(selector, true);
  } else if (iequals(rule, "resetchannels")) {
    change_all_channels(selector, false);
  } else if (iequals(rule, "allcommands") || iequals(rule, "+@all")) {
    change_all_commands(selector, true);
  } else if (iequals(rule, "nocommands") || iequals(rule, "-@all")) {
    change_all_commands(selector, false);
  } else if (!rule.empty() && (rule[0] == '~' || rule[0] == '%')) {
    return add_key_pattern(selector, rule);
  } else if (!rule.empty() && rule[0] == '&') {
    return add_channel(selector, rule.substr(1));
  } else if (is_sign && rule.size() > 1 && rule[1] == '@') {
    return change_category(selector, *context.commands, rule.substr(2), rule[0] == '+');
  } else if (is_sign) {
    return change_command(selector, *context.commands, rule.substr(1), rule[0] == '+');
  } else {
    return kSyntax;
  }
  return nullptr;
}

// ---- the user itself

Selector new_selector(const RuleContext& context) {
  Selector selector;
  selector.commands = CommandSet(context.commands->size());
  selector.all_channels = context.all_channels;
  return selector;
}

Problem add_selector(User& user, std::string_view rule, const RuleContext& context) {
  const auto words = text::split_args(rule.substr(1, rule.size() - 2));
  if (!words) return kSyntax;
  Selector selector = new_selector(context);
  for (const std::string& word : *words) {
    if (const Problem problem = apply_to_selector(selector, word, context)) return problem;
  }
  user.selectors.push_back(std::move(selector));
  return nullptr;
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                          [](char c) { return text::is_digit(c) || (c >= 'a' && c <= 'f'); });
}

Problem change_password(User& user, std::string_view rule) {
  const bool is_plain = rule[0] == '>' || rule[0] == '<';
  const bool adds = rule[0] == '>' || rule[0] == '#';
  const std::string_view text = rule.substr(1);
  if (!is_plain && !is_hash(text)) return kBadHash;
  const std::string hash = is_plain ? hash::sha256_hex(text) : std::string(text);
  auto& hashes = user.password_hashes;
  const auto known = std::find(hashes.begin(), hashes.end(), hash);
  if (adds) {
    user.no_password = false;
    if (known == hashes.end()) hashes.push_back(hash);
    return nullptr;
  }
  if (known == hashes.end()) return kNoSuchPassword;
  hashes.erase(known);
  return nullptr;
}

void reset(User& user, const RuleContext& context) {
  user.enabled = false;
  user.no_password = false;
  user.password_hashes.clear();
  user.payload = Payload::kSanitize;
  user.selectors.clear();
  user.root = new_selector(context);
}

Problem apply_rule(User& user, std::string_view rule, const RuleContext& context) {
  if (rule.empty()) return nullptr;
  if (iequals(rule, "on") || iequals(rule, "off")) {
    user.enabled = iequals(rule, "on");
  } else if (iequals(rule, "nopass") || iequals(rule, "resetpass")) {
    user.no_password = iequals(rule, "nopass");
    user.password_hashes.clear();
  } else if (iequals(rule, "skip-sanitize-payload")) {
    user.payload = Payload::kSkip;
  } else if (iequals(rule, "sanitize-payload")) {
    user.payload = Payload::kSanitize;
  } else if (!rule.empty() && std::string_view("><#!").find(rule[0]) != std::string_view::npos) {
    return change_password(user, rule);
  } else if (rule.size() > 1 && rule.front() == '(' && rule.back() == ')') {
    return add_selector(user, rule, context);
  } else if (iequals(rule, "clearselectors")) {
    user.selectors.clear();
  } else if (iequals(rule, "reset")) {
    reset(user, context);
  } else {
    return apply_to_selector(user.root, rule, context);
  }
  return nullptr;
}

// Joins the words of each selector, so that "(+get", "~a)" becomes one rule. Returns the word that opens a
// parenthesis nobody closes, or nothing. A second opening word takes the place of what was open: so
// redis-server does.
std::string_view merge_selectors(std::span<const std::string_view> rules, std::vector<std::string>& out) {
  std::string_view opening;
  std::string open;
  for (const std::string_view rule : rules) {
    const bool opens = !rule.empty() && rule.front() == '(';
    const bool closes = !rule.empty() && rule.back() == ')';
    if (opens && !closes) {
      opening = rule;
      open = rule;
    } else if (opening.empty()) {
      out.emplace_back(rule);
    } else {
      open.append(" ").append(rule);
      if (!closes) continue;
      out.push_back(std::move(open));
      opening = {};
    }
  }
  return opening;
}

}  // namespace

User new_user(std::string name, const CommandTable& commands, bool all_channels) {
  User user;
  user.name = std::move(name);
  user.root = new_selector({&commands, all_channels});
  return user;
}

std::optional<RuleFailure> apply_rules(User& user, std::span<const std::string_view> rules,
                                       const RuleContext& context) {
  std::vector<std::string> merged;
  if (const std::string_view opening = merge_selectors(rules, merged); !opening.empty()) {
    return RuleFailure{"",
                       "Unmatched parenthesis in acl selector starting at '" + std::string(opening) + "'."};
  }
  for (const std::string& rule : merged) {
    const Problem problem = apply_rule(user, rule, context);
    // Texts of redis-server end at a zero byte.
    if (problem) return RuleFailure{rule.substr(0, rule.find('\0')), problem};
  }
  user.refresh();
  return std::nullopt;
}

std::vector<RuleFailure> apply_each_rule(User& user, std::span<const std::string_view> rules,
                                         const RuleContext& context) {
  std::vector<std::string> merged;
  if (!merge_selectors(rules, merged).empty()) {
    return {RuleFailure{"", "Unmatched parenthesis in selector definition."}};
  }
  std::vector<RuleFailure> failures;
  for (const std::string& rule : merged) {
    const Problem problem = apply_rule(user, rule, context);
    if (problem) failures.push_back({rule.substr(0, rule.find('\0')), problem});
  }
  user.refresh();
  return failures;
}

bool names_unknown_command(const RuleFailure& failure) {
  return failure.reason == kUnknownName;
}

bool valid_user_name(std::string_view name) {
  return !has_space(name);
}

}  // namespace tessera::acl
