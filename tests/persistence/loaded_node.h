// Role: for tests: a whole node in this process that loads a folder, is looked at, and ends; thousands of
// times. Thread: the test's, which is the node's main thread; visits run on a shard's while all are parked.
// Invariant: what a node does to its files is done when load() returns.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "server/config/config.h"
#include "server/dispatch/engine.h"

namespace tessera::server {

class LoadedNode {
 public:
  // What was loaded, in reach of the caller.
  class Visit {
   public:
    explicit Visit(dispatch::Engine& engine) : engine_(engine) {}
    // A command with one key; the reply as it goes over the wire.
    std::string call(int db, const std::vector<std::string>& words);
    std::vector<std::pair<int, std::string>> keys();  // database, name
    // What is wrong with the stores; empty: nothing.
    std::string check();

   private:
    dispatch::Engine& engine_;
  };

  struct Outcome {
    bool loaded = false;
    std::string error;  // why not
    std::string log;
    std::string problem;  // of the stores
  };

  // `args`: words of the command line behind --dir.
  LoadedNode(const std::string& dir, std::vector<std::string> args);
  ~LoadedNode();
  // `meanwhile`: on this thread, behind the visit, while clients are served at <dir>/socket.
  Outcome load(const std::function<void(Visit&)>& visit = nullptr,
               const std::function<void(dispatch::NodeShared&)>& meanwhile = nullptr);

 private:
  std::unique_ptr<io::Env> env_;
  std::shared_ptr<const config::Config> config_;
};

// A folder for files that need not last, in memory where there is such a file system; it goes with the
// object.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  const std::string& path() const { return path_; }
  void write(const std::string& name, std::string_view bytes) const;  // folders of the name are made
  std::string read(const std::string& name) const;
  void clear() const;

 private:
  std::string path_;
};

// The most memory this process has had since forget_peak(), over what it had then.
void forget_peak();
size_t peak_growth_bytes();

}  // namespace tessera::server
