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
constexpr const char* kLogfmtLevels[] = {"debug", "info", "notice", "warning", "warning"};
constexpr char kLevelChars[] = {'.', '-', '*', '#', '#'};
constexpr int kSyslogPriorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_WARNING};
constexpr size_t kPrefixChars = 192;
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

constexpr size_t kTimeChars = 96;  // whatever the numbers

void print_time(char (&out)[kTimeChars], int64_t wall_ms, LogTimes form) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (form == LogTimes::kMilliseconds) {
    std::snprintf(out, sizeof(out), "%lld", static_cast<long long>(wall_ms));
    return;
  }
  const auto seconds = static_cast<time_t>(floor_div(wall_ms, 1000));
  const int ms = static_cast<int>(wall_ms - seconds * 1000);
  tm local;
  localtime_r(&seconds, &local);
  if (form == LogTimes::kLegacy) {
    std::snprintf(out, sizeof(out), "%02d %s %04d %02d:%02d:%02d.%03d", local.tm_mday, kMonths[local.tm_mon],
                  local.tm_year + 1900, local.tm_hour, local.tm_min, local.tm_sec, ms);
    return;
  }
  const long minutes = local.tm_gmtoff / 60;  // east of Greenwich
  const long distance = minutes < 0 ? -minutes : minutes;
  std::snprintf(out, sizeof(out), "%04d-%02d-%02dT%02d:%02d:%02d.%03d%c%02ld:%02ld", local.tm_year + 1900,
                local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, ms,
                minutes < 0 ? '-' : '+', distance / 60, distance % 60);
}

const char* role_word(char role) {
  switch (static_cast<LogRole>(role)) {
    case LogRole::kSentinel:
      return "sentinel";
    case LogRole::kChild:
      return "RDB/AOF";
    case LogRole::kReplica:
      return "replica";
    default:
      return "primary";
  }
}

// As the value of logfmt stands between quotes: no quotes and line ends of its own.
char plain(char c) {
  return c == '"' ? '\'' : c == '\n' || c == '\r' ? ' ' : c;
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
  set_format(options_.format);
  set_times(options_.times);
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

// Returns the number of characters; at most kPrefixChars.
size_t Log::write_prefix(char* out, LogLevel level) const {
  char time[kTimeChars];
  print_time(time, options_.wall_ms ? options_.wall_ms() : system_wall_ms(),
             times_.load(std::memory_order_relaxed));
  const int pid = options_.pid != 0 ? options_.pid : static_cast<int>(getpid());
  const char role = role_.load(std::memory_order_relaxed);
  const int place = static_cast<int>(level);
  const int n = format_.load(std::memory_order_relaxed) == LogFormat::kLegacy
                    ? std::snprintf(out, kPrefixChars, "%d:%c %s %c ", pid, role, time, kLevelChars[place])
                    : std::snprintf(out, kPrefixChars, "pid=%d role=%s timestamp=\"%s\" level=%s message=\"",
                                    pid, role_word(role), time, kLogfmtLevels[place]);
  return n < 0 ? 0 : static_cast<size_t>(n);
}

void Log::write(LogLevel level, std::string_view text) {
  if (!enabled(level) || level == LogLevel::kNothing) return;
  constexpr size_t kEndChars = 2;
  char line[kPrefixChars + kInlineChars + kEndChars];
  const size_t prefix_chars = write_prefix(line, level);
  const bool quoted = format_.load(std::memory_order_relaxed) == LogFormat::kLogfmt;
  std::string large;
  char* out = line;
  if (text.size() > kInlineChars) {
    large.assign(line, prefix_chars);
    large.resize(prefix_chars + text.size() + kEndChars);
    out = large.data();
  }
  std::memcpy(out + prefix_chars, text.data(), text.size());
  size_t size = prefix_chars + text.size();
  if (quoted) {
    for (size_t i = prefix_chars; i < size; ++i) out[i] = plain(out[i]);
    out[size++] = '"';
  }
  out[size++] = '\n';
  emit(level, std::string_view(out, size), text);
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
  const size_t n = write_prefix(out, level);
  return std::string(out, n);
}

}  // namespace tessera
