// Role: the buffers of one link. See link.h.
#include "server/cluster/link/link.h"

#include <array>

namespace tessera::cluster::link {

namespace {

constexpr size_t kSlicesAWrite = 64;
constexpr size_t kKeptCapacity = 64 << 10;  // a buffer that was larger is given back when it is empty

}  // namespace

void Link::append(std::string_view bytes, MonoTime now) {
  if (unread().empty()) began_ = now;
  in_.append(bytes);
}

void Link::consume(size_t bytes, MonoTime now) {
  in_begin_ += bytes;
  heard_ = began_ = now;
}

void Link::compact() {
  if (in_begin_ == 0) return;
  in_.erase(0, in_begin_);
  in_begin_ = 0;
  if (in_.empty() && in_.capacity() > kKeptCapacity) in_.shrink_to_fit();
}

void Link::push(std::shared_ptr<const std::string> bytes) {
  unsent_bytes_ += bytes->size();
  out_.push_back(Outgoing{std::move(bytes), 0});
}

size_t Link::write() {
  size_t written = 0;
  while (!out_.empty() && !full && stream != nullptr) {
    std::array<io::Slice, kSlicesAWrite> slices;
    size_t count = 0, offered = 0;
    for (const Outgoing& one : out_) {
      if (count == slices.size()) break;
      slices[count++] = io::Slice{one.bytes->data() + one.sent, one.bytes->size() - one.sent};
      offered += one.bytes->size() - one.sent;
    }
    size_t taken = stream->try_write({slices.data(), count});
    written += taken;
    unsent_bytes_ -= taken;
    if (taken < offered) {
      full = true;
      stream->want_drained();
    }
    while (taken > 0) {
      Outgoing& first = out_.front();
      const size_t left = first.bytes->size() - first.sent;
      if (taken < left) {
        first.sent += taken;
        break;
      }
      taken -= left;
      out_.pop_front();
    }
  }
  return written;
}

void Link::on_drained(io::Stream&) {
  full = false;
  owner_.mark_unsent(*this);
}

void Link::drop_buffers() {
  std::string().swap(in_);
  in_begin_ = 0;
  out_.clear();
  unsent_bytes_ = 0;
}

LinkStatus Link::status() const {
  LinkStatus status;
  status.link = id_;
  status.known = known;
  status.connected = connected;
  status.wants_write = full;
  status.remote_ip = remote_ip;
  status.created = created_;
  status.send_buffer_used_bytes = unsent_bytes_;
  for (const Outgoing& one : out_) {
    status.send_buffer_allocated_bytes += one.bytes->size() + sizeof(Outgoing);
  }
  return status;
}

}  // namespace tessera::cluster::link
