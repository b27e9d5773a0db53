// Role: what a crash report tells of the thread that crashed (server/main/process_crash.cc). Thread: each has
// its own. Invariants: static texts only, never a key or value: a log has no secrets; setting it costs one
// store.
#pragma once

namespace tessera::crash_note {

inline thread_local const char* last_command = nullptr;  // a row's name

}  // namespace tessera::crash_note
