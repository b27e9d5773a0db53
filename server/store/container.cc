// Role: the end of a container. Thread: see container.h.
#include "server/store/container.h"

#include "server/store/entry_layout.h"

namespace tessera::store {

void Container::destroy(Container* container) {
  container->touch(container->element_count());
  container->free_some(static_cast<size_t>(-1));
  const size_t size = container->object_bytes();
  Memory* memory = container->memory_;
  const bool detached = container->detached_;
  container->~Container();
  if (detached) {
    Memory::free_detached(container, size);
  } else {
    memory->free(container, size);
  }
}

bool EntryAccess::container_is_timed(const Entry& e) {
  return container(e)->soonest_due_ms() != Container::kNothingDue;
}

int64_t EntryAccess::container_due_ms(const Entry& e) {
  const int64_t inside = container(e)->soonest_due_ms();
  const int64_t whole = e.expire_ms();
  if (inside == Container::kNothingDue) return whole;
  return whole == kNoExpire || inside < whole ? inside : whole;
}

}  // namespace tessera::store
