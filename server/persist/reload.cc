// Role: see reload.h. The file is written as SAVE writes it, while all commands are held; then all shards are
// parked, and the coordinator loads it, waiting for the disk: for tests.
#include "server/persist/reload.h"

#include "common/text/strings.h"
#include "server/config/config.h"
#include "server/dispatch/gather.h"
#include "server/persist/loader.h"
#include "server/persist/saves.h"

namespace tessera::persist {

namespace {

constexpr int64_t kLongPauseMs = 1000LL * 3600 * 24 * 365;

using dispatch::Engine;
using dispatch::NodeShared;

struct Call {
  bool merge = false, flush = true, save = true;
  control::SendReply send;
  dispatch::Pause pause_before;
};

struct OnControl : control::Request {
  std::function<void()> run;
  explicit OnControl(std::function<void()> r) : run(std::move(r)) {}
  void handle(control::Control&) override {
    const std::unique_ptr<OnControl> mine(this);
    run();
  }
};

void answer(NodeShared& node, const std::shared_ptr<Call>& call, const std::string& error) {
  node.pause->publish(std::make_shared<dispatch::Pause>(call->pause_before));
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

struct BeginReload : dispatch::Envelope {
  std::shared_ptr<Call> call;
  explicit BeginReload(std::shared_ptr<Call> c) : call(std::move(c)) {}
  void arrive(Engine& engine) override {
    const std::unique_ptr<BeginReload> mine(this);
    std::vector<int> all;
    for (size_t i = 0; i < engine.node().engines.size(); ++i) all.push_back(static_cast<int>(i));
    auto* gather = new dispatch::Gather(engine.index(), dispatch::ClientRef{}, dispatch::SessionBits{},
                                        dispatch::CommandView{}, std::move(all));
    gather->call = [&engine, mine_call = call](resp::Writer&) {
      const std::string error = load(engine, *mine_call);
      NodeShared& node = engine.node();
      node.control->post(new OnControl([&node, mine_call, error] { answer(node, mine_call, error); }));
    };
    engine.begin_gather(gather);
  }
};

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
  call->send = ctx.reply_later();
  call->pause_before = *node.pause->get();
  node.pause->publish(std::make_shared<dispatch::Pause>(
      dispatch::Pause{node.env->clock().wall_ms().ms + kLongPauseMs, true}));
  ctx.control().when_adopted([&node, call] {
    auto begin = [&node, call] { node.engines.front()->loop().post(new BeginReload(call)); };
    if (!call->save) {
      begin();
      return;
    }
    node.saves->begin(false, [&node, call, begin](const Result<CutInfo>& saved) {
      if (saved.ok()) {
        begin();
      } else {
        answer(node, call, "ERR");
      }
    });
  });
}

}  // namespace tessera::persist
