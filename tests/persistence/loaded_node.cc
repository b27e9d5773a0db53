// Role: see loaded_node.h.
#include "tests/persistence/loaded_node.h"

#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "common/base/check.h"
#include "server/dispatch/command.h"
#include "server/dispatch/parked_call.h"
#include "server/main/node.h"
#include "server/main/process_config.h"
#include "server/main/process_options.h"

namespace tessera::server {

namespace fs = std::filesystem;

namespace {

// A number of kilobytes of /proc/self/status.
size_t status_bytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, name.size(), name) == 0) return std::stoul(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

size_t rss_when_forgotten = 0;

}  // namespace

std::string LoadedNode::Visit::call(int db, const std::vector<std::string>& words) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  const registry::Args args(views);
  const registry::Resolved found = engine_.node().commands->resolve(args);
  TESSERA_CHECK(found.what == registry::Resolution::kFound);
  dispatch::CommandView command{found.row, args, {}};
  const std::string& name = words[static_cast<size_t>(found.row->first_key_at)];
  dispatch::Engine& home =
      *engine_.node().engines[static_cast<size_t>(engine_.shard_of(hash::key_slot(name)))];
  command.key = home.shard().keyspace().make_key(name);
  resp::ChunkPool pool;
  resp::OutChain chain(pool);
  resp::Writer reply(chain, 2);
  home.apply(command, db, reply);
  return chain.to_string();
}

std::vector<std::pair<int, std::string>> LoadedNode::Visit::keys() {
  std::vector<std::pair<int, std::string>> names;
  for (dispatch::Engine* engine : engine_.node().engines) {
    const store::Keyspace& keyspace = engine->shard().keyspace();
    for (int db = 0; db < keyspace.database_count(); ++db) {
      keyspace.for_each(db, -1, [&](const store::Entry& entry) {
        names.emplace_back(db, std::string(entry.key()));
        return true;
      });
    }
  }
  return names;
}

std::string LoadedNode::Visit::check() {
  for (dispatch::Engine* engine : engine_.node().engines) {
    std::string problem = engine->shard().keyspace().self_check();
    if (!problem.empty()) return problem;
  }
  return {};
}

LoadedNode::LoadedNode(const std::string& dir, std::vector<std::string> args) : env_(io::make_uv_env()) {
  std::vector<std::string> words = {
      "tessera-server", "--port", "0", "--unixsocket", dir + "/socket", "--save", "", "--dir", dir};
  words.insert(words.end(), args.begin(), args.end());
  Log log;
  auto config = read_configuration(*env_, parse_process_options(words), log);
  TESSERA_CHECK(config.ok());
  config_ = std::move(*config);
}

LoadedNode::~LoadedNode() = default;

LoadedNode::Outcome LoadedNode::load(const std::function<void(Visit&)>& visit,
                                     const std::function<void(dispatch::NodeShared&)>& meanwhile) {
  Outcome outcome;
  std::mutex mutex;
  LogOptions log_options;
  log_options.sink = [&](LogLevel, std::string_view line) {
    std::lock_guard lock(mutex);
    outcome.log += line;
  };
  Log log(log_options);
  NodeOptions options;
  options.env = env_.get();
  options.log = &log;
  options.config = config_;
  options.resolve_dir = resolve_dir;
  Node node(std::move(options));
  const auto started = node.start();
  if (!started.ok()) {
    outcome.error = started.error().message;
    return outcome;
  }
  node.serve();
  if (const auto loaded = node.load(); !loaded.ok()) {
    outcome.error = loaded.error().message;
  } else {
    outcome.loaded = true;
    std::atomic<bool> done{false};
    dispatch::call_parked(*node.shared().engines.front(), [&](dispatch::Engine& engine) {
      Visit here(engine);
      outcome.problem = here.check();
      if (visit && outcome.problem.empty()) {
        visit(here);
        outcome.problem = here.check();
      }
      done = true;
      node.main_loop().wake();
    });
    while (!done) node.main_loop().poll(millis(100));
    if (meanwhile) meanwhile(node.shared());
  }
  node.request_shutdown(-1, true, true);
  (void)node.wait();
  return outcome;
}

ScratchFolder::ScratchFolder() {
  std::string name = fs::exists("/dev/shm") && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  name += "/tessera-load-XXXXXX";
  TESSERA_CHECK(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void ScratchFolder::write(const std::string& name, std::string_view bytes) const {
  const fs::path path = fs::path(path_) / name;
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  TESSERA_CHECK(file.good());
}

std::string ScratchFolder::read(const std::string& name) const {
  std::ifstream file(fs::path(path_) / name, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void ScratchFolder::clear() const {
  for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
}

void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
  rss_when_forgotten = status_bytes("VmRSS:");
}

size_t peak_growth_bytes() {
  const size_t peak = status_bytes("VmHWM:");
  return peak > rss_when_forgotten ? peak - rss_when_forgotten : 0;
}

}  // namespace tessera::server
