// Role: what special.cc needs of the commands on streams. Thread: any.
#pragma once

#include <vector>

#include "tests/differential/generator.h"

namespace tessera::differential {

const std::vector<Special>& stream_specials();

}  // namespace tessera::differential
