// Role: lines of configuration files and of the command line into the first Config. Thread: the one that
// starts the node; pure but for the callbacks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/conf/reader.h"
#include "server/config/config.h"

namespace tessera::config {

struct LoadOptions {
  std::string directory = "/";  // absolute: where the server was started
  int cores = 1;
  std::string config_file;  // absolute path for CONFIG REWRITE, or empty
  // A value of `dir` into an absolute path, or why it cannot be used. Relative ones are relative to `base`.
  // Not set: taken as it is.
  std::function<Result<std::string>(const std::string& path, const std::string& base)> resolve_dir;
  // Whether there is a command of that name (any case); for rename-command. Not set: every name is there.
  std::function<bool(std::string_view name)> command_exists;
  // Checks a `user` line: name, rules ... Not set: everything passes.
  std::function<Result<void>(const std::vector<std::string>& words)> check_user;
};

// The error names file, line, word and reason (conf::line_error); the caller prints it through fatal_text()
// and exits 1.
Result<std::shared_ptr<const Config>> load(std::shared_ptr<const ParameterTable> table,
                                           const std::vector<conf::Line>& lines, const LoadOptions& options);

// What is printed to standard error for a configuration that cannot be used.
std::string fatal_text(const Error& error);

}  // namespace tessera::config
