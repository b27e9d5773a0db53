// Role: the options of SET. Thread: any; pure.
#pragma once

#include <cstdint>

#include "common/resp/writer.h"
#include "server/commands/string/comparison.h"
#include "server/commands/support/expiry_option.h"
#include "server/registry/args.h"

namespace tessera::commands {

enum class Existence : uint8_t { kAny, kMustNotExist, kMustExist };  // -, NX, XX

struct SetOptions {
  Existence existence = Existence::kAny;
  Comparison comparison;
  bool get = false;
  ExpiryOption expiry;
};

// From argument `first` on. False: a syntax error was replied.
bool read_set_options(const registry::Args& args, size_t first, resp::Writer& reply, SetOptions& out);

// NX or XX at argument `arg`; false when it is neither or contradicts what was given.
bool take_existence(std::string_view arg, Existence& existence);

}  // namespace tessera::commands
