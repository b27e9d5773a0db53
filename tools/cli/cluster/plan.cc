// Role: deals slots and replicas, then swaps replicas until hosts are apart.
#include "tools/cli/cluster/plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/random.h"

namespace tessera::cli::cluster {
namespace {

using Hosts = std::vector<std::string>;

// One node of each host in turn, hosts in the order of their first node.
std::vector<size_t> interleave(const Hosts& hosts) {
  std::vector<std::vector<size_t>> by_host;
  std::map<std::string, size_t> index_of;
  for (size_t node = 0; node < hosts.size(); ++node) {
    const auto [at, is_new] = index_of.emplace(hosts[node], by_host.size());
    if (is_new) by_host.emplace_back();
    by_host[at->second].push_back(node);
  }
  std::vector<size_t> order;
  for (size_t round = 0; order.size() < hosts.size(); ++round) {
    for (const auto& nodes : by_host) {
      if (round < nodes.size()) order.push_back(nodes[round]);
    }
  }
  return order;
}

// Single precision on purpose: redis-cli's borders come out of it.
std::vector<std::pair<int, int>> deal_slots(size_t master_count) {
  std::vector<std::pair<int, int>> ranges;
  const float slots_per_node = static_cast<float>(kSlotCount) / static_cast<float>(master_count);
  float cursor = 0.0F;
  int first = 0;
  for (size_t i = 0; i < master_count; ++i) {
    int last = static_cast<int>(std::lround(cursor + slots_per_node - 1));
    if (last >= kSlotCount || i + 1 == master_count) last = kSlotCount - 1;
    last = std::max(last, first);
    ranges.emplace_back(first, last);
    first = last + 1;
    cursor += slots_per_node;
  }
  return ranges;
}

// The first of another host, else the first.
size_t take_replica(std::vector<size_t>& pool, const Hosts& hosts, size_t master) {
  auto taken =
      std::find_if(pool.begin(), pool.end(), [&](size_t node) { return hosts[node] != hosts[master]; });
  if (taken == pool.end()) taken = pool.begin();
  const size_t node = *taken;
  pool.erase(taken);
  return node;
}

void deal_replicas(Plan& plan, std::vector<size_t> pool, const Hosts& hosts, int replicas) {
  // The pool begins with the hosts the primaries begin with, so that a first primary would meet its own host:
  // turned by one the first allocation is better.
  if (pool.size() > 1) std::rotate(pool.begin(), pool.begin() + 1, pool.end());
  const auto give = [&](size_t master) {
    if (pool.empty()) return;
    const size_t node = take_replica(pool, hosts, master);
    plan.first_allocation.push_back({node, master});
    plan.master_of[node] = static_cast<int>(master);
  };
  for (const size_t master : plan.masters) {
    for (int i = 0; i < replicas; ++i) give(master);
  }
  plan.extra_from = plan.first_allocation.size();
  while (!pool.empty()) {
    for (const size_t master : plan.masters) give(master);
  }
}

// Replicas beside their primary, and replicas of one primary on one host.
struct Score {
  int near_master = 0, together = 0;
  auto operator<=>(const Score&) const = default;
};

// Swaps replicas of two primaries and knows what it is worth; a swap costs what two primaries have of
// replicas.
class Swapper {
 public:
  Swapper(const Plan& plan, const Hosts& hosts) : master_of_(plan.master_of), replicas_(hosts.size()) {
    std::map<std::string, int> index_of;
    for (const std::string& host : hosts) {
      host_.push_back(index_of.emplace(host, static_cast<int>(index_of.size())).first->second);
    }
    for (const auto& [node, master] : plan.first_allocation) replicas_[master].push_back(node);
    for (const size_t master : plan.masters) add(score_of(master), 1);
  }

  const Score& score() const { return score_; }
  const std::vector<int>& master_of() const { return master_of_; }

