// Role: the log, in the line format of Redis: "<pid>:<role> 21 Nov 2026 02:00:00.123 * text".
// Thread: any; level, role and forms are atomics, a line is one write(2), so lines of several threads never
// mix. configure() only while no other thread logs. Invariants: an object (several nodes live in one
// process); logging never fails its caller: what cannot be written is dropped. A file is opened for each line
// and closed after it, so that a rotated file needs no signal and holds no descriptor.
#pragma once

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tessera {

enum class LogLevel : int { kDebug = 0, kVerbose = 1, kNotice = 2, kWarning = 3, kNothing = 4 };

// "debug", "verbose", "notice", "warning", "nothing", in any case, and back.
std::optional<LogLevel> parse_log_level(std::string_view name);
std::string_view log_level_name(LogLevel level);

// Of a line: Redis', or logfmt (pid=.. role=.. timestamp=".." level=.. message="..").
enum class LogFormat : int { kLegacy = 0, kLogfmt = 1 };
// "21 Nov 2026 02:00:00.123", "2026-11-21T02:00:00.123+01:00", milliseconds since 1970.
enum class LogTimes : int { kLegacy = 0, kIso8601 = 1, kMilliseconds = 2 };

enum class LogRole : char { kSentinel = 'X', kChild = 'C', kReplica = 'S', kPrimary = 'M' };

struct LogOptions {
  LogLevel level = LogLevel::kNotice;
  LogFormat format = LogFormat::kLegacy;
  LogTimes times = LogTimes::kLegacy;
  std::string
      file;  // path; empty: standard output. Relative to the working directory at the time of the line.
  bool to_syslog = false;  // as well; the identity is the process', the last one set counts
  std::string syslog_ident = "tessera";
  int syslog_facility = -1;  // LOG_LOCAL0 ... of <syslog.h>; -1: local0
  // Instead of file and standard output: gets whole lines, with the newline. Called on the logging thread.
  std::function<void(LogLevel level, std::string_view line)> sink;
  std::function<int64_t()> wall_ms;  // milliseconds since 1970; default: the system's clock
  int pid = 0;                       // 0: asks the system for each line
};

class Log {
 public:
  Log() : Log(LogOptions{}) {}
  explicit Log(LogOptions options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Replaces everything; keeps the role.
  void configure(LogOptions options);

  void set_level(LogLevel level) { level_.store(static_cast<int>(level), std::memory_order_relaxed); }
  LogLevel level() const { return static_cast<LogLevel>(level_.load(std::memory_order_relaxed)); }
  void set_format(LogFormat format) { format_.store(format, std::memory_order_relaxed); }
  void set_times(LogTimes times) { times_.store(times, std::memory_order_relaxed); }
  void set_role(LogRole role) { role_.store(static_cast<char>(role), std::memory_order_relaxed); }
  bool enabled(LogLevel level) const {
    return static_cast<int>(level) >= level_.load(std::memory_order_relaxed);
  }

  // Formats only when enabled. The text gets its newline here. Texts of any length, one write each.
  void debug(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void verbose(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void notice(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void warning(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void log(LogLevel level, const char* format, ...) __attribute__((format(printf, 3, 4)));
  void vlog(LogLevel level, const char* format, va_list args) __attribute__((format(printf, 3, 0)));
  // Text that is no format.
  void write(LogLevel level, std::string_view text);

  // Bytes as they are, at level warning, without prefix or newline: the crash report, the start-up banner.
  // Unless a sink is set, safe in a signal handler: no allocation, no lock.
  void raw(std::string_view bytes);

  // "<pid>:<role> <date> <level char> ", what a line starts with in the form that is set (for tests and for
  // callers of raw()).
  std::string prefix(LogLevel level) const;

 private:
  size_t write_prefix(char* out, LogLevel level) const;
  void emit(LogLevel level, std::string_view line, std::string_view text);
  void write_out(std::string_view bytes);

  std::atomic<int> level_{static_cast<int>(LogLevel::kNotice)};
  std::atomic<char> role_{static_cast<char>(LogRole::kPrimary)};
  std::atomic<LogFormat> format_{LogFormat::kLegacy};
  std::atomic<LogTimes> times_{LogTimes::kLegacy};
  LogOptions options_;
};

}  // namespace tessera
