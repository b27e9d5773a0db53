// Role: fan-outs and split reads. See fan_out.h.
#include "server/dispatch/fan_out.h"

#include <algorithm>

#include "server/dispatch/conn_ctx.h"
#include "server/dispatch/pipeline.h"

namespace tessera::dispatch {

namespace {

using State = std::shared_ptr<FanOutState>;

// The sum over the part's keys: equal sums of growing counters mean that each one is unchanged.
uint64_t write_count_sum(Engine& engine, const FanOutState& state, const FanOutState::SplitPart& part) {
  const store::Keyspace& keys = engine.node().engines[static_cast<size_t>(part.shard)]->shard().keyspace();
  uint64_t sum = 0;
  for (size_t i = part.views.size() - part.key_index.size(); i < part.views.size(); ++i) {
    sum += keys.write_count(store::Keyspace::make_key(part.views[i], engine.shard().hash_seed()).slot);
  }
  (void)state;
  return sum;
}

void run_split_part(Engine& engine, FanOutState& state, FanOutState::SplitPart& part) {
  const registry::CommandRow& row = *state.command.row;
  part.write_count = write_count_sum(engine, state, part);
  resp::Writer reply(part.reply, state.bits.proto);
  if (row.split == registry::Split::kSum) {
    engine.run_part({&row, registry::Args(part.views), {}}, state.bits, reply);
    return;
  }
  for (size_t i = 1; i < part.views.size(); ++i) {
    const std::string_view views[2] = {part.views[0], part.views[i]};
    const size_t before = part.reply.size();
    engine.run_part({&row, registry::Args(views), {}}, state.bits, reply);
    part.sizes.push_back(part.reply.size() - before);
  }
}

void answer(Engine& engine, FanOutState& state, resp::OutChain&& chain, const resp::Writer& reply) {
  engine.note_and_log(state.command.view(), state.bits, state.began_ticks, reply, 0, chain.size());
  if (Pipeline* pipeline = engine.clients().find(state.client)) {
    pipeline->deliver_barrier(std::move(chain));
    engine.clients().wake(state.client);
  }
}

void refuse(Engine& engine, FanOutState& state, const std::string& error) {
  engine.stats().rejected(state.command.row->id);
  resp::OutChain chain(engine.chunks());
  resp::Writer reply(chain, state.bits.proto);
  reply.error(error);
  engine.stats().error(reply.last_error_code());
  if (Pipeline* pipeline = engine.clients().find(state.client)) {
    pipeline->deliver_barrier(std::move(chain));
    engine.clients().wake(state.client);
  }
}

void finish_parts(Engine& engine, FanOutState& state) {
  resp::OutChain chain(engine.chunks());
  resp::Writer reply(chain, state.bits.proto);
  const registry::Part* failed = nullptr;
  for (const registry::Part& part : state.parts) {
    if (!part.error.empty() && failed == nullptr) failed = &part;
  }
  if (failed) {
    reply.error(failed->error);
  } else {
    state.command.row->merge(state.parts, state.command.args(), reply);
  }
  engine.counters().fanouts_run.add();
  answer(engine, state, std::move(chain), reply);
}

void finish_split(Engine& engine, FanOutState& state) {
  for (const auto& part : state.split) {
    if (write_count_sum(engine, state, *part) == part->write_count) continue;
    // Somebody wrote to one of the tables meanwhile: the parts may be different moments.
    Pipeline* pipeline = engine.clients().find(state.client);
    if (pipeline == nullptr) return;
    std::vector<int> shards;
    for (const auto& each : state.split) shards.push_back(each->shard);
    std::sort(shards.begin(), shards.end());
    pipeline->gather_instead(state.command.view(), std::move(shards));
    return;
  }
  resp::OutChain chain(engine.chunks());
  resp::Writer reply(chain, state.bits.proto);
  if (state.command.row->split == registry::Split::kSum) {
    int64_t sum = 0;
    for (const auto& part : state.split) {
      const std::string text = part->reply.to_string();  // ":<n>\r\n"
      sum += std::strtoll(text.c_str() + 1, nullptr, 10);
    }
    reply.integer(sum);
  } else {
    // Each key's reply is an array of one: "*1\r\n" and the element.
    constexpr size_t kHead = 4;
    size_t total = 0;
    for (const auto& part : state.split) total += part->key_index.size();
    std::vector<std::pair<FanOutState::SplitPart*, size_t>> order(total);
    for (const auto& part : state.split) {
      for (size_t i = 0; i < part->key_index.size(); ++i)
        order[part->key_index[i]] = {part.get(), part->sizes[i]};
    }
    reply.array(static_cast<int64_t>(total));
    for (auto& [part, size] : order) {
      part->reply.consume(kHead);
      part->reply.move_prefix(size - kHead, chain);
    }
  }
  engine.counters().fanouts_run.add();
  answer(engine, state, std::move(chain), reply);
}

struct PartCall : Envelope {
  State state;
  size_t place;
  bool back = false;
  PartCall(State s, size_t p) : state(std::move(s)), place(p) {}

