// Role: CONFIG REWRITE. Thread: any, pure.
// The old text is kept as a list of lines; for every canonical name the numbers of its lines are remembered,
// and options take them in order. A removed line becomes an empty one, and runs of empty lines shrink to one
// at the end.
#include "common/conf/rewrite.h"

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "common/conf/reader.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::conf {

namespace {

class Draft {
 public:
  Draft(std::string_view old_text, const RewriteRules& rules) {
    if (old_text.empty()) return;
    if (old_text.ends_with('\n')) old_text.remove_suffix(1);
    for (std::string_view raw : text::split(old_text, '\n')) add_old_line(text::trim(raw), rules);
  }

  void set(const RewriteOption& option, const RewriteRules& rules) {
    mentioned_.insert(option.name);
    std::deque<size_t>& places = places_[option.name];
    for (const std::string& value : option.values) {
      std::string line = option.name + (value.empty() ? "" : " ") + value;
      if (is_note(rules, option.name)) line = std::string(kNoteMark) + ' ' + line;
      if (!places.empty()) {
        lines_[places.front()] = std::move(line);
        places.pop_front();
      } else if (!option.is_default || rules.append_defaults) {
        append(std::move(line));
      }
    }
  }

  std::string finish() {
    for (const auto& [name, places] : places_) {
      if (!mentioned_.contains(name)) continue;
      for (size_t place : places) lines_[place].clear();
    }
    std::string text;
    bool was_empty = false;
    for (const std::string& line : lines_) {
      if (line.empty() && was_empty) continue;
      was_empty = line.empty();
      text += line;
      text += '\n';
    }
    return text;
  }

 private:
  static bool is_note(const RewriteRules& rules, const std::string& name) {
    return rules.is_note && rules.is_note(name);
  }

  void add_old_line(std::string_view line, const RewriteRules& rules) {
    if (line.empty() || line[0] == '#') {
      has_marker_ |= line == kRewriteMarker;
      const auto note = note_words(line);
      const std::string of = note.empty() ? "" : rules.canonical(note);
      if (!of.empty() && is_note(rules, of)) places_[of].push_back(lines_.size());
      lines_.emplace_back(line);
      return;
    }
    auto words = text::split_args(line);
    std::string name;
    if (words && !words->empty()) {
      (*words)[0] = text::to_lower((*words)[0]);
      name = rules.canonical(*words);
    }
    if (name.empty()) {
      lines_.push_back("# ??? " + std::string(line));
      return;
    }
    places_[name].push_back(lines_.size());
    lines_.emplace_back(line);
  }

  void append(std::string line) {
    if (!has_marker_) {
      if (!lines_.empty() && !lines_.back().empty()) lines_.emplace_back();
      lines_.emplace_back(kRewriteMarker);
    }
    has_marker_ = true;
    lines_.push_back(std::move(line));
  }

  std::vector<std::string> lines_;
  std::map<std::string, std::deque<size_t>>
      places_;  // lines of the old text nobody took yet, by canonical name
  std::set<std::string> mentioned_;
  bool has_marker_ = false;
};

}  // namespace

std::string rewrite(std::string_view old_text, const std::vector<RewriteOption>& options,
                    const RewriteRules& rules) {
  Draft draft(old_text, rules);
  for (const RewriteOption& option : options) draft.set(option, rules);
  return draft.finish();
}

}  // namespace tessera::conf
