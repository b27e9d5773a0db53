// Role: the simulated network: TCP-like connections between hosts; not for others. Thread: the simulator's.
// Invariants: a connection is two endpoints that know each other by number only. What an endpoint sends
// arrives in order, late, and in pieces of its own choice. A segment for an endpoint that is gone is answered
// by a reset, one for a host without power or behind a block is held until the way is free.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/io/sim_loop.h"

namespace tessera::io {

class SimListener;
class SimStream;

enum class SegmentKind : uint8_t { kSyn, kSynAck, kRefuse, kData, kFin, kReset, kWindow };

struct Segment {
  SegmentKind kind;
  uint64_t from_endpoint;
  uint64_t to_endpoint;  // 0 in a SYN
  SimEnv* from;
  SimEnv* to;
  std::string bytes;     // kData
  size_t count = 0;      // kWindow: how many bytes were consumed
  Address from_address;  // kSyn
  Address to_address;    // kSyn
};

struct Endpoint {
  uint64_t id = 0;
  uint64_t peer = 0;  // 0 while connecting
  SimEnv* host = nullptr;
  SimEnv* peer_host = nullptr;
  Address local;
  Address remote;
  SimLoop* loop = nullptr;
  SimStream* stream = nullptr;      // null until accepted
  SimListener* listener = nullptr;  // until accepted
  StreamHandler* handler = nullptr;
  std::string received;
  size_t unconsumed = 0;  // sent, not yet read by the peer
  MonoTime last_arrival{0};
  int error = 0;
  bool connecting = false;
  bool peer_finished = false;
  bool end_told = false;
  bool error_told = false;
  bool error_found = false;  // by a write
  bool finished = false;     // we sent our end
  bool reading = false;
  bool want_drained = false;
  bool queued = false;  // service() is pending on the loop
};

class SimNet {
 public:
  SimNet(SimWorld& world, const SimOptions& options);
  ~SimNet();

  Result<std::unique_ptr<Listener>> listen(SimLoop& loop, const ListenOptions& options,
                                           ListenHandler* handler);
  Result<std::unique_ptr<Stream>> connect(SimLoop& loop, const Address& to, const std::string& bind_ip,
                                          StreamHandler* handler);
  std::vector<std::string> look_up(const std::string& name) const;
  void set_name(const std::string& name, std::vector<std::string> addresses) {
    names_[name] = std::move(addresses);
  }

  // ---- for streams; null when the endpoint is gone
  Endpoint* find(uint64_t id);
  size_t write(Endpoint& endpoint, std::span<const Slice> slices);
  void finish(Endpoint& endpoint);
  void close(uint64_t id);
  void queue_service(Endpoint& endpoint);
  size_t window(const Endpoint& endpoint) const;
  void forget(SimListener* listener);

  // ---- for the world
  void set_blocked(const SimEnv& from, const SimEnv& to, bool blocked);
  void heal_all();
  void set_latency(Micros low, Micros high);
  void reset_connections(const SimEnv& a, const SimEnv& b);
  void drop_host(SimEnv& host, bool tell_peers);
  void release_held();

 private:
  friend class SimListener;

  Endpoint& new_endpoint(SimEnv* host, SimLoop* loop);
  SimEnv* host_of(const SimEnv& from, const std::string& ip) const;
  bool open_way(const SimEnv& from, const SimEnv& to) const;
  void transmit(Segment segment);
  void schedule(Segment segment);
  void arrive(Segment segment);
  void arrive_syn(const Segment& segment);
  void arrive_syn_ack(const Segment& segment);
  void send_syn(uint64_t id, Micros retry_delay);
  void connect_failed(uint64_t id, int code);
  void answer_reset(const Segment& segment);
  void fail(Endpoint& endpoint, int code);
  void service(uint64_t id);
  bool service_data(uint64_t id);
  void accept(uint64_t id);

  SimWorld& world_;
  SimScheduler& scheduler_;
  Micros min_latency_;
  Micros max_latency_;
  size_t buffer_bytes_;
  Micros give_up_;
  std::map<uint64_t, Endpoint> endpoints_;  // by number, so that walking them is the same in every run
  std::vector<SimListener*> listeners_;
  std::set<std::pair<const SimEnv*, const SimEnv*>> blocked_;  // only looked up, never walked
  std::vector<Segment> held_;
  std::map<std::string, std::vector<std::string>> names_;
  uint64_t next_id_ = 1;
};

class SimListener final : public Listener {
 public:
  SimListener(SimNet& net, SimLoop& loop, const ListenOptions& options, int port, ListenHandler* handler);
  ~SimListener() override { net_.forget(this); }
  int port() const override { return port_; }

 private:
  friend class SimNet;
  // Whether both would take the same connections, so that the second cannot be had.
  bool collides(const SimEnv& host, const ListenOptions& options, int port) const;
  bool takes(const SimEnv& host, const Address& to) const;

  SimNet& net_;
  SimLoop& loop_;
  SimEnv* host_;
  std::string ip_;  // empty = every address of the host
  int port_;
  bool reuse_port_;
  ListenHandler* handler_;
};

class SimStream final : public Stream {
 public:
  SimStream(SimNet& net, uint64_t endpoint) : net_(net), id_(endpoint) { net.find(endpoint)->stream = this; }
  ~SimStream() override { net_.close(id_); }
  void set_handler(StreamHandler* handler) override;
  void read_start() override;
  void read_stop() override;
  size_t try_write(std::span<const Slice> slices) override;
  void want_drained() override;
  void shutdown_write() override;
  Address peer() const override;
  Address local() const override;
  Result<void> set_no_delay(bool) override { return {}; }
  Result<void> set_keepalive(int) override { return {}; }
  int fd_for_display() const override { return static_cast<int>(id_ % 60000) + 8; }

 private:
  SimNet& net_;
  uint64_t id_;
};

}  // namespace tessera::io
