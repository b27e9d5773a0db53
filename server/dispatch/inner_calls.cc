// Role: commands inside a command. See inner_calls.h.
#include "server/dispatch/inner_calls.h"

#include <array>

#include "server/acl/access.h"
#include "server/dispatch/conn_ctx.h"
#include "server/dispatch/gates.h"
#include "server/dispatch/listening.h"
#include "server/dispatch/scripts.h"

namespace tessera::dispatch {

using registry::Route;

InnerCalls::InnerCalls(Engine& engine)
    : engine_(engine), pipeline_(std::make_unique<Pipeline>(engine, session_)), chain_(engine.chunks()) {
  session_.authenticated = true;
}

InnerCalls::~InnerCalls() = default;

void InnerCalls::begin(const SessionBits& bits, const Rules& rules, int slot) {
  // Its effects have begun: what is called is part of them.
  ctx_ = engine_.current();
  bits_ = bits;
  rules_ = rules;
  slot_ = slot;
  wrote_ = acted_ = needs_token_ = grown_ = strayed_ = false;
  session_.id = bits.client_id;
  session_.db = bits.db;
  session_.local = bits.local;
  session_.ipv6 = bits.ipv6;
  session_.user = bits.user;
}

void InnerCalls::end() {
  chain_.clear();
  text_.clear();
  text_.shrink_to_fit();
  session_.user.reset();
  bits_.user.reset();
}

// redis-server counts what it refuses as calls that were rejected.
std::string_view InnerCalls::refuse(const registry::CommandRow* row, std::string_view error) {
  if (row != nullptr) engine_.stats().rejected(row->id);
  engine_.stats().error(error.substr(0, error.find(' ')));
  return answer(error);
}

std::string_view InnerCalls::answer(std::string_view error) {
  std::string text = "-";  // `error` may be the text of before
  text.append(error).append("\r\n");
  text_ = std::move(text);
  return text_;
}

// What redis-server says before the keys are looked at; nullptr: nothing.
const char* InnerCalls::refusal(const registry::CommandRow& row, const registry::Args& args) {
  const bool may_all = engine_.node().debug.scripts_may_all.load(std::memory_order_relaxed);
  if ((row.flags & registry::kNoscript) && !may_all)
    return "ERR This Redis command is not allowed from script";
  const Route route = row.route_hook ? row.route_hook(row, args) : row.route;
  // As redis-server 7.0, which lets the newest ones answer at once; later versions let all, and those of them
  // that 7.0 does not know.
  const std::string_view name = row.name;
  if ((row.flags & registry::kBlocking) && row.may_block == nullptr && name != "blmpop" && name != "bzmpop" &&
      name != "blmovem") {
    return "ERR This Redis command is not allowed from script";
  }
  if (!engine_.settings().cluster_enabled && std::string_view(row.full_name).starts_with("cluster|")) {
    return "ERR This instance has cluster support disabled";
  }
  // What the control thread or all threads answer cannot be waited for.
  if (route == Route::kControl || route == Route::kThreads) {
    return "ERR This Redis command is not allowed from script";
  }
  if (bits_.user != nullptr) {
    const acl::Access access = acl::check(*bits_.user, row, args, keys_);
    switch (access.denied) {
      case acl::Denied::kCommand:
        return "ERR The user executing the script can't run this command or subcommand";
      case acl::Denied::kKey:
        return "ERR The user executing the script can't access at least one of the keys mentioned in the "
               "command "
               "arguments";
      case acl::Denied::kChannel:
        return "ERR The user executing the script can't access at least one of the channels mentioned in the "
               "command "
               "arguments";
      default:
        break;
    }
  }
  if (rules_.read_only && (row.flags & (registry::kWrite | registry::kMayReplicate))) {
    return "ERR Write commands are not allowed from read-only scripts.";
  }
  if ((row.flags & registry::kWrite) && !wrote_) {
    text_ = disk_refusal(engine_);
    if (!text_.empty()) return text_.c_str();
  }
  if ((row.flags & registry::kDenyOom) && !rules_.may_use_more && !wrote_ && engine_.over_maxmemory()) {
    return "OOM command not allowed when used memory > 'maxmemory'.";
  }
  return nullptr;
}

void InnerCalls::find_keys(const registry::CommandRow& row, const registry::Args& args) {
  made_keys_.clear();
  if (row.first_key_at == 0) return;
  const store::Keyspace& keyspace = engine_.shard().keyspace();
  if (row.first_key_at > 0) {
    made_keys_.push_back(keyspace.make_key(args[static_cast<size_t>(row.first_key_at)]));
    return;
  }
  if (!registry::get_keys(row, args, keys_, registry::FakeKeys::kInclude)) {
    registry::get_fitting_keys(row, args, keys_);
  }
  for (const registry::KeyPosition& position : keys_) {
    made_keys_.push_back(keyspace.make_key(args[static_cast<size_t>(position.at)]));
  }
}

// Cluster mode: the keys are this node's, of one slot, and of the slot that the script is in.
const char* InnerCalls::check_cluster(const registry::CommandRow& row) {
  if (made_keys_.empty()) return nullptr;
  const int first = made_keys_[0].slot;
  bool one_slot = true;
  for (const store::Key& key : made_keys_) one_slot &= key.slot == first;
  CommandView view;
  view.row = &row;
  view.key = made_keys_[0];
  SessionBits bits = bits_;
  const GateResult gate = check_slot_bits(engine_, bits, view, {first, made_keys_.size() > 1, !one_slot});
  if (!gate.open) {
    if (!gate.error.starts_with("CLUSTERDOWN")) {
      return "ERR Script attempted to access a non local key in a cluster node";
    }
    return gate.error.find("only accepts read") != std::string::npos
               ? "ERR Script attempted to execute a write command while the cluster is down and readonly"
               : "ERR Script attempted to execute a command while the cluster is down";
  }
  if (slot_ >= 0 && first != slot_ && !rules_.may_cross_slots) {
    return "ERR Script attempted to access keys that do not hash to the same slot";
  }
  if (slot_ < 0) slot_ = first;
  return nullptr;
}

// The shards of the keys, or all, are in reach; or they are taken. False: they cannot be.
bool InnerCalls::take_shards(bool all) {
  const size_t count = engine_.node().engines.size();
  if (count == 1) return true;
  std::vector<int> missing;
  if (all) {
    for (size_t i = 0; i < count; ++i) {
      if (!engine_.in_reach(static_cast<int>(i))) missing.push_back(static_cast<int>(i));
    }
  } else {
    for (const store::Key& key : made_keys_) {
      const int shard = engine_.shard_of(key.slot);
      if (!engine_.in_reach(shard)) missing.push_back(shard);
    }
  }
  if (missing.empty()) return true;
  strayed_ = true;
  if (!engine_.holds_token()) {
    needs_token_ = !acted_;
    return false;
  }
  grown_ = true;
  return engine_.grow(missing);
}

std::string_view InnerCalls::call(const registry::Args& args, int proto) {
  chain_.clear();
  if (needs_token_) return answer("ERR the script runs again");
  const registry::CommandTable& table = *engine_.node().commands;
  const registry::Resolved found = table.resolve(args);
  if (found.what == registry::Resolution::kWrongArity) {
    return refuse(found.row, "ERR Wrong number of args calling Redis command from script");
  }
  if (found.what != registry::Resolution::kFound)
    return refuse(nullptr, "ERR Unknown Redis command called from script");
  const registry::CommandRow& row = *found.row;
  if (const char* wrong = refusal(row, args)) return refuse(&row, wrong);
  find_keys(row, args);
  const bool cluster = engine_.settings().cluster_enabled;
  if (cluster) {
    if (const char* wrong = check_cluster(row)) return refuse(&row, wrong);
  }
  const Route route = row.route_hook ? row.route_hook(row, args) : row.route;
  const bool all =
      route == Route::kFanout || (route == Route::kGather && !(cluster && row.first_key_at != 0));
  if (!take_shards(all)) {
    if (needs_token_) return answer("ERR the script runs again");
    const std::string_view ends =
        grown_ ? engine_.scripts()->interrupted_while_waiting() : std::string_view();
    if (!ends.empty()) return answer("ERR " + std::string(ends));
    return refuse(&row, "ERR Script attempted to access a non local key in a cluster node");
  }
  if (row.flags & registry::kWrite) wrote_ = true;
  if (row.flags & (registry::kWrite | registry::kMayReplicate)) acted_ = true;
  if (__builtin_expect(engine_.monitored(), 0)) show_call_to_monitors(engine_, session_.db, {&row, args, {}});
  resp::Writer reply(chain_, proto);
  const uint64_t began = Ticks::now();
  if ((row.flags & registry::kBlocking) && row.may_block != nullptr && row.may_block(args)) {
    reply.error("ERR " + std::string(args[0]) + " command is not allowed with BLOCK option from scripts");
  } else if (route == Route::kConn) {
    run_conn(row, args, reply);
  } else if (route == Route::kFanout) {
    run_parts(row, args, reply);
  } else {
    run(row, args, reply);
  }
  const uint64_t ns = engine_.note_call(row, began, reply, 0);
  if (__builtin_expect(engine_.is_notable(args, ns, chain_.size()), 0)) log(row, args, ns);
  std::array<io::Slice, 2> slices;
  const size_t pieces = chain_.slices(slices);
  if (pieces == 1) return {static_cast<const char*>(slices[0].data), slices[0].size};
  text_ = chain_.to_string();
  return text_;
}

// As redis-server, whose entry of such a call has no client of its own (CommandLogEntry::kNobody).
void InnerCalls::log(const registry::CommandRow& row, const registry::Args& args, uint64_t ns) {
  SessionBits nobody;
  nobody.client.thread = static_cast<uint16_t>(engine_.index());
  engine_.log_call({&row, args, {}}, nobody, ns, chain_.size());
}

void InnerCalls::run(const registry::CommandRow& row, const registry::Args& args, resp::Writer& reply) {
  engine_.reach_now(ctx_);
  shard::CtxSetup::command(ctx_, engine_.now(), session_.db, reply.proto(), bits_.no_touch, row, args,
                           made_keys_.empty() ? store::Key{} : made_keys_[0]);
  shard::CtxSetup::permissions(ctx_, bits_.any_key);
  row.run(ctx_, args, reply);
  if (__builtin_expect(bits_.remembers, 0)) engine_.remember_keys({&row, args, {}}, bits_);
  engine_.shard().counters().commands.add();
}

void InnerCalls::run_parts(const registry::CommandRow& row, const registry::Args& args, resp::Writer& reply) {
  const shard::Ctx& outer_now = ctx_;
  std::vector<registry::Part> parts;
  const size_t count = engine_.node().engines.size();
  for (size_t i = 0; i < count; ++i) {
    shard::Ctx one = outer_now;
    std::vector<shard::Shard*> by_index(count, nullptr);
    shard::Shard* shard = &engine_.node().engines[i]->shard();
    by_index[i] = shard;
    shard::CtxSetup::gather(one, engine_.shard(), by_index.data(), &shard, 1);
    shard::CtxSetup::command(one, engine_.now(), session_.db, reply.proto(), bits_.no_touch, row, args, {});
    shard::CtxSetup::permissions(one, bits_.any_key);
    row.part(one, args, parts.emplace_back());
  }
  for (const registry::Part& part : parts) {
    if (part.error.empty()) continue;
    reply.error(part.error);
    return;
  }
  row.merge(parts, args, reply);
}

void InnerCalls::run_conn(const registry::CommandRow& row, const registry::Args& args, resp::Writer& reply) {
  session_.proto = reply.proto();
  ConnCtx ctx(engine_, *pipeline_, session_, row);
  row.run_conn(ctx, args, reply);
  session_.flags = 0;
}

InnerCalls::Allowed InnerCalls::may_run(const registry::Args& args) {
  const registry::Resolved found = engine_.node().commands->resolve(args);
  if (found.what == registry::Resolution::kUnknownCommand ||
      found.what == registry::Resolution::kUnknownSubcommand) {
    return Allowed::kNoSuchCommand;
  }
  if (bits_.user == nullptr || found.what == registry::Resolution::kWrongArity) return Allowed::kYes;
  return acl::check(*bits_.user, *found.row, args, keys_).allowed() ? Allowed::kYes : Allowed::kNo;
}

}  // namespace tessera::dispatch
