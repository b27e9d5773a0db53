// Role: looks at the system the process runs on: warnings at start, --check-system, --test-memory.
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include "common/base/random.h"
#include "server/main/process_limits.h"

namespace tessera::server {

namespace {

std::string first_line(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// What is wrong, or nothing.
using Finding = std::optional<std::string>;

Finding check_clock() {
  const std::string source = first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  if (source.empty() || source == "tsc" || source == "kvm-clock" || source == "arch_sys_counter") return {};
  return "The clock source is '" + source +
         "': reading the time may be slow. See /sys/devices/system/clocksource/clocksource0.";
}

Finding check_overcommit() {
  // Nothing is ever forked, so the usual heuristics are enough; only the strict mode refuses memory that is
  // there.
  if (first_line("/proc/sys/vm/overcommit_memory") != "2") return {};
  return "Memory overcommit is forbidden (vm.overcommit_memory is 2): allocations may fail while memory is "
         "free. To "
         "change that: sysctl vm.overcommit_memory=0";
}

bool huge_pages_always() {
  return first_line("/sys/kernel/mm/transparent_hugepage/enabled").find("[always]") != std::string::npos;
}

Finding check_huge_pages() {
  if (!huge_pages_always()) return {};
  return "Transparent huge pages are always on: they cost memory and latency. To change that: echo madvise > "
         "/sys/kernel/mm/transparent_hugepage/enabled (or keep the parameter disable-thp at yes).";
}

// Writes `pattern(i)` to all words, then compares. False: a word differs.
template <typename Pattern>
bool pattern_holds(uint64_t* words, size_t count, Pattern pattern) {
  for (size_t i = 0; i < count; ++i) words[i] = pattern(i);
  // The compiler must not assume that memory holds what was written: that is the question.
  __asm__ volatile("" : : "r"(words) : "memory");
  for (size_t i = 0; i < count; ++i) {
    if (words[i] != pattern(i)) {
      std::printf("\nWord %zu is not what was written there.\n", i);
      return false;
    }
  }
  return true;
}

}  // namespace

void warn_of_system(const config::Config& config, Log& log) {
  std::ifstream file("/proc/sys/net/core/somaxconn");
  long long most = 0;
  const auto backlog = static_cast<long long>(config.integer("tcp-backlog"));
  if (file >> most && most > 0 && most < backlog) {
    log.warning(
        "WARNING: The TCP backlog setting of %lld cannot be enforced because /proc/sys/net/core/somaxconn is "
        "set "
        "to the lower value of %lld.",
        backlog, most);
  }
  if (const Finding finding = check_overcommit()) log.warning("WARNING %s", finding->c_str());
  if (config.boolean("disable-thp")) {
    if (huge_pages_always() && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) {
      log.warning("WARNING %s", check_huge_pages()->c_str());
    }
  } else if (const Finding finding = check_huge_pages()) {
    log.warning("WARNING %s", finding->c_str());
  }
}

int check_system() {
  struct Check {
    const char* name;
    Finding (*run)();
  };
  constexpr Check kChecks[] = {
      {"slow-clocksource", check_clock}, {"overcommit", check_overcommit}, {"THP", check_huge_pages}};
  int exit_code = 0;
  for (const Check& check : kChecks) {
    const Finding finding = check.run();
    std::printf("[%s]...%s\n", check.name, finding ? "WARNING:" : "OK");
    if (finding) {
      std::printf("%s\n\n", finding->c_str());
      exit_code = 1;
    }
  }
  return exit_code;
}

int test_memory(int64_t megabytes) {
  constexpr int kPasses = 10;
  const size_t bytes = static_cast<size_t>(megabytes) << 20;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "Unable to allocate %lld megabytes: %s\n", static_cast<long long>(megabytes),
                 std::strerror(errno));
    return 1;
  }
  auto* words = static_cast<uint64_t*>(memory);
  const size_t count = bytes / sizeof(uint64_t);
  bool good = true;
  for (int pass = 1; good && pass <= kPasses; ++pass) {
    std::printf("\rTesting %lld MB: pass %d of %d", static_cast<long long>(megabytes), pass, kPasses);
    std::fflush(stdout);
    Random seeds(static_cast<uint64_t>(pass));
    const uint64_t salt = seeds.next();
    good =
        pattern_holds(words, count, [](size_t i) { return static_cast<uint64_t>(i) * sizeof(uint64_t); }) &&
        pattern_holds(words, count, [salt](size_t i) { return (i ^ salt) * 0x9e3779b97f4a7c15ULL; }) &&
        pattern_holds(words, count, [](size_t) { return 0xaaaaaaaaaaaaaaaaULL; }) &&
        pattern_holds(words, count, [](size_t) { return 0x5555555555555555ULL; });
  }
  munmap(memory, bytes);
  std::printf(good ? "\nThis memory passed the test.\n" : "This memory is broken.\n");
  return good ? 0 : 1;
}

}  // namespace tessera::server
