// Role: loaded into a server in front of the C library, makes writes and syncs of named files fail, fall short
// or take long, as rules in a file say. Rules may change while the server runs; see failing_disk.py, which
// writes them. Thread: any. Invariants: without a rule that fits, a call is the library's own; a rule that is
// to act n times acts n times in all threads together, and tells of each time in the file of hits.
//
// A rule is a line: NUMBER CALL NAME ACTION VALUE TIMES. CALL: write, sync or truncate. NAME: a part of the
// file's path, the path's end when it ends in '$'. Numbers are never used again within one server's life.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { kMostRules = 4096 };
static int times_used[kMostRules];

struct rule {
  int number, times;
  char call[16], name[128], action[16];
  double value;
};

static ssize_t library_write(int fd, const void* bytes, size_t n) {
  static ssize_t (*next)(int, const void*, size_t);
  if (!next) next = (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  return next(fd, bytes, n);
}

static int is_of(const char* path, const char* name) {
  const size_t n = strlen(name), m = strlen(path);
  if (n == 0 || name[n - 1] != '$') return strstr(path, name) != NULL;
  return m >= n - 1 && memcmp(path + m - (n - 1), name, n - 1) == 0;
}

static void tell(const char* rules, const struct rule* rule, const char* path) {
  char name[4200], line[4400];
  snprintf(name, sizeof(name), "%s.hits", rules);
  const int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  const int n = snprintf(line, sizeof(line), "%d %s\n", rule->number, path);
  (void)!library_write(fd, line, (size_t)n);
  close(fd);
}

// Whether one of the rules is about this call now.
static int find(const char* call, int fd, struct rule* found) {
  const char* rules = getenv("TESSERA_DISK_RULES");
  struct stat info;
  if (!rules || fstat(fd, &info) != 0 || (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))) return 0;
  const int file = open(rules, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[4096];
  const ssize_t n = read(file, text, sizeof(text) - 1);
  close(file);
  if (n <= 0) return 0;
  text[n] = 0;
  char link[64], path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t m = readlink(link, path, sizeof(path) - 1);
  if (m <= 0) return 0;
  path[m] = 0;
  char* rest = text;
  for (char* line = strtok_r(rest, "\n", &rest); line; line = strtok_r(rest, "\n", &rest)) {
    struct rule rule;
    if (sscanf(line, "%d %15s %127s %15s %lf %d", &rule.number, rule.call, rule.name, rule.action, &rule.value,
               &rule.times) != 6)
      continue;
    if (strcmp(rule.call, call) || !is_of(path, rule.name)) continue;
    if (rule.number < 0 || rule.number >= kMostRules) continue;
    if (__atomic_fetch_add(&times_used[rule.number], 1, __ATOMIC_SEQ_CST) >= rule.times) continue;
    tell(rules, &rule, path);
    *found = rule;
    return 1;
  }
  return 0;
}

static void wait_for(double seconds) {
  struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// True: the call fails with errno.
static int acts(const struct rule* rule) {
  if (!strcmp(rule->action, "delay")) {
    wait_for(rule->value);
    return 0;
  }
  if (!strcmp(rule->action, "slowfail")) {
    wait_for(rule->value);
    errno = EIO;
    return 1;
  }
  errno = (int)rule->value;  // "fail"
  return 1;
}

ssize_t write(int fd, const void* bytes, size_t n) {
  struct rule rule;
  if (fd > 2 && n > 0 && find("write", fd, &rule)) {
    // Short: what a disk does that has room for a part.
    if (!strcmp(rule.action, "short")) {
      const size_t most = (size_t)rule.value;
      return library_write(fd, bytes, most < n ? most : n);
    }
    if (acts(&rule)) return -1;
  }
  return library_write(fd, bytes, n);
}

static int sync_of(const char* call, int fd) {
  struct rule rule;
  if (find("sync", fd, &rule) && acts(&rule)) return -1;
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, call);
  return next(fd);
}

int fdatasync(int fd) { return sync_of("fdatasync", fd); }
int fsync(int fd) { return sync_of("fsync", fd); }

int ftruncate(int fd, off_t size) {
  struct rule rule;
  if (find("truncate", fd, &rule) && acts(&rule)) return -1;
  int (*next)(int, off_t) = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate");
  return next(fd, size);
}
