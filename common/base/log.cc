// Role: the log. Thread: see log.h. The prefix and the text are joined in one buffer, so that one write(2)
// carries the line; with O_APPEND the kernel keeps lines of several threads and processes apart.
#include "common/base/log.h"

#include <fcntl.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace tessera {

namespace {

constexpr std::string_view kNames[] = {"debug", "verbose", "notice", "warning", "nothing"};
constexpr char kLevelChars[] = {'.', '-', '*', '#', '#'};
constexpr int kSyslogPriorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_WARNING};
constexpr size_t kPrefixChars = 80;
constexpr size_t kInlineChars = 1024;

int64_t system_wall_ms() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

// Async-signal-safe. Gives up silently: there is nowhere to report that the log cannot be written.
void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

// Returns the number of characters; at most kPrefixChars.
size_t write_prefix(char* out, const LogOptions& options, char role, LogLevel level) {
  const int64_t wall_ms = options.wall_ms ? options.wall_ms() : system_wall_ms();
  const auto seconds = static_cast<time_t>(floor_div(wall_ms, 1000));
  tm local;
  localtime_r(&seconds, &local);
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const int pid = options.pid != 0 ? options.pid : static_cast<int>(getpid());
  const int n =
      std::snprintf(out, kPrefixChars, "%d:%c %02d %s %04d %02d:%02d:%02d.%03d %c ", pid, role, local.tm_mday,
                    kMonths[local.tm_mon], local.tm_year + 1900, local.tm_hour, local.tm_min, local.tm_sec,
                    static_cast<int>(wall_ms - seconds * 1000), kLevelChars[static_cast<int>(level)]);
  return n < 0 ? 0 : static_cast<size_t>(n);
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view name) {
  for (int i = 0; i < 5; ++i) {
    if (name.size() == kNames[i].size() && strncasecmp(name.data(), kNames[i].data(), name.size()) == 0) {
      return static_cast<LogLevel>(i);
    }
  }
  return std::nullopt;
}

std::string_view log_level_name(LogLevel level) {
  return kNames[static_cast<int>(level)];
}

Log::Log(LogOptions options) {
  configure(std::move(options));
}

Log::~Log() {
  if (options_.to_syslog) closelog();
}

void Log::configure(LogOptions options) {
  if (options_.to_syslog) closelog();
  options_ = std::move(options);
  set_level(options_.level);
  // openlog() keeps the pointer: the string lives as long as the options do.
  if (options_.to_syslog) {
    openlog(options_.syslog_ident.c_str(), LOG_PID | LOG_NDELAY | LOG_NOWAIT,
            options_.syslog_facility < 0 ? LOG_LOCAL0 : options_.syslog_facility);
  }
}

void Log::debug(const char* format, ...) {
  if (!enabled(LogLevel::kDebug)) return;
  va_list args;
  va_start(args, format);
  vlog(LogLevel::kDebug, format, args);
  va_end(args);
}

void Log::verbose(const char* format, ...) {
  if (!enabled(LogLevel::kVerbose)) return;
  va_list args;
  va_start(args, format);
  vlog(LogLevel::kVerbose, format, args);
  va_end(args);
}

void Log::notice(const char* format, ...) {
  if (!enabled(LogLevel::kNotice)) return;
  va_list args;
  va_start(args, format);
  vlog(LogLevel::kNotice, format, args);
  va_end(args);
}

void Log::warning(const char* format, ...) {
  if (!enabled(LogLevel::kWarning)) return;
  va_list args;
  va_start(args, format);
  vlog(LogLevel::kWarning, format, args);
  va_end(args);
}

void Log::log(LogLevel level, const char* format, ...) {
  if (!enabled(level)) return;
  va_list args;
  va_start(args, format);
  vlog(level, format, args);
  va_end(args);
}

void Log::vlog(LogLevel level, const char* format, va_list args) {
  if (!enabled(level)) return;
  char text[kInlineChars];
  va_list again;
  va_copy(again, args);
  const int length = std::vsnprintf(text, sizeof(text), format, args);
  if (length >= 0 && static_cast<size_t>(length) < sizeof(text)) {
    write(level, std::string_view(text, static_cast<size_t>(length)));
  } else if (length >= 0) {
    std::string large(static_cast<size_t>(length) + 1, '\0');
    std::vsnprintf(large.data(), large.size(), format, again);
    large.pop_back();
    write(level, large);
  }
  va_end(again);
}

void Log::write(LogLevel level, std::string_view text) {
  if (!enabled(level) || level == LogLevel::kNothing) return;
  char line[kPrefixChars + kInlineChars + 1];
  const size_t prefix_chars = write_prefix(line, options_, role_.load(std::memory_order_relaxed), level);
  if (text.size() <= kInlineChars) {
    std::memcpy(line + prefix_chars, text.data(), text.size());
    line[prefix_chars + text.size()] = '\n';
    emit(level, std::string_view(line, prefix_chars + text.size() + 1), text);
    return;
  }
  std::string large(line, prefix_chars);
  large += text;
  large += '\n';
  emit(level, large, text);
}

void Log::emit(LogLevel level, std::string_view line, std::string_view text) {
  if (options_.sink) {
    options_.sink(level, line);
  } else {
    write_out(line);
  }
  if (options_.to_syslog) {
    syslog(kSyslogPriorities[static_cast<int>(level)], "%.*s", static_cast<int>(text.size()), text.data());
  }
}

void Log::raw(std::string_view bytes) {
  if (!enabled(LogLevel::kWarning)) return;
  if (options_.sink) {
    options_.sink(LogLevel::kWarning, bytes);
  } else {
    write_out(bytes);
  }
}

void Log::write_out(std::string_view bytes) {
  if (options_.file.empty()) {
    write_all(STDOUT_FILENO, bytes);
    return;
  }
  const int saved_errno = errno;  // callers log about a failure and then look at errno
  const int fd = ::open(options_.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd >= 0) {
    write_all(fd, bytes);
    ::close(fd);
  }
  errno = saved_errno;
}

std::string Log::prefix(LogLevel level) const {
  char out[kPrefixChars];
  const size_t n = write_prefix(out, options_, role_.load(std::memory_order_relaxed), level);
  return std::string(out, n);
}

}  // namespace tessera
