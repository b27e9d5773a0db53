// Role: byte streams (TCP, Unix socket; later TLS) and listeners of the seam. Nothing above io sees a
// descriptor. Thread: the loop's own thread only. Invariants: handlers run inside Loop::poll() and must only
// collect; they may call read_stop(), try_write(), or destroy
//             a stream, the one they are called for too.
//             Bytes given to on_data stay valid until the same loop's next poll() begins.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/units.h"

namespace tessera::io {

struct Slice {
  const char* data;
  size_t size;
};

// Text forms as Redis prints them: "127.0.0.1:6379", "[::1]:6379" -> ip and port apart; unix: path:0.
struct Address {
  std::string ip;  // or the path of a Unix socket
  int port = 0;
  bool is_unix = false;
  std::string text() const;  // ip:port, IPv6 in brackets, path:0
};

// An IPv4 or IPv6 address in its shortest form; nothing when the text is no address.
std::optional<std::string> numeric_address(const std::string& text);

class Stream;

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void on_data(Stream& stream, std::string_view bytes) = 0;
  // The other side closed its sending side (error.code == 0, message empty) or the stream failed (errno,
  // text). No on_data follows. After a clean end one may still write; if that fails, on_end is called once
  // more, with the error.
  virtual void on_end(Stream& stream, const Error& error) = 0;
  // The kernel takes bytes again; the answer to one want_drained().
  virtual void on_drained(Stream& stream) = 0;
  // connect() finished. Only for streams made by Loop::connect.
  virtual void on_connected(Stream& stream, Result<void> result) {
    (void)stream;
    (void)result;
  }
};

class Stream {
 public:
  // Closing is the destructor: pending writes are dropped, no handler is called afterwards.
  virtual ~Stream() = default;
  virtual void set_handler(StreamHandler* handler) = 0;
  virtual void read_start() = 0;
  virtual void read_stop() = 0;

  // Writes what the kernel takes now, returns the number of bytes taken, 0 when it takes nothing or the
  // stream failed (on_end tells, inside the next poll). One system call; at most 1024 slices of it. REQUIRES:
  // connected.
  virtual size_t try_write(std::span<const Slice> slices) = 0;
  // Asks for on_drained once the kernel takes bytes again; the caller then calls try_write with the rest it
  // kept.
  virtual void want_drained() = 0;
  // Shuts the sending side down after what was written; then the peer sees the end.
  virtual void shutdown_write() = 0;

  virtual Address peer() const = 0;
  virtual Address local() const = 0;
  virtual Result<void> set_no_delay(bool on) = 0;
  virtual Result<void> set_keepalive(int idle_s) = 0;  // 0 = off
  // A number for CLIENT LIST's fd field; has no other use.
  virtual int fd_for_display() const = 0;
};

class Listener;

struct ListenOptions {
  std::string host;  // an address, or empty with unix_path
  int port = 0;      // 0 = any free one, see Listener::port()
  std::string unix_path;
  int unix_mode = 0;  // octal permissions, 0 = leave
  int backlog = 511;
  bool reuse_port = false;  // several threads listen on the same port, the kernel spreads connections
  // Refused while anybody else listens on the port, with reuse_port or not; once it listens, listeners with
  // reuse_port may join it. The first of several threads does so.
  bool claim_port = false;
  bool ipv6_only = true;
  bool multipath = false;       // Multipath TCP; an error where the system has none
  uint32_t mark = 0;            // SO_MARK of the socket and of what it accepts; 0: none
  int accepts_per_poll = 1000;  // so that a storm of connections does not hold up those that exist
  // Another loop's listener on the same Unix socket: both accept from it (the kernel spreads connections over
  // TCP listeners only). It must live during the call. The simulator's loops refuse.
  const Listener* share = nullptr;
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual int port() const = 0;
  // From the next poll on, as ListenOptions::accepts_per_poll. A Unix socket that is shared keeps its own.
  virtual void set_accepts_per_poll(int count) { (void)count; }
};

class ListenHandler {
 public:
  virtual ~ListenHandler() = default;
  // A new connection; not reading yet.
  virtual void on_accept(Listener& listener, std::unique_ptr<Stream> stream) = 0;
  // accept() failed (for instance no descriptors left). The listener goes on.
  virtual void on_accept_error(Listener& listener, const Error& error) {
    (void)listener;
    (void)error;
  }
};

}  // namespace tessera::io
