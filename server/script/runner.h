// Role: scripts and functions of one shard: its interpreters, what it has compiled, the script that runs.
// Thread: the shard's; what is atomic, and publish_busy's copy, any. Invariants: one script runs at a time on
// a shard; the interpreters are made when they are first needed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/dispatch/inner_calls.h"
#include "server/dispatch/scripts.h"
#include "server/script/host.h"
#include "server/script/interpreter.h"
#include "server/script/store.h"

namespace tessera::script {

struct RunCounters {
  Counter scripts, with_token, grown, restarted;
  Counter eval_bytes, function_bytes;  // of the interpreters
};

class Runner final : public dispatch::Scripts, private Host {
 public:
  Runner(dispatch::Engine& engine, std::shared_ptr<Shared> shared);
  ~Runner() override;
  static Runner& of(dispatch::Engine& engine) { return *static_cast<Runner*>(engine.scripts()); }

  bool run(const dispatch::CommandView& command, const dispatch::SessionBits& bits,
           resp::Writer& reply) override;
  void run_inside(const dispatch::CommandView& command, const dispatch::SessionBits& bits,
                  resp::Writer& reply) override;
  bool wants_token(const dispatch::CommandView& command) override;
  bool only_reads(const dispatch::CommandView& command) override;
  std::string_view busy_error() const override;
  std::string_view busy_error_now() override;
  std::string_view interrupted_while_waiting() override { return interrupted(); }

  dispatch::ScriptFigures figures() const override;

  Shared& shared() { return *shared_; }
  const RunCounters& counters() const { return counters_; }

  // SCRIPT LOAD: the script, compiled here; nullptr: `error` is the reply.
  ScriptRef load(std::string_view source, std::string& error);
  // FUNCTION LOAD: runs the source here to see what it registers; nullptr: `error` is the reply.
  LibraryRef read_library(std::string_view source, std::string& error);

  // ---- any thread: the script that keeps this shard busy
  struct Busy {
    bool is_function = false;
    bool has_written = false;
    std::string name;
    std::vector<std::string> command;
    MonoTime began;
  };
  // False: none does.
  bool busy(Busy& out);
  void kill() { kill_.store(true, std::memory_order_release); }

 private:
  struct Compiled {
    ScriptRef script;
    int ref = 0;
  };
  struct ShaHash {
    size_t operator()(const std::string& sha) const;
  };
  struct Plan {
    std::string_view name;  // for error texts
    int ref = 0;
    uint32_t flags = 0;
    Interpreter* interpreter = nullptr;
    std::atomic<bool>* strays = nullptr;
  };

  Interpreter& scripts();
  Interpreter& functions();
  Compiled* compiled(const std::string& sha);
  Compiled* compile(const ScriptRef& script, std::string& error);
  void forget_gone();
  void forget(std::unordered_map<std::string, Compiled, ShaHash>::iterator at);
  void find_sha(std::string_view source);
  bool find_script(const dispatch::CommandView& command, Plan& plan, resp::Writer& reply);
  bool find_function(const dispatch::CommandView& command, Plan& plan, resp::Writer& reply);
  void adopt_libraries();
  void load_here(const LibraryRef& library);
  std::string refusal(const dispatch::CommandView& command, const dispatch::SessionBits& bits,
                      const Plan& plan);
  bool run_plan(const dispatch::CommandView& command, const dispatch::SessionBits& bits, const Plan& plan,
                size_t key_count, resp::Writer& reply);
  void publish_busy();

  // Host
  std::string_view call(const registry::Args& args, int proto) override;
  bool stopped() override { return calls_.needs_token(); }
  Allowed may_run(const registry::Args& args) override;
  void log(int level, std::string_view text) override;
  void set_replication(int) override {}
  std::string_view interrupted() override;

  dispatch::Engine& engine_;
  std::shared_ptr<Shared> shared_;
  dispatch::InnerCalls calls_;
  std::unique_ptr<Interpreter> scripts_, functions_;
  std::unordered_map<std::string, Compiled, ShaHash> compiled_;
  uint64_t scripts_version_ = 1;
  // Something is gone: the places of compiled_ are looked through from here on, some with each script.
  size_t sweep_from_ = SIZE_MAX;
  std::string sha_;  // scratch
  // The text that came last, and its SHA: comparing is cheaper than computing.
  std::string last_source_, last_sha_;

  uint64_t libraries_version_ = 1;
  std::shared_ptr<const LibrarySet> libraries_;
  struct LoadedLibrary {
    LibraryRef library;
    std::vector<RegisteredFunction> functions;
  };
  std::unordered_map<std::string, LoadedLibrary> loaded_;
  struct LoadedFunction {
    std::string name;  // as it was registered
    int ref;
    uint32_t flags;
    LibraryRef library;
  };
  std::unordered_map<std::string, LoadedFunction> function_refs_;  // by name in lower case

  const dispatch::CommandView* running_ = nullptr;
  const Plan* plan_ = nullptr;
  MonoTime began_;
  bool loading_ = false;
  std::atomic<bool> kill_{false};
  SpinLock busy_lock_;
  bool is_busy_ = false;
  Busy busy_;
  RunCounters counters_;
};

}  // namespace tessera::script
