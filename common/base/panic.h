// Role: ending the process when nothing else is left. Thread: any. Process-wide on purpose: an end is.
#pragma once

namespace tessera {

// Prints `what`, calls the crash hook (check.h) if one is set, aborts.
[[noreturn]] void panicked(const char* what);

// Then it leaves with status 1 instead: no core, no signal.
void set_exit_on_panic(bool exits);

}  // namespace tessera
