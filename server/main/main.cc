// Role: the program: what the command line asks for. Thread: main.
#include <cstdio>
#include <string>
#include <vector>

#include "server/config/default_file.h"
#include "server/main/process.h"
#include "server/main/process_limits.h"

int main(int argc, char** argv) {
  using namespace tessera;
  using Action = server::ProcessOptions::Action;
  const std::vector<std::string> args(argv, argv + argc);  // copies: the title overwrites the originals
  server::ProcTitle title(argc, argv);
  const server::ProcessOptions options = server::parse_process_options(args);
  switch (options.action) {
    case Action::kPrint:
      std::fputs(options.text.c_str(), options.exit_code == 0 ? stdout : stderr);
      return options.exit_code;
    case Action::kTestMemory:
      return server::test_memory(options.test_megabytes);
    case Action::kCheckSystem:
      return server::check_system();
    case Action::kPrintDefaults:
      std::fputs(config::default_file(config::ParameterTable(config::all_sections())).c_str(), stdout);
      return 0;
    case Action::kServe:
      return server::serve(options, args, title);
  }
  return 1;
}
