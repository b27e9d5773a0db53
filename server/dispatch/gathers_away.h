// Role: the gathers of an engine's clients that are away: wait for the token, for shards, or run elsewhere.
// When a script turns out slow, those that have not begun are refused here, at home. Thread: home's.
// Invariant: a gather is begun by its coordinator or refused by its home, never both (Gather::begins,
// take_back).
#pragma once

namespace tessera::dispatch {

class Engine;
class Gather;

class GathersAway {
 public:
  // Lists it, if it is one that may be refused.
  void leaves(Engine& home, Gather* gather);
  void came_home(Gather* gather);
  // While some script is busy: clients whose gathers have not had their turn are told so.
  void refuse_all(Engine& home);

 private:
  Gather* last_ = nullptr;  // that left; the others behind it
};

// A script of this engine has turned out slow: all homes refuse. Who is parked for it has to know it before.
void tell_homes_busy(Engine& engine);

// What this engine begins now is in the way of a script that turned out slow before: it hears that word
// again.
void hear_busy_again(Engine& engine);

}  // namespace tessera::dispatch
