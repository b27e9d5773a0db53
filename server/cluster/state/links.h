// Role: connections and when to say PING on them. Thread: control.
// Invariants: one outbound link per node at most; node.outbound and node.inbound are in State::links.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

// How soon a node that was asked is asked again: a second, more when there are many nodes, half the node
// timeout at most.
Micros ping_interval(const State& state);
// How often Tick is wanted: so that a lease is renewed in time, however short the node timeout.
Micros tick_period(const Settings& settings);
// How long a node may take to say who it is.
Micros handshake_timeout(const Settings& settings);

void on_inbound(Step& step, const InboundOpened& event);
void on_connected(Step& step, const OutboundConnected& event);
void on_closed(Step& step, const LinkClosed& event);
void on_passed_over(Step& step, const MessagePassedOver& event);
// Closes it ourselves, if there is one. Both forget the link.
void close_outbound(Step& step, Node& node);
void close_inbound(Step& step, Node& node);
// Closes its links and forgets it.
void remove_node(Step& step, Node& node);
// A message from `node` came on an inbound link: that is its link to us.
void bind_inbound(Step& step, LinkId link, Node& node);

// Each tick.
void give_up_handshakes(Step& step);
void connect_missing(Step& step);
void drop_stuck_links(Step& step);
void ping_due(Step& step);

}  // namespace tessera::cluster::state
