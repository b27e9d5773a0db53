// Role: see reload_log.h. In turn: commands are held; the journal thread writes and syncs what there is and
// rests; all keys go; a thread of the pool loads the files as a start does; the journal thread goes on.
// Invariant: nothing that loading does is in the log. When the files cannot be loaded the node ends, as
// redis-server does: what has been loaded by then is no state that ever was.
#include "server/persist/reload_log.h"

#include "server/config/config.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/parked_call.h"
#include "server/persist/aof/aof.h"
#include "server/persist/aof_loader.h"

namespace tessera::persist {

namespace {

using dispatch::Engine;
using dispatch::NodeShared;

struct Call {
  NodeShared* node;
  std::function<void()> end_node, forget_functions;
  control::SendReply send;
  aof::Manifest manifest;
};

using CallPtr = std::shared_ptr<Call>;

constexpr const char* kCannotLoad = "ERR Error trying to load the AOF files, check server logs.";

// Control thread.
void answer(const CallPtr& call, const std::string& error) {
  call->node->pauses.clear(dispatch::PausedFor::kReload);
  call->send([&](resp::Writer& reply) {
    if (error.empty()) {
      reply.ok();
    } else {
      reply.error(error);
    }
  });
}

void answer_later(const CallPtr& call, std::string error) {
  call->node->control->post([call, error = std::move(error)] { answer(call, error); });
}

// All shards are parked.
void go_on(const CallPtr& call, Engine& coordinator) {
  NodeShared& node = *call->node;
  coordinator.shard().flush_effects();
  node.aof->go_on();
  for (Engine* engine : node.engines) engine->shard().counters().dirty.set(0);
  node.log->warning("Append Only File loaded by DEBUG LOADAOF");
  answer_later(call, {});
}

void fail(const CallPtr& call) {
  call->node->control->post([call] {
    call->node->log->warning("DEBUG LOADAOF: the append only file could not be loaded. Exiting.");
    answer(call, kCannotLoad);
    call->end_node();
  });
}

// A thread of the pool.
void load(const CallPtr& call) {
  NodeShared& node = *call->node;
  const auto loop = node.env->make_loop();
  const auto settings = node.settings->get();
  AofLoader::Options options;
  options.verify_checksum = settings->config->boolean("rdbchecksum");
  options.load_truncated = settings->config->boolean("aof-load-truncated");
  options.home = loop.get();
  options.wait = [&] {
    loop->poll(millis(100));
    return !node.shutting_down.load();
  };
  Result<void> loaded;
  {
    AofLoader loader(node, node.aof->place(), options);
    loaded = loader.load(call->manifest);
  }
  if (!loaded.ok() && loaded.error().code == Applier::kStopped) return;
  if (!loaded.ok()) return fail(call);
  node.aof->reopen([call](const Result<void>& opened) {
    if (!opened.ok()) return fail(call);
    dispatch::call_parked(*call->node->engines.front(), [call](Engine& engine) { go_on(call, engine); });
  });
}

// All shards are parked; what they changed is in the file.
void empty(const CallPtr& call, Engine& coordinator) {
  NodeShared& node = *call->node;
  for (Engine* engine : node.engines) engine->shard().empty(-1, coordinator.shard());
  coordinator.shard().tell_flushed();
  call->forget_functions();
  node.env->pool().submit([call] { load(call); });
}

}  // namespace

void load_aof(control::ControlCtx& ctx, resp::Writer& reply, std::function<void()> end_node,
              std::function<void()> forget_functions) {
  NodeShared& node = *ctx.services().node;
  if (node.pauses.own(dispatch::PausedFor::kReload).until_ms > node.env->clock().wall_ms().ms) {
    reply.error("ERR DEBUG RELOAD is under way already");
    return;
  }
  auto call = std::make_shared<Call>();
  call->node = &node;
  call->send = ctx.reply_later();
  call->end_node = std::move(end_node);
  call->forget_functions = std::move(forget_functions);
  node.pauses.set(dispatch::PausedFor::kReload, dispatch::Pauses::kUntilEndedMs, true);
  ctx.control().when_adopted([&node, call] {
    const auto settings = node.settings->get();
    node.aof->rest(settings->config->text("dir"), [call](Result<aof::Manifest> manifest) {
      if (!manifest.ok()) {
        call->node->log->warning("DEBUG LOADAOF: %s", manifest.error().message.c_str());
        return answer_later(call, kCannotLoad);
      }
      call->manifest = std::move(*manifest);
      dispatch::call_parked(*call->node->engines.front(), [call](Engine& engine) { empty(call, engine); });
    });
  });
}

}  // namespace tessera::persist
