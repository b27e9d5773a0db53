// Role: figures of large simulated clusters: what the bus costs each node, and how soon all agree on a
// failure.
//   tessera_sim_figures [nodes [seconds]]        half of the nodes are primaries, the others their replicas
// Thread: the program's. Nothing is checked here but that they agree; see sim_test.cc for that.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

#include "server/cluster/state/machine.h"
#include "server/cluster/state/state.h"
#include "tests/sim/network.h"
#include "tests/sim/scheduler.h"

namespace tessera::sim {
namespace {

constexpr Micros kNodeTimeout = seconds(15);

// The least that a machine needs around it: disk and shards that answer at once.
class Small {
 public:
  Small(int index, Scheduler& scheduler, Network& network)
      : machine(static_cast<uint64_t>(index) + 1), index_(index), scheduler_(scheduler), network_(network) {}

  state::Machine machine;
  bool up = true;
  uint64_t sent_count = 0, sent_bytes = 0;

  void step(const state::Event& event) {
    if (!up) return;
    const MonoTime mono = scheduler_.now();
    state::Actions actions;
    machine.step(event, {mono, {1790000000000 + mono.us / 1000}}, actions);
    for (const state::Action& action : actions) perform(action);
  }
  void tick_for_ever() {
    if (!up) return;
    step(state::Tick{});
    scheduler_.after(millis(100), [this] { tick_for_ever(); });
  }

 private:
  void perform(const state::Action& action) {
    if (const auto* connect = std::get_if<state::Connect>(&action)) {
      network_.connect(index_, connect->link, connect->ip);
    } else if (const auto* close = std::get_if<state::CloseLink>(&action)) {
      network_.close(index_, close->link);
    } else if (const auto* send = std::get_if<state::Send>(&action)) {
      ++sent_count;
      sent_bytes += bus::kHeaderBytes;
      if (const auto* gossip = std::get_if<bus::Gossip>(&send->message->body)) {
        sent_bytes += gossip->entries.size() * 104;
        for (const bus::Extension& extension : gossip->extensions) sent_bytes += 8 + extension.data.size();
      }
      network_.send(index_, send->link, send->message);
    } else if (const auto* save = std::get_if<state::Persist>(&action)) {
      scheduler_.after(millis(5), [this, version = save->version] { step(state::Persisted{version}); });
    } else if (const auto* view = std::get_if<state::PublishView>(&action)) {
      scheduler_.after(millis(1), [this, version = view->version] { step(state::Adopted{version}); });
    }
  }

  int index_;
  Scheduler& scheduler_;
  Network& network_;
};

std::string id_of(int index) {
  char text[41];
  std::snprintf(text, sizeof(text), "%040x", index + 1);
  return text;
}

state::StoredNode stored_node(int index, int primaries) {
  state::StoredNode node;
  node.id = id_of(index);
  node.ip = Network::ip_of(index);
  node.port = 7000;
  node.bus_port = 17000;
  if (index >= primaries) {
    node.flags = bus::kFlagReplica;
    node.primary = id_of(index - primaries);
    return node;
  }
  node.flags = bus::kFlagPrimary;
  node.config_epoch = static_cast<uint64_t>(index + 1);
  const int first = hash::kSlotCount * index / primaries, end = hash::kSlotCount * (index + 1) / primaries;
  for (int slot = first; slot < end; ++slot) node.slots.set(static_cast<size_t>(slot));
  return node;
}

class Figures {
 public:
  explicit Figures(int count)
      : count_(count), network_(scheduler_, 1, count, [this](int to, const state::Event& event) {
          nodes_[static_cast<size_t>(to)]->step(event);
        }) {}

