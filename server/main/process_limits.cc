// Role: see process_limits.h.
#include "server/main/process_limits.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace tessera::server {

namespace {

constexpr const char* kOomFile = "/proc/self/oom_score_adj";

std::string first_line(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The highest limit the system grants up to `wanted`; from `wanted` downwards, since each try is one system
// call and a process starts once.
rlim_t raise_files(rlim_t wanted, rlim_t now, int* error) {
  for (rlim_t limit = wanted; limit > now;) {
    rlimit request{limit, limit};
    rlimit current{};
    if (getrlimit(RLIMIT_NOFILE, &current) == 0 && current.rlim_max != RLIM_INFINITY) {
      request.rlim_max = std::max(current.rlim_max, limit);
      if (current.rlim_max >= limit) request.rlim_max = current.rlim_max;
    }
    if (setrlimit(RLIMIT_NOFILE, &request) == 0) return limit;
    *error = errno;
    constexpr rlim_t kStep = 16;
    if (limit < now + kStep) break;
    limit = current.rlim_max < limit && current.rlim_max > now ? current.rlim_max : limit - kStep;
  }
  return now;
}

}  // namespace

int reserved_files(const config::Config& config) {
  constexpr int kReserved = 32;
  constexpr int kPerShard = 8;
  constexpr int kShardsIncluded = 2;
  return kReserved + kPerShard * std::max(0, static_cast<int>(config.integer("shards")) - kShardsIncluded);
}

int64_t adjust_open_files(const config::Config& config, Log& log) {
  const int64_t clients = config.integer("maxclients");
  const auto reserved = static_cast<rlim_t>(reserved_files(config));
  const rlim_t wanted = static_cast<rlim_t>(clients) + reserved;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    log.warning(
        "Unable to obtain the current NOFILE limit (%s), assuming 1024 and setting the max clients "
        "configuration accordingly.",
        std::strerror(errno));
    return std::min<int64_t>(clients, 1024 - static_cast<int64_t>(reserved));
  }
  const rlim_t before = limit.rlim_cur;
  if (before >= wanted) return clients;
  int error = 0;
  const rlim_t granted = raise_files(wanted, before, &error);
  if (granted >= wanted) {
    log.notice("Increased maximum number of open files to %llu (it was originally set to %llu).",
               static_cast<unsigned long long>(wanted), static_cast<unsigned long long>(before));
    return clients;
  }
  log.warning("You requested maxclients of %lld requiring at least %llu max file descriptors.",
              static_cast<long long>(clients), static_cast<unsigned long long>(wanted));
  log.warning("Server can't set maximum open files to %llu because of OS error: %s.",
              static_cast<unsigned long long>(wanted), std::strerror(error));
  if (granted <= reserved) {
    log.warning(
        "Your current 'ulimit -n' of %llu is not enough for the server to start. Please increase your open "
        "file "
        "limit to at least %llu. Exiting.",
        static_cast<unsigned long long>(granted), static_cast<unsigned long long>(wanted));
    return 0;
  }
  const auto reduced = static_cast<int64_t>(granted - reserved);
  log.warning(
      "Current maximum open files is %llu. maxclients has been reduced to %lld to compensate for low ulimit. "
      "If "
      "you need higher maxclients increase 'ulimit -n'.",
      static_cast<unsigned long long>(granted), static_cast<long long>(reduced));
  return reduced;
}

Result<void> grow_open_files(const config::Config& before, const config::Config& after, Log& log) {
  if (after.integer("maxclients") <= before.integer("maxclients")) return {};
  rlimit limit{};
  const auto reserved = static_cast<rlim_t>(reserved_files(after));
  const rlim_t wanted = static_cast<rlim_t>(after.integer("maxclients")) + reserved;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return {};
  int error = 0;
  const rlim_t granted = raise_files(wanted, limit.rlim_cur, &error);
  if (granted >= wanted) {
    log.notice("Increased maximum number of open files to %llu (it was originally set to %llu).",
               static_cast<unsigned long long>(wanted), static_cast<unsigned long long>(limit.rlim_cur));
    return {};
  }
  return Error{"The operating system is not able to handle the specified number of clients, try with " +
               std::to_string(static_cast<long long>(granted) - static_cast<long long>(reserved))};
}

int read_oom_score_adj() {
  return std::atoi(first_line(kOomFile).c_str());
}

Result<void> apply_oom_score_adj(const config::Config& config, int base, Log& log) {
  enum Mode { kNo = 0, kRelative = 1, kAbsolute = 2 };
  const int64_t mode = config.integer("oom-score-adj");
  constexpr size_t kPrimaryClass = 0;
  int value = base;
  if (mode != kNo) {
    value = config.oom_score_adj_values()[kPrimaryClass] + (mode == kRelative ? base : 0);
    value = std::clamp(value, -1000, 1000);
  } else if (read_oom_score_adj() == base) {
    return {};  // never touched: not even a write that might be refused
  }
  const int fd = open(kOomFile, O_WRONLY | O_CLOEXEC);
  const std::string text = std::to_string(value);
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int saved_errno = errno;
  if (fd >= 0) close(fd);
  if (written) return {};
  log.warning("Unable to write oom_score_adj: %s", std::strerror(saved_errno));
  return Error{"Failed to set current oom_score_adj. Check server logs."};
}

}  // namespace tessera::server
