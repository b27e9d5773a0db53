// Role: from the command line to the first configuration: files, standard input, checks that need the
// product's commands and the file system. Thread: main, before others exist.
#pragma once

#include <memory>
#include <string>

#include "common/base/log.h"
#include "common/base/result.h"
#include "common/io/env.h"
#include "server/config/config.h"
#include "server/main/process_options.h"

namespace tessera::server {

// Errors have been said where redis-server says them (log or standard error); the process exits 1.
Result<std::shared_ptr<const config::Config>> read_configuration(io::Env& env, const ProcessOptions& options,
                                                                 Log& log);

// A value of `dir` into an absolute path: relative ones are relative to `base`. The error is the system's
// text.
Result<std::string> resolve_dir(const std::string& path, const std::string& base);

std::string working_directory();

// What the log is made of.
LogOptions log_options(const config::Config& config);

}  // namespace tessera::server