  void start() {
    const int primaries = count_ / 2;
    state::Stored stored;
    stored.current_epoch = static_cast<uint64_t>(count_);
    for (int i = 0; i < count_; ++i) stored.nodes.push_back(stored_node(i, primaries));
    state::Settings settings;
    settings.node_timeout = kNodeTimeout;
    settings.port = 7000;
    settings.bus_port = 17000;
    settings.can_replicate = true;
    for (int i = 0; i < count_; ++i) {
      nodes_.push_back(std::make_unique<Small>(i, scheduler_, network_));
      network_.set_power(i, Power::kUp);
    }
    for (int i = 0; i < count_; ++i) {
      stored.nodes[static_cast<size_t>(i)].flags |= bus::kFlagMyself;
      Small* node = nodes_[static_cast<size_t>(i)].get();
      node->step(state::Start{stored, "", "", settings});
      stored.nodes[static_cast<size_t>(i)].flags &= static_cast<uint16_t>(~bus::kFlagMyself);
      scheduler_.after(millis(100 * i / count_), [node] { node->tick_for_ever(); });
    }
  }

  void run(Micros span) { scheduler_.run_until(scheduler_.now() + span); }

  void steady(int64_t span_s) {
    const uint64_t count = sum(&Small::sent_count), bytes = sum(&Small::sent_bytes);
    const std::clock_t begin = std::clock();
    run(seconds(span_s));
    const double took_s = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    const double messages = static_cast<double>(sum(&Small::sent_count) - count);
    const double per_node = static_cast<double>(span_s) * count_;
    std::printf(
        "%d nodes, node timeout %lld s: each sends %.1f messages and %.0f bytes a second; %.1f us of CPU for "
        "a "
        "message, ticks included\n",
        count_, static_cast<long long>(kNodeTimeout.us / 1000000), messages / per_node,
        static_cast<double>(sum(&Small::sent_bytes) - bytes) / per_node, took_s * 1e6 / messages);
  }

  void fail(int victim, Power power, const char* how) {
    Small& gone = *nodes_[static_cast<size_t>(victim)];
    gone.up = false;
    network_.set_power(victim, power);
    const MonoTime begin = scheduler_.now();
    const uint64_t count = sum(&Small::sent_count), bytes = sum(&Small::sent_bytes);
    MonoTime first = begin;
    for (;;) {
      run(millis(50));
      int agree = 0, alive = 0;
      for (const auto& node : nodes_) {
        if (!node->up) continue;
        ++alive;
        agree += node->machine.state().find(id_of(victim))->is_failed();
      }
      if (agree > 0 && first == begin) first = scheduler_.now();
      if (agree == alive || scheduler_.now() > begin + seconds(60)) {
        std::printf(
            "  a primary %s: the first says FAIL after %.2f s, all after %.2f s (%d of %d); %.1f messages, "
            "%.0f "
            "bytes a node meanwhile\n",
            how, static_cast<double>((first - begin).us) / 1e6,
            static_cast<double>((scheduler_.now() - begin).us) / 1e6, agree, alive,
            static_cast<double>(sum(&Small::sent_count) - count) / count_,
            static_cast<double>(sum(&Small::sent_bytes) - bytes) / count_);
        return;
      }
    }
  }

 private:
  uint64_t sum(uint64_t Small::*member) const {
    uint64_t total = 0;
    for (const auto& node : nodes_) total += (*node).*member;
    return total;
  }

  int count_;
  Scheduler scheduler_;
  Network network_;
  std::vector<std::unique_ptr<Small>> nodes_;
};

}  // namespace
}  // namespace tessera::sim

int main(int argc, char** argv) {
  using namespace tessera;
  const int count = argc > 1 ? std::atoi(argv[1]) : 100;
  const int span_s = argc > 2 ? std::atoi(argv[2]) : 20;
  sim::Figures figures(count);
  figures.start();
  figures.run(seconds(12));
  figures.steady(span_s);
  figures.fail(0, sim::Power::kDead, "dies (connections refused)");
  figures.run(seconds(5));
  figures.fail(1, sim::Power::kDark, "is silent");
  return 0;
}