  void swap(size_t a, size_t b) {
    const auto master_a = static_cast<size_t>(master_of_[a]), master_b = static_cast<size_t>(master_of_[b]);
    add(score_of(master_a), -1);
    add(score_of(master_b), -1);
    std::replace(replicas_[master_a].begin(), replicas_[master_a].end(), a, b);
    std::replace(replicas_[master_b].begin(), replicas_[master_b].end(), b, a);
    std::swap(master_of_[a], master_of_[b]);
    add(score_of(master_a), 1);
    add(score_of(master_b), 1);
  }

  bool offends(size_t node) const {
    const auto master = static_cast<size_t>(master_of_[node]);
    if (host_[node] == host_[master]) return true;
    return std::any_of(replicas_[master].begin(), replicas_[master].end(),
                       [&](size_t other) { return other != node && host_[other] == host_[node]; });
  }

 private:
  Score score_of(size_t master) const {
    Score score;
    const auto& mine = replicas_[master];
    for (size_t i = 0; i < mine.size(); ++i) {
      if (host_[mine[i]] == host_[master]) ++score.near_master;
      const bool again = std::any_of(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(i),
                                     [&](size_t other) { return host_[other] == host_[mine[i]]; });
      if (again) ++score.together;
    }
    return score;
  }
  void add(const Score& part, int sign) {
    score_.near_master += sign * part.near_master;
    score_.together += sign * part.together;
  }

  std::vector<int> host_;  // per node
  std::vector<int> master_of_;
  std::vector<std::vector<size_t>> replicas_;  // per node, of primaries
  Score score_;
};

// Swaps the primaries of an offending replica and of any other one; what is worse is taken back. Swaps that
// change nothing are kept on the way, as they lead out of corners, but only a better result is taken.
void optimize(Plan& plan, const Hosts& hosts) {
  Swapper swapper(plan, hosts);
  Score best = swapper.score();
  if (best == Score{}) return;
  constexpr uint64_t kSeed = 1;  // no chance: see the invariants
  constexpr size_t kTriesPerNode = 2000;
  Random random(kSeed);
  const auto& replicas = plan.first_allocation;
  for (size_t tries = kTriesPerNode * hosts.size(); tries > 0 && best != Score{}; --tries) {
    const size_t a = replicas[random.below(replicas.size())].node;
    const size_t b = replicas[random.below(replicas.size())].node;
    if (!swapper.offends(a) || swapper.master_of()[a] == swapper.master_of()[b]) continue;
    const Score before = swapper.score();
    swapper.swap(a, b);
    if (swapper.score() > before) swapper.swap(b, a);
    if (swapper.score() >= best) continue;
    best = swapper.score();
    plan.master_of = swapper.master_of();
  }
  plan.affinity = best == Score{}        ? Affinity::kPerfect
                  : best.near_master > 0 ? Affinity::kReplicaNearMaster
                                         : Affinity::kReplicasTogether;
}

}  // namespace

SlotSet Plan::slots_of(size_t node) const {
  SlotSet slots;
  for (size_t i = 0; i < masters.size(); ++i) {
    if (masters[i] != node) continue;
    for (int slot = ranges[i].first; slot <= ranges[i].second; ++slot) slots.set(static_cast<size_t>(slot));
  }
  return slots;
}

Plan make_plan(const Hosts& hosts, int replicas) {
  Plan plan;
  const size_t master_count = hosts.size() / (static_cast<size_t>(replicas) + 1);
  const std::vector<size_t> order = interleave(hosts);
  const auto border = order.begin() + static_cast<std::ptrdiff_t>(master_count);
  plan.masters.assign(order.begin(), border);
  plan.ranges = deal_slots(master_count);
  plan.master_of.assign(hosts.size(), -1);
  deal_replicas(plan, {border, order.end()}, hosts, replicas);
  optimize(plan, hosts);
  return plan;
}

}  // namespace tessera::cli::cluster
