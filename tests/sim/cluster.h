// Role: a whole simulated cluster: hosts, network, the administrator who forms it and heals it, and what must
// be true when it had time. Thread: the test's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/sim/host.h"
#include "tests/sim/network.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/watcher.h"

namespace tessera::sim {

struct ClusterOptions {
  uint64_t seed = 1;
  int host_count = 3;
  int primary_count = 3;  // the others are their replicas
  int fault = 0;
  bool own_epochs = true;  // SET-CONFIG-EPOCH while forming, as the command line tools do
  bool can_replicate = true;
  Micros node_timeout = seconds(2);
  bool verbose = false;
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);

  // Starts all hosts, meets, gives slots, makes replicas. False: it did not become one in time.
  bool form();
  void run(Micros span);
  // Runs until `condition` or the end of `span`.
  bool run_until(const std::function<bool()>& condition, Micros span);
  // Everything is repaired, then the administrator helps on as `redis-cli --cluster fix` would, until all
  // agree. What they do not agree on goes to the watcher.
  void heal_and_check();

  // What is wrong; empty: all who are up agree on everything.
  std::string disagreement() const;

  Host& host(int index) { return *hosts_[static_cast<size_t>(index)]; }
  int host_count() const { return static_cast<int>(hosts_.size()); }
  const ClusterOptions& options() const { return options_; }
  Scheduler& scheduler() { return scheduler_; }
  Network& network() { return network_; }
  Watcher& watcher() { return watcher_; }
  Random& random() { return random_; }
  std::vector<int> up() const;
  void retire(int host) { retired_[static_cast<size_t>(host)] = true; }  // never starts again
  bool is_retired(int host) const { return retired_[static_cast<size_t>(host)]; }

 private:
  void form_slots();
  void form_replicas();
  void meet_all();
  void help();  // the administrator's round
  void fix_slots();
  void forget_strangers();
  std::string disagreement_of(const Host& host) const;
  std::string compare_slots(const Host& host) const;

  ClusterOptions options_;
  Random random_;
  Scheduler scheduler_;
  Watcher watcher_;
  Network network_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<bool> retired_;
};

}  // namespace tessera::sim
