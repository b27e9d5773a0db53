// Role: commands of the control thread, there and back. See control_call.h.
#include "server/dispatch/control_call.h"

#include "common/base/crash_note.h"
#include "server/dispatch/pipeline.h"

namespace tessera::dispatch {

namespace {

struct ControlReply : Envelope {
  ClientRef client;
  std::shared_ptr<const OwnedCommand> command;
  SessionBits bits;
  uint64_t began_ticks = 0;
  bool without_reply = false;
  uint32_t errors = 0;
  resp::ChunkPool pool;
  resp::OutChain chain{pool};
  resp::Writer reply{chain, 2};

  void arrive(Engine& engine) override {
    const std::unique_ptr<ControlReply> mine(this);
    engine.note_and_log(command->view(), bits, began_ticks, reply, 0, chain.size());
    Pipeline* pipeline = engine.clients().find(client);
    if (pipeline == nullptr) return;
    if (without_reply) {
      pipeline->drop_barrier();
    } else {
      pipeline->deliver_barrier(std::move(chain));
    }
    engine.clients().wake(client);
  }
  // An answer, which needs nothing of the shard: SHUTDOWN's, who may ask meanwhile.
  bool arrive_at_busy(Engine& engine) override {
    Pipeline* pipeline = engine.clients().find(client);
    // A part of a transaction, whose next one would run in the middle of the script.
    if (pipeline != nullptr && pipeline->runs_transaction()) return false;
    arrive(engine);
    return true;
  }
};

struct ControlCall : control::Request {
  Engine* home = nullptr;                       // lives as long as the node
  std::shared_ptr<const OwnedCommand> command;  // the answer has it too, and may be gone first
  SessionBits bits;
  bool in_transaction = false;
  std::unique_ptr<ControlReply> answer;

  void handle(control::Control& control) override {
    const std::unique_ptr<ControlCall> mine(this);
    Engine* engine = home;
    // Only the later reply needs to share it: a function is copied.
    auto later = [this, engine]() -> control::SendReply {
      auto shared = std::make_shared<std::unique_ptr<ControlReply>>(std::move(answer));
      return [engine, shared](const std::function<void(resp::Writer&)>& write) {
        ControlReply* reply = shared->release();
        reply->chain.clear();
        write(reply->reply);
        engine->loop().post(reply);
      };
    };
    control::ControlCtx ctx(control, bits.client_id, bits.proto, bits.local, bits.ipv6, later);
    ctx.in_transaction = in_transaction;
    resp::Writer& writer = answer->reply;
    crash_note::last_command = command->row->name;
    command->row->run_control(ctx, command->args(), writer);
    if (ctx.replies_later()) return;
    answer->without_reply = ctx.without_reply();
    ControlReply* reply = answer.release();
    if (ctx.holds_reply()) {
      control.when_adopted([engine, reply] { engine->loop().post(reply); });
    } else {
      engine->loop().post(reply);
    }
  }
};

struct Adopt : Envelope {
  control::Request* done;
  explicit Adopt(control::Request* request) : done(request) {}
  void arrive(Engine& engine) override {
    const std::unique_ptr<Adopt> mine(this);
    engine.adopt_now();
    // What ran before under the old view is in the log before anybody is told.
    engine.shard().flush_effects();
    engine.append_pushes();
    engine.post_control(done);
  }
};

struct Stop : Envelope {
  // Also when parked: who parked us may be gone already.
  bool is_gather_lane() const override { return true; }
  // And in the middle of a script: put aside, it would wait for a shard that parks next and is never let go.
  bool is_for_coordinator() const override { return true; }
  bool arrive_at_busy(Engine& engine) override {
    arrive(engine);
    return true;
  }
  void arrive(Engine& engine) override {
    delete this;
    engine.stop();
  }
};

}  // namespace

void start_control_call(Engine& engine, ClientRef client, const SessionBits& bits, const CommandView& command,
                        bool in_transaction) {
  auto* call = new ControlCall;
  call->home = &engine;
  call->command = std::make_shared<const OwnedCommand>(command);
  call->bits = bits;
  call->in_transaction = in_transaction;
  call->answer = std::make_unique<ControlReply>();
  call->answer->client = client;
  call->answer->command = call->command;
  call->answer->bits = bits;
  call->answer->began_ticks = Ticks::now();
  call->answer->reply.set_proto(bits.proto);
  engine.post_control(call);
}

void ask_engine_to_adopt(Engine& engine, control::Request* done) {
  engine.loop().post(new Adopt(done));
}

void ask_engine_to_stop(Engine& engine) {
  engine.loop().post(new Stop);
}

}  // namespace tessera::dispatch
