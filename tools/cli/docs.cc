// Role: COMMAND DOCS to entries; arguments to syntax lines.
#include "tools/cli/docs.h"

#include <algorithm>
#include <set>

#include "common/text/strings.h"

namespace tessera::cli {
namespace {

using resp::Value;

std::string text_of(const Value& map, std::string_view key) {
  const Value* value = map.find(key);
  return value != nullptr ? value->text : "";
}

bool has_flag(const Value& argument, std::string_view flag) {
  const Value* flags = argument.find("flags");
  return flags != nullptr &&
         std::any_of(flags->items.begin(), flags->items.end(), [&](const Value& v) { return v == flag; });
}

std::string argument_text(const Value& argument);

std::string joined(const Value& arguments, std::string_view separator) {
  std::vector<std::string> parts;
  for (const Value& argument : arguments.items) parts.push_back(argument_text(argument));
  return text::join(parts, separator);
}

// One argument without its brackets and repetitions.
std::string plain_text(const Value& argument) {
  const std::string type = text_of(argument, "type");
  const Value* inner = argument.find("arguments");
  std::string out;
  if (type == "oneof" && inner != nullptr) {
    out = joined(*inner, "|");
  } else if (type == "block" && inner != nullptr) {
    out = joined(*inner, " ");
  } else if (type != "pure-token") {
    out = text_of(argument, "display_text");
    if (out.empty()) out = text_of(argument, "name");
  }
  return out;
}

std::string argument_text(const Value& argument) {
  const std::string token_text = text_of(argument, "token");
  const bool has_token = argument.find("token") != nullptr;
  const bool multiple = has_flag(argument, "multiple");
  const bool token_repeats = has_flag(argument, "multiple_token");
  std::string one = plain_text(argument);
  // An empty token is shown as such: the argument is "" literally.
  const std::string token = has_token && token_text.empty() ? "\"\"" : token_text;
  const std::string type = text_of(argument, "type");
  std::string out;
  if (has_token && (type == "pure-token" || one.empty())) {
    out = token;
  } else if (has_token) {
    // A choice behind a token reads as one unit.
    if (type == "oneof" && one.find('|') != std::string::npos) one = "<" + one + ">";
    out = token + " " + one;
  } else {
    out = one;
    if (type == "oneof" && !has_flag(argument, "optional") && one.find('|') != std::string::npos)
      out = "<" + out + ">";
  }
  if (multiple) {
    const std::string again = has_token && !token_repeats ? one : out;
    out += " [" + again + " ...]";
  }
  return has_flag(argument, "optional") ? "[" + out + "]" : out;
}

}  // namespace

std::string syntax_text(const Value& arguments) {
  return joined(arguments, " ");
}

void Docs::add(const std::string& prefix, const std::string& name, const Value& doc) {
  // Names of subcommands come as "config|get".
  std::string own = name.substr(name.find('|') == std::string::npos ? 0 : name.find('|') + 1);
  CommandDoc entry;
  entry.name = text::to_upper(prefix.empty() ? own : prefix + " " + own);
  entry.summary = text_of(doc, "summary");
  entry.since = text_of(doc, "since");
  entry.group = text_of(doc, "group");
  if (const Value* arguments = doc.find("arguments")) entry.syntax = syntax_text(*arguments);
  const std::string full = entry.name;
  commands_[full] = std::move(entry);
  const Value* subcommands = doc.find("subcommands");
  if (subcommands == nullptr) return;
  for (size_t i = 0; i + 1 < subcommands->items.size(); i += 2)
    add(full, subcommands->items[i].text, subcommands->items[i + 1]);
}

Docs Docs::from(const Value& reply) {
  Docs docs;
  if (!reply.is_aggregate()) return docs;
  for (size_t i = 0; i + 1 < reply.items.size(); i += 2) {
    if (reply.items[i].is_text() && reply.items[i + 1].is_aggregate())
      docs.add("", reply.items[i].text, reply.items[i + 1]);
  }
  return docs;
}

Docs Docs::from_names(const Value& reply) {
  Docs docs;
  for (const Value& name : reply.items) {
    if (name.is_text() && !name.text.empty()) {
      CommandDoc entry;
      entry.name = text::to_upper(name.text);
      docs.commands_[entry.name] = entry;
    }
  }
  return docs;
}

const CommandDoc* Docs::find(std::string_view name) const {
  const auto found = commands_.find(text::to_upper(name));
  return found != commands_.end() ? &found->second : nullptr;
}

const CommandDoc* Docs::match(const std::vector<std::string>& words, size_t& used) const {
  const CommandDoc* best = nullptr;
  std::string name;
  for (size_t i = 0; i < words.size() && i < 3; ++i) {
    if (i > 0) name += ' ';
    name += text::to_upper(words[i]);
    const auto found = commands_.find(name);
    if (found != commands_.end()) {
      best = &found->second;
      used = i + 1;
    }
  }
  return best;
}

std::vector<const CommandDoc*> Docs::group(std::string_view name) const {
  std::vector<const CommandDoc*> found;
  for (const auto& [key, entry] : commands_) {
    if (text::iequals(entry.group, name)) found.push_back(&entry);
  }
  return found;
}

std::vector<std::string> Docs::groups() const {
  std::set<std::string> names;
  for (const auto& [key, entry] : commands_) {
    if (!entry.group.empty()) names.insert(entry.group);
  }
  return {names.begin(), names.end()};
}

}  // namespace tessera::cli
