// Role: everything bad, drawn from the seed. See chaos.h.
#include "tests/sim/chaos.h"

#include <algorithm>
#include <memory>

namespace tessera::sim {

namespace {

void ignore(const state::Reply*) {}

class Chaos {
 public:
  explicit Chaos(Cluster& cluster) : cluster_(cluster), random_(cluster.random()) {}

  void run(Micros span) {
    const MonoTime end = cluster_.scheduler().now() + span;
    calm_or_rough();
    while (cluster_.watcher().ok() && cluster_.scheduler().now() < end) {
      cluster_.run(Micros{static_cast<int64_t>(random_.below(static_cast<uint64_t>(seconds(2).us)))});
      for (const int host : cluster_.watcher().take_restarts()) restart_later(host);
      strike();
    }
  }

 private:
  // How rough this life is as a whole.
  void calm_or_rough() {
    NetworkOptions network;
    network.latency = Micros{static_cast<int64_t>(200 + random_.below(5000))};
    network.jitter = Micros{static_cast<int64_t>(random_.below(20000))};
    network.lost_percent = static_cast<int>(random_.below(4) * 5);
    network.stuck_percent = random_.one_in(2) ? 30 : 0;
    cluster_.network().set_options(network);
    for (int i = 0; i < cluster_.host_count(); ++i) {
      HostOptions& options = cluster_.host(i).options;
      options.persist_delay = millis(static_cast<int64_t>(1 + random_.below(random_.one_in(3) ? 800 : 30)));
      options.adopt_delay = millis(static_cast<int64_t>(1 + random_.below(random_.one_in(3) ? 800 : 30)));
      options.persist_fail_percent = random_.one_in(6) ? 20 : 0;
      options.crash_per_million = random_.one_in(2) ? 200 : 0;
      options.campaign_spread = millis(static_cast<int64_t>(random_.one_in(2) ? 20 : 500));
    }
  }

  int any_up() {
    const std::vector<int> up = cluster_.up();
    return up.empty() ? -1 : up[random_.below(up.size())];
  }

  void restart_later(int host) {
    const Micros span = millis(static_cast<int64_t>(50 + random_.below(random_.one_in(3) ? 15000 : 1500)));
    cluster_.scheduler().after(span, [this, host] {
      if (!cluster_.host(host).is_up() && !cluster_.is_retired(host)) cluster_.host(host).start();
    });
  }

  void strike() {
    switch (random_.below(15)) {
      case 0:
      case 1:
        return crash();
      case 2:
        return partition();
      case 3:
        return one_way();
      case 4:
        return cluster_.network().unblock_all();
      case 5:
        return pause();
      case 6:
        return jump();
      case 7:
        return retire();
      case 8:
      case 9:
      case 10:
        return move_slot();
      case 11:
        return drop_slots();
      case 12:
        return administrate();
      case 13:
        return crash_two_primaries();
      default:
        return;  // peace
    }
  }

  void crash() {
    const int host = any_up();
    if (host < 0) return;
    cluster_.host(host).crash(random_.one_in(2));
    restart_later(host);
  }

  // Two elections at one time: they ask the same voters in the same epoch.
  void crash_two_primaries() {
    int left = 2;
    for (const int host : cluster_.up()) {
      const state::Node& me = *cluster_.host(host).state().me;
      if (left == 0 || me.slot_count == 0 || me.replicas.empty() || random_.one_in(3)) continue;
      --left;
      cluster_.host(host).crash(false);
      const Micros away = Micros{cluster_.options().node_timeout.us * 3};
      cluster_.scheduler().after(away, [this, host] { restart_later(host); });
    }
  }

  void partition() {
    std::vector<bool> side;
    for (int i = 0; i < cluster_.host_count(); ++i) side.push_back(random_.one_in(3));
    for (int i = 0; i < cluster_.host_count(); ++i) {
      for (int j = 0; j < cluster_.host_count(); ++j) {
        if (side[static_cast<size_t>(i)] != side[static_cast<size_t>(j)])
          cluster_.network().block(i, j, true);
      }
    }
    heal_later();
  }

  void one_way() {
    const int from = static_cast<int>(random_.below(static_cast<uint64_t>(cluster_.host_count())));
    for (int to = 0; to < cluster_.host_count(); ++to) {
      if (to != from && random_.one_in(2)) cluster_.network().block(from, to, true);
    }
    heal_later();
  }

  void heal_later() {
    cluster_.scheduler().after(millis(static_cast<int64_t>(200 + random_.below(12000))),
                               [this] { cluster_.network().unblock_all(); });
  }

  void pause() {
    const int host = any_up();
    if (host < 0) return;
    cluster_.host(host).pause();
    cluster_.scheduler().after(millis(static_cast<int64_t>(100 + random_.below(9000))),
                               [this, host] { cluster_.host(host).resume(); });
  }

  void jump() {
    const int host = any_up();
    if (host >= 0) cluster_.host(host).jump_clock(static_cast<int64_t>(random_.below(20000000)) - 10000000);
  }

