// Role: the one inbox of a thread: many senders, one receiver, one order. Lock-free.
// Thread: post() from any; take_all() on the receiver only.
// Invariants: messages of one sender arrive in the order they were posted, and messages are causal: what was
// posted before a message is taken before whatever that message causes. Bounds are the senders' (credits),
// not the inbox's.
#pragma once

#include <atomic>
#include <cstddef>

namespace tessera::io {

// Base of everything that is posted. The receiver owns it after take_all().
struct Message {
  Message* next = nullptr;
  virtual ~Message() = default;
};

class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();  // deletes what was never taken

  // Gives the message away. Returns true when the receiver may be asleep and has to be woken (Loop::wake);
  // the system call is skipped while it is awake.
  bool post(Message* message);

  // All messages posted so far, oldest first, or nullptr.
  Message* take_all();
  bool empty() const { return head_.load(std::memory_order_acquire) == nullptr; }

  // The receiver says that it is about to sleep. False when a message has come meanwhile: do not sleep.
  bool prepare_sleep();
  void finish_sleep() { asleep_.store(false, std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<Message*> head_{nullptr};
  alignas(64) std::atomic<bool> asleep_{false};
};

}  // namespace tessera::io
