// Role: CONFIG GET, SET and REWRITE without the protocol: the control thread owns one Editor and publishes
// what it makes. Thread: control. Invariants: a set is all or nothing: when a value or a hook refuses,
// everything is as before.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/io/files.h"
#include "server/config/config.h"

namespace tessera::config {

// A value that has to be carried out before it is published (listening, log level, limits of the system).
// Called with the values before and after; a failure takes the whole CONFIG SET back, and hooks that already
// ran are called again the other way round. The error is the reason alone.
using ChangeHook = std::function<Result<void>(const Config& before, const Config& after)>;

struct SetOptions {
  bool protected_allowed = false;  // enable-protected-configs lets this client
  // As LoadOptions::resolve_dir.
  std::function<Result<std::string>(const std::string& path, const std::string& base)> resolve_dir;
};

class Editor {
 public:
  explicit Editor(std::shared_ptr<const Config> first) : current_(std::move(first)) {}

  const std::shared_ptr<const Config>& current() const { return current_; }

  // Hooks run in the order of the pairs of a set, each once however many of its names changed.
  void on_change(std::vector<std::string> names, ChangeHook hook);

  // CONFIG SET: the next version, which is current() from now on; the caller publishes it. The error is the
  // reply without "ERR ".
  Result<std::shared_ptr<const Config>> set(
      std::span<const std::pair<std::string_view, std::string_view>> pairs, const SetOptions& options);

  // What a set that led from `before` to `after` changed is as it was before, but for what somebody has set
  // to something else since: for what turns out too late to be impossible. Hooks run as for a set; what they
  // refuse was carried out once and has nobody left to be told. The next version, to be published.
  std::shared_ptr<const Config> put_back(const Config& before, const Config& after);

  // CONFIG GET: names and values; each name once. A pattern without wildcard names one parameter, hidden ones
  // too.
  std::vector<std::pair<std::string, std::string>> get(std::span<const std::string_view> patterns) const;

  // Names of parameters without effect yet that differ from their default and were not returned before.
  std::vector<std::string> take_unserved();

 private:
  struct Hook {
    std::vector<int> indexes;
    ChangeHook call;
  };
  struct Change {
    int index;
    std::string_view name;
    Value value;
  };
  Result<std::vector<Change>> read_pairs(std::span<const std::pair<std::string_view, std::string_view>> pairs,
                                         const SetOptions& options) const;
  Result<void> run_hooks(const std::vector<Change>& changes, const Config& next);

  std::shared_ptr<const Config> current_;
  std::vector<Hook> hooks_;
  std::vector<bool> told_;
};

// Whether a client may use what `parameter` (enable-debug-command ...) guards.
bool allowed(const Config& config, std::string_view parameter, bool client_is_local);

// True for names whose values must not be logged (any case, aliases too).
bool is_sensitive(const ParameterTable& table, std::string_view name);

// CONFIG REWRITE. `users` are the words behind "user", one line each, and replace all user lines of the file.
// `everything`: also what the file does not have and is at its default.
std::string rewritten(const Config& config, std::string_view old_text, const std::vector<std::string>& users,
                      bool everything = false);
// Reads, rewrites and replaces config.config_file(). Blocks: for a pool thread. The error is the reply
// without "ERR ".
Result<void> rewrite_file(io::Files& files, const Config& config, const std::vector<std::string>& users,
                          bool everything = false);

std::span<const char* const> config_help();

}  // namespace tessera::config