  // Gone for good; the others are told, one by one.
  void retire() {
    const std::vector<int> up = cluster_.up();
    if (retired_ || up.size() < 5) return;
    const int gone = up[random_.below(up.size())];
    const std::string id = cluster_.host(gone).state().me->id;
    retired_ = true;
    cluster_.retire(gone);
    cluster_.host(gone).crash(random_.one_in(2));
    for (int i = 0; i < cluster_.host_count(); ++i) {
      cluster_.scheduler().after(millis(static_cast<int64_t>(random_.below(3000))), [this, i, id] {
        Host& host = cluster_.host(i);
        if (host.is_up() && !host.is_paused()) host.command(state::Forget{id}, ignore);
      });
    }
  }

  // What the tools do: open at both ends, give it to the new owner, tell the old one.
  void move_slot() {
    const int from = any_up(), to = any_up();
    if (from < 0 || from == to) return;
    const state::State& source = cluster_.host(from).state();
    const state::NodeId source_id = source.me->id, target_id = cluster_.host(to).state().me->id;
    if (source.me->slot_count == 0) return;
    int slot = static_cast<int>(random_.below(hash::kSlotCount));
    while (!source.me->slots[static_cast<size_t>(slot)]) slot = (slot + 1) % hash::kSlotCount;
    using What = state::SetSlot::What;
    struct Part {
      int host;
      state::SetSlot set;
    };
    auto parts = std::make_shared<std::vector<Part>>();
    parts->push_back({to, {What::kImporting, slot, source_id, false}});
    parts->push_back({from, {What::kMigrating, slot, target_id, false}});
    parts->push_back({to, {What::kNode, slot, target_id, false}});
    parts->push_back({from, {What::kNode, slot, target_id, false}});
    auto next = std::make_shared<std::function<void(size_t)>>();
    *next = [this, parts, weak = std::weak_ptr<std::function<void(size_t)>>(next)](size_t i) {
      if (i >= parts->size()) return;
      auto self = weak.lock();
      Part& part = (*parts)[i];
      cluster_.host(part.host).command(part.set, [this, self, i](const state::Reply* reply) {
        if (reply == nullptr || reply->kind == state::Reply::Kind::kError) return;
        cluster_.scheduler().after(millis(static_cast<int64_t>(random_.below(100))),
                                   [self, i] { (*self)(i + 1); });
      });
    };
    (*next)(0);
  }

  void drop_slots() {
    const int host = any_up();
    if (host < 0 || !random_.one_in(2)) return;
    const state::State& s = cluster_.host(host).state();
    if (s.me->slot_count == 0) return;
    state::DelSlots del;
    int left = 1 + static_cast<int>(random_.below(20));
    for (size_t slot = random_.below(hash::kSlotCount); slot < hash::kSlotCount && left > 0; ++slot) {
      if (!s.me->slots[slot]) continue;
      del.slots.set(slot);
      --left;
    }
    if (del.slots.none()) return;
    const state::AddSlots add{del.slots};
    // Or before the answer, while shards still serve them.
    const bool at_once = random_.one_in(3);
    if (at_once) {
      cluster_.scheduler().after(millis(static_cast<int64_t>(random_.below(30))),
                                 [this, host, add] { cluster_.host(host).command(add, ignore); });
    }
    cluster_.host(host).command(del, [this, host, add, at_once](const state::Reply* reply) {
      if (reply == nullptr || at_once || !random_.one_in(2)) return;
      cluster_.scheduler().after(millis(static_cast<int64_t>(random_.below(2000))),
                                 [this, host, add] { cluster_.host(host).command(add, ignore); });
    });
  }

  void administrate() {
    const int host = any_up();
    if (host < 0) return;
    const state::State& s = cluster_.host(host).state();
    switch (random_.below(4)) {
      case 0:
        return cluster_.host(host).command(state::BumpEpoch{}, ignore);
      case 1: {
        const int other = any_up();
        return cluster_.host(host).command(state::Meet{Network::ip_of(other), 7000 + other, 17000 + other},
                                           ignore);
      }
      case 2: {
        if (s.me->slot_count > 0 || s.me->is_replica()) return;
        state::Reset reset;
        reset.hard = random_.one_in(2);
        for (int i = 0; i < 40; ++i) reset.fresh_shard_id += "0123456789abcdef"[random_.below(16)];
        reset.fresh_id = reset.fresh_shard_id;
        return cluster_.host(host).command(reset, ignore);
      }
      default:
        return cluster_.host(host).command(state::SaveConfig{}, ignore);
    }
  }

  Cluster& cluster_;
  Random& random_;
  bool retired_ = false;
};

}  // namespace

Outcome run_life(uint64_t seed, int fault, bool verbose) {
  Random draw(seed);
  ClusterOptions options;
  options.seed = draw.next();
  options.host_count = 3 + static_cast<int>(draw.below(10));
  options.primary_count = std::max(3, options.host_count - static_cast<int>(draw.below(6)));
  options.fault = fault;
  options.own_epochs = !draw.one_in(3);
  options.can_replicate = draw.one_in(2);
  options.node_timeout = millis(static_cast<int64_t>(1000 + draw.below(3) * 1000));
  options.verbose = verbose;
  Cluster cluster(options);
  // Jobs that are left over hold `chaos`: it lives as long as the cluster.
  Chaos chaos(cluster);
  if (cluster.form()) {
    chaos.run(seconds(static_cast<int64_t>(10 + draw.below(30))));
    if (cluster.watcher().ok()) cluster.heal_and_check();
  }
  return {cluster.watcher().ok(), cluster.watcher().failure(), cluster.watcher().hash(),
          cluster.network().message_count()};
}

}  // namespace tessera::sim
