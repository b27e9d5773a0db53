// Role: one Lua state with its sandbox: compiles chunks, runs them, turns their values into replies. Two
// kinds: scripts (EVAL) and functions, which differ in their globals. Thread: its owner's, memory_bytes()
// any. Invariants: no Lua error leaves a member function; a script cannot reach anything of the process but
// through Host; nothing it does to globals, libraries and metatables outlives it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/resp/writer.h"
#include "server/script/allocator.h"
#include "server/script/host.h"
#include "server/script/lua.h"

namespace tessera::script {

enum class Flavor : uint8_t { kScripts, kFunctions };

// A function as a library registers it (redis.register_function).
struct RegisteredFunction {
  std::string name;
  std::string description;
  bool has_description = false;
  uint32_t flags = 0;  // ScriptFlag
  int ref = 0;
};

class Interpreter {
 public:
  static constexpr size_t kDefaultMemoryBytes = size_t{512} << 20;
  // Longer sources are refused: the parser runs without the collector.
  static constexpr size_t kMaxSourceBytes = size_t{16} << 20;
  static constexpr int kHookInstructions = 50000;  // between two looks at Host::interrupted()

  // `deprecated_api`: with getfenv, setfenv and newproxy (lua-enable-deprecated-api), by which a script can
  // change what later ones find.
  explicit Interpreter(Flavor flavor, uint32_t random_seed = 0,
                       size_t memory_limit_bytes = kDefaultMemoryBytes, bool deprecated_api = false);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // A chunk as a reference, > 0; or 0 and the error as Lua says it. `chunk_name` as Lua's ("@user_script").
  int compile(std::string_view source, const char* chunk_name, std::string& error);
  void release(int ref);

  struct Call {
    int ref = 0;
    std::string_view name;  // the script's SHA or the function's name, for error texts
    std::span<const std::string_view> keys, args;
  };
  // Runs it; exactly one element is written to `reply`.
  void run(const Call& call, Host& host, resp::Writer& reply);

  // Runs a library's chunk, which registers its functions. False: `error` (without position suffix) says why,
  // and what it registered has been let go. `accept` looks at each one; not empty: its error.
  bool load_library(int ref, std::vector<RegisteredFunction>& functions, Host& host, std::string& error);

  size_t memory_bytes() const { return allocator_.bytes(); }
  Flavor flavor() const { return flavor_; }
  bool has_deprecated_api() const { return deprecated_api_; }
  bool running() const { return host_ != nullptr; }
  int resp() const { return resp_; }

  // ---- for the libraries
  static Interpreter& of(lua_State* L) {
    return *static_cast<Interpreter*>(lua_touserdata(L, lua_upvalueindex(1)));
  }
  // The same from any function of a state.
  static Interpreter& of_state(lua_State* L) {
    void* allocator;
    lua_getallocf(L, &allocator);
    return *static_cast<Interpreter*>(static_cast<Allocator*>(allocator)->owner);
  }
  // The reply has an error that a command of the script was counted for: the script failed all the same. How
  // many there are, since redis-server counts each.
  void note_counted_error() { ++counted_errors_; }
  uint32_t counted_errors() const { return counted_errors_; }
  Host* host() { return host_; }
  Allocator& allocator() { return allocator_; }
  void push_handler(lua_State* L) { lua_rawgeti(L, LUA_REGISTRYINDEX, handler_ref_); }
  void set_resp(int proto) { resp_ = proto; }
  // cjson's options were changed, or it keeps a large buffer: it is made anew after the script.
  void json_is_dirty() { json_dirty_ = true; }
  // Raises the interrupting error if there is one.
  void check_interrupt(lua_State* L);
  // Ends the script with this error.
  void interrupt(lua_State* L, std::string_view error) {
    interrupt_ = error;
    check_interrupt(L);
  }
  struct Loading {
    std::vector<RegisteredFunction>* functions;
  };
  Loading* loading() { return loading_; }

  // math.random: the generator of the C library's lrand48, as redis-server has it: scripts that set a seed
  // expect its sequence.
  void seed_random(uint32_t seed) { random_ = (uint64_t{seed} << 16) | 0x330E; }
  int32_t next_random() {
    random_ = (random_ * 0x5DEECE66DULL + 0xB) & ((uint64_t{1} << 48) - 1);
    return static_cast<int32_t>(random_ >> 17);
  }

  // Scratch of redis.call, kept to spare allocations.
  std::vector<std::string_view> views;
  std::vector<char> number_bytes;

 private:
  struct Request;
  static int run_protected(lua_State* L);
  static int compile_protected(lua_State* L);
  static int open_protected(lua_State* L);
  static int handle_error(lua_State* L);
  static int to_host_error(lua_State* L);
  static void hook(lua_State* L, lua_Debug* ar);
  void write_error(std::string_view name, resp::Writer& reply);
  void after_run(bool failed);

  Allocator allocator_;
  const Flavor flavor_;
  const bool deprecated_api_;
  lua_State* L_ = nullptr;
  int runner_ref_ = 0;
  int handler_ref_ = 0;
  Host* host_ = nullptr;
  Loading* loading_ = nullptr;
  int resp_ = 2;
  bool json_dirty_ = false;
  uint32_t counted_errors_ = 0;
  uint64_t random_ = 0x330E;
  std::string interrupt_;  // the script is to end
};

}  // namespace tessera::script
