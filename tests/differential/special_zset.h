// Role: commands about sorted sets and places, made by hand. Thread: any.
#pragma once

#include <vector>

#include "tests/differential/generator.h"

namespace tessera::differential {

// Rows for special_commands().
const std::vector<Special>& zset_specials();

}  // namespace tessera::differential
