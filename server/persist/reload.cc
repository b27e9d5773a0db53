// Role: see reload.h. The file is written as SAVE writes it, while all commands are held; then all shards are
// parked, and the coordinator loads it, waiting for the disk: for tests.
#include "server/persist/reload.h"

#include "common/text/strings.h"
#include "server/config/config.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/holding.h"
#include "server/dispatch/parked_call.h"
#include "server/persist/loader.h"
#include "server/persist/saves.h"

namespace tessera::persist {

namespace {

using dispatch::Engine;
using dispatch::NodeShared;

struct Call {
  bool merge = false, flush = true, save = true;
  control::SendReply send;
};

void answer(NodeShared& node, const std::shared_ptr<Call>& call, const std::string& error) {
  node.pauses.clear(dispatch::PausedFor::kReload);
  call->send([&](resp::Writer& reply) {
    if (error.empty()) {
      reply.ok();
    } else {
      reply.error(error);
    }
  });
}

// All shards are in reach.
std::string load(Engine& coordinator, const Call& call) {
  NodeShared& node = coordinator.node();
  if (call.flush) {
    for (Engine* engine : node.engines) engine->shard().empty(-1, coordinator.shard());
    coordinator.shard().tell_flushed();
  }
  const auto settings = node.settings->get();
  Loader::Options options;
  options.verify_checksum = settings->config->boolean("rdbchecksum");
  options.merge = call.merge;
  options.direct = true;
  Loader loader(node, std::move(options));
  const auto loaded =
      loader.load_file(settings->config->text("dir") + "/" + settings->config->text("dbfilename"));
  if (loaded.ok()) {
    node.log->warning("DB reloaded by DEBUG RELOAD");
    return {};
  }
  node.log->warning("%s", loaded.error().message.c_str());
  return "ERR Error trying to load the RDB dump, check server logs.";
}

void begin(NodeShared& node, const std::shared_ptr<Call>& call) {
  dispatch::call_parked(*node.engines.front(), [&node, call](Engine& engine) {
    const std::string error = load(engine, *call);
    node.control->post([&node, call, error] { answer(node, call, error); });
  });
}

}  // namespace

void reload(control::ControlCtx& ctx, const registry::Args& args, resp::Writer& reply) {
  auto call = std::make_shared<Call>();
  for (size_t i = 2; i < args.size(); ++i) {
    if (text::iequals(args[i], "merge")) {
      call->merge = true;
    } else if (text::iequals(args[i], "noflush")) {
      call->flush = false;
    } else if (text::iequals(args[i], "nosave")) {
      call->save = false;
    } else {
      reply.error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
      return;
    }
  }
  NodeShared& node = *ctx.services().node;
  if (call->save && node.saves->in_progress()) {
    reply.error("ERR Background save already in progress");
    return;
  }
  const int64_t now_ms = node.env->clock().wall_ms().ms;
  if (node.pauses.own(dispatch::PausedFor::kReload).until_ms > now_ms) {
    reply.error("ERR DEBUG RELOAD is under way already");
    return;
  }
  call->send = ctx.reply_later();
  node.pauses.set(dispatch::PausedFor::kReload, dispatch::Pauses::kUntilEndedMs, true);
  const auto go_on = [&node, call] {
    if (!call->save) {
      begin(node, call);
      return;
    }
    if (node.saves->in_progress()) {  // one that has begun since
      answer(node, call, "ERR Background save already in progress");
      return;
    }
    node.saves->begin(false, [&node, call](const Result<CutInfo>& saved) {
      if (saved.ok()) {
        begin(node, call);
      } else {
        answer(node, call, "ERR");
      }
    });
  };
  if (ctx.in_transaction) {
    ctx.control().when_adopted(go_on);
  } else {
    dispatch::when_held(node, go_on);
  }
}

}  // namespace tessera::persist
