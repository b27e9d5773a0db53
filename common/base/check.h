// Role: invariants that hold or the process stops. Thread: any.
// CHECK stays in release builds (cheap, rare); DCHECK is for debug builds and the sanitizer builds.
#pragma once

namespace tessera {

// Prints the failed condition to stderr, calls the crash hook if one is set, aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

// The same without a condition: something asked for the end, or nothing else is left.
[[noreturn]] void panicked(const char* what);

// Both then leave with status 1 instead of aborting: no core, no signal. Process-wide, as the hook.
void set_exit_on_panic(bool exits);

// Called once before abort, e.g. to write the crash report into the log. Process-wide on purpose: a crash is.
void set_crash_hook(void (*hook)(const char* what));

}  // namespace tessera

#define TESSERA_CHECK(cond) \
  (__builtin_expect(!!(cond), 1) ? (void)0 : ::tessera::check_failed(#cond, __FILE__, __LINE__))

#if !defined(NDEBUG) || defined(TESSERA_PLAIN_MALLOC)
#define TESSERA_DEBUG_CHECKS 1
#define TESSERA_DCHECK(cond) TESSERA_CHECK(cond)
#else
#define TESSERA_DEBUG_CHECKS 0
#define TESSERA_DCHECK(cond) ((void)sizeof(!(cond)))  // not evaluated, but what it names counts as used
#endif
