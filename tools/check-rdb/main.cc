// Role: tessera-check-rdb: what the command line asks for. Thread: one.
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "server/registry/version.h"
#include "tools/check-rdb/check.h"

namespace {

int usage(const char* program) {
  std::fprintf(stderr, "Usage: %s <rdb-file-name> [--stats] [--json]\n", program);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using tessera::check_rdb::Stats;
  if (argc == 2 && (std::string_view(argv[1]) == "-v" || std::string_view(argv[1]) == "--version")) {
    std::printf("tessera-check-rdb %s\n", tessera::kTesseraVersion);
    return 0;
  }
  const char* path = nullptr;
  bool text = false, json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--stats") {
      text = true;
    } else if (word == "--json") {
      json = true;
    } else if (path == nullptr && word.substr(0, 2) != "--") {
      path = argv[i];
    } else {
      return usage(argv[0]);
    }
  }
  if (path == nullptr) return usage(argv[0]);
  // With --json only that goes to standard output.
  std::FILE* lines = json ? stderr : stdout;
  std::fprintf(lines, "[offset 0] Checking RDB file %s\n", path);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path, "rb"), [](std::FILE* f) { return f != nullptr ? std::fclose(f) : 0; });
  if (file == nullptr) {
    std::fprintf(stderr, "%s: ", path);
    std::perror(nullptr);
    return 1;
  }
  Stats stats;
  const bool well = tessera::check_rdb::check(file.get(), lines, stats);
  stats.write_counts(lines);
  if (text) stats.write_text(lines);
  if (json) stats.write_json(stdout);
  return well ? 0 : 1;
}
