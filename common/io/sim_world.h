// Role: the simulator: hosts with their own disks on one simulated network, driven by one seed. A test makes
// a world, adds hosts, starts the shipped objects on them (a host is an Env), lets time pass, breaks things.
// Thread: one, for everything.
// Invariants: the same seed and the same calls give the same trace_hash(). Whoever blocks (join, poll, a slow
// sync) lets the rest of the world run meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/env.h"
#include "common/io/sim_disk.h"
#include "common/io/sim_scheduler.h"

namespace tessera::io {

class SimEnv;
class SimLoop;
class SimNet;
class SimThread;

struct SimOptions {
  uint64_t seed = 1;
  Micros min_latency{50};  // of the network, one way, between hosts
  Micros max_latency{1500};
  Micros max_task_cost{20};  // of one turn of a task
  size_t socket_buffer_bytes = 256 << 10;
  Micros give_up = seconds(900);  // unanswered bytes end a connection with ETIMEDOUT
};

class SimWorld {
 public:
  explicit SimWorld(const SimOptions& options);
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  // A host with one address; it lives as long as the world.
  SimEnv& add_host(const std::string& name, const std::string& ip);
  // What resolve() answers; unknown names fail.
  void set_name(const std::string& name, std::vector<std::string> addresses);

  MonoTime now() const { return scheduler_.now(); }
  uint64_t trace_hash() const { return scheduler_.hash(); }
  uint64_t step_count() const { return scheduler_.step_count(); }
  // Folds something of the test's own into the hash.
  void note(std::string_view text) { scheduler_.fold_bytes(text); }

  // ---- time
  void run_for(Micros duration);
  // False when `done` did not come true within `at_most`, or nothing can happen any more.
  bool run_until(const std::function<bool()>& done, Micros at_most);

  // ---- network. What is blocked is held back and arrives after healing, as TCP does it; SYNs are tried
  // again.
  void block(const SimEnv& from, const SimEnv& to);
  void unblock(const SimEnv& from, const SimEnv& to);
  void partition(const SimEnv& a, const SimEnv& b);
  void heal(const SimEnv& a, const SimEnv& b);
  void heal_all();
  void set_latency(Micros low, Micros high);
  // Called with all that a host's streams take, as it is sent; `stream` is a number of that end alone.
  using Tap =
      std::function<void(const SimEnv& from, const SimEnv& to, uint64_t stream, std::string_view bytes)>;
  void set_tap(Tap tap) { tap_ = std::move(tap); }
  // Every connection between the two breaks with ECONNRESET.
  void reset_connections(const SimEnv& a, const SimEnv& b);

  // ---- hosts. After crash() and kill() nothing of the old life runs; the test then destroys its actors,
  // threads and loops (in any state: they were not finished) and calls restart() before it starts new ones.
  // Called from inside one of the host's own tasks, the task runs on to its end without any effect outside.
  void crash(SimEnv& host);  // power loss: peers hear nothing, the disk forgets what was not synced
  void kill(SimEnv& host);   // the process dies: connections end or are reset, the disk keeps everything
  void restart(SimEnv& host);
  void pause(SimEnv& host);  // SIGSTOP: tasks stand still, the network goes on
  void resume(SimEnv& host);
  void raise_signal(SimEnv& host, int number);
  void jump_wall_clock(SimEnv& host, Micros by);

 private:
  friend class SimEnv;
  friend class SimLoop;
  friend class SimNet;
  friend class SimThread;

  SimOptions options_;
  SimScheduler scheduler_;
  Tap tap_;
  std::unique_ptr<SimNet> net_;
  std::vector<std::unique_ptr<SimEnv>> hosts_;
};

// One simulated host, and the process on it.
class SimEnv final : public Env {
 public:
  SimEnv(SimWorld& world, std::string name, std::string ip, uint64_t seed);
  ~SimEnv() override;

  const Clock& clock() const override;
  SimDisk& files() override { return *disk_; }
  Pool& pool() override;
  void random_bytes(std::span<unsigned char> out) override;
  size_t slice_of(size_t most) override;
  std::unique_ptr<Thread> start_thread(const std::string& name, Actor& actor,
                                       const std::vector<int>& cpus = {}) override;
  std::unique_ptr<Loop> make_loop() override;

  const std::string& name() const { return name_; }
  const std::string& ip() const { return ip_; }
  // The process runs (maybe paused).
  bool alive() const { return alive_; }
  // Called when the process ends, by crash() or kill(): for tests whose own thread waits for something of it.
  void set_on_end(std::function<void()> on_end) { on_end_ = std::move(on_end); }

 private:
  friend class SimWorld;
  friend class SimLoop;
  friend class SimNet;
  friend class SimThread;
  class HostClock;
  class HostPool;

  bool may_run(uint64_t life) const { return alive_ && !paused_ && life == life_; }
  void end_life();

  SimWorld& world_;
  std::string name_;
  std::string ip_;
  Random random_;
  Micros wall_offset_{0};
  bool alive_ = true;
  bool powered_ = true;  // the kernel answers: refuses, resets
  bool paused_ = false;
  uint64_t life_ = 1;
  int next_port_;
  std::function<void()> on_end_;
  std::unique_ptr<HostClock> clock_;
  std::unique_ptr<SimDisk> disk_;
  std::unique_ptr<HostPool> pool_;
  std::vector<SimLoop*> loops_;
};

}  // namespace tessera::io
