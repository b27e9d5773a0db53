// Role: see loader.h.
#include "server/config/loader.h"

#include <optional>
#include <set>

#include "common/text/strings.h"
#include "server/config/notes.h"
#include "server/registry/version.h"

namespace tessera::config {

namespace {

constexpr std::string_view kBadDirective = "Bad directive or wrong number of arguments";

// Parameters of older versions that are read and forgotten.
bool is_obsolete(const std::vector<std::string>& words) {
  return words.size() == 2 && (words[0] == "list-max-ziplist-entries" ||
                               words[0] == "list-max-ziplist-value" || words[0] == "lua-replicate-commands");
}

class Loader {
 public:
  Loader(std::shared_ptr<const ParameterTable> table, const LoadOptions& options)
      : table_(*table), options_(options), draft_(Config(table, options.directory, options.cores)) {
    draft_.set_config_file(options.config_file);
    seen_.resize(table->size());
  }

  Result<void> add(const conf::Line& line) {
    const auto found = table_.find(line.words[0]);
    // Any other note is what it looks like, a comment.
    if (line.is_note && (found.index < 0 || !is_note(table_.row(found.index)))) return {};
    return found.index >= 0 ? add_parameter(line, found.index) : add_directive(line);
  }

  Result<std::shared_ptr<const Config>> finish() {
    const Config& config = draft_.now();
    if (config.boolean("cluster-enabled") && !config.text("replicaof").empty()) {
      return Error{"replicaof directive not allowed in cluster mode"};
    }
    if (first_user_ && !config.text("aclfile").empty()) {
      return conf::line_error(*first_user_, 0,
                              "Users are defined here and an ACL file is set as well: one of the two has to "
                              "go, or it would not be clear who may do what");
    }
    return std::move(draft_).finish();
  }

 private:
  // What to name of a line that cannot be used: the value when there is one, the first one that is too many,
  // else the parameter.
  static size_t bad_word(const registry::ParameterRow& row, const conf::Line& line) {
    if (line.words.size() == 2) return 1;
    return line.words.size() > 2 && !row.is(registry::kMulti) ? 2 : 0;
  }

  Result<void> add_parameter(const conf::Line& line, int index) {
    const registry::ParameterRow& row = table_.row(index);
    std::span<const std::string> words(line.words.data() + 1, line.words.size() - 1);
    // Several values in one word, as the command line gives them: --save "60 1".
    std::vector<std::string> parts;
    if (words.size() == 1 && row.is(registry::kMulti) && words[0].find(' ') != std::string::npos) {
      for (std::string_view part : text::split(words[0], ' ')) parts.emplace_back(part);
      words = parts;
    }
    const bool first = !seen_[static_cast<size_t>(index)];
    Result<Value> value = parse_value(row, words, draft_.now().value(index), ValueSource{true, first});
    if (value && std::string_view(row.name) == "dir" && options_.resolve_dir) {
      Result<std::string> path = options_.resolve_dir(value->text, draft_.now().value(index).text);
      if (!path) return conf::line_error(line, 1, path.error().message);
      value->text = std::move(*path);
    }
    if (!value) return conf::line_error(line, bad_word(row, line), value.error().message);
    seen_[static_cast<size_t>(index)] = true;
    draft_.set(index, std::move(*value));
    return {};
  }

  Result<void> add_directive(const conf::Line& line) {
    const std::string& name = line.words[0];
    if (is_obsolete(line.words)) return {};
    if (name == "rename-command" && line.words.size() == 3) return add_rename(line);
    if (name == "user" && line.words.size() >= 2) return add_user(line);
    if (name == "loadmodule" && line.words.size() >= 2) {
      return conf::line_error(line, 0, "modules are not supported");
    }
    if (name == "sentinel") return conf::line_error(line, 0, "sentinel directive while not in sentinel mode");
    return conf::line_error(line, 0, kBadDirective);
  }

  bool command_exists(const std::string& lower_name) const {
    if (new_names_.contains(lower_name)) return true;
    if (gone_names_.contains(lower_name)) return false;
    return !options_.command_exists || options_.command_exists(lower_name);
  }

  Result<void> add_rename(const conf::Line& line) {
    const std::string from = text::to_lower(line.words[1]);
    const std::string to = text::to_lower(line.words[2]);
    if (!command_exists(from)) return conf::line_error(line, 1, "No such command in rename-command");
    const bool known = options_.command_exists || new_names_.contains(to);
    if (!to.empty() && to != from && known && command_exists(to)) {
      return conf::line_error(line, 2, "Target command name already exists");
    }
    new_names_.erase(from);
    gone_names_.insert(from);
    if (!to.empty()) {
      new_names_.insert(to);
      gone_names_.erase(to);
    }
    draft_.directives().renamed_commands.emplace_back(from, to);
    return {};
  }

  Result<void> add_user(const conf::Line& line) {
    std::vector<std::string> words(line.words.begin() + 1, line.words.end());
    const std::string where = "Error in user declaration '" + words[0] + "': ";
    for (const auto& other : draft_.directives().users) {
      if (other[0] == words[0]) {
        return conf::line_error(
            line, 1, where + "Duplicate user found. A user can only be defined once in config files");
      }
    }
    if (options_.check_user) {
      Result<void> checked = options_.check_user(words);
      if (!checked) {
        // The reason quotes the rule that cannot be applied.
        size_t word = 1;
        for (size_t i = line.words.size() - 1; i > 1; --i) {
          if (checked.error().message.find("'" + line.words[i] + "'") != std::string::npos) word = i;
        }
        return conf::line_error(line, word, where + checked.error().message);
      }
    }
    if (!first_user_) first_user_ = line;
    draft_.directives().users.push_back(std::move(words));
    return {};
  }

  const ParameterTable& table_;
  const LoadOptions& options_;
  Draft draft_;
  std::vector<bool> seen_;
  std::set<std::string> new_names_;  // by rename-command
  std::set<std::string> gone_names_;
  std::optional<conf::Line> first_user_;
};

}  // namespace

Result<std::shared_ptr<const Config>> load(std::shared_ptr<const ParameterTable> table,
                                           const std::vector<conf::Line>& lines, const LoadOptions& options) {
  Loader loader(std::move(table), options);
  for (const conf::Line& line : lines) {
    Result<void> added = loader.add(line);
    if (!added) return added.error();
  }
  return loader.finish();
}

std::string fatal_text(const Error& error) {
  return std::string("\n*** FATAL CONFIG FILE ERROR (Tessera ") + kTesseraVersion + ") ***\n" +
         error.message + "\n";
}

}  // namespace tessera::config
