#include "server/commands/generic/copying.h"

#include <algorithm>

namespace tessera::commands {

bool Copying::step(shard::Ctx& ctx, const store::Entry& entry, const store::Key& to, uint64_t elements) {
  if (cost_of(entry) == 0) return true;
  store::Memory& memory = ctx.keyspace(to).memory();
  const store::Container& source = store::Keyspace::container(entry);
  if (!copy_) {
    place_ = {};
    copy_ = store::Unstored(source.empty_copy(memory));
  }
  const size_t at_once = static_cast<size_t>(std::min<uint64_t>(elements, SIZE_MAX));
  const bool done = copy_.get()->copy_some(source, place_, at_once);
  memory.touch(std::exchange(place_.copied, 0));
  return done;
}

store::Entry* Copying::put(shard::Ctx& ctx, int db, const store::Key& to, const store::Entry& entry) {
  store::Keyspace& keyspace = ctx.keyspace(to);
  if (!copy_) return keyspace.put_copy(db, to, entry);
  return keyspace.set_container(db, to, entry.type(), entry.encoding(), copy_.release(), entry.expire_ms());
}

void Copying::give_up(shard::Ctx& ctx, const store::Key& to) {
  copy_.discard(ctx.keyspace(to));
  place_ = {};
}

}  // namespace tessera::commands
