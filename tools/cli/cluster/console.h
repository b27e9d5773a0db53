// Role: lines for people, coloured as redis-cli does: on terminals whose TERM begins with xterm, also into a
// pipe. Thread: one.
#pragma once

#include <string>

namespace tessera::cli::cluster {

class Console {
 public:
  explicit Console(bool colour) : colour_(colour) {}
  static Console from_environment();

  // To standard output, as they are: the line feed is the caller's, and coloured with the text.
  void plain(const std::string& text) const;
  void info(const std::string& text) const { coloured("29", text); }  // bold white
  void ok(const std::string& text) const { coloured("32", text); }
  void warning(const std::string& text) const { coloured("33", text); }
  void error(const std::string& text) const { coloured("31", text); }
  void flush() const;

 private:
  void coloured(const char* colour, const std::string& text) const;
  bool colour_;
};

}  // namespace tessera::cli::cluster
