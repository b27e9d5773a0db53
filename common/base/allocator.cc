// Role: jemalloc's control interface, when the program is linked with it; looked up weakly, so that sanitizer
// builds with plain malloc link the same code.
#include "common/base/allocator.h"

#include <unistd.h>

#include <cstdint>
#include <cstdio>

extern "C" {
__attribute__((weak)) int mallctl(const char* name, void* old, size_t* old_size, void* value,
                                  size_t value_size);
__attribute__((weak)) void malloc_stats_print(void (*write)(void*, const char*), void* opaque,
                                              const char* options);
}

namespace tessera {

namespace {
size_t read_size(const char* name) {
  size_t value = 0;
  size_t size = sizeof(value);
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}
}  // namespace

AllocatorStats read_allocator() {
  AllocatorStats stats;
  if (mallctl == nullptr) return stats;
  uint64_t epoch = 1;
  size_t size = sizeof(epoch);
  mallctl("epoch", &epoch, &size, &epoch, size);
  stats.allocated_bytes = read_size("stats.allocated");
  stats.active_bytes = read_size("stats.active");
  stats.resident_bytes = read_size("stats.resident");
  stats.retained_bytes = read_size("stats.retained");
  stats.metadata_bytes = read_size("stats.metadata");
  return stats;
}

bool purge_allocator() {
  // 4096 names all arenas (MALLCTL_ARENAS_ALL).
  return mallctl != nullptr && mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0) == 0;
}

bool set_background_purge(bool on) {
  return mallctl != nullptr && mallctl("background_thread", nullptr, nullptr, &on, sizeof(on)) == 0;
}

std::string allocator_name() {
  if (mallctl == nullptr) return "libc";
  const char* version = nullptr;
  size_t size = sizeof(version);
  if (mallctl("version", &version, &size, nullptr, 0) != 0 || version == nullptr) return "jemalloc";
  const std::string text(version);
  return "jemalloc-" + text.substr(0, text.find('-'));
}

std::string allocator_report() {
  std::string report;
  if (malloc_stats_print == nullptr) return report;
  malloc_stats_print([](void* to, const char* text) { static_cast<std::string*>(to)->append(text); }, &report,
                     nullptr);
  return report;
}

size_t process_rss_bytes() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long total = 0, resident = 0;
  const int fields = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  return fields == 2 ? static_cast<size_t>(resident) * static_cast<size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace tessera
