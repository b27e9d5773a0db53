// Role: files that tell what is done to them, for tests of crashes on a real disk: every step is logged, what
// a disk that forgets would have lost can be taken away afterwards, and the process kills itself at a wanted
// step. Thread: any. Invariants: not there at all unless asked for when the environment is made; a sync is in
// the log only after it is done, and names change in the order of the log.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/io/files.h"

namespace tessera::io {

struct WatchOptions {
  // An existing folder with `links` and `old` in it, in the file system of what is watched. `log` comes
  // there.
  std::string folder;
  // "<moment> <n> <step>": SIGKILL at the n-th time of a step, or of any step for "any"; empty: never.
  // Moments: before, after, half (half of a write's bytes; else as before).
  std::string kill;
};

// TESSERA_DISK_LOG and TESSERA_DISK_KILL; without the first one `files` comes back as it is.
std::unique_ptr<Files> watch_if_asked(std::unique_ptr<Files> files);
std::unique_ptr<Files> watch(std::unique_ptr<Files> files, const WatchOptions& options);

// A step's name: what is done, and last parts of paths with # for numbers, which differ from life to life.
std::string step_name(std::string_view what, std::string_view path);

}  // namespace tessera::io
