// Role: what the process asks of its system: open files, memory, the out-of-memory killer. Thread: main at
// start, control for changes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/base/result.h"
#include "server/config/config.h"

namespace tessera::server {

// Files that are no clients: what redis-server reserves, and more for more shards.
int reserved_files(const config::Config& config);

// Raises the limit of open files for the configured maxclients. Returns the number of clients it allows,
// which may be less; 0: not even one. Says in the log what it did.
int64_t adjust_open_files(const config::Config& config, Log& log);

// For CONFIG SET maxclients: the error is the reason alone.
Result<void> grow_open_files(const config::Config& before, const config::Config& after, Log& log);

// Writes /proc/self/oom_score_adj as the configuration says. `base` is the value the process began with.
int read_oom_score_adj();
Result<void> apply_oom_score_adj(const config::Config& config, int base, Log& log);

// Turns transparent huge pages off for this process when `disable-thp` says so, and logs what in this system
// is known to cause trouble.
void warn_of_system(const config::Config& config, Log& log);

// --check-system: prints a line a check; the exit code, 1 when something is wrong.
int check_system();

// --test-memory: writes and reads patterns; the exit code.
int test_memory(int64_t megabytes);

}  // namespace tessera::server
