// Role: an immutable, numbered object that one thread publishes and others adopt at the top of their tick.
// Thread: publish() on one owner; adopt() anywhere, each reader its own Reader.
// Invariants: versions grow by one; a Reader's object stays alive until its next adopt(); reading within a
// tick is a plain pointer. Publishing is rare, so a reader's check is one relaxed load of the number, and the
// hand-over takes a short spin lock that the data path never meets.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace tessera {

template <typename T>
class Published {
 public:
  explicit Published(std::shared_ptr<const T> first) : current_(std::move(first)) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Returns the number of the new version.
  uint64_t publish(std::shared_ptr<const T> next) {
    lock();
    std::swap(current_, next);
    const uint64_t number = version_.load(std::memory_order_relaxed) + 1;
    version_.store(number, std::memory_order_release);
    unlock();
    return number;  // `next` (the former object) is let go here, outside the lock
  }

  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  std::shared_ptr<const T> get(uint64_t* version = nullptr) const {
    lock();
    std::shared_ptr<const T> copy = current_;
    if (version) *version = version_.load(std::memory_order_relaxed);
    unlock();
    return copy;
  }

  class Reader {
   public:
    explicit Reader(const Published& source) : source_(&source), object_(source.get(&version_)) {}
    // True when the object changed.
    bool adopt() {
      if (source_->version_.load(std::memory_order_acquire) == version_) return false;
      object_ = source_->get(&version_);
      return true;
    }
    const T& operator*() const { return *object_; }
    const T* operator->() const { return object_.get(); }
    uint64_t version() const { return version_; }
    std::shared_ptr<const T> share() const { return object_; }

   private:
    const Published* source_;
    uint64_t version_ = 0;
    std::shared_ptr<const T> object_;
  };

 private:
  void lock() const {
    while (lock_.test_and_set(std::memory_order_acquire)) {
    }
  }
  void unlock() const { lock_.clear(std::memory_order_release); }

  mutable std::atomic_flag lock_ = ATOMIC_FLAG_INIT;
  std::shared_ptr<const T> current_;
  std::atomic<uint64_t> version_{1};
};

}  // namespace tessera
