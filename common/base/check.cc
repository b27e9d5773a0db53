// Role: failed checks and other ends. Thread: any.
#include "common/base/check.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace tessera {

namespace {
std::atomic<void (*)(const char*)> g_crash_hook{nullptr};
std::atomic<bool> g_exits{false};
}  // namespace

void set_crash_hook(void (*hook)(const char* what)) {
  g_crash_hook.store(hook);
}

void set_exit_on_panic(bool exits) {
  g_exits.store(exits);
}

void panicked(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  if (auto* hook = g_crash_hook.exchange(nullptr)) hook(what);
  if (g_exits.load()) _exit(1);
  std::abort();
}

void check_failed(const char* condition, const char* file, int line) {
  char text[512];
  std::snprintf(text, sizeof(text), "check failed: %s (%s:%d)", condition, file, line);
  panicked(text);
}

}  // namespace tessera
