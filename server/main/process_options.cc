// Role: see process_options.h. Special words count only where redis-server looks for them: as the first
// argument,
// `--sentinel` anywhere.
#include "server/main/process_options.h"

#include <algorithm>

#include "common/base/allocator.h"
#include "common/text/integers.h"
#include "server/registry/version.h"

namespace tessera::server {

namespace {

std::string usage(const std::string& program) {
  const std::string line = "       " + program + " ";
  return "Usage: " + program + " [/path/to/tessera.conf] [options] [-]\n" + line +
         "- (read the configuration from standard input)\n" + line + "-v or --version\n" + line +
         "-h or --help\n" + line + "--test-memory <megabytes>\n" + line + "--check-system\n" + line +
         "--print-default-config\n\n"
         "An option is any parameter of the configuration file, and its values behind it:\n" +
         line + "--port 7777\n" + line + "--port 7777 --shards 4 --maxmemory 2gb\n" + line +
         "/etc/redis/redis.conf --loglevel verbose\n"
         "       echo 'maxmemory 128mb' | " +
         program + " -\n";
}

ProcessOptions print(std::string text, int exit_code) {
  ProcessOptions options;
  options.action = ProcessOptions::Action::kPrint;
  options.text = std::move(text);
  options.exit_code = exit_code;
  return options;
}

ProcessOptions parse_test_memory(const std::vector<std::string>& args) {
  if (args.size() == 3) {
    const auto megabytes = text::parse_int64(args[2]);
    if (!megabytes || *megabytes <= 0) {
      return print("--test-memory: '" + args[2] + "' is no number of megabytes\n", 1);
    }
    ProcessOptions options;
    options.action = ProcessOptions::Action::kTestMemory;
    options.test_megabytes = *megabytes;
    return options;
  }
  return print(
      "Please say how many megabytes of memory to test, for instance: " + args[0] + " --test-memory 4096\n",
      1);
}

}  // namespace

std::string version_line() {
  return std::string("Tessera server v=") + kTesseraVersion + " redis=" + kRedisVersion +
         " malloc=" + allocator_name() + " bits=" + std::to_string(sizeof(void*) * 8);
}

ProcessOptions parse_process_options(const std::vector<std::string>& args) {
  const std::string program = args.empty() ? "tessera-server" : args[0];
  const std::vector<std::string> words(args.begin() + (args.empty() ? 0 : 1), args.end());
  if (!words.empty()) {
    if (words[0] == "-v" || words[0] == "--version") return print(version_line() + "\n", 0);
    if (words[0] == "-h" || words[0] == "--help") return print(usage(program), 1);
    if (words[0] == "--test-memory") return parse_test_memory(args);
    if (words[0] == "--check-system" || words[0] == "--print-default-config") {
      ProcessOptions options;
      options.action = words[0] == "--check-system" ? ProcessOptions::Action::kCheckSystem
                                                    : ProcessOptions::Action::kPrintDefaults;
      return options;
    }
  }
  const bool sentinel_name = program.find("-sentinel") != std::string::npos;
  if (sentinel_name || std::find(words.begin(), words.end(), "--sentinel") != words.end()) {
    return print("Sentinel mode is not part of " + program + ".\n", 1);
  }
  ProcessOptions options;
  options.command = conf::parse_command_line(words);
  return options;
}

}  // namespace tessera::server
