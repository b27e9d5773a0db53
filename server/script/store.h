// Role: what all shards of a node know of scripts and libraries of functions: sources, by SHA and by name.
// Shards compile them when they meet them. Thread: any. Invariants: what is here is immutable but for its
// atomics; a lock is held for a look-up or an insertion in a map, and the data path meets it only when a
// shard sees a script for the first time; scripts that EVAL brought are bounded in bytes, those of SCRIPT
// LOAD stay.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/text/strings.h"
#include "server/script/flags.h"

namespace tessera::script {

class SpinLock {
 public:
  void lock() {
    while (flag_.test_and_set(std::memory_order_acquire)) {
    }
  }
  void unlock() { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_ = ATOMIC_FLAG_INIT;
};

struct Script {
  std::string sha;
  std::string source;
  uint32_t flags = 0;
  std::atomic<bool> gone{false};    // flushed, or evicted
  std::atomic<bool> strays{false};  // has looked at keys of other shards (cluster mode)
  std::atomic<bool> loaded{false};  // by SCRIPT LOAD
};
using ScriptRef = std::shared_ptr<Script>;

class ScriptStore {
 public:
  // Of scripts that only EVAL knows. When it is reached an eighth goes, so that shards do not look for what
  // is gone with every new script.
  static constexpr size_t kMaxEvalBytes = size_t{32} << 20;

  ScriptRef find(std::string_view sha);
  // The script, which may have been there. `loaded`: by SCRIPT LOAD.
  ScriptRef add(std::string_view sha, std::string_view source, uint32_t flags, bool loaded);
  void flush();
  // Grows with every flush and eviction: then shards let go of what is gone.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  size_t count() const { return count_.load(std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  size_t evicted() const { return evicted_.load(std::memory_order_relaxed); }

 private:
  struct Place {
    ScriptRef script;
    std::list<std::string>::iterator order;  // in evals_, unless loaded
  };
  static size_t size_of(const Script& script) { return script.source.size() + 256; }

  SpinLock lock_;
  std::unordered_map<std::string, Place> scripts_;
  std::list<std::string> evals_;  // oldest first
  size_t eval_bytes_ = 0;
  std::atomic<size_t> count_{0}, bytes_{0}, evicted_{0};
  std::atomic<uint64_t> version_{1};
};

// ---- functions

struct FunctionInfo {
  std::string name, description;
  bool has_description = false;
  uint32_t flags = 0;
};

struct Library {
  std::string name, source;  // with its first line
  std::vector<FunctionInfo> functions;
  mutable std::atomic<bool> strays{false};  // as Script's
};
using LibraryRef = std::shared_ptr<const Library>;

// Functions are found in any case.
struct AnyCaseLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](char x, char y) { return text::lower(x) < text::lower(y); });
  }
};

// All libraries at one moment.
struct LibrarySet {
  std::map<std::string, LibraryRef> libraries;
  std::map<std::string, LibraryRef, AnyCaseLess> by_function;
  size_t bytes = 0;
};

class LibraryStore {
 public:
  std::shared_ptr<const LibrarySet> get(uint64_t* version = nullptr);
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // Held while a change is made and written down.
  SpinLock& changes() { return changes_; }
  // Makes `next` the set if nobody changed it since `version`.
  bool replace(uint64_t version, std::shared_ptr<const LibrarySet> next);

  // The set with these libraries as well. Not empty: the error. `replace`: those of the same names go first.
  static std::string add(LibrarySet& set, const std::vector<LibraryRef>& libraries, bool replace);
  static void remove(LibrarySet& set, const std::string& name);

 private:
  SpinLock lock_, changes_;
  std::shared_ptr<const LibrarySet> set_ = std::make_shared<LibrarySet>();
  std::atomic<uint64_t> version_{1};
};

// What all shards of a node share.
struct Shared {
  ScriptStore scripts;
  LibraryStore libraries;
};

}  // namespace tessera::script