  void arrive(Engine& engine) override {
    if (!back) {
      // CLIENT PAUSE was answered while it was on its way, or others are to be served first.
      if (!state->on_threads && engine.must_hold(*state->command.row)) {
        engine.put_off(this);
        return;
      }
      run(engine);
      back = true;
      engine.post(state->home, this);
      return;
    }
    const std::unique_ptr<PartCall> mine(this);
    if (--state->missing > 0) return;
    for (const std::string& refusal : state->refusals) {
      if (!refusal.empty()) return refuse(engine, *state, refusal);
    }
    if (state->split.empty()) {
      finish_parts(engine, *state);
    } else {
      finish_split(engine, *state);
    }
  }

  // As any other command that comes to a busy shard. What EXEC has begun goes on behind the script.
  bool arrive_at_busy(Engine& engine) override {
    if (state->in_transaction) return false;
    if (!back) {
      state->refusals[place] = engine.busy_error();
      back = true;
      engine.post(state->home, this);
    } else {
      arrive(engine);
    }
    return true;
  }

  void run(Engine& engine) {
    if (!state->split.empty()) {
      run_split_part(engine, *state, *state->split[place]);
    } else if (state->on_threads) {
      ThreadCtx ctx(engine, state->bits.client_id, state->bits.db);
      state->command.row->part_threads(ctx, state->command.args(), state->parts[place]);
    } else {
      engine.run_part(state->command.view(), state->bits, state->parts[place]);
    }
  }
};

void send(Engine& engine, const State& state, int target, size_t place) {
  engine.post(target, new PartCall(state, place));
}

State new_state(Engine& engine, ClientRef client, const SessionBits& bits, const CommandView& command) {
  auto state = std::make_shared<FanOutState>();
  state->home = engine.index();
  state->client = client;
  state->bits = bits;
  state->command = OwnedCommand(command);
  state->began_ticks = Ticks::now();
  const Pipeline* pipeline = engine.clients().find(client);
  state->in_transaction = pipeline != nullptr && pipeline->runs_transaction();
  return state;
}

}  // namespace

void start_fan_out(Engine& engine, ClientRef client, const SessionBits& bits, const CommandView& command,
                   bool on_threads) {
  const State state = new_state(engine, client, bits, command);
  const size_t count = engine.node().engines.size();
  state->on_threads = on_threads;
  state->parts.resize(count);
  state->refusals.resize(count);
  state->missing = static_cast<int>(count);
  for (size_t i = 0; i < count; ++i) send(engine, state, static_cast<int>(i), i);
}

void start_split(Engine& engine, ClientRef client, const SessionBits& bits, const CommandView& command,
                 const registry::KeyPositions& positions, const std::vector<int>& shards) {
  const State state = new_state(engine, client, bits, command);
  const registry::Args args = state->command.args();
  for (size_t i = 0; i < positions.size(); ++i) {
    FanOutState::SplitPart* part = nullptr;
    for (const auto& known : state->split) {
      if (known->shard == shards[i]) part = known.get();
    }
    if (part == nullptr) {
      state->split.push_back(std::make_unique<FanOutState::SplitPart>());
      part = state->split.back().get();
      part->shard = shards[i];
      part->views.push_back(args[0]);
    }
    part->views.push_back(args[static_cast<size_t>(positions[i].at)]);
    part->key_index.push_back(static_cast<uint32_t>(i));
  }
  state->missing = static_cast<int>(state->split.size());
  state->refusals.resize(state->split.size());
  for (size_t i = 0; i < state->split.size(); ++i) send(engine, state, state->split[i]->shard, i);
}

}  // namespace tessera::dispatch
