// Role: whole control planes, as they are shipped (state machine, bus links, nodes.conf), on io's simulated
// twin: forming, crashes, disks that forget and fail, partitions, clocks that jump, hostile strangers; then
// they agree again. Thread: one for everything. TESSERA_PLANE_LIVES: how many lives; TESSERA_SEED: the first
// one's seed.
#include "server/cluster/plane.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/io/sim_world.h"
#include "server/cluster/state/state.h"

namespace tessera::cluster {
namespace {

constexpr int kBusPort = 17000;
constexpr const char* kFile = "/data/nodes.conf";

struct Job : io::Message {
  std::function<void()> run;
};

// The process on one host: a control thread with a plane, and shards that adopt whatever is published a
// little later.
class Process : public io::Actor {
 public:
  Process(io::SimEnv& env, bool verbose) : env_(env) {
    LogOptions options;
    options.level = verbose ? LogLevel::kDebug : LogLevel::kNothing;
    log_.configure(options);
  }

  Result<void> open() {
    PlaneSettings settings;
    settings.state.node_timeout = seconds(2);
    settings.state.port = 7000;
    settings.state.bus_port = kBusPort;
    settings.links.strangers.count = 64;
    settings.hosts = {"*"};
    PlaneHost host;
    host.publish = [this](route::ClusterView view) { published_ = std::move(view); };
    host.when_adopted = [this](std::function<void()> then) {
      waiting_.push_back({env_.clock().mono() + millis(3), std::move(then)});
    };
    host.post = [this](std::function<void()> run) { post(std::move(run)); };
    host.drop_slots = [](const state::SlotSet&) {};
    host.drop_all_keys = [] {};
    host.set_write_until = [](MonoTime) {};
    auto opened = Plane::open(env_, log_, kFile, settings, std::move(host));
    if (!opened) return opened.error();
    plane_ = std::move(*opened);
    thread_ = env_.start_thread("control", *this);
    return {};
  }

  void start(io::Loop& loop) override {
    const auto started = plane_->start(loop);
    EXPECT_TRUE(started.ok()) << started.error().message;
    next_tick_ = loop.clock().mono();
  }
  Micros tick(io::Loop& loop) override {
    for (io::Message* next = loop.inbox().take_all(); next != nullptr;) {
      std::unique_ptr<Job> job(static_cast<Job*>(next));
      next = next->next;
      job->run();
    }
    const MonoTime now = loop.clock().mono();
    while (!waiting_.empty() && waiting_.front().first <= now) {
      const auto then = std::move(waiting_.front().second);
      waiting_.pop_front();
      then();
    }
    if (now >= next_tick_) {
      plane_->tick();
      next_tick_ = now + millis(100);
    }
    if (plane_->turn()) return Micros{0};
    return waiting_.empty() ? std::min(millis(100), next_tick_ - now) : millis(1);
  }
  void finish(io::Loop&) override {}

  void post(std::function<void()> run) {
    auto* job = new Job;
    job->run = std::move(run);
    thread_->loop().post(job);
  }
  void command(decltype(state::Command::what) what) {
    post([this, what = std::move(what)] { plane_->command(what, [](const state::Reply&) {}); });
  }
  Plane& plane() { return *plane_; }
  const route::ClusterView& published() const { return published_; }

 private:
  io::SimEnv& env_;
  Log log_;
  std::unique_ptr<Plane> plane_;
  route::ClusterView published_;
  std::deque<std::pair<MonoTime, std::function<void()>>> waiting_;
  MonoTime next_tick_{0};
  std::unique_ptr<io::Thread> thread_;  // first to go: its loop's messages are jobs of ours
};

// Somebody who is no node and has a socket.
struct Attacker : io::StreamHandler {
  void on_data(io::Stream&, std::string_view) override {}
  void on_end(io::Stream&, const Error&) override { open = false; }
  void on_drained(io::Stream&) override {}
  void on_connected(io::Stream&, Result<void> result) override { open = result.ok(); }
  std::unique_ptr<io::Stream> stream;
  bool open = false;
};

class Cluster {
 public:
  Cluster(uint64_t seed, int count, bool verbose = false)
      : random_(seed), verbose_(verbose), world_([&] {
          io::SimOptions options;
          options.seed = seed;
          return options;
        }()) {
    for (int i = 0; i < count; ++i) {
      hosts_.push_back(&world_.add_host("n" + std::to_string(i), ip(i)));
      hosts_.back()->files().make_dirs("/data");
      processes_.push_back(nullptr);
    }
    enemy_host_ = &world_.add_host("enemy", "10.0.9.9");
    enemy_ = enemy_host_->make_loop();
  }
  ~Cluster() {
    attackers_.clear();
    for (size_t i = 0; i < hosts_.size(); ++i) stop(i, false);
  }

  static std::string ip(int i) { return "10.0.0." + std::to_string(i + 1); }
  size_t count() const { return hosts_.size(); }
  io::SimWorld& world() { return world_; }
  io::SimEnv& host(size_t i) { return *hosts_[i]; }
  Process& process(size_t i) { return *processes_[i]; }

