// Role: functions on a shard: libraries as all shards know them, loaded here when one of them is called.
#include <algorithm>
#include <cctype>

#include "common/text/strings.h"

#include "server/script/runner.h"

namespace tessera::script {

using dispatch::CommandView;

// Runs a source on a state of its own kind and reads what it registers.
LibraryRef Runner::read_library(std::string_view source, std::string& error) {
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
  const int ref = functions().compile(body, "@user_function", message);
  if (ref == 0) {
    error = "ERR Error compiling function: " + message;
    return nullptr;
  }
  std::vector<RegisteredFunction> registered;
  loading_ = true;
  began_ = engine_.clock().mono();
  const bool loaded = functions().load_library(ref, registered, *this, message);
  loading_ = false;
  functions().release(ref);
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
    functions().release(function.ref);
    library->functions.push_back(
        {function.name, function.description, function.has_description, function.flags});
  }
  return library;
}

// Libraries that went are let go, new ones are loaded. They have been loaded once before, elsewhere.
bool Runner::adopt_libraries() {
  const uint64_t version = shared_->libraries.version();
  if (version == libraries_version_) return true;
  libraries_ = shared_->libraries.get(&libraries_version_);
  for (auto at = loaded_.begin(); at != loaded_.end();) {
    const auto still = libraries_->libraries.find(at->first);
    if (still != libraries_->libraries.end() && still->second == at->second.library) {
      ++at;
      continue;
    }
    for (const RegisteredFunction& function : at->second.functions) {
      functions().release(function.ref);
      function_refs_.erase(function.name);
    }
    at = loaded_.erase(at);
  }
  bool complete = true;
  for (const auto& [name, library] : libraries_->libraries) {
    if (loaded_.count(name) != 0) continue;
    std::string engine, given, message;
    std::string_view body;
    if (!read_library_shebang(library->source, engine, given, body, message)) continue;
    const int ref = functions().compile(body, "@user_function", message);
    LoadedLibrary loaded{library, {}};
    loading_ = true;
    began_ = engine_.clock().mono();
    if (ref == 0 || !functions().load_library(ref, loaded.functions, *this, message)) {
      engine_.node().log->warning("Library %s could not be loaded on a shard: %s", name.c_str(),
                                  message.c_str());
      complete = false;
    }
    loading_ = false;
    if (ref != 0) functions().release(ref);
    for (const RegisteredFunction& function : loaded.functions) {
      function_refs_[function.name] = {function.ref, function.flags};
    }
    loaded_.emplace(name, std::move(loaded));
  }
  return complete;
}

bool Runner::find_function(const CommandView& command, Plan& plan, resp::Writer& reply) {
  (void)adopt_libraries();
  sha_.assign(command.args[1]);
  const auto found = function_refs_.find(sha_);
  if (found == function_refs_.end()) {
    reply.error("ERR Function not found");
    return false;
  }
  plan.name = found->first;
  plan.ref = found->second.ref;
  plan.flags = found->second.flags;
  plan.interpreter = functions_.get();
  return true;
}

}  // namespace tessera::script
