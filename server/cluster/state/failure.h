// Role: who does not answer: suspicion (PFAIL), failure by majority (FAIL), their end, and evidence beside
// silence. Thread: control. Invariant: FAIL is set by a FAIL message, or when a majority of the primaries
// with slots, ourselves included if we are one, reported the node within twice the node timeout.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

// Every tick: suspects who has been silent for the node timeout though asked.
void suspect_silent(Step& step);
// A primary says that `node` does not answer, or that it does.
void report(Step& step, Node& node, const Node& reporter, bool failing);
void mark_failed_if_agreed(Step& step, Node& node);
// A FAIL message came.
void take_failed(Step& step, Node& node, const Node& sender);
// `node` answered us.
void answered(Step& step, Node& node);
// Anything came from it.
void heard_of(Step& step, Node& node);
size_t count_reports(Step& step, Node& node);

// Our established link to it broke; a connect after that was refused.
void link_broke(Step& step, Node& node);
void connect_refused(Step& step, Node& node);

}  // namespace tessera::cluster::state
