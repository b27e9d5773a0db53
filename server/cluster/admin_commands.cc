// Role: CLUSTER's subcommands that change the cluster: they become events of the state machine, whose answer
// is the reply. Thread: control.
#include <strings.h>

#include "common/text/integers.h"
#include "server/cluster/plane.h"
#include "server/cluster/slot_arguments.h"
#include "server/cluster/state/state.h"
#include "server/cluster/tables.h"
#include "server/control/control.h"

namespace tessera::cluster {

using control::ControlCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;
using enum registry::CommandFlag;

namespace {

// The machine decides, at once or when all is durable and every shard has adopted it.
template <typename What>
void submit(ControlCtx& ctx, Plane& plane, What what) {
  const control::SendReply send = ctx.reply_later();
  plane.command(std::move(what), [send](const state::Reply& answer) {
    send([&answer](Writer& reply) {
      switch (answer.kind) {
        case state::Reply::Kind::kStatus:
          reply.simple(answer.text);
          break;
        case state::Reply::Kind::kError:
          reply.error(answer.text);
          break;
        case state::Reply::Kind::kInteger:
          reply.integer(text::parse_int64(answer.text).value_or(0));
          break;
      }
    });
  });
}

Plane* plane_of(ControlCtx& ctx, Writer& reply) {
  Plane* plane = ctx.services().cluster;
  if (plane == nullptr) reply.error(kDisabled);
  return plane;
}

void wrong_arguments(const Args& args, Writer& reply) {
  reply.errorf("ERR unknown subcommand or wrong number of arguments for '%.128s'. Try CLUSTER HELP.",
               std::string(args[1]).c_str());
}

// ---- slots

void change_slots(ControlCtx& ctx, const Args& args, Writer& reply, bool ranges, bool take) {
  Plane* plane = plane_of(ctx, reply);
  if (plane == nullptr) return;
  if (ranges && args.size() % 2 == 1) {
    reply.errorf("ERR wrong number of arguments for 'cluster|%s' command",
                 take ? "addslotsrange" : "delslotsrange");
    return;
  }
  SlotSet owned, slots;
  const auto& owner = plane->machine().state().owner;
  for (size_t slot = 0; slot < owned.size(); ++slot) owned[slot] = owner[slot] != nullptr;
  const std::string error = read_slots(args, ranges, take, owned, slots);
  if (!error.empty()) {
    reply.error(error);
  } else if (take) {
    submit(ctx, *plane, state::AddSlots{slots});
  } else {
    submit(ctx, *plane, state::DelSlots{slots});
  }
}

void addslots(ControlCtx& ctx, const Args& args, Writer& reply) {
  change_slots(ctx, args, reply, false, true);
}
void delslots(ControlCtx& ctx, const Args& args, Writer& reply) {
  change_slots(ctx, args, reply, false, false);
}
void addslotsrange(ControlCtx& ctx, const Args& args, Writer& reply) {
  change_slots(ctx, args, reply, true, true);
}
void delslotsrange(ControlCtx& ctx, const Args& args, Writer& reply) {
  change_slots(ctx, args, reply, true, false);
}

// Keys are counted from here, over all shards: a write that races with this command may still come before or
// after it, as it could when it had arrived a moment earlier or later.
void flushslots(ControlCtx& ctx, const Args&, Writer& reply) {
  Plane* plane = plane_of(ctx, reply);
  if (plane == nullptr) return;
  if (ctx.services().key_count() > 0) {
    reply.error("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.");
    return;
  }
  const state::State& state = plane->machine().state();
  submit(ctx, *plane, state::DelSlots{state.me->slots});
}

// ---- nodes

// A port as MEET reads it; false: the error was replied.
bool read_port(std::string_view text, const char* what, Writer& reply, int64_t& port) {
  const auto number = text::parse_int64(text);
  if (!number) {
    reply.errorf("ERR Invalid TCP %s port specified: %.128s", what, std::string(text).c_str());
    return false;
  }
  port = *number;
  return true;
}

void meet(ControlCtx& ctx, const Args& args, Writer& reply) {
  Plane* plane = plane_of(ctx, reply);
  if (plane == nullptr) return;
  if (args.size() > 5) {
    wrong_arguments(args, reply);
    return;
  }
  int64_t port = 0, bus_port = 0;
  if (!read_port(args[3], "base", reply, port)) return;
  if (args.size() == 5 && !read_port(args[4], "bus", reply, bus_port)) return;
  if (args.size() == 4) bus_port = port + 10000;
  constexpr int64_t kMaxPort = 65535;
  const std::string ip(args[2]);
  const auto address = io::numeric_address(ip);
  if (!address || port <= 0 || port > kMaxPort || bus_port <= 0 || bus_port > kMaxPort) {
    reply.errorf("ERR Invalid node address specified: %s:%s", ip.c_str(), std::string(args[3]).c_str());
    return;
  }
  submit(ctx, *plane, state::Meet{*address, static_cast<int>(port), static_cast<int>(bus_port)});
}

void forget(ControlCtx& ctx, const Args& args, Writer& reply) {
  if (Plane* plane = plane_of(ctx, reply)) submit(ctx, *plane, state::Forget{std::string(args[2])});
}

void reset(ControlCtx& ctx, const Args& args, Writer& reply) {
  Plane* plane = plane_of(ctx, reply);
  if (plane == nullptr) return;
  if (args.size() > 3) {
    wrong_arguments(args, reply);
    return;
  }
  state::Reset what;
  if (args.size() == 3) {
    const std::string word(args[2]);
    what.hard = strcasecmp(word.c_str(), "hard") == 0;
    if (!what.hard && strcasecmp(word.c_str(), "soft") != 0) {
      reply.error("ERR syntax error");
      return;
    }
  }
  what.has_keys = ctx.services().key_count() > 0;
  what.fresh_id = plane->fresh_id();
  what.fresh_shard_id = plane->fresh_id();
  submit(ctx, *plane, std::move(what));
}

// ---- epochs and the file

void set_config_epoch(ControlCtx& ctx, const Args& args, Writer& reply) {
  Plane* plane = plane_of(ctx, reply);
  if (plane == nullptr) return;
  const auto epoch = text::parse_int64(args[2]);
  if (!epoch) {
    reply.error("ERR value is not an integer or out of range");
  } else if (*epoch < 0) {
    reply.errorf("ERR Invalid config epoch specified: %lld", static_cast<long long>(*epoch));
  } else {
    submit(ctx, *plane, state::SetConfigEpoch{static_cast<uint64_t>(*epoch)});
  }
}

void bumpepoch(ControlCtx& ctx, const Args&, Writer& reply) {
  if (Plane* plane = plane_of(ctx, reply)) submit(ctx, *plane, state::BumpEpoch{});
}

void saveconfig(ControlCtx& ctx, const Args&, Writer& reply) {
  if (Plane* plane = plane_of(ctx, reply)) submit(ctx, *plane, state::SaveConfig{});
}

void count_failure_reports(ControlCtx& ctx, const Args& args, Writer& reply) {
  if (Plane* plane = plane_of(ctx, reply))
    submit(ctx, *plane, state::CountFailureReports{std::string(args[2])});
}

constexpr CommandRow kRows[] = {
    {.name = "addslots",
     .arity = -3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Gives this node hash slots.",
     .complexity = "O(N) where N is the number of slots",
     .arguments = "slot:integer*",
     .run_control = addslots,
     .full_name = "cluster|addslots"},
    {.name = "addslotsrange",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "7.0.0",
     .summary = "Gives this node ranges of hash slots.",
     .complexity = "O(N) where N is the number of slots in the ranges",
     .arguments = "range:block(start-slot:integer end-slot:integer)*",
     .run_control = addslotsrange,
     .full_name = "cluster|addslotsrange"},
    {.name = "bumpepoch",
     .arity = 2,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Raises the configuration epoch of this node.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_control = bumpepoch,
     .full_name = "cluster|bumpepoch"},
    {.name = "count-failure-reports",
     .arity = 3,
     .flags = kAdmin | kStale,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Counts the reports that a node does not answer.",
     .complexity = "O(N) where N is the number of reports",
     .tips = "nondeterministic_output",
     .arguments = "node-id:string",
     .run_control = count_failure_reports,
     .full_name = "cluster|count-failure-reports"},
    {.name = "delslots",
     .arity = -3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Takes hash slots away from this node.",
     .complexity = "O(N) where N is the number of slots",
     .arguments = "slot:integer*",
     .run_control = delslots,
     .full_name = "cluster|delslots"},
    {.name = "delslotsrange",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "7.0.0",
     .summary = "Takes ranges of hash slots away from this node.",
     .complexity = "O(N) where N is the number of slots in the ranges",
     .arguments = "range:block(start-slot:integer end-slot:integer)*",
     .run_control = delslotsrange,
     .full_name = "cluster|delslotsrange"},
    {.name = "flushslots",
     .arity = 2,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Takes all hash slots away from this node.",
     .complexity = "O(1)",
     .run_control = flushslots,
     .full_name = "cluster|flushslots"},
    {.name = "forget",
     .arity = 3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Removes a node from the table of this one.",
     .complexity = "O(1)",
     .arguments = "node-id:string",
     .run_control = forget,
     .full_name = "cluster|forget"},
    {.name = "meet",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Introduces this node to another.",
     .complexity = "O(1)",
     .arguments = "ip:string port:integer cluster-bus-port:integer?",
     .run_control = meet,
     .full_name = "cluster|meet"},
    {.name = "reset",
     .arity = -2,
     .flags = kAdmin | kNoscript | kStale,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Makes this node forget its cluster.",
     .complexity = "O(N) where N is the number of nodes",
     .arguments = "reset-type:oneof(hard=HARD soft=SOFT)?",
     .run_control = reset,
     .full_name = "cluster|reset"},
    {.name = "saveconfig",
     .arity = 2,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Writes the configuration file of the cluster.",
     .complexity = "O(N) where N is the number of nodes",
     .run_control = saveconfig,
     .full_name = "cluster|saveconfig"},
    {.name = "set-config-epoch",
     .arity = 3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Sets the configuration epoch of a new node.",
     .complexity = "O(1)",
     .arguments = "config-epoch:integer",
     .run_control = set_config_epoch,
     .full_name = "cluster|set-config-epoch"},
};

}  // namespace

std::span<const CommandRow> admin_rows() {
  return kRows;
}

}  // namespace tessera::cluster
