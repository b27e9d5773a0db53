// Role: what the command line of tessera-server asks for. Thread: main. Pure.
// Forms as redis-server 7.0's: [file|-] [--name value ...] [-] | -v | -h | --test-memory MB | --check-system.
#pragma once

#include <string>
#include <vector>

#include "common/conf/reader.h"

namespace tessera::server {

struct ProcessOptions {
  enum class Action {
    kServe,
    kPrint,       // `text` to standard output, or to standard error when exit_code is not 0
    kTestMemory,  // of test_megabytes
    kCheckSystem,
    kPrintDefaults,  // conf/tessera.conf to standard output
  };
  Action action = Action::kServe;
  std::string text;
  int exit_code = 0;
  int64_t test_megabytes = 0;
  conf::CommandLine command;  // kServe
};

// `args` with the program's name first.
ProcessOptions parse_process_options(const std::vector<std::string>& args);

// "Tessera server v=0.1.0 redis=7.2.4 malloc=... bits=64"
std::string version_line();

}  // namespace tessera::server
