// Role: a container that is being made over several steps, between which others use its keyspace, and that
// belongs to no key yet. Thread: whoever may touch the keyspace; the destructor: any.
// Invariants: its memory is counted from the beginning. It leaves by release(), to be put under a key, or by
// discard(); one that does neither (its node ends) is freed without the keyspace, which may be gone by then.
#pragma once

#include <memory>
#include <utility>

#include "server/store/container.h"
#include "server/store/keyspace.h"

namespace tessera::store {

class Unstored {
 public:
  Unstored() = default;
  explicit Unstored(Container* container) : container_(container), slab_(container->memory().shared_slab()) {}
  Unstored(Unstored&& other) noexcept
      : container_(std::exchange(other.container_, nullptr)), slab_(std::move(other.slab_)) {}
  Unstored& operator=(Unstored&& other) noexcept {
    std::swap(container_, other.container_);
    std::swap(slab_, other.slab_);
    return *this;
  }
  ~Unstored() {
    if (container_ == nullptr) return;
    ContainerLife::detach(*container_);
    Container::destroy(container_);
  }

  explicit operator bool() const { return container_ != nullptr; }
  Container* get() const { return container_; }
  Container* release() {
    slab_.reset();
    return std::exchange(container_, nullptr);
  }
  // Freed elsewhere, in slices. `keyspace`: the one it was made in.
  void discard(Keyspace& keyspace) {
    if (container_ != nullptr) keyspace.discard(release());
  }

 private:
  Container* container_ = nullptr;
  std::shared_ptr<Slab> slab_;  // holds the pages
};

}  // namespace tessera::store
