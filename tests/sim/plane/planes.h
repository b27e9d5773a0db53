// Role: several whole planes on io's simulated twin, what troubles them, and the administrator who forms and
// mends them. Thread: one for everything. Invariants: nothing but the seed decides; the witness looks between
// all steps of a few milliseconds.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/io/sim_world.h"
#include "tests/sim/plane/process.h"
#include "tests/sim/plane/witness.h"

namespace tessera::sim {

// Somebody who is no node and has a socket.
struct Attacker : io::StreamHandler {
  void on_data(io::Stream&, std::string_view) override {}
  void on_end(io::Stream&, const Error&) override { open = false; }
  void on_drained(io::Stream&) override {}
  void on_connected(io::Stream&, Result<void> result) override { open = result.ok(); }
  std::unique_ptr<io::Stream> stream;
  bool open = false;
};

class Planes {
 public:
  Planes(uint64_t seed, int count, bool verbose = false);
  ~Planes();

  static std::string ip(int i) { return "10.0.0." + std::to_string(i + 1); }
  size_t count() const { return hosts_.size(); }
  io::SimWorld& world() { return world_; }
  io::SimEnv& host(size_t i) { return *hosts_[i]; }
  Process& process(size_t i) { return *processes_[i]; }
  bool is_up(size_t i) const { return processes_[i] != nullptr; }
  Witness& witness() { return witness_; }

  bool start(size_t i);  // false: its disk or its file did not let it
  void stop(size_t i, bool power);
  bool form();
  void run(Micros span);
  bool run_until(const std::function<bool()>& done, Micros at_most);
  // All run, all are ok and publish the same owners.
  bool agree();
  void trouble();  // one, drawn
  // Everything works again; what stays open of what was begun is closed as an administrator would.
  bool heal();

  const std::string& error() const { return error_; }  // of the last start that failed
  std::string describe();

 private:
  void harass(size_t i, size_t j);
  void break_disk(size_t i);
  void attack(size_t i);
  cluster::bus::Message hostile();
  void bury();  // whose power went in the middle of an operation of its disk
  // ---- commands: planes_commands.cc
  using OnOk = std::function<void()>;
  void command(size_t i, decltype(cluster::state::Command::what) what, OnOk on_ok);
  void bump_epoch(size_t i);
  void drop_and_take_back(size_t i);
  void move_slot(size_t from, size_t to);
  void mend();

  Random random_;
  bool verbose_;
  io::SimWorld world_;
  std::vector<io::SimEnv*> hosts_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<uint64_t> lives_;  // how often each was started
  io::SimEnv* enemy_host_ = nullptr;
  std::unique_ptr<io::Loop> enemy_;
  std::vector<std::unique_ptr<Attacker>> attackers_;
  std::string error_;
  Witness witness_;
};

}  // namespace tessera::sim
