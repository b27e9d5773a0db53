#include "server/acl/describe.h"

#include <climits>

#include "common/text/strings.h"
#include "server/registry/flag_names.h"

namespace tessera::acl {

using registry::CommandRow;
using registry::CommandTable;

namespace {

void append_word(std::string& text, std::string_view word) {
  if (!text.empty()) text += ' ';
  text += word;
}

void mark(CommandSet& set, const CommandRow& row, bool on) {
  set.set(row.id, on);
  for (const CommandRow& subcommand : row.subcommands) mark(set, subcommand, on);
}

void mark_category(CommandSet& set, const CommandTable& commands, uint32_t category, bool on) {
  for (const CommandRow& row : commands.all()) {
    if (row.categories & category) mark(set, row, on);
  }
}

// The category not yet in `used` that says the most about `open`: more of its commands differ from the base
// than not, as few as possible do not, and among those as many as possible do. 0: none helps.
uint32_t best_category(const CommandSet& open, bool additive, uint32_t used, const CommandTable& commands) {
  uint32_t best = 0;
  unsigned fewest_wrong = UINT_MAX, most_right = 0;
  for (const auto& category : registry::acl_category_names()) {
    if (used & category.bit) continue;
    unsigned right = 0, wrong = 0;
    for (const CommandRow& row : commands.all()) {
      if ((row.categories & category.bit) == 0) continue;
      ++(open.has(row.id) == additive ? right : wrong);
    }
    if (right <= wrong) continue;
    if (wrong < fewest_wrong || (wrong == fewest_wrong && right > most_right)) {
      best = category.bit;
      fewest_wrong = wrong;
      most_right = right;
    }
  }
  return best;
}

const char* category_name(uint32_t bit) {
  for (const auto& category : registry::acl_category_names()) {
    if (category.bit == bit) return category.name;
  }
  return "";
}

std::string describe_selector(const Selector& selector, const CommandTable& commands) {
  std::string text = describe_keys(selector);
  if (!selector.all_channels) append_word(text, "resetchannels");
  const std::string channels = describe_channels(selector);
  if (!channels.empty()) append_word(text, channels);
  append_word(text, describe_commands(selector, commands));
  return text;
}

}  // namespace

std::string describe_commands(const Selector& selector, const CommandTable& commands) {
  const bool additive = !selector.commands.future();
  std::string text = additive ? "-@all" : "+@all";
  const char* sign = additive ? "+" : "-";
  CommandSet told(commands.size());  // what the words so far allow
  told.set_all(!additive);
  CommandSet open = selector.commands;  // the set, without what categories have told
  uint32_t used = 0;
  while (const uint32_t category = best_category(open, additive, used, commands)) {
    mark_category(told, commands, category, additive);
    mark_category(open, commands, category, !additive);
    used |= category;
    append_word(text, std::string(sign) + "@" + category_name(category));
  }
  const auto tell_difference = [&](const CommandRow& row) {
    const bool on = selector.commands.has(row.id);
    if (told.has(row.id) == on) return;
    mark(told, row, on);
    append_word(text, std::string(on ? "+" : "-") + row.full_name);
  };
  for (const CommandRow& row : commands.top_level()) {
    tell_difference(row);
    for (const CommandRow& subcommand : row.subcommands) tell_difference(subcommand);
    const auto first_args = selector.first_args.find(row.id);
    if (first_args == selector.first_args.end() || selector.commands.has(row.id)) continue;
    for (const std::string& first : first_args->second) {
      append_word(text, std::string("+") + row.full_name + "|" + first);
    }
  }
  return text;
}

std::string describe_keys(const Selector& selector) {
  if (selector.all_keys) return "~*";
  std::string text;
  for (const KeyPattern& pattern : selector.keys) {
    const char* sign = pattern.read && pattern.write ? "~" : pattern.read ? "%R~" : "%W~";
    append_word(text, sign + pattern.glob);
  }
  return text;
}

std::string describe_channels(const Selector& selector) {
  if (selector.all_channels) return "&*";
  std::string text;
  for (const std::string& channel : selector.channels) append_word(text, "&" + channel);
  return text;
}

std::vector<std::string> describe_flags(const User& user) {
  std::vector<std::string> flags = {user.enabled ? "on" : "off"};
  if (user.no_password) flags.emplace_back("nopass");
  if (user.payload == Payload::kSkip) flags.emplace_back("skip-sanitize-payload");
  if (user.payload == Payload::kSanitize) flags.emplace_back("sanitize-payload");
  return flags;
}

std::string describe(const User& user, const CommandTable& commands) {
  std::string text = text::join(describe_flags(user), " ");
  for (const std::string& hash : user.password_hashes) append_word(text, "#" + hash);
  append_word(text, describe_selector(user.root, commands));
  for (const Selector& selector : user.selectors) {
    append_word(text, "(" + describe_selector(selector, commands) + ")");
  }
  return text;
}

}  // namespace tessera::acl