  bool start(size_t i) {
    processes_[i] = std::make_unique<Process>(*hosts_[i], verbose_);
    const auto opened = processes_[i]->open();
    // A disk that fails at the start ends the process; a damaged file never may.
    if (!opened.ok()) {
      error_ = opened.error().message;
      processes_[i].reset();
      world_.kill(*hosts_[i]);
      world_.restart(*hosts_[i]);
    }
    return opened.ok();
  }
  void stop(size_t i, bool power) {
    if (processes_[i] == nullptr) return;
    if (power) {
      world_.crash(*hosts_[i]);
    } else {
      world_.kill(*hosts_[i]);
    }
    processes_[i].reset();
    world_.restart(*hosts_[i]);
  }

  bool form() {
    for (size_t i = 0; i < count(); ++i) {
      if (!start(i)) return false;
    }
    for (size_t i = 0; i < count(); ++i) {
      state::SlotSet slots;
      for (size_t slot = i; slot < slots.size(); slot += count()) slots.set(slot);
      processes_[i]->command(state::AddSlots{slots});
      processes_[i]->command(state::SetConfigEpoch{i + 1});
      if (i > 0) processes_[i]->command(state::Meet{ip(0), 7000, kBusPort});
    }
    if (!world_.run_until([&] { return agree(count(), true); }, seconds(30))) return false;
    for (size_t i = 0; i < count(); ++i) ids_.push_back(process(i).plane().machine().my_id());
    return true;
  }

  // All run, all are ok and publish the same owners.
  bool agree(size_t nodes, bool settled) {
    for (size_t i = 0; i < count(); ++i) {
      if (processes_[i] == nullptr) return false;
      const route::ClusterView& view = process(i).published();
      if (view.nodes().size() != nodes || !view.is_ok()) return false;
      if (!settled) continue;
      const route::ClusterView& first = process(0).published();
      for (int slot = 0; slot < hash::kSlotCount; ++slot) {
        const int mine = view.owner(slot), theirs = first.owner(slot);
        if (mine < 0 || theirs < 0 || view.node(mine).id != first.node(theirs).id) return false;
      }
    }
    return true;
  }

  void trouble() {
    const size_t i = random_.below(count());
    const size_t j = (i + 1 + random_.below(count() - 1)) % count();
    switch (random_.below(12)) {
      case 0:
        return stop(i, true);
      case 1:
        return stop(i, false);
      case 2:
      case 3:
        if (processes_[i] == nullptr) start(i);
        return;
      case 4:
        return world_.partition(*hosts_[i], *hosts_[j]);
      case 5:
        return world_.block(*hosts_[i], *hosts_[j]);
      case 6:
        return world_.heal_all();
      case 7:
        return world_.reset_connections(*hosts_[i], *hosts_[j]);
      case 8:
        return world_.jump_wall_clock(*hosts_[i], seconds(static_cast<int64_t>(random_.below(7200)) - 3600));
      case 9: {
        const io::DiskOpKind kinds[] = {io::DiskOpKind::kWrite, io::DiskOpKind::kSync,
                                        io::DiskOpKind::kRename, io::DiskOpKind::kSyncDir};
        return hosts_[i]->files().fail_next(kinds[random_.below(4)], random_.one_in(2) ? ENOSPC : EIO,
                                            1 + static_cast<int>(random_.below(3)));
      }
      case 10:
        return attack(i);
      default:
        // Slots whose owner is told to forget them come back when it claims them anew.
        if (processes_[i] != nullptr) processes_[i]->command(state::BumpEpoch{});
        return;
    }
  }

  void attack(size_t i) {
    for (int n = 0; n < 20; ++n) {
      auto attacker = std::make_unique<Attacker>();
      auto stream =
          enemy_->connect(io::Address{ip(static_cast<int>(i)), kBusPort, false}, "", attacker.get());
      if (!stream) continue;
      attacker->stream = std::move(*stream);
      attackers_.push_back(std::move(attacker));
    }
    enemy_->poll(millis(10));
    for (auto& attacker : attackers_) {
      if (!attacker->open) continue;
      std::string bytes = random_.one_in(2) ? bus::encode(hostile()) : std::string(random_.below(4000), '\0');
      for (uint64_t edits = random_.below(4); edits > 0 && !bytes.empty(); --edits) {
        bytes[random_.below(bytes.size())] = static_cast<char>(random_.next());
      }
      const io::Slice slice{bytes.data(), bytes.size()};
      attacker->stream->try_write({&slice, 1});
    }
    if (attackers_.size() > 100) attackers_.clear();
  }

  // Who is not in the cluster claims everything, with a high epoch, or says of a node that it failed.
  bus::Message hostile() {
    bus::Message message;
    message.header.sender = std::string(40, 'e');
    message.header.flags = bus::kFlagPrimary;
    message.header.current_epoch = message.header.config_epoch = 1000 + random_.below(1000);
    message.header.slots.set();
    if (random_.one_in(3)) {
      message.type = bus::MessageType::kFail;
      message.body = bus::Fail{ids_[random_.below(ids_.size())]};
    } else if (random_.one_in(2)) {
      message.type = bus::MessageType::kUpdate;
      message.body = bus::Update{5000, ids_[random_.below(ids_.size())], message.header.slots};
    } else {
      message.type = bus::MessageType::kPing;
      message.body = bus::Gossip{};
    }
    return message;
  }

