// Role: running EVAL, FCALL and their kin on a shard. See runner.h.
#include "server/script/runner.h"

#include <cstring>
#include <mutex>

#include "common/hash/sha1.h"
#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/config/config.h"
#include "server/dispatch/gates.h"
#include "server/script/library_source.h"

namespace tessera::script {

using dispatch::CommandView;
using dispatch::SessionBits;

namespace {

constexpr const char* kNoScript = "NOSCRIPT No matching script. Please use EVAL.";
constexpr size_t kShaSize = 40;

struct Kind {
  bool is_function, by_sha, read_only;
};
Kind kind_of(const registry::CommandRow& row) {
  const std::string_view name = row.name;
  return {name[0] == 'f', name.starts_with("evalsha"), name.ends_with("_ro")};
}

bool deprecated_api(const dispatch::Engine& engine) {
  return engine.settings().config->boolean("lua-enable-deprecated-api");
}

}  // namespace

Runner::Runner(dispatch::Engine& engine, std::shared_ptr<Shared> shared)
    : engine_(engine),
      shared_(std::move(shared)),
      calls_(engine),
      libraries_(std::make_shared<LibrarySet>()) {}

Runner::~Runner() = default;

// The hexadecimal digits are a hash already.
size_t Runner::ShaHash::operator()(const std::string& sha) const {
  uint64_t head;
  std::memcpy(&head, sha.data(), sizeof head);
  return static_cast<size_t>(head * 0x9E3779B97F4A7C15ULL >> 16);
}

Interpreter& Runner::scripts() {
  if (!scripts_) {
    scripts_ = std::make_unique<Interpreter>(Flavor::kScripts,
                                             static_cast<uint32_t>(engine_.shard().random().next()),
                                             Interpreter::kDefaultMemoryBytes, deprecated_api(engine_));
  }
  return *scripts_;
}

Interpreter& Runner::functions() {
  if (!functions_) {
    functions_ = std::make_unique<Interpreter>(Flavor::kFunctions,
                                               static_cast<uint32_t>(engine_.shard().random().next()),
                                               Interpreter::kDefaultMemoryBytes, deprecated_api(engine_));
  }
  return *functions_;
}

// ---- scripts

void Runner::forget(std::unordered_map<std::string, Compiled, ShaHash>::iterator at) {
  scripts_->release(at->second.ref);
  compiled_.erase(at);
}

void Runner::forget_gone() {
  constexpr size_t kPlaces = 32;
  const uint64_t version = shared_->scripts.version();
  if (version != scripts_version_) {
    scripts_version_ = version;
    sweep_from_ = 0;
  }
  for (size_t i = 0; i < kPlaces && sweep_from_ < compiled_.bucket_count(); ++i, ++sweep_from_) {
    bool again = true;
    while (again) {
      again = false;
      for (auto at = compiled_.begin(sweep_from_); at != compiled_.end(sweep_from_); ++at) {
        if (!at->second.script->gone.load(std::memory_order_acquire)) continue;
        forget(compiled_.find(at->first));
        again = true;
        break;
      }
    }
  }
  if (sweep_from_ >= compiled_.bucket_count()) sweep_from_ = SIZE_MAX;
}

Runner::Compiled* Runner::compiled(const std::string& sha) {
  if (__builtin_expect(scripts_version_ != shared_->scripts.version() || sweep_from_ != SIZE_MAX, 0))
    forget_gone();
  const auto found = compiled_.find(sha);
  if (found == compiled_.end()) return nullptr;
  if (found->second.script->gone.load(std::memory_order_acquire)) {
    forget(found);
    return nullptr;
  }
  return &found->second;
}

// sha_ is the SHA of a text.
void Runner::find_sha(std::string_view source) {
  constexpr size_t kKeepBytes = size_t{64} << 10;
  if (source != last_source_ || last_sha_.empty()) {
    sha_ = hash::sha1_hex(source);
    if (source.size() > kKeepBytes) return;
    last_source_ = source;
    last_sha_ = sha_;
  } else {
    sha_ = last_sha_;
  }
}

Runner::Compiled* Runner::compile(const ScriptRef& script, std::string& error) {
  uint32_t flags;
  std::string_view body;
  if (!read_script_shebang(script->source, flags, body, error)) return nullptr;
  std::string message;
  const int ref = scripts().compile(body, "@user_script", message);
  if (ref == 0) {
    error = "ERR Error compiling script (new function): " + message;
    return nullptr;
  }
  const size_t places = compiled_.bucket_count();
  Compiled* made = &compiled_.insert_or_assign(script->sha, Compiled{script, ref}).first->second;
  if (compiled_.bucket_count() != places && sweep_from_ != SIZE_MAX) sweep_from_ = 0;
  return made;
}

ScriptRef Runner::load(std::string_view source, std::string& error) {
  sha_ = hash::sha1_hex(source);
  uint32_t flags = 0;
  std::string_view body;
  if (!read_script_shebang(source, flags, body, error)) return nullptr;
  if (compiled(sha_) == nullptr) {
    auto trial = std::make_shared<Script>();
    trial->sha = sha_;
    trial->source = source;
    Compiled* made = compile(trial, error);
    if (made == nullptr) return nullptr;
    made->script = shared_->scripts.add(sha_, source, flags, true);
    return made->script;
  }
  return shared_->scripts.add(sha_, source, flags, true);
}

// False: `reply` says why.
bool Runner::find_script(const CommandView& command, Plan& plan, resp::Writer& reply) {
  const std::string_view given = command.args[1];
  const bool by_sha = kind_of(*command.row).by_sha;
  if (by_sha) {
    sha_.assign(given);
    for (char& c : sha_) c = text::lower(c);
  } else {
    find_sha(given);
  }
  Compiled* found = compiled(sha_);
  if (found == nullptr) {
    std::string error;
    ScriptRef script = shared_->scripts.find(sha_);
    if (script == nullptr && by_sha) {
      reply.error(kNoScript);
      return false;
    }
    const bool is_new = script == nullptr;
    if (is_new) {
      script = std::make_shared<Script>();
      script->sha = sha_;
      script->source = given;
      std::string_view body;
      if (!read_script_shebang(given, script->flags, body, error)) {
        reply.error(error);
        return false;
      }
    }
    found = compile(script, error);
    if (found == nullptr) {
      reply.error(error);
      return false;
    }
    if (is_new) found->script = shared_->scripts.add(sha_, given, script->flags, false);
  }
  plan.name = found->script->sha;
  plan.ref = found->ref;
  plan.flags = found->script->flags;
  plan.strays = &found->script->strays;
  plan.interpreter = scripts_.get();
  return true;
}

bool Runner::wants_token(const CommandView& command) {
  const Kind kind = kind_of(*command.row);
  if (kind.is_function) {
    const auto found = libraries_->by_function.find(command.args[1]);
    return found != libraries_->by_function.end() && found->second->strays.load(std::memory_order_relaxed);
  }
  if (kind.by_sha) {
    if (command.args[1].size() != kShaSize) return false;
    sha_.assign(command.args[1]);
    for (char& c : sha_) c = text::lower(c);
  } else {
    find_sha(command.args[1]);
  }
  if (Compiled* known = compiled(sha_)) return known->script->strays.load(std::memory_order_relaxed);
  const ScriptRef script = shared_->scripts.find(sha_);
  return script != nullptr && script->strays.load(std::memory_order_relaxed);
}

bool Runner::only_reads(const CommandView& command) {
  const Kind kind = kind_of(*command.row);
  uint32_t flags = kCompat;
  if (kind.is_function) {
    const std::shared_ptr<const LibrarySet> libraries = shared_->libraries.get();
    const auto found = libraries->by_function.find(command.args[1]);
    if (found == libraries->by_function.end()) return false;
    for (const FunctionInfo& function : found->second->functions) {
      if (text::iequals(function.name, command.args[1])) flags = function.flags;
    }
  } else {
    if (kind.by_sha) {
      sha_.assign(command.args[1]);
      for (char& c : sha_) c = text::lower(c);
    } else {
      find_sha(command.args[1]);
    }
    std::string error;
    std::string_view body;
    if (const ScriptRef script = shared_->scripts.find(sha_)) {
      flags = script->flags;
    } else if (kind.by_sha || !read_script_shebang(command.args[1], flags, body, error)) {
      return false;
    }
  }
  return (flags & kNoWrites) && !(flags & kCompat);
}

// ---- running

// What redis-server says before a script starts; empty: nothing.
std::string Runner::refusal(const CommandView& command, const SessionBits& bits, const Plan& plan) {
  if (plan.flags & kCompat) return {};
  if (!(plan.flags & kNoWrites) && !(command.row->flags & registry::kWrite) &&
      command.key.bytes.data() != nullptr) {
    // Only now it is known to be one that may write: reads alone may be served here.
    const dispatch::GateResult gate =
        dispatch::check_slot_of(engine_, registry::kWrite, {.slot = command.key.slot}, bits);
    if (!gate.open) return gate.error;
  }
  // The flags of a script are its command's: memory and disks are asked first, as for any command.
  if (!(plan.flags & (kAllowOom | kNoWrites)) && engine_.over_maxmemory()) {
    return "OOM command not allowed when used memory > 'maxmemory'.";
  }
  if (!(plan.flags & kNoWrites)) {
    if (std::string refusal = dispatch::disk_refusal(engine_, true); !refusal.empty()) return refusal;
  }
  if ((plan.flags & kNoCluster) && engine_.settings().cluster_enabled) {
    return "ERR Can not run script on cluster, 'no-cluster' flag is set.";
  }
  if (!(plan.flags & kNoWrites) && kind_of(*command.row).read_only) {
    return "ERR Can not execute a script with write flag using *_ro command.";
  }
  return {};
}

bool Runner::run(const CommandView& command, const SessionBits& bits, resp::Writer& reply) {
  const registry::Args& args = command.args;
  Plan plan;
  const Kind kind = kind_of(*command.row);
  const bool is_function = kind.is_function;
  if (is_function && !find_function(command, plan, reply)) return true;
  if (kind.by_sha && args[1].size() != kShaSize) {
    reply.error(kNoScript);
    return true;
  }
  int64_t key_count;
  if (!text::parse_int64(args[2], &key_count)) {
    reply.error(is_function ? "ERR Bad number of keys provided"
                            : "ERR value is not an integer or out of range");
    return true;
  }
  if (key_count > static_cast<int64_t>(args.size()) - 3) {
    reply.error("ERR Number of keys can't be greater than number of args");
    return true;
  }
  if (key_count < 0) {
    reply.error("ERR Number of keys can't be negative");
    return true;
  }
  if (!is_function && !find_script(command, plan, reply)) return true;
  if (!(plan.flags & kCompat)) {
    const std::string error = refusal(command, bits, plan);
    if (!error.empty()) {
      reply.error(error);
      return true;
    }
  }
  return run_plan(command, bits, plan, static_cast<size_t>(key_count), reply);
}

// A transaction does not run again: a script in it that would need more than is in reach fails.
void Runner::run_inside(const CommandView& command, const SessionBits& bits, resp::Writer& reply) {
  if (!run(command, bits, reply))
    reply.error("ERR Script attempted to access a non local key in a cluster node");
}

bool Runner::run_plan(const CommandView& command, const SessionBits& bits, const Plan& plan, size_t key_count,
                      resp::Writer& reply) {
  dispatch::InnerCalls::Rules rules;
  rules.read_only = (plan.flags & kNoWrites) != 0 || kind_of(*command.row).read_only;
  rules.may_use_more = (plan.flags & (kAllowOom | kNoWrites)) != 0 && !(plan.flags & kCompat);
  rules.may_cross_slots = (plan.flags & (kCompat | kAllowCrossSlot)) != 0;
  calls_.begin(bits, rules, command.key.bytes.data() != nullptr ? command.key.slot : -1);
  const auto words = command.args.views().subspan(3);
  Interpreter::Call call;
  call.ref = plan.ref;
  call.name = plan.name;
  call.keys = words.first(key_count);
  call.args = words.subspan(key_count);
  running_ = &command;
  plan_ = &plan;
  began_ = engine_.clock().mono();
  kill_.store(false, std::memory_order_relaxed);
  counters_.scripts.add();
  const bool has_token = engine_.holds_token();
  if (has_token) counters_.with_token.add();
  bool answered = true;
  if (has_token || engine_.node().engines.size() == 1) {
    plan.interpreter->run(call, *this, reply);
  } else {
    // It may turn out that it has to run again: what it says is not said before that is known.
    resp::OutChain before = std::move(reply.out());
    plan.interpreter->run(call, *this, reply);
    answered = !calls_.needs_token();
    resp::OutChain written = std::move(reply.out());
    reply.out() = std::move(before);
    if (answered) {
      reply.out().append_chain(std::move(written));
    } else {
      counters_.restarted.add();
    }
  }
  for (uint32_t i = 0; answered && i < plan.interpreter->counted_errors(); ++i)
    engine_.stats().continued(command.row->id, 0, true);
  if (calls_.has_strayed()) plan.strays->store(true, std::memory_order_relaxed);
  if (calls_.has_grown()) counters_.grown.add();
  calls_.end();
  running_ = nullptr;
  plan_ = nullptr;
  counters_.eval_bytes.set(scripts_ ? static_cast<int64_t>(scripts_->memory_bytes()) : 0);
  counters_.function_bytes.set(functions_ ? static_cast<int64_t>(functions_->memory_bytes()) : 0);
  if (is_busy_) {
    {
      const std::lock_guard guard(busy_lock_);
      is_busy_ = false;
    }
    engine_.end_busy();
  }
  return answered;
}

dispatch::ScriptFigures Runner::figures() const {
  const auto libraries = shared_->libraries.get();
  dispatch::ScriptFigures figures;
  figures.eval_bytes = counters_.eval_bytes.get();
  figures.function_bytes = counters_.function_bytes.get();
  figures.scripts = static_cast<int64_t>(shared_->scripts.count());
  figures.script_text_bytes = static_cast<int64_t>(shared_->scripts.bytes());
  figures.evicted = static_cast<int64_t>(shared_->scripts.evicted());
  figures.libraries = static_cast<int64_t>(libraries->libraries.size());
  figures.functions = static_cast<int64_t>(libraries->by_function.size());
  figures.library_text_bytes = static_cast<int64_t>(libraries->bytes);
  return figures;
}

// ---- Host

std::string_view Runner::call(const registry::Args& args, int proto) {
  return calls_.call(args, proto);
}

Host::Allowed Runner::may_run(const registry::Args& args) {
  switch (calls_.may_run(args)) {
    case dispatch::InnerCalls::Allowed::kYes:
      return Allowed::kYes;
    case dispatch::InnerCalls::Allowed::kNo:
      return Allowed::kNo;
    default:
      return Allowed::kNoSuchCommand;
  }
}

void Runner::log(int level, std::string_view text) {
  Log& log = *engine_.node().log;
  const int size = static_cast<int>(std::min<size_t>(text.size(), 1024));
  switch (level) {
    case 0:
      log.debug("%.*s", size, text.data());
      break;
    case 1:
      log.verbose("%.*s", size, text.data());
      break;
    case 2:
      log.notice("%.*s", size, text.data());
      break;
    default:
      log.warning("%.*s", size, text.data());
  }
}

std::string_view Runner::interrupted() {
  const int64_t ran_ms = (engine_.clock().mono() - began_).us / 1000;
  if (loading_) return ran_ms > kLibraryLimitMs ? "FUNCTION LOAD timeout" : std::string_view();
  if (engine_.node().shutting_down.load(std::memory_order_relaxed)) return "Script ended by SHUTDOWN";
  const int64_t threshold_ms = engine_.settings().busy_reply_threshold_ms;
  if (threshold_ms <= 0 || ran_ms < threshold_ms) return {};
  publish_busy();
  engine_.poll_while_busy();
  // What was asked when nothing was written yet may be too late by now.
  if (!kill_.load(std::memory_order_acquire) || calls_.has_written()) return {};
  return "Script killed by user with SCRIPT KILL...";
}

// ---- busy

void Runner::publish_busy() {
  const std::lock_guard guard(busy_lock_);
  busy_.has_written = calls_.has_written();
  if (is_busy_) return;
  is_busy_ = true;
  busy_.is_function = kind_of(*running_->row).is_function;
  busy_.name = plan_->name;
  busy_.began = began_;
  busy_.command.clear();
  for (std::string_view word : running_->args.views()) busy_.command.emplace_back(word);
  engine_.node().log->warning(
      "Slow script detected: still in execution after %lld milliseconds. You can try killing the script "
      "using the %s "
      "command. Script name is: %s.",
      static_cast<long long>((engine_.clock().mono() - began_).us / 1000),
      busy_.is_function ? "FUNCTION KILL" : "SCRIPT KILL", busy_.name.c_str());
}

bool Runner::busy(Busy& out) {
  const std::lock_guard guard(busy_lock_);
  if (!is_busy_) return false;
  out = busy_;
  return true;
}

std::string_view Runner::busy_error_now() {
  const std::lock_guard guard(busy_lock_);
  return is_busy_ ? busy_error() : std::string_view();
}

std::string_view Runner::busy_error() const {
  return busy_.is_function
             ? "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
             : "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
}

}  // namespace tessera::script
