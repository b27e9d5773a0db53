// Role: tessera-check-aof: what the command line asks for. Thread: one.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tools/check-aof/check.h"

namespace {

int usage(const char* program) {
  std::printf("Usage: %s [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n", program);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  tessera::check_aof::Options options;
  if (argc == 2) return tessera::check_aof::check(argv[1], options);
  if (argc == 3 && std::string_view(argv[1]) == "--fix") {
    options.fix = true;
    return tessera::check_aof::check(argv[2], options);
  }
  if (argc == 4 && std::string_view(argv[1]) == "--truncate-to-timestamp") {
    char* end = nullptr;
    options.until_s = std::strtoll(argv[2], &end, 10);
    if (end == argv[2] || *end != '\0') {
      std::printf("Invalid timestamp, aborting...\n");
      return 1;
    }
    return tessera::check_aof::check(argv[3], options);
  }
  return usage(argv[0]);
}
