#include "server/acl/acl_commands.h"

#include <vector>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/acl/access.h"
#include "server/acl/describe.h"
#include "server/registry/flag_names.h"
#include "server/registry/help.h"

namespace tessera::acl {

using registry::CommandRow;

namespace {

// What redis-server says where a subcommand takes a fixed number of arguments, but several of them.
void wrong_arguments(std::string_view subcommand, resp::Writer& out) {
  out.error("ERR unknown subcommand or wrong number of arguments for '" + std::string(subcommand) +
            "'. Try ACL HELP.");
}

void write_text(std::string_view name, std::string_view text, resp::Writer& out) {
  out.bulk(name);
  out.bulk(text);
}

void write_permissions(const Selector& selector, const CommandTable& commands, resp::Writer& out) {
  write_text("commands", describe_commands(selector, commands), out);
  write_text("keys", describe_keys(selector), out);
  write_text("channels", describe_channels(selector), out);
}

constexpr const char* kHelp[] = {
    "CAT [<category>]",
    "    The categories, or the commands of one.",
    "DELUSER <username> [<username> ...]",
    "    Remove users and close their connections.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Whether the user could run this command; it is not run.",
    "GETUSER <username>",
    "    What a user may do, and its password hashes.",
    "GENPASS [<bits>]",
    "    A random password of 256 or so many bits, in hexadecimal.",
    "LIST",
    "    All users, each as the rules that make it.",
    "LOAD",
    "    Read the ACL file again.",
    "LOG [<count> | RESET]",
    "    What was refused lately.",
    "SAVE",
    "    Write the users to the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Make or change a user.",
    "USERS",
    "    The names of all users.",
    "WHOAMI",
    "    The user of this connection.",
};

}  // namespace

void acl_whoami(std::string_view user_name, resp::Writer& out) {
  out.bulk(user_name);
}

void acl_cat(const CommandTable& commands, const Args& args, resp::Writer& out) {
  if (args.size() > 3) return wrong_arguments(args[1], out);
  if (args.size() == 2) {
    const auto names = registry::acl_category_names();
    out.array(static_cast<int64_t>(names.size()));
    for (const auto& category : names) out.bulk(category.name);
    return;
  }
  const uint32_t category = registry::acl_category_by_name(args[2]);
  if (category == 0) return out.error("ERR Unknown category '" + std::string(args[2]) + "'");
  std::vector<const CommandRow*> rows;
  for (const CommandRow& row : commands.all()) {
    if (row.categories & category) rows.push_back(&row);
  }
  out.array(static_cast<int64_t>(rows.size()));
  for (const CommandRow* row : rows) out.bulk(row->full_name);
}

void acl_users(const AclView& view, resp::Writer& out) {
  out.array(static_cast<int64_t>(view.users().size()));
  for (const UserRef& user : view.users()) out.bulk(user->name);
}

void acl_list(const AclView& view, const CommandTable& commands, resp::Writer& out) {
  out.array(static_cast<int64_t>(view.users().size()));
  for (const UserRef& user : view.users()) out.bulk("user " + user->name + " " + describe(*user, commands));
}

void acl_getuser(const AclView& view, const CommandTable& commands, const Args& args, resp::Writer& out) {
  const UserRef user = view.find(args[2]);
  if (user == nullptr) return out.null();
  out.map(6);
  out.bulk("flags");
  const auto flags = describe_flags(*user);
  out.set(static_cast<int64_t>(flags.size()));
  for (const std::string& flag : flags) out.bulk(flag);
  out.bulk("passwords");
  out.array(static_cast<int64_t>(user->password_hashes.size()));
  for (const std::string& hash : user->password_hashes) out.bulk(hash);
  write_permissions(user->root, commands, out);
  out.bulk("selectors");
  out.array(static_cast<int64_t>(user->selectors.size()));
  for (const Selector& selector : user->selectors) {
    out.map(3);
    write_permissions(selector, commands, out);
  }
}

void acl_dryrun(const AclView& view, const CommandTable& commands, const Args& args, resp::Writer& out) {
  const UserRef user = view.find(args[2]);
  // As redis-server says it: up to a zero byte.
  if (user == nullptr)
    return out.error("ERR User '" + std::string(std::string(args[2]).c_str()) + "' not found");
  const Args call(args.views().subspan(3));
  const auto resolved = commands.resolve(call);
  if (resolved.row == nullptr) return out.error("ERR Command '" + std::string(call[0]) + "' not found");
  if (resolved.what == registry::Resolution::kWrongArity)
    return CommandTable::write_error(resolved, call, out);
  registry::KeyPositions scratch;
  const Access access = check(*user, *resolved.row, call, scratch);
  if (access.allowed()) return out.ok();
  out.bulk(dry_run_text(access, *resolved.row, call));
}

void acl_genpass(const Args& args, std::string_view entropy, resp::Writer& out) {
  if (args.size() > 3) return wrong_arguments(args[1], out);
  int64_t bits = 256;
  if (args.size() == 3) {
    const auto given = text::parse_int64(args[2]);
    if (!given) return out.error("ERR value is not an integer or out of range");
    if (*given <= 0 || *given > 4096) {
      return out.error(
          "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up "
          "to 4096");
    }
    bits = *given;
  }
  const auto digits = static_cast<size_t>((bits + 3) / 4);
  out.bulk(text::hex(entropy.substr(0, (digits + 1) / 2)).substr(0, digits));
}

void acl_help(resp::Writer& out) {
  registry::write_help("ACL", kHelp, out);
}

void acl_setuser(AclStore& store, const Args& args, resp::Writer& out) {
  const auto done = store.set_user(args[2], args.views().subspan(3));
  if (done) return out.ok();
  out.error("ERR " + done.error().message);
}

void acl_deluser(AclStore& store, const Args& args, resp::Writer& out) {
  const auto deleted = store.delete_users(args.views().subspan(2));
  if (deleted) return out.integer(*deleted);
  out.error("ERR " + deleted.error().message);
}

void acl_log(AclStore& store, const Args& args, WallMs now, resp::Writer& out) {
  if (args.size() > 3) return wrong_arguments(args[1], out);
  int64_t count = 10;
  if (args.size() == 3) {
    if (text::iequals(args[2], "reset")) {
      store.log().clear();
      return out.ok();
    }
    const auto given = text::parse_int64(args[2]);
    if (!given) return out.error("ERR value is not an integer or out of range");
    count = *given;
  }
  store.log().write(count, now, out);
}

}  // namespace tessera::acl
