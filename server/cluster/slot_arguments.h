// Role: slots among the arguments of CLUSTER commands, checked in redis-server's order. Thread: any, pure.
#pragma once

#include <bitset>
#include <string>
#include <utility>
#include <vector>

#include "common/hash/crc16.h"
#include "server/registry/args.h"

namespace tessera::cluster {

using SlotSet = std::bitset<hash::kSlotCount>;

// The slot a text names, or -1.
int parse_slot(std::string_view text);

// Slots from argument 2 on, single ones or (`ranges`) pairs of first and last. An error text, or empty.
// `mine`: what the node has; `take`: whether the slots are to become ours.
std::string read_slots(const registry::Args& args, bool ranges, bool take, const SlotSet& mine,
                       SlotSet& slots);

}  // namespace tessera::cluster
