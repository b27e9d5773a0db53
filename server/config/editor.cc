// Role: CONFIG SET and GET. Thread: control.
#include "server/config/editor.h"

#include <algorithm>
#include <set>

#include "common/base/check.h"
#include "common/text/glob.h"
#include "common/text/strings.h"

namespace tessera::config {

namespace {

Error failed(std::string_view name, const std::string& reason) {
  return Error{"CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " + reason};
}

// What a value of several words is made of: parts between single blanks, so that two blanks make an empty
// word.
std::vector<std::string> words_of(const registry::ParameterRow& row, std::string_view value) {
  if (!row.is(registry::kMulti)) return {std::string(value)};
  std::vector<std::string> words;
  if (value.empty()) return words;
  for (std::string_view word : text::split(value, ' ')) words.emplace_back(word);
  return words;
}

}  // namespace

void Editor::on_change(std::vector<std::string> names, ChangeHook hook) {
  Hook entry{{}, std::move(hook)};
  for (const std::string& name : names) {
    const int index = current_->table().find(name).index;
    TESSERA_CHECK(index >= 0);
    entry.indexes.push_back(index);
  }
  hooks_.push_back(std::move(entry));
}

Result<std::vector<Editor::Change>> Editor::read_pairs(
    std::span<const std::pair<std::string_view, std::string_view>> pairs, const SetOptions& options) const {
  const ParameterTable& table = current_->table();
  std::vector<Change> changes;
  std::set<std::string> names;
  // Every name is looked at before any value is, so that the reply does not depend on values.
  for (const auto& [name, text] : pairs) {
    const int index = table.find(name).index;
    if (index < 0) {
      return Error{"Unknown option or number of arguments for CONFIG SET - '" +
                   std::string(name.substr(0, name.find('\0'))) + "'"};
    }
    const registry::ParameterRow& row = table.row(index);
    if (row.is(registry::kImmutable)) return failed(name, "can't set immutable config");
    if (row.is(registry::kProtectedParam) && !options.protected_allowed) {
      return failed(name, "can't set protected config");
    }
    if (!names.insert(text::to_lower(name)).second) return failed(name, "duplicate parameter");
    changes.push_back({index, name, {}});
  }
  for (size_t i = 0; i < changes.size(); ++i) {
    Change& change = changes[i];
    const registry::ParameterRow& row = table.row(change.index);
    const Value& before = current_->value(change.index);
    Result<Value> value = parse_value(row, words_of(row, pairs[i].second), before, ValueSource{});
    // What the value is refused for is said with the parameter's own spelling, as redis-server does.
    if (!value) return failed(text::to_lower(change.name), value.error().message);
    change.value = std::move(*value);
    if (std::string_view(row.name) == "dir" && options.resolve_dir) {
      Result<std::string> path = options.resolve_dir(change.value.text, before.text);
      if (!path) return failed(text::to_lower(change.name), path.error().message);
      change.value.text = std::move(*path);
    }
  }
  return changes;
}

Result<void> Editor::run_hooks(const std::vector<Change>& changes, const Config& next) {
  std::vector<Hook*> ran;
  for (const Change& change : changes) {
    if (next.value(change.index) == current_->value(change.index)) continue;
    for (Hook& hook : hooks_) {
      const bool concerned = std::count(hook.indexes.begin(), hook.indexes.end(), change.index) > 0;
      if (!concerned || std::count(ran.begin(), ran.end(), &hook) > 0) continue;
      ran.push_back(&hook);
      Result<void> done = hook.call(*current_, next);
      if (done) continue;
      // The one that failed may have done half of its work. What it was before was carried out once: failures
      // on the way back have nobody left to tell.
      for (auto it = ran.rbegin(); it != ran.rend(); ++it) (void)(*it)->call(next, *current_).ok();
      return failed(text::to_lower(change.name), done.error().message);
    }
  }
  return {};
}

Result<std::shared_ptr<const Config>> Editor::set(
    std::span<const std::pair<std::string_view, std::string_view>> pairs, const SetOptions& options) {
  Result<std::vector<Change>> changes = read_pairs(pairs, options);
  if (!changes) return changes.error();
  Draft draft(*current_);
  for (const Change& change : *changes) draft.set(change.index, change.value);
  std::shared_ptr<const Config> next = std::move(draft).finish();
  Result<void> carried_out = run_hooks(*changes, *next);
  if (!carried_out) return carried_out.error();
  current_ = next;
  return next;
}

std::shared_ptr<const Config> Editor::put_back(const Config& before, const Config& after) {
  Draft draft(*current_);
  std::vector<int> indexes;
  for (int index = 0; index < static_cast<int>(current_->table().size()); ++index) {
    if (before.value(index) == after.value(index) || current_->value(index) != after.value(index)) continue;
    draft.set(index, before.value(index));
    indexes.push_back(index);
  }
  std::shared_ptr<const Config> next = std::move(draft).finish();
  for (Hook& hook : hooks_) {
    const bool concerned = std::any_of(indexes.begin(), indexes.end(), [&](int index) {
      return std::count(hook.indexes.begin(), hook.indexes.end(), index) > 0;
    });
    if (concerned) (void)hook.call(*current_, *next).ok();
  }
  current_ = next;
  return next;
}

std::vector<std::pair<std::string, std::string>> Editor::get(
    std::span<const std::string_view> patterns) const {
  const ParameterTable& table = current_->table();
  std::vector<std::pair<std::string, std::string>> out;
  std::set<std::string> names;
  const auto add = [&](std::string_view name, int index) {
    if (names.insert(text::to_lower(name)).second) out.emplace_back(name, current_->printed(index));
  };
  for (std::string_view pattern : patterns) {
    if (pattern.find_first_of("*?[") == std::string_view::npos) {
      const int index = table.find(pattern).index;
      if (index >= 0) add(pattern, index);
      continue;
    }
    for (int index = 0; index < static_cast<int>(table.size()); ++index) {
      const registry::ParameterRow& row = table.row(index);
      if (row.is(registry::kHidden)) continue;
      if (text::glob_match(pattern, row.name, true)) add(row.name, index);
      if (row.alias_name && text::glob_match(pattern, row.alias_name, true)) add(row.alias_name, index);
    }
  }
  return out;
}

std::vector<std::string> Editor::take_unserved() {
  const ParameterTable& table = current_->table();
  told_.resize(table.size());
  std::vector<std::string> names;
  for (int index = 0; index < static_cast<int>(table.size()); ++index) {
    const registry::ParameterRow& row = table.row(index);
    if (!row.is(registry::kNoEffectYet) || current_->is_default(index)) continue;
    if (told_[static_cast<size_t>(index)]) continue;
    told_[static_cast<size_t>(index)] = true;
    names.emplace_back(row.name);
  }
  return names;
}

bool allowed(const Config& config, std::string_view parameter, bool client_is_local) {
  const int64_t value = config.integer(parameter);
  return value == kAllowYes || (value == kAllowLocal && client_is_local);
}

bool is_sensitive(const ParameterTable& table, std::string_view name) {
  const int index = table.find(name).index;
  return index >= 0 && table.row(index).is(registry::kSensitive);
}

std::span<const char* const> config_help() {
  static constexpr const char* kLines[] = {
      "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "GET <pattern>",
      "    Return parameters matching the glob-like <pattern> and their values.",
      "SET <directive> <value>",
      "    Set the configuration <directive> to <value>.",
      "RESETSTAT",
      "    Reset statistics reported by the INFO command.",
      "REWRITE",
      "    Rewrite the configuration file.",
      "HELP",
      "    Prints this help."};
  return kLines;
}

}  // namespace tessera::config
