// Role: a message to another thread's loop and its answer, alone and in batches: what a hop between shards
// costs. Threads: the benchmark's, with a loop of its own, and the echo's.
#include <benchmark/benchmark.h>

#include <atomic>
#include <memory>

#include "common/io/env.h"

namespace tessera::io {
namespace {

struct Ping : Message {
  bool last = false;
};

class Echo final : public Actor {
 public:
  explicit Echo(Loop& home) : home_(home) {}
  void start(Loop&) override {}
  Micros tick(Loop& loop) override {
    for (Message* message = loop.inbox().take_all(); message != nullptr;) {
      Message* const next = message->next;
      const bool last = static_cast<Ping*>(message)->last;
      if (last) {
        delete message;
        return kDone;
      }
      home_.post(message);
      message = next;
    }
    return Micros{-1};
  }
  void finish(Loop&) override {}

 private:
  Loop& home_;
};

void mailbox_round_trip(benchmark::State& state) {
  const auto env = make_uv_env();
  const auto loop = env->make_loop();
  Echo echo(*loop);
  const auto thread = env->start_thread("echo", echo);
  const int64_t batch = state.range(0);
  for (auto _ : state) {
    for (int64_t i = 0; i < batch; ++i) thread->loop().post(new Ping);
    for (int64_t back = 0; back < batch;) {
      loop->poll(millis(1000));
      for (Message* message = loop->inbox().take_all(); message != nullptr; ++back) {
        Message* const next = message->next;
        delete message;
        message = next;
      }
    }
  }
  auto* last = new Ping;
  last->last = true;
  thread->loop().post(last);
  thread->join();
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * batch);
}
BENCHMARK(mailbox_round_trip)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

// Without threads: what the lists themselves cost.
void mailbox_post_take(benchmark::State& state) {
  Mailbox box;
  Ping pings[16];
  for (auto _ : state) {
    for (Ping& ping : pings) box.post(&ping);
    benchmark::DoNotOptimize(box.take_all());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * 16);
}
BENCHMARK(mailbox_post_take);

}  // namespace
}  // namespace tessera::io
