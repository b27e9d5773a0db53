// Role: which parameters are written as notes (common/conf): comments to every other server. Thread: any.
#pragma once

#include "server/registry/parameter_row.h"

namespace tessera::config {

// Whether redis-server 7.0 would refuse a file with this parameter. Its line is read in both forms.
inline bool is_note(const registry::ParameterRow& row) {
  return row.is(registry::kTesseraOnly) || row.is(registry::kValkeyOnly);
}

}  // namespace tessera::config
