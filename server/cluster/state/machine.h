// Role: the cluster's control plane of one node: one value that events change and that answers with actions.
// Thread: control, or any one thread; no I/O, no clock, no global state. Randomness comes from the seed
// alone, so the same events at the same times give the same actions. Invariants: votes, own epochs and slot
// claims are sent only after they are durable; a slot that a command takes from our shards is spoken of only
// after they adopted the view without it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/units.h"
#include "server/cluster/state/actions.h"
#include "server/cluster/state/events.h"
#include "server/route/cluster_view.h"

namespace tessera::cluster::state {

struct State;

// The moment of a step. Spans are measured by `mono`; `wall` is only for what messages, nodes.conf and
// replies say.
struct Now {
  MonoTime mono;
  WallMs wall;
};

constexpr size_t kMessageTypeCount = 11;

// CLUSTER INFO's counters; by bus::MessageType.
struct Statistics {
  std::array<uint64_t, kMessageTypeCount> sent{}, received{};
};

// CLUSTER LINKS' rows, without what only the I/O knows.
struct LinkInfo {
  LinkId link;
  NodeId node;
  bool connected;
};

class Machine {
 public:
  explicit Machine(uint64_t seed);
  ~Machine();
  Machine(Machine&&) noexcept;

  // Appends what is to be done. Cost: O(1) for most events; O(nodes) for Tick; O(gossip entries) for a
  // message; O(nodes + slots) where a view, nodes.conf or the cluster's state is made anew.
  void step(const Event& event, Now now, Actions& out);

  // The cluster as it is now; `version` of the last PublishView is not passed on, nor needed.
  route::ClusterView make_view(Now now) const;
  // Writes are acknowledged before this moment only (DESIGN.md 3.6). MonoTime{INT64_MAX}: no lease is needed,
  // nobody else could take over. Cheap, kept by each step.
  MonoTime write_until() const;
  // How often Tick is wanted; at most 100 ms.
  Micros tick_period() const;

  const NodeId& my_id() const;
  bool is_ok() const;
  const Statistics& statistics() const;
  // Links of nodes that are known, outbound ("to") and inbound ("from").
  std::vector<LinkInfo> links() const;
  // Version of the last PublishView; what nodes.conf would say now.
  uint64_t view_version() const;
  Stored stored(Now now) const;
#ifdef TESSERA_PLANTED_FAULTS
  void plant_fault(int fault);  // before Start; see faults.h
#endif
  // For tests and invariants.
  const State& state() const {
    return *state_;
  }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tessera::cluster::state
