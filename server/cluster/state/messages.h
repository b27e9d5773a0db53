// Role: what this node says: headers, gossip, extensions, broadcasts. Thread: control.
// Invariant: a header says of ourselves only what is durable and what our shards have adopted.
#pragma once

#include <memory>

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

bus::Header make_header(const State& state);
// Our slots as we may claim them now.
SlotSet spoken_slots(const State& state);

std::shared_ptr<bus::Message> new_message(const State& state, bus::MessageType type);
// Sends now; before anything of ours is durable, when it is.
void send(Step& step, LinkId link, std::shared_ptr<bus::Message> message);
// To every node that we are connected to.
void broadcast(Step& step, const std::shared_ptr<bus::Message>& message);

// PING or MEET to a node on our link to it; notes when. REQUIRES: the link is connected.
void send_ping(Step& step, Node& node, bus::MessageType type = bus::MessageType::kPing);
// PONG on any link; `node`: who is there, or nullptr.
void send_pong(Step& step, LinkId link, Node* node);
void send_pong_to_all(Step& step);
// Tells `to` who owns slots: of `about`, a primary. REQUIRES: about is not ourselves, or what it says is
// durable.
void send_update(Step& step, LinkId link, const Node& about);
// FAIL to everybody.
void send_fail(Step& step, const Node& failed);

}  // namespace tessera::cluster::state
