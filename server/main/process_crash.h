// Role: the report a crash leaves in the log: what, where, registers, stack. Thread: any thread may crash.
// Process-wide on purpose, since a crash is; everything in the handlers is safe in a signal handler, save
// what glibc's backtrace() does, which is called once before so that it does not load its library there.
// Invariant: one report a process; after it the signal takes its default course (core file, exit status).
#pragma once

#include <signal.h>

#include "common/base/log.h"

namespace tessera::server {

// `log` outlives the process' last crash. Handles SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and failed checks.
void install_crash_report(Log* log);
// crash-log-enabled no: signals have their default action again.
void remove_crash_report();

// What else the report says, behind everything that is safe: it allocates and reads what may be broken, so it
// has some seconds. nullptr: nothing.
struct CrashDetails {
  virtual ~CrashDetails() = default;
  virtual void print(Log& log) = 0;
};
void set_crash_details(CrashDetails* details);

// watchdog-period: a thread that gets kWatchdogSignal logs where it is, and goes on.
constexpr int kWatchdogSignal = SIGALRM;
void install_watchdog(Log* log);
void remove_watchdog();

}  // namespace tessera::server
