#include "server/acl/access.h"

#include "common/text/glob.h"
#include "common/text/strings.h"

namespace tessera::acl {

using registry::Args;
using registry::Channels;
using registry::CommandRow;
using registry::KeyPosition;
using registry::KeyPositions;

namespace {

bool command_allowed(const Selector& selector, const CommandRow& row, const Args& args) {
  if ((row.flags & registry::kNoAuth) != 0 || selector.commands.has(row.id)) return true;
  const auto found = selector.first_args.find(row.id);
  if (found == selector.first_args.end() || args.size() < 2) return false;
  for (const std::string& first : found->second) {
    if (text::iequals(first, args[1])) return true;
  }
  return false;
}

bool key_allowed(const Selector& selector, std::string_view key, uint16_t flags) {
  if (selector.all_keys) return true;
  const bool reads = (flags & registry::kKeyAccess) != 0;
  const bool writes = (flags & (registry::kKeyInsert | registry::kKeyDelete | registry::kKeyUpdate)) != 0;
  for (const KeyPattern& pattern : selector.keys) {
    if ((reads && !pattern.read) || (writes && !pattern.write)) continue;
    if (text::glob_match(pattern.glob, key)) return true;
  }
  return false;
}

bool channel_allowed(const Selector& selector, std::string_view channel, bool is_pattern) {
  if (selector.all_channels) return true;
  for (const std::string& allowed : selector.channels) {
    // What a pattern would catch is not computed: only the very pattern passes.
    if (is_pattern ? allowed == channel : text::glob_match(allowed, channel)) return true;
  }
  return false;
}

Access check_channels(const Selector& selector, const CommandRow& row, const Args& args) {
  if (row.channels == Channels::kNone || selector.all_channels) return {};
  const size_t end = row.channels == Channels::kFirst ? 2 : args.size();
  for (size_t i = 1; i < end; ++i) {
    if (!channel_allowed(selector, args[i], row.channels == Channels::kAllPatterns)) {
      return {Denied::kChannel, static_cast<int>(i)};
    }
  }
  return {};
}

Access check_selector(const Selector& selector, const CommandRow& row, const Args& args,
                      const KeyPositions& keys) {
  if (!command_allowed(selector, row, args)) return {Denied::kCommand, 0};
  for (const KeyPosition& key : keys) {
    if (!key_allowed(selector, args[static_cast<size_t>(key.at)], key.flags)) return {Denied::kKey, key.at};
  }
  return check_channels(selector, row, args);
}

}  // namespace

bool may_read_any_key(const User& user, const CommandRow& row, const Args& args) {
  const auto reads_all = [&](const Selector& selector) {
    if (!command_allowed(selector, row, args)) return false;
    if (selector.all_keys) return true;
    for (const KeyPattern& pattern : selector.keys) {
      if (pattern.read && pattern.glob == "*") return true;
    }
    return false;
  };
  if (reads_all(user.root)) return true;
  for (const Selector& selector : user.selectors) {
    if (reads_all(selector)) return true;
  }
  return false;
}

Access check_restricted(const User& user, const CommandRow& row, const Args& args, KeyPositions& scratch) {
  scratch.clear();
  if (row.first_key_at != 0) registry::get_keys(row, args, scratch);
  Access best = check_selector(user.root, row, args, scratch);
  for (const Selector& selector : user.selectors) {
    if (best.allowed()) break;
    const Access access = check_selector(selector, row, args, scratch);
    // The refusal that came furthest says most about what is missing.
    const bool further = access.denied > best.denied || (access.denied == best.denied && access.at > best.at);
    if (access.allowed() || further) best = access;
  }
  return best;
}

bool may_access_key(const User& user, std::string_view key, uint16_t flags) {
  if (user.unrestricted || key_allowed(user.root, key, flags)) return true;
  for (const Selector& selector : user.selectors) {
    if (key_allowed(selector, key, flags)) return true;
  }
  return false;
}

bool may_access_channel(const User& user, std::string_view channel, bool is_pattern) {
  if (user.unrestricted || channel_allowed(user.root, channel, is_pattern)) return true;
  for (const Selector& selector : user.selectors) {
    if (channel_allowed(selector, channel, is_pattern)) return true;
  }
  return false;
}

std::string denial_text(const Access& access, const CommandRow& row) {
  switch (access.denied) {
    case Denied::kCommand:
      return std::string("NOPERM this user has no permissions to run the '") + row.full_name + "' command";
    case Denied::kKey:
      return "NOPERM this user has no permissions to access one of the keys used as arguments";
    case Denied::kChannel:
      return "NOPERM this user has no permissions to access one of the channels used as arguments";
    case Denied::kNothing:
      break;
  }
  return {};
}

std::string dry_run_text(const Access& access, const CommandRow& row, const Args& args) {
  const std::string start = "This user has no permissions to ";
  switch (access.denied) {
    case Denied::kCommand:
      return start + "run the '" + row.full_name + "' command";
    case Denied::kKey:
      return start + "access the '" + std::string(args[static_cast<size_t>(access.at)]) + "' key";
    case Denied::kChannel:
      return start + "access the '" + std::string(args[static_cast<size_t>(access.at)]) + "' channel";
    case Denied::kNothing:
      break;
  }
  return "OK";
}

}  // namespace tessera::acl
