// Role: one connection of the bus: its stream and its two buffers; for this folder only. Thread: its loop's.
// Invariant: inside poll() it only collects and tells Links; it is destroyed by Links alone.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server/cluster/link/links.h"

namespace tessera::cluster::link {

class Link final : public io::StreamHandler {
 public:
  Link(Links& owner, LinkId id, MonoTime now, WallMs created)
      : owner_(owner), id_(id), created_(created), heard_(now), began_(now) {}

  LinkId id() const { return id_; }
  bool is_inbound() const { return state::is_inbound(id_); }
  // Inbound and nobody vouched for it.
  bool is_stranger() const { return is_inbound() && !known; }
  bool is_known_inbound() const { return is_inbound() && known; }

  // ---- what came and was not handled
  std::string_view unread() const { return std::string_view(in_).substr(in_begin_); }
  void append(std::string_view bytes, MonoTime now);
  void consume(size_t bytes, MonoTime now);
  void compact();
  // Since when the message that is not whole is under way.
  MonoTime began() const { return began_; }
  MonoTime heard() const { return heard_; }

  // ---- what waits to be sent
  void push(std::shared_ptr<const std::string> bytes);
  // Gives the kernel what it takes; returns how much.
  size_t write();
  size_t unsent_bytes() const { return unsent_bytes_; }
  size_t buffered_bytes() const { return in_.capacity() + unsent_bytes_; }
  void drop_buffers();
  LinkStatus status() const;

  void on_data(io::Stream&, std::string_view bytes) override { owner_.received(*this, bytes); }
  void on_end(io::Stream&, const Error& error) override { owner_.ended(*this, error); }
  void on_drained(io::Stream&) override;
  void on_connected(io::Stream&, Result<void> result) override { owner_.connected(*this, result); }

  // The owner's notes.
  std::unique_ptr<io::Stream> stream;
  std::string remote_ip, local_ip;
  std::string peer;    // who it says to be; empty: nobody known
  bool known = false;  // it has one of the peer's places
  bool connected = false;
  bool told = false;    // the handler has heard of it
  bool queued = false;  // in one of the owner's queues
  bool unsent = false;  // in the owner's list of those to write
  bool full = false;    // the kernel takes no more, on_drained will come
  std::optional<CloseReason> ended;
  bool dropped = false;            // ended by us
  bool counted_stranger = false;   // in the owner's number of strangers
  size_t counted_bytes = 0;        // of buffered_bytes(), in the owner's sum of strangers
  size_t counted_known_bytes = 0;  // of unread(), in the owner's sum of known ones

 private:
  struct Outgoing {
    std::shared_ptr<const std::string> bytes;
    size_t sent = 0;
  };

  Links& owner_;
  const LinkId id_;
  const WallMs created_;
  std::string in_;
  size_t in_begin_ = 0;
  std::deque<Outgoing> out_;
  size_t unsent_bytes_ = 0;
  MonoTime heard_, began_;
};

}  // namespace tessera::cluster::link
