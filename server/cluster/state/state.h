// Role: everything the control plane knows: the table of nodes, who owns which slot, epochs, links, what is
// durable and what waits for it. Thread: control. Pure data with the operations that keep its parts
// consistent. Invariants: owner[s] == n exactly when n->slots[s]; a slot is migrating or returning only
// while it is ours, importing only while it is not; every Node* anywhere points into `nodes` (remove() clears
// the others).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/random.h"
#include "server/cluster/state/actions.h"
#include "server/cluster/state/machine.h"
#include "server/cluster/state/node.h"
#include "server/cluster/state/node_index.h"

namespace tessera::cluster::state {

struct Link {
  Node* node = nullptr;  // of an inbound link: the last known sender
  bool connected = false;
  MonoTime created;
  std::vector<MonoTime> pings;  // sent and not answered yet, oldest first; answers come in order
  MonoTime asked = kNever;      // when the last of them was sent, answered or not
  int held_pongs = 0;           // answers that wait until the first nodes.conf is written
  std::string remote_ip;
};

// What may be said of ourselves: as of the last nodes.conf that is durable.
struct Durable {
  bool any = false;
  NodeId id;
  uint64_t current_epoch = 0, config_epoch = 0, last_vote_epoch = 0;
  SlotSet slots;
};

// Waits until a version of nodes.conf is durable and a view is adopted; 0: need not.
struct Held {
  struct Message {
    LinkId link;
    std::shared_ptr<bus::Message> message;  // its header is made when it goes
  };
  struct PongToAll {};
  uint64_t persist_version = 0;
  uint64_t view_version = 0;
  std::variant<Reply, Message, PongToAll> what;
};

struct State {
  explicit State(uint64_t seed) : random(seed), by_id(~seed) { owner.fill(nullptr); }

  Random random;
  Settings settings;
  int planted_fault = 0;  // see faults.h

  std::vector<std::unique_ptr<Node>> nodes;
  NodeIndex by_id;
  Node* me = nullptr;            // nullptr before Start
  std::vector<Node*> suspected;  // nodes with PFAIL

  std::array<Node*, hash::kSlotCount> owner;
  std::map<int, Node*> migrating, importing;
  SlotSet unclaimed;  // slots whose owner has stopped to claim them: anybody may
  uint64_t current_epoch = 0;
  uint64_t last_vote_epoch = 0;
  std::map<NodeId, MonoTime> blacklist;  // until

  std::unordered_map<LinkId, Link> links;
  LinkId next_link = 1;

  // ---- health
  bool ok = false;
  MonoTime started_at;
  MonoTime minority_at = kNever;  // when we last were in a minority
  int voter_count = 0;            // nodes with slots: only primaries have any
  MonoTime last_tick = kNever;
  MonoTime next_random_ping = kNever;
  MonoTime next_stranger_log = kNever, next_far_log = kNever;
  MonoTime write_until = kNever;
  bool lease_over = true;  // until a majority has answered twice

  // ---- what waits
  Durable durable;
  Durable in_flight;               // contents of the Persist under way
  uint64_t persist_version = 0;    // of the last Persist
  uint64_t persisted_version = 0;  // of the last one that succeeded
  bool persist_under_way = false;
  MonoTime persist_retry_at = kNever;
  int persist_failures = 0;  // in a row
  uint64_t view_version = 0;
  uint64_t adopted_version = 0;
  // Slots that a command took from our shards, by the view without them; claimed until it is adopted.
  std::vector<std::pair<uint64_t, SlotSet>> leaving;
  // Of those, slots that became ours again before that: they go on being claimed until they are durable anew.
  SlotSet returning;
  std::vector<Held> held;

  // ---- to do at the end of the step
  bool todo_health = false, todo_save = false, todo_view = false, todo_lease = false;

  Statistics statistics;
  uint64_t gossip_mark = 0;

  // ---- nodes
  Node* find(const NodeId& id) const { return by_id.find(id); }
  // REQUIRES: no node has this id.
  Node& add(const NodeId& id, uint16_t flags, MonoTime now);
  void rename(Node& node, const NodeId& id);
  // Takes the node out of everything that points at it. Its links must be gone. REQUIRES: not ourselves.
  void remove(Node& node);
  NodeId random_id();
  void set_suspected(Node& node, bool is);         // PFAIL
  void set_primary_of(Node& node, Node* primary);  // nullptr: of none
  // Turns a replica into a primary without slots; no effect on a primary.
  void make_primary(Node& node);

  // ---- slots
  void set_owner(int slot,
                 Node* node);  // nullptr: nobody. Ends migrating and importing as the invariant says.
  void clear_slots(Node& node);
  uint64_t max_epoch() const;  // the largest epoch that anybody is known to have
  bool is_leaving(int slot) const;
  SlotSet leaving_slots() const;
  // Slots that are ours by command: those that were on their way out never went.
  void take_back(const SlotSet& slots);

  bool is_blacklisted(const NodeId& id, MonoTime now) const;
};

}  // namespace tessera::cluster::state
