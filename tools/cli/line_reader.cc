// Role: libedit behind the line reader.
#include "tools/cli/line_reader.h"

#include <histedit.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/text/strings.h"

namespace tessera::cli {

struct LineReader::Editor {
  EditLine* edit = nullptr;
  History* history = nullptr;
  std::string history_file;
  std::string prompt;
  std::string hint_text;
  Complete complete;
  Hint hint;

  std::string typed() const {
    const LineInfo* info = el_line(edit);
    return {info->buffer, static_cast<size_t>(info->cursor - info->buffer)};
  }
};

namespace {

constexpr int kHistoryLines = 1000;
constexpr char kInvisible = '\1';  // brackets bytes of a prompt that take no room

}  // namespace

LineReader::LineReader(bool terminal, std::string history_file) {
  if (!terminal) return;
  editor_ = std::make_unique<Editor>();
  Editor& e = *editor_;
  e.history_file = std::move(history_file);
  e.edit = el_init("tessera-cli", stdin, stdout, stderr);
  if (e.edit == nullptr) {
    editor_.reset();
    return;
  }
  el_set(e.edit, EL_CLIENTDATA, &e);
  el_set(e.edit, EL_EDITOR, "emacs");
  el_set(e.edit, EL_SIGNAL, 1);  // the terminal is restored when a signal ends the process
  el_set(
      e.edit, EL_PROMPT_ESC,
      +[](EditLine* edit) {
        Editor* self = nullptr;
        el_get(edit, EL_CLIENTDATA, &self);
        return self->prompt.data();
      },
      kInvisible);
  el_set(
      e.edit, EL_RPROMPT_ESC,
      +[](EditLine* edit) {
        Editor* self = nullptr;
        el_get(edit, EL_CLIENTDATA, &self);
        self->hint_text = self->hint ? self->hint(self->typed()) : "";
        if (!self->hint_text.empty()) self->hint_text = "\1\x1b[90m\1" + self->hint_text + "\1\x1b[0m\1";
        return self->hint_text.data();
      },
      kInvisible);
  // The wide form: the other one copies both names and never frees them.
  el_wset(
      e.edit, EL_ADDFN, L"complete-command", L"Complete commands", +[](EditLine* edit, int) -> unsigned char {
        Editor* self = nullptr;
        el_get(edit, EL_CLIENTDATA, &self);
        const std::string typed = self->typed();
        const auto lines = self->complete ? self->complete(typed) : std::vector<std::string>{};
        if (lines.empty()) return CC_REFRESH_BEEP;
        // As far as all agree; the list, when that is no further than what stands there.
        std::string common = lines[0];
        for (const std::string& line : lines) {
          size_t n = 0;
          while (n < common.size() && n < line.size() && text::lower(common[n]) == text::lower(line[n])) ++n;
          common.resize(n);
        }
        if (common.size() > typed.size() || (lines.size() == 1 && common != typed)) {
          el_deletestr(edit, static_cast<int>(typed.size()));
          if (lines.size() == 1) common += ' ';
          el_insertstr(edit, common.c_str());
          return CC_REFRESH;
        }
        if (lines.size() == 1) return CC_REFRESH_BEEP;
        std::printf("\n");
        for (const std::string& line : lines) std::printf("  %s\n", line.c_str());
        return CC_REDISPLAY;
      });
  el_set(e.edit, EL_BIND, "^I", "complete-command", nullptr);
  el_set(e.edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);

  e.history = history_init();
  HistEvent event;
  history(e.history, &event, H_SETSIZE, kHistoryLines);
  history(e.history, &event, H_SETUNIQUE, 1);
  el_set(e.edit, EL_HIST, history, e.history);
  if (!e.history_file.empty()) history(e.history, &event, H_LOAD, e.history_file.c_str());
}

LineReader::~LineReader() {
  if (editor_ == nullptr) return;
  if (editor_->history != nullptr) history_end(editor_->history);
  el_end(editor_->edit);
}

void LineReader::set_complete(Complete complete) {
  if (editor_) editor_->complete = std::move(complete);
}

void LineReader::set_hint(Hint hint) {
  if (editor_) editor_->hint = std::move(hint);
}

std::optional<std::string> LineReader::read(const std::string& prompt) {
  std::string line;
  if (editor_ == nullptr) {
    for (int c = std::getchar(); c != '\n'; c = std::getchar()) {
      if (c == EOF) {
        if (line.empty()) return std::nullopt;
        break;
      }
      line += static_cast<char>(c);
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
  }
  editor_->prompt = prompt;
  int count = 0;
  const char* bytes = el_gets(editor_->edit, &count);
  if (bytes == nullptr || count <= 0) {
    std::printf("\n");
    return std::nullopt;
  }
  line.assign(bytes, static_cast<size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

void LineReader::remember(const std::string& line) {
  if (editor_ == nullptr) return;
  HistEvent event;
  history(editor_->history, &event, H_ENTER, line.c_str());
  if (editor_->history_file.empty()) return;
  // What a person typed is nobody else's business.
  const mode_t before = umask(0177);
  history(editor_->history, &event, H_SAVE, editor_->history_file.c_str());
  umask(before);
}

void LineReader::clear_screen() {
  std::printf("\x1b[H\x1b[2J");
  std::fflush(stdout);
}

}  // namespace tessera::cli
