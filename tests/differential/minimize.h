// Role: shrinks a stream that shows a mismatch to a short one that still shows one of the same command.
// Thread: one owner. Pure but for `shows`, which runs a stream from empty databases.
#pragma once

#include <functional>
#include <vector>

#include "tests/differential/generator.h"

namespace tessera::differential {

using Shows = std::function<bool(const std::vector<Batch>&)>;

// At most `max_runs` calls of `shows`. When nothing shorter shows it the result is `stream` itself.
std::vector<Batch> minimize(const std::vector<Batch>& stream, const Shows& shows, int max_runs = 400);

}  // namespace tessera::differential
