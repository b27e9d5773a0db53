// Role: a node's process in the simulation. See process.h.
#include "tests/sim/plane/process.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/cluster/state/state.h"

namespace tessera::sim {

namespace {

constexpr int kShardCount = 3;

struct Job : io::Message {
  std::function<void()> run;
};

}  // namespace

Process::Process(io::SimEnv& env, uint64_t seed, bool verbose)
    : env_(env),
      random_(seed),
      slowest_shard_(millis(static_cast<int64_t>(1 + random_.below(random_.one_in(4) ? 400 : 10)))),
      shards_(kShardCount) {
  LogOptions options;
  options.level = verbose ? LogLevel::kDebug : LogLevel::kNothing;
  log_.configure(options);
}

Result<void> Process::open() {
  cluster::PlaneSettings settings;
  settings.state.node_timeout = kNodeTimeout;
  settings.state.port = kClientPort;
  settings.state.bus_port = kBusPort;
  settings.links.strangers.count = 64;
  settings.hosts = {"*"};
  cluster::PlaneHost host;
  host.publish = [this](route::ClusterView view) { publish(std::move(view)); };
  host.when_adopted = [this](std::function<void()> then) { waiting_.push_back({version_, std::move(then)}); };
  host.post = [this](std::function<void()> run) { post(std::move(run)); };
  host.drop_slots = [this](const cluster::state::SlotSet& slots) { dropped(slots); };
  host.drop_all_keys = [] {};
  host.set_write_until = [](MonoTime) {};
  auto opened = cluster::Plane::open(env_, log_, kNodesConf, settings, std::move(host));
  if (!opened) return opened.error();
  plane_ = std::move(*opened);
  thread_ = env_.start_thread("control", *this);
  return {};
}

void Process::start(io::Loop& loop) {
  const auto started = plane_->start(loop);
  EXPECT_TRUE(started.ok()) << started.error().message;
  next_tick_ = loop.clock().mono();
}

Micros Process::tick(io::Loop& loop) {
  for (io::Message* next = loop.inbox().take_all(); next != nullptr;) {
    std::unique_ptr<Job> job(static_cast<Job*>(next));
    next = next->next;
    job->run();
  }
  const MonoTime now = loop.clock().mono();
  adopt(now);
  if (now >= next_tick_) {
    plane_->tick();
    next_tick_ = now + plane_->tick_period();
  }
  const uint64_t before = version_;
  const bool more = plane_->turn();
  most_views_a_turn_ = std::max(most_views_a_turn_, version_ - before);
  if (more) return Micros{0};
  return waiting_.empty() ? std::max(next_tick_ - now, Micros{0}) : millis(1);
}

void Process::publish(route::ClusterView view) {
  ++version_;
  cluster::state::SlotSet mine;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (view.is_mine(slot)) mine.set(static_cast<size_t>(slot));
  }
  mine_of_[version_] = mine;
  published_ = std::move(view);
  for (Shard& shard : shards_) {
    MonoTime at = env_.clock().mono() +
                  Micros{static_cast<int64_t>(random_.below(static_cast<uint64_t>(slowest_shard_.us)))};
    if (!shard.coming.empty()) at = std::max(at, shard.coming.back().at);
    shard.coming.push_back({at, version_, mine});
  }
}

void Process::adopt(MonoTime now) {
  uint64_t all = version_;
  for (Shard& shard : shards_) {
    while (!shard.coming.empty() && shard.coming.front().at <= now) {
      shard.version = shard.coming.front().version;
      shard.mine = shard.coming.front().mine;
      shard.coming.pop_front();
    }
    all = std::min(all, shard.version);
  }
  while (!waiting_.empty() && waiting_.front().first <= all) {
    const auto [version, then] = std::move(waiting_.front());
    waiting_.pop_front();
    adopted_ = version;
    then();
    mine_of_.erase(mine_of_.begin(), mine_of_.lower_bound(version));
  }
}

// A shard whose view still gives it these slots would keep their keys for good.
void Process::dropped(const cluster::state::SlotSet& slots) {
  EXPECT_TRUE((mine_of_.at(adopted_) & slots).none())
      << "keys of lost slots go before the shards know that they are lost";
}

void Process::post(std::function<void()> run) {
  auto* job = new Job;
  job->run = std::move(run);
  thread_->loop().post(job);
}

void Process::command(decltype(cluster::state::Command::what) what, cluster::Plane::Answer answer) {
  post([this, what = std::move(what), answer = std::move(answer)] { plane_->command(what, answer); });
}

cluster::state::SlotSet Process::served() const {
  cluster::state::SlotSet served;
  for (const Shard& shard : shards_) served |= shard.mine;
  return served;
}

}  // namespace tessera::sim
