// Role: scripts and libraries of a node. See store.h.
#include "server/script/store.h"

#include <mutex>

namespace tessera::script {

ScriptRef ScriptStore::find(std::string_view sha) {
  const std::string key(sha);
  const std::lock_guard guard(lock_);
  const auto found = scripts_.find(key);
  return found == scripts_.end() ? nullptr : found->second.script;
}

ScriptRef ScriptStore::add(std::string_view sha, std::string_view source, uint32_t flags, bool loaded) {
  auto fresh = std::make_shared<Script>();
  fresh->sha = sha;
  fresh->source = source;
  fresh->flags = flags;
  std::vector<Place> evicted;  // let go outside the lock
  ScriptRef result;
  {
    const std::lock_guard guard(lock_);
    auto [at, is_new] = scripts_.try_emplace(fresh->sha, Place{fresh, evals_.end()});
    Place& place = at->second;
    result = place.script;
    if (is_new) {
      bytes_.fetch_add(size_of(*result), std::memory_order_relaxed);
      if (!loaded) {
        place.order = evals_.insert(evals_.end(), result->sha);
        eval_bytes_ += size_of(*result);
      }
    } else if (loaded && !result->loaded.load(std::memory_order_relaxed)) {
      evals_.erase(place.order);
      eval_bytes_ -= size_of(*result);
    }
    if (loaded) result->loaded.store(true, std::memory_order_relaxed);
    const size_t bound = eval_bytes_ > kMaxEvalBytes ? kMaxEvalBytes / 8 * 7 : kMaxEvalBytes;
    while (eval_bytes_ > bound && evals_.size() > 1) {
      const auto oldest = scripts_.find(evals_.front());
      evals_.pop_front();
      eval_bytes_ -= size_of(*oldest->second.script);
      bytes_.fetch_sub(size_of(*oldest->second.script), std::memory_order_relaxed);
      oldest->second.script->gone.store(true, std::memory_order_release);
      evicted.push_back(std::move(oldest->second));
      scripts_.erase(oldest);
    }
    count_.store(scripts_.size(), std::memory_order_relaxed);
  }
  if (!evicted.empty()) {
    evicted_.fetch_add(evicted.size(), std::memory_order_relaxed);
    version_.fetch_add(1, std::memory_order_release);
  }
  return result;
}

void ScriptStore::flush() {
  std::unordered_map<std::string, Place> old;
  {
    const std::lock_guard guard(lock_);
    old.swap(scripts_);
    evals_.clear();
    eval_bytes_ = 0;
    count_.store(0, std::memory_order_relaxed);
    bytes_.store(0, std::memory_order_relaxed);
    for (auto& [sha, place] : old) place.script->gone.store(true, std::memory_order_release);
  }
  version_.fetch_add(1, std::memory_order_release);
}

// ---- functions

std::shared_ptr<const LibrarySet> LibraryStore::get(uint64_t* version) {
  const std::lock_guard guard(lock_);
  if (version != nullptr) *version = version_.load(std::memory_order_relaxed);
  return set_;
}

bool LibraryStore::replace(uint64_t version, std::shared_ptr<const LibrarySet> next) {
  const std::lock_guard guard(lock_);
  if (version_.load(std::memory_order_relaxed) != version) return false;
  set_.swap(next);
  version_.store(version + 1, std::memory_order_release);
  return true;
}

void LibraryStore::remove(LibrarySet& set, const std::string& name) {
  const auto at = set.libraries.find(name);
  if (at == set.libraries.end()) return;
  for (const FunctionInfo& function : at->second->functions) set.by_function.erase(function.name);
  set.bytes -= at->second->source.size();
  set.libraries.erase(at);
}

std::string LibraryStore::add(LibrarySet& set, const std::vector<LibraryRef>& libraries, bool replace) {
  for (const LibraryRef& library : libraries) {
    if (set.libraries.count(library->name) != 0) {
      if (!replace) return "ERR Library '" + library->name + "' already exists";
      remove(set, library->name);
    }
  }
  for (const LibraryRef& library : libraries) {
    for (const FunctionInfo& function : library->functions) {
      if (set.by_function.count(function.name) != 0)
        return "ERR Function " + function.name + " already exists";
    }
    for (const FunctionInfo& function : library->functions) set.by_function.emplace(function.name, library);
    set.bytes += library->source.size();
    set.libraries.emplace(library->name, library);
  }
  return {};
}

}  // namespace tessera::script
