// Role: functions on a shard: libraries as all shards know them, loaded here when one of them is called.
#include "common/text/strings.h"
#include "server/script/library_source.h"
#include "server/script/runner.h"

namespace tessera::script {

using dispatch::CommandView;

LibraryRef Runner::read_library(std::string_view source, std::string& error) {
  loading_ = true;
  began_ = engine_.clock().mono();
  LibraryRef library = script::read_library(source, functions(), *this, error);
  loading_ = false;
  return library;
}

// Libraries that went are let go, new ones are loaded. They have been loaded once before, elsewhere: that one
// fails here is want of memory, or chance of its own.
void Runner::adopt_libraries() {
  const uint64_t version = shared_->libraries.version();
  if (version == libraries_version_) return;
  libraries_ = shared_->libraries.get(&libraries_version_);
  for (auto at = loaded_.begin(); at != loaded_.end();) {
    const auto still = libraries_->libraries.find(at->first);
    if (still != libraries_->libraries.end() && still->second == at->second.library) {
      ++at;
      continue;
    }
    for (const RegisteredFunction& function : at->second.functions) {
      functions().release(function.ref);
      function_refs_.erase(text::to_lower(function.name));
    }
    at = loaded_.erase(at);
  }
  for (const auto& [name, library] : libraries_->libraries) {
    if (loaded_.count(name) == 0) load_here(library);
  }
}

void Runner::load_here(const LibraryRef& library) {
  std::string engine, given, message;
  std::string_view body;
  if (!read_library_shebang(library->source, engine, given, body, message)) return;
  const int ref = functions().compile(body, "@user_function", message);
  LoadedLibrary loaded{library, {}};
  loading_ = true;
  began_ = engine_.clock().mono();
  const bool done = ref != 0 && functions().load_library(ref, loaded.functions, *this, message);
  loading_ = false;
  if (ref != 0) functions().release(ref);
  if (!done) {
    engine_.node().log->warning("Library %s could not be loaded on a shard: %s", library->name.c_str(),
                                message.c_str());
    return;
  }
  for (const RegisteredFunction& function : loaded.functions) {
    function_refs_.try_emplace(text::to_lower(function.name),
                               LoadedFunction{function.name, function.ref, function.flags, library});
  }
  loaded_.emplace(library->name, std::move(loaded));
}

bool Runner::find_function(const CommandView& command, Plan& plan, resp::Writer& reply) {
  adopt_libraries();
  sha_.assign(command.args[1]);
  for (char& c : sha_) c = text::lower(c);
  auto found = function_refs_.find(sha_);
  if (found == function_refs_.end()) {
    const auto known = libraries_->by_function.find(command.args[1]);
    const bool is_known = known != libraries_->by_function.end();
    if (is_known) {  // it failed: who calls it may have more luck
      load_here(known->second);
      found = function_refs_.find(sha_);
    }
    if (found == function_refs_.end()) {
      reply.error(is_known ? "ERR the library of this function could not be loaded on its shard, see the log"
                           : "ERR Function not found");
      return false;
    }
  }
  plan.name = found->second.name;
  plan.ref = found->second.ref;
  plan.flags = found->second.flags;
  plan.strays = &found->second.library->strays;
  plan.interpreter = functions_.get();
  return true;
}

}  // namespace tessera::script
