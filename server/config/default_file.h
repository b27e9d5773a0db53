// Role: conf/tessera.conf, made from the rows; a test fails when the file in the tree differs. Thread: any,
// pure.
#pragma once

#include <string>

#include "server/config/table.h"

namespace tessera::config {

std::string default_file(const ParameterTable& table);

}  // namespace tessera::config
