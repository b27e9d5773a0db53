#include "server/registry/command_docs.h"

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::registry {
namespace {

// argument  = name [":" type] ["=" token] ["@" number] ["?"] ["*" | "+"]
// type      = word | ("oneof" | "block") "(" argument { " " argument } ")"
// token     = signs other than blank ) @ ? * + '  |  "'" anything "'"
class Notation {
 public:
  explicit Notation(std::string_view text) : text_(text) {}

  Result<std::vector<ArgumentDoc>> all() {
    std::vector<ArgumentDoc> arguments;
    if (!text_.empty() && !list(arguments)) return failed();
    if (at_ != text_.size()) return failed();
    return arguments;
  }

 private:
  Error failed() const {
    return {"arguments: cannot read \"" + std::string(text_.substr(at_)) + "\" at " +
            text::to_text(static_cast<uint64_t>(at_))};
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c || c == '\0') return false;
    ++at_;
    return true;
  }
  std::string_view until(std::string_view signs) {
    const size_t from = at_;
    at_ = std::min(text_.find_first_of(signs, at_), text_.size());
    return text_.substr(from, at_ - from);
  }

  bool list(std::vector<ArgumentDoc>& out) {
    do {
      out.emplace_back();
      if (!argument(out.back())) return false;
    } while (take(' '));
    return true;
  }

  bool argument(ArgumentDoc& out) {
    out.name = until(" ():=@?*+'");
    if (out.name.empty()) return false;
    if (!type(out) || !token(out)) return false;
    if (out.type.empty()) {
      if (!out.has_token) return false;
      out.type = "pure-token";
    }
    if (take('@')) {
      const auto number = text::parse_int64(until(" )?*+"));
      if (!number || *number < 0 || *number > 9) return false;
      out.key_spec = static_cast<int>(*number);
    }
    out.optional = take('?');
    out.multiple_token = take('+');
    out.multiple = out.multiple_token || take('*');
    return true;
  }

  bool type(ArgumentDoc& out) {
    if (!take(':')) return true;
    out.type = until(" ()=@?*+");
    if (out.type != "oneof" && out.type != "block") return !out.type.empty();
    return take('(') && list(out.arguments) && take(')');
  }

  bool token(ArgumentDoc& out) {
    if (!take('=')) return true;
    out.has_token = true;
    if (take('\'')) {
      out.token = until("'");
      return take('\'');
    }
    out.token = until(" )@?*+'");
    return !out.token.empty();
  }

  std::string_view text_;
  size_t at_ = 0;
};

void write_text(std::string_view name, std::string_view value, resp::Writer& out) {
  out.bulk(name);
  out.bulk(value);
}

void write_argument_list(const std::vector<ArgumentDoc>& arguments, resp::Writer& out);

void write_argument(const ArgumentDoc& argument, resp::Writer& out) {
  const int flags = argument.optional + argument.multiple + argument.multiple_token;
  out.map(2 + (argument.key_spec >= 0) + argument.has_token + (flags > 0) + !argument.arguments.empty());
  write_text("name", argument.name, out);
  write_text("type", argument.type, out);
  if (argument.key_spec >= 0) {
    out.bulk("key_spec_index");
    out.integer(argument.key_spec);
  }
  if (argument.has_token) write_text("token", argument.token, out);
  if (flags > 0) {
    out.bulk("flags");
    out.set(flags);
    if (argument.optional) out.simple("optional");
    if (argument.multiple) out.simple("multiple");
    if (argument.multiple_token) out.simple("multiple_token");
  }
  if (!argument.arguments.empty()) {
    out.bulk("arguments");
    write_argument_list(argument.arguments, out);
  }
}

void write_argument_list(const std::vector<ArgumentDoc>& arguments, resp::Writer& out) {
  out.array(static_cast<int64_t>(arguments.size()));
  for (const ArgumentDoc& argument : arguments) write_argument(argument, out);
}

// Lines of "version<tab>what changed".
void write_history(std::string_view history, resp::Writer& out) {
  const auto lines = text::split(history, '\n');
  out.set(static_cast<int64_t>(lines.size()));
  for (const std::string_view line : lines) {
    const size_t tab = std::min(line.find('\t'), line.size());
    out.array(2);
    out.bulk(line.substr(0, tab));
    out.bulk(line.substr(std::min(tab + 1, line.size())));
  }
}

bool present(const char* text) {
  return text != nullptr && *text != '\0';
}

}  // namespace

Result<std::vector<ArgumentDoc>> parse_arguments(std::string_view notation) {
  return Notation(notation).all();
}

void write_command_docs(const CommandRow& row, resp::Writer& out) {
  const auto arguments = parse_arguments(row.arguments);
  const bool has_arguments = arguments.ok() && !arguments->empty();
  const struct {
    const char* name;
    const char* text;
  } texts[] = {
      {"summary", row.summary}, {"since", row.since}, {"group", row.group}, {"complexity", row.complexity}};
  int pairs = present(row.doc_flags) + present(row.deprecated_since) + present(row.replaced_by) +
              present(row.history) + has_arguments + !row.subcommands.empty();
  for (const auto& text : texts) pairs += present(text.text);
  out.map(pairs);
  for (const auto& text : texts) {
    if (present(text.text)) write_text(text.name, text.text, out);
  }
  if (present(row.doc_flags)) {
    const auto flags = text::split(row.doc_flags, ' ');
    out.bulk("doc_flags");
    out.set(static_cast<int64_t>(flags.size()));
    for (const std::string_view flag : flags) out.simple(flag);
  }
  if (present(row.deprecated_since)) write_text("deprecated_since", row.deprecated_since, out);
  if (present(row.replaced_by)) write_text("replaced_by", row.replaced_by, out);
  if (present(row.history)) {
    out.bulk("history");
    write_history(row.history, out);
  }
  if (has_arguments) {
    out.bulk("arguments");
    write_argument_list(*arguments, out);
  }
  if (!row.subcommands.empty()) {
    out.bulk("subcommands");
    out.map(static_cast<int64_t>(row.subcommands.size()));
    for (const CommandRow& subcommand : row.subcommands) {
      out.bulk(subcommand.full_name);
      write_command_docs(subcommand, out);
    }
  }
}

}  // namespace tessera::registry
