#include "server/registry/introspection.h"

#include <vector>

#include "common/text/glob.h"
#include "common/text/strings.h"
#include "server/registry/command_docs.h"
#include "server/registry/command_info.h"
#include "server/registry/command_keys.h"
#include "server/registry/flag_names.h"
#include "server/registry/help.h"

namespace tessera::registry {
namespace {

// Calls f(row) for each command that clients can reach, and for its subcommands.
template <typename F>
void for_each_reachable(const CommandTable& table, F&& f) {
  for (const CommandRow& row : table.top_level()) {
    if (!table.enabled(row)) continue;
    f(row);
    for (const CommandRow& subcommand : row.subcommands) f(subcommand);
  }
}

// The command an argument list speaks of, with its keys; otherwise the error is in `out` and the row is null.
const CommandRow* keys_of_call(const CommandTable& table, const Args& call, KeyPositions& keys,
                               resp::Writer& out) {
  const Resolved resolved = table.resolve(call);
  if (resolved.row == nullptr) {
    out.error("ERR Invalid command specified");
    return nullptr;
  }
  if (!has_keys(*resolved.row)) {
    out.error("ERR The command has no key arguments");
    return nullptr;
  }
  if (resolved.what == Resolution::kWrongArity) {
    out.error("ERR Invalid number of arguments specified for command");
    return nullptr;
  }
  get_keys(*resolved.row, call, keys);
  if (keys.empty() && !(resolved.row->flags & kNoMandatoryKeys)) {
    out.error("ERR Invalid arguments specified for command");
    return nullptr;
  }
  return resolved.row;
}

Args call_behind(const Args& args) {
  return Args(args.views().subspan(2));
}

constexpr const char* kHelp[] = {
    "(no subcommand)",
    "    All commands with everything INFO tells about each.",
    "COUNT",
    "    How many commands there are, subcommands not counted.",
    "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
    "    Names of commands and subcommands, all or those that pass the filter.",
    "INFO [<command-name> ...]",
    "    Arity, flags, keys, ACL categories and tips of the named commands,",
    "    of all when none is named.",
    "DOCS [<command-name> ...]",
    "    Summary, group, version and arguments of the named commands,",
    "    of all when none is named.",
    "GETKEYS <full-command>",
    "    Which arguments of a whole command are keys.",
    "GETKEYSANDFLAGS <full-command>",
    "    The same, each key with what the command does to it.",
};

}  // namespace

void command_all(const CommandTable& table, resp::Writer& out) {
  out.array(static_cast<int64_t>(table.enabled_count()));
  for (const CommandRow& row : table.top_level()) {
    if (table.enabled(row)) write_command_info(row, out);
  }
}

void command_count(const CommandTable& table, resp::Writer& out) {
  out.integer(static_cast<int64_t>(table.enabled_count()));
}

void command_list(const CommandTable& table, const Args& args, resp::Writer& out) {
  std::vector<const CommandRow*> rows;
  const auto collect = [&](auto&& fits) {
    for_each_reachable(table, [&](const CommandRow& row) {
      if (fits(row)) rows.push_back(&row);
    });
  };
  if (args.size() == 2) {
    collect([](const CommandRow&) { return true; });
  } else if (args.size() != 5 || !text::iequals(args[2], "filterby")) {
    return out.error("ERR syntax error");
  } else if (text::iequals(args[3], "module")) {
    // No command comes from a module, so none passes.
  } else if (text::iequals(args[3], "aclcat")) {
    const uint32_t category = acl_category_by_name(args[4]);
    collect([category](const CommandRow& row) { return (row.categories & category) != 0; });
  } else if (text::iequals(args[3], "pattern")) {
    collect([&](const CommandRow& row) { return text::glob_match(args[4], row.full_name, true); });
  } else {
    return out.error("ERR syntax error");
  }
  out.array(static_cast<int64_t>(rows.size()));
  for (const CommandRow* row : rows) out.bulk(row->full_name);
}

void command_info(const CommandTable& table, const Args& args, resp::Writer& out) {
  if (args.size() == 2) return command_all(table, out);
  out.array(static_cast<int64_t>(args.size()) - 2);
  for (size_t i = 2; i < args.size(); ++i) {
    const CommandRow* row = table.find_full(args[i]);
    if (row) {
      write_command_info(*row, out);
    } else {
      out.null();
    }
  }
}

void command_docs(const CommandTable& table, const Args& args, resp::Writer& out) {
  std::vector<const CommandRow*> rows;
  if (args.size() == 2) {
    for (const CommandRow& row : table.top_level()) {
      if (table.enabled(row)) rows.push_back(&row);
    }
  } else {
    for (size_t i = 2; i < args.size(); ++i) {
      if (const CommandRow* row = table.find_full(args[i])) rows.push_back(row);
    }
  }
  out.map(static_cast<int64_t>(rows.size()));
  for (const CommandRow* row : rows) {
    out.bulk(row->full_name);
    write_command_docs(*row, out);
  }
}

void command_getkeys(const CommandTable& table, const Args& args, resp::Writer& out) {
  const Args call = call_behind(args);
  KeyPositions keys;
  if (!keys_of_call(table, call, keys, out)) return;
  out.array(static_cast<int64_t>(keys.size()));
  for (const KeyPosition& key : keys) out.bulk(call[static_cast<size_t>(key.at)]);
}

void command_getkeys_and_flags(const CommandTable& table, const Args& args, resp::Writer& out) {
  const Args call = call_behind(args);
  KeyPositions keys;
  if (!keys_of_call(table, call, keys, out)) return;
  out.array(static_cast<int64_t>(keys.size()));
  for (const KeyPosition& key : keys) {
    out.array(2);
    out.bulk(call[static_cast<size_t>(key.at)]);
    write_key_flags(key.flags, out);
  }
}

void command_help(resp::Writer& out) {
  write_help("COMMAND", kHelp, out);
}

}  // namespace tessera::registry