  bool heal() {
    attackers_.clear();
    world_.heal_all();
    for (size_t i = 0; i < count(); ++i) {
      // Faults of the disk that are left over end some starts.
      for (int tries = 0; processes_[i] == nullptr && tries < 10; ++tries) start(i);
    }
    return world_.run_until([&] { return agree(count(), true); }, seconds(60));
  }

  void check() {
    for (size_t i = 0; i < count(); ++i) {
      const state::State& s = process(i).plane().machine().state();
      EXPECT_EQ(s.me->id, ids_[i]);
      EXPECT_LT(s.current_epoch, 1000u) << "a stranger's epoch";
      EXPECT_LT(process(i).plane().link_bytes(), size_t{4} << 20);
      for (const auto& node : s.nodes) EXPECT_NE(node->id, std::string(40, 'e'));
    }
  }
  const std::string& error() const { return error_; }
  std::string describe() {
    std::string text;
    for (size_t i = 0; i < count(); ++i) {
      text += "n" + std::to_string(i) + ": ";
      if (processes_[i] == nullptr) {
        text += "down, " + error_ + "\n";
        continue;
      }
      const route::ClusterView& view = process(i).published();
      text += std::to_string(view.nodes().size()) + " nodes, " + std::to_string(view.assigned_count()) +
              " slots, " + (view.is_ok() ? "ok" : "fail") + ", epoch " +
              std::to_string(view.current_epoch()) + "\n";
    }
    return text;
  }

 private:
  Random random_;
  bool verbose_;
  io::SimWorld world_;
  std::vector<io::SimEnv*> hosts_;
  std::vector<std::unique_ptr<Process>> processes_;
  io::SimEnv* enemy_host_ = nullptr;
  std::unique_ptr<io::Loop> enemy_;
  std::vector<std::unique_ptr<Attacker>> attackers_;
  std::vector<std::string> ids_;
  std::string error_;
};

uint64_t live(uint64_t seed, bool verbose = false) {
  Random random(seed);
  Cluster cluster(seed, 3 + static_cast<int>(random.below(4)), verbose);
  EXPECT_TRUE(cluster.form()) << "seed " << seed << "\n" << cluster.describe();
  if (testing::Test::HasFailure()) return 0;
  for (int i = 0; i < 30; ++i) {
    cluster.trouble();
    cluster.world().run_for(millis(static_cast<int64_t>(random.below(1500))));
    EXPECT_EQ(cluster.error().find("corrupted"), std::string::npos) << cluster.error();
  }
  EXPECT_TRUE(cluster.heal()) << "seed " << seed << "\n" << cluster.describe();
  if (!testing::Test::HasFailure()) cluster.check();
  return cluster.world().trace_hash();
}

TEST(Plane, FormsAndComesBackFromItsFile) {
  Cluster cluster(5, 3);
  ASSERT_TRUE(cluster.form()) << cluster.describe();
  const std::string id = cluster.process(1).plane().machine().my_id();
  cluster.stop(1, true);
  cluster.world().run_for(seconds(8));
  EXPECT_FALSE(cluster.process(0).published().is_ok()) << "its slots are down";
  ASSERT_TRUE(cluster.start(1)) << cluster.error();
  ASSERT_TRUE(cluster.world().run_until([&] { return cluster.agree(3, true); }, seconds(20)))
      << cluster.describe();
  EXPECT_EQ(cluster.process(1).plane().machine().my_id(), id);
}

TEST(Plane, ASecondProcessOnTheFileIsRefused) {
  Cluster cluster(6, 1);
  ASSERT_TRUE(cluster.start(0));
  cluster.world().run_for(seconds(1));
  Process second(cluster.host(0), false);
  const auto opened = second.open();
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("already used by a different Redis Cluster node"), std::string::npos);
}

TEST(Plane, ADamagedFileIsRefusedAndKept) {
  Cluster cluster(7, 1);
  const std::string damaged = "not a line\n";
  ASSERT_TRUE(cluster.host(0).files().replace(kFile, damaged).ok());
  EXPECT_FALSE(cluster.start(0));
  EXPECT_NE(cluster.error().find("corrupted cluster config file"), std::string::npos) << cluster.error();
  EXPECT_EQ(*cluster.host(0).files().read_all(kFile), damaged);
}

TEST(Plane, TheSameSeedTheSameLife) {
  const uint64_t seed = test_seed("Plane.TheSameSeedTheSameLife");
  EXPECT_EQ(live(seed), live(seed));
}

TEST(Plane, Lives) {
  const uint64_t seed = test_seed("Plane.Lives");
  const char* wanted = std::getenv("TESSERA_PLANE_LIVES");
  const uint64_t lives = wanted ? std::strtoull(wanted, nullptr, 10) : 10;
  for (uint64_t i = 0; i < lives && !testing::Test::HasFailure(); ++i)
    live(seed + i, std::getenv("TESSERA_VERBOSE"));
}

}  // namespace
}  // namespace tessera::cluster
