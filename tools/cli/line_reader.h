// Role: lines from a person (libedit: editing, history, completion, hints at the right) or from a pipe.
// Thread: one. Invariant: the only file that includes libedit's header is line_reader.cc.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tessera::cli {

class LineReader {
 public:
  // Whole lines that may stand in place of what was typed so far.
  using Complete = std::function<std::vector<std::string>(const std::string& typed)>;
  // What could follow.
  using Hint = std::function<std::string(const std::string& typed)>;

  LineReader(bool terminal, std::string history_file);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  void set_complete(Complete complete);
  void set_hint(Hint hint);
  // Nothing at the end of the input. Without the line end.
  std::optional<std::string> read(const std::string& prompt);
  // Adds to the history and saves it; does nothing without a terminal.
  void remember(const std::string& line);
  void clear_screen();

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;  // only on a terminal
};

}  // namespace tessera::cli
