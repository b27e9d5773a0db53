// Role: the lock-free inbox. Thread: see mailbox.h.
// Invariants: a Treiber stack that the receiver empties in one exchange and turns round; since it only ever
// takes the whole stack there is no ABA. Sleeping is Dekker's handshake: the receiver stores asleep_ then
// looks at head_, a sender changes head_ then looks at asleep_; all four are seq_cst, so at least one of them
// sees the other. No fences: the thread sanitizer does not follow them, and on x86 these orders cost no more
// than the weaker ones would.
#include "common/io/mailbox.h"

namespace tessera::io {

Mailbox::~Mailbox() {
  for (Message* message = take_all(); message != nullptr;) {
    Message* next = message->next;
    delete message;
    message = next;
  }
}

bool Mailbox::post(Message* message) {
  Message* head = head_.load(std::memory_order_relaxed);
  do {
    message->next = head;
  } while (!head_.compare_exchange_weak(head, message, std::memory_order_seq_cst, std::memory_order_relaxed));
  if (!asleep_.load(std::memory_order_seq_cst)) return false;
  // Of many senders one wakes; it will, so the others need not.
  return asleep_.exchange(false, std::memory_order_acq_rel);
}

Message* Mailbox::take_all() {
  if (head_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  Message* newest = head_.exchange(nullptr, std::memory_order_acquire);
  Message* oldest = nullptr;
  while (newest != nullptr) {
    Message* next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

bool Mailbox::prepare_sleep() {
  asleep_.store(true, std::memory_order_seq_cst);
  if (head_.load(std::memory_order_seq_cst) == nullptr) return true;
  asleep_.store(false, std::memory_order_relaxed);
  return false;
}

}  // namespace tessera::io
