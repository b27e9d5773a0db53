// Role: single values of the allocator by their names, for tests and for who tunes it (DEBUG MALLCTL).
// Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"

namespace tessera {

// False: the program is linked with another allocator, and the functions below must not be called.
bool allocator_is_tunable();

// The number as it was before `value`, if any, was written; nothing for one that can only be written. The
// error's code is errno's.
Result<std::optional<int64_t>> allocator_number(const std::string& name, std::optional<int64_t> value);
// The same of a text; "VOID" calls a name that takes no value.
Result<std::optional<std::string>> allocator_text(const std::string& name,
                                                  const std::optional<std::string>& value);

}  // namespace tessera
