// Role: sources of libraries. See library_source.h.
#include "server/script/library_source.h"

#include <algorithm>
#include <cctype>

#include "common/base/log.h"
#include "common/io/env.h"
#include "common/text/strings.h"

namespace tessera::script {

LibraryRef read_library(std::string_view source, Interpreter& interpreter, Host& host, std::string& error) {
  auto library = std::make_shared<Library>();
  std::string engine;
  std::string_view body;
  if (!read_library_shebang(source, engine, library->name, body, error)) return nullptr;
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  if (library->name.empty() || !std::all_of(library->name.begin(), library->name.end(), is_word)) {
    error =
        "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one "
        "character long";
    return nullptr;
  }
  if (!text::iequals(engine, "lua")) {
    error = "ERR Engine '" + engine + "' not found";
    return nullptr;
  }
  std::string message;
  const int ref = interpreter.compile(body, "@user_function", message);
  if (ref == 0) {
    error = "ERR Error compiling function: " + message;
    return nullptr;
  }
  std::vector<RegisteredFunction> registered;
  const bool loaded = interpreter.load_library(ref, registered, host, message);
  interpreter.release(ref);
  if (!loaded) {
    error = "ERR Error registering functions: " + message;
    return nullptr;
  }
  if (registered.empty()) {
    error = "ERR No functions registered";
    return nullptr;
  }
  library->source = source;
  for (const RegisteredFunction& function : registered) {
    interpreter.release(function.ref);
    library->functions.push_back(
        {function.name, function.description, function.has_description, function.flags});
  }
  return library;
}

namespace {

// Of a library that is read when the node starts: it calls nothing.
class StartHost final : public Host {
 public:
  StartHost(const io::Clock& clock, Log& log) : clock_(clock), log_(log), began_(clock.mono()) {}
  void begin() { began_ = clock_.mono(); }
  std::string_view call(const registry::Args&, int) override { return "-ERR no commands here\r\n"; }
  bool stopped() override { return false; }
  Allowed may_run(const registry::Args&) override { return Allowed::kNoSuchCommand; }
  void log(int, std::string_view text) override {
    log_.notice("%.*s", static_cast<int>(std::min<size_t>(text.size(), 1024)), text.data());
  }
  void set_replication(int) override {}
  std::string_view interrupted() override {
    return (clock_.mono() - began_).us / 1000 > kLibraryLimitMs ? "FUNCTION LOAD timeout"
                                                                : std::string_view();
  }

 private:
  const io::Clock& clock_;
  Log& log_;
  MonoTime began_;
};

}  // namespace

std::string load_libraries(Shared& shared, std::span<const std::string> sources, const io::Clock& clock,
                           Log& log) {
  if (sources.empty()) return {};
  Interpreter interpreter(Flavor::kFunctions);
  StartHost host(clock, log);
  uint64_t version;
  auto next = std::make_shared<LibrarySet>(*shared.libraries.get(&version));
  for (const std::string& source : sources) {
    std::string error;
    host.begin();
    const LibraryRef library = read_library(source, interpreter, host, error);
    if (library != nullptr) error = LibraryStore::add(*next, {library}, true);
    if (!error.empty()) return error;
  }
  return shared.libraries.replace(version, std::move(next)) ? "" : "ERR libraries changed meanwhile";
}

void forget_libraries(Shared& shared) {
  uint64_t version;
  do {
    (void)shared.libraries.get(&version);
  } while (!shared.libraries.replace(version, std::make_shared<LibrarySet>()));
}

std::vector<std::string> library_sources(Shared& shared) {
  std::vector<std::string> sources;
  const auto set = shared.libraries.get();
  for (const auto& [name, library] : set->libraries) sources.push_back(library->source);
  return sources;
}

}  // namespace tessera::script
