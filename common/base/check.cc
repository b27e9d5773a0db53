// Role: failed checks. Thread: any.
#include "common/base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace tessera {

namespace {
std::atomic<void (*)(const char*)> g_crash_hook{nullptr};
}

void set_crash_hook(void (*hook)(const char* what)) {
  g_crash_hook.store(hook);
}

void check_failed(const char* condition, const char* file, int line) {
  char text[512];
  std::snprintf(text, sizeof(text), "check failed: %s (%s:%d)", condition, file, line);
  std::fprintf(stderr, "%s\n", text);
  if (auto* hook = g_crash_hook.exchange(nullptr)) hook(text);
  std::abort();
}

}  // namespace tessera
