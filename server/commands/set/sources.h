// Role: the operands of set operations. Thread: the shard's, or the coordinator's of a gather.
// Invariant: entries stay where they are as long as no key of the command is changed.
#pragma once

#include <vector>

#include "server/commands/set/set_access.h"

namespace tessera::commands {

// In the order of the arguments; nullptr where there is no key. The same key may come several times.
using Sources = std::vector<const store::Entry*>;

// Looks up `count` keys from argument `first` on. False: one is no set, and the error was replied.
bool read_sources(shard::Ctx& ctx, const registry::Args& args, size_t first, size_t count,
                  resp::Writer& reply, Sources& sources);

// "numkeys key [key ...] [option ...]", from argument 1 on. `limit`: 0 for none.
struct CountedKeys {
  size_t count = 0;
  size_t limit = 0;
  bool approximate = false;
};
// False: an error was replied. APPROX is known only where `has_approx`.
bool read_counted_keys(const registry::Args& args, bool has_approx, resp::Writer& reply, CountedKeys& keys);

// Calls f(const SetMember&, SetProbe&) for each member of all of them, the smallest leading; f returns false
// to stop. REQUIRES: no nullptr, at least one. Reorders `sources` by size.
template <typename F>
void intersect(Sources& sources, F&& f);

// Calls f(const SetMember&) for each member of the first that no other one has, by looking each of them up.
// f returns false to stop.
template <typename F>
void subtract(const Sources& sources, F&& f);

// ---- templates

void sort_by_size(Sources& sources);

template <typename F>
void intersect(Sources& sources, F&& f) {
  sort_by_size(sources);
  std::vector<store::SetReader> others;
  for (size_t i = 1; i < sources.size(); ++i) {
    if (sources[i] != sources[0]) others.emplace_back(*sources[i]);
  }
  store::SetReader(*sources[0]).for_each([&](const store::SetMember& member) {
    store::SetProbe probe(member);
    for (const store::SetReader& other : others) {
      if (!other.contains(probe)) return true;
    }
    return f(member, probe);
  });
}

template <typename F>
void subtract(const Sources& sources, F&& f) {
  std::vector<store::SetReader> others;
  for (size_t i = 1; i < sources.size(); ++i) {
    if (sources[i] == sources[0]) return;  // nothing is left of a set without itself
    if (sources[i] != nullptr) others.emplace_back(*sources[i]);
  }
  store::SetReader(*sources[0]).for_each([&](const store::SetMember& member) {
    store::SetProbe probe(member);
    for (const store::SetReader& other : others) {
      if (other.contains(probe)) return true;
    }
    return f(member);
  });
}

}  // namespace tessera::commands
