// Role: a library of functions from its source. Thread: the interpreter's owner.
#pragma once

#include <string>
#include <string_view>

#include "server/script/interpreter.h"
#include "server/script/rows.h"
#include "server/script/store.h"

namespace tessera::script {

constexpr int64_t kLibraryLimitMs = 500;  // a library's own code

// Runs a source on a state of functions and reads what it registers; nothing of it stays there. nullptr:
// `error` is the reply.
LibraryRef read_library(std::string_view source, Interpreter& interpreter, Host& host, std::string& error);

}  // namespace tessera::script
