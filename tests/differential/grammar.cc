// Role: see grammar.h. Both replies are read in RESP2, where maps are flat arrays of name and value.
#include "tests/differential/grammar.h"

#include <algorithm>
#include <map>

namespace tessera::differential {
namespace {

using support::Value;

const Value* field(const Value& flat_map, const std::string& name) {
  for (size_t i = 0; i + 1 < flat_map.items.size(); i += 2) {
    if (flat_map.items[i].text == name) return &flat_map.items[i + 1];
  }
  return nullptr;
}

std::string field_text(const Value& flat_map, const std::string& name) {
  const Value* found = field(flat_map, name);
  return found != nullptr ? found->text : "";
}

std::vector<Arg> read_args(const Value* list) {
  std::vector<Arg> args;
  if (list == nullptr) return args;
  for (const Value& item : list->items) {
    Arg arg;
    arg.name = field_text(item, "name");
    arg.type = field_text(item, "type");
    arg.token = field_text(item, "token");
    if (const Value* flags = field(item, "flags")) {
      for (const Value& flag : flags->items) {
        if (flag.text == "optional") arg.optional = true;
        if (flag.text == "multiple") arg.multiple = true;
        if (flag.text == "multiple_token") arg.multiple_token = true;
      }
    }
    arg.children = read_args(field(item, "arguments"));
    args.push_back(std::move(arg));
  }
  return args;
}

using Specs = std::map<std::string, CommandSpec>;

// One entry of COMMAND: [name, arity, flags, first, last, step, acl, tips, key specs, subcommands].
void read_command(const Value& row, Specs& specs) {
  if (row.items.size() < 6) return;
  CommandSpec spec;
  const std::string full = row.items[0].text;
  const size_t bar = full.find('|');
  spec.name = full.substr(0, bar);
  if (bar != std::string::npos) spec.sub = full.substr(bar + 1);
  spec.arity = static_cast<int>(row.items[1].integer);
  for (const Value& flag : row.items[2].items) spec.flags.insert(flag.text);
  spec.first_key = static_cast<int>(row.items[3].integer);
  if (row.items.size() > 9) {
    spec.has_subcommands = !row.items[9].items.empty();
    for (const Value& sub : row.items[9].items) read_command(sub, specs);
  }
  specs[full] = std::move(spec);
}

void read_docs(const Value& docs, Specs& specs) {
  for (size_t i = 0; i + 1 < docs.items.size(); i += 2) {
    const auto found = specs.find(docs.items[i].text);
    if (found != specs.end()) {
      found->second.args = read_args(field(docs.items[i + 1], "arguments"));
      found->second.group = field_text(docs.items[i + 1], "group");
    }
    if (const Value* subs = field(docs.items[i + 1], "subcommands")) read_docs(*subs, specs);
  }
}

Result<Specs> load_one(support::RespConnection& connection) {
  const Value rows = connection.ask({"COMMAND"});
  const Value docs = connection.ask({"COMMAND", "DOCS"});
  if (!rows.is_array() || !docs.is_array()) {
    return Error{"COMMAND or COMMAND DOCS failed: " + rows.text + " " + docs.text, 0};
  }
  Specs specs;
  for (const Value& row : rows.items) read_command(row, specs);
  read_docs(docs, specs);
  return specs;
}

void collect_tokens(const std::vector<Arg>& args, std::set<std::string>& tokens) {
  for (const Arg& arg : args) {
    if (!arg.token.empty()) tokens.insert(arg.token);
    collect_tokens(arg.children, tokens);
  }
}

void mark_newer(std::vector<Arg>& args, const std::set<std::string>& known) {
  for (Arg& arg : args) {
    arg.newer = !arg.token.empty() && known.count(arg.token) == 0;
    mark_newer(arg.children, known);
    // A choice of nothing but newer tokens is newer itself.
    if (!arg.children.empty() && arg.type == "oneof") {
      arg.newer |=
          std::all_of(arg.children.begin(), arg.children.end(), [](const Arg& c) { return c.newer; });
    }
  }
}

}  // namespace

const CommandSpec* Grammar::find(const std::string& full_name) const {
  for (const CommandSpec& spec : commands) {
    if (spec.full_name() == full_name) return &spec;
  }
  return nullptr;
}

Result<Grammar> load_grammar(support::RespConnection& tested, support::RespConnection& oracle) {
  Result<Specs> ours = load_one(tested);
  if (!ours.ok()) return ours.error();
  Result<Specs> theirs = load_one(oracle);
  if (!theirs.ok()) return theirs.error();
  Grammar grammar;
  for (auto& [name, spec] : *ours) {
    const auto other = theirs->find(name);
    if (other == theirs->end()) {
      grammar.only_tested.push_back(name);
      continue;
    }
    std::set<std::string> known;
    collect_tokens(other->second.args, known);
    mark_newer(spec.args, known);
    grammar.commands.push_back(spec);
  }
  for (const auto& [name, spec] : *theirs) {
    if (ours->find(name) == ours->end()) grammar.only_oracle.push_back(name);
  }
  return grammar;
}

}  // namespace tessera::differential
