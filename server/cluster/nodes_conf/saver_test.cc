// Role: tests of taking nodes.conf over and of writing it: order, coalescing, failures, locks, on the real
// disk and on the simulated one, with crashes between any two steps.
#include "server/cluster/nodes_conf/saver.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/io/sim_world.h"

namespace tessera::cluster::nodes_conf {
namespace {

struct Job : io::Message {
  std::function<void()> run;
};

// The control thread of a test: a loop whose inbox is run until something is true.
class Control {
 public:
  explicit Control(io::Env& env) : env_(env), loop_(env.make_loop()) {}
  ~Control() { env_.pool().drain(); }

  Saver::Post post() {
    return [loop = loop_.get()](std::function<void()> run) {
      auto* job = new Job;
      job->run = std::move(run);
      loop->post(job);
    };
  }
  bool run_until(const std::function<bool()>& done) {
    const MonoTime deadline = loop_->clock().mono() + seconds(60);
    while (!done()) {
      if (loop_->clock().mono() > deadline) return false;
      loop_->poll(millis(5));
      for (io::Message* next = loop_->inbox().take_all(); next != nullptr;) {
        std::unique_ptr<Job> job(static_cast<Job*>(next));
        next = next->next;
        job->run();
      }
    }
    return true;
  }

 private:
  io::Env& env_;
  std::unique_ptr<io::Loop> loop_;
};

struct Report {
  uint64_t version;
  bool ok;
  int code;
  bool operator==(const Report&) const = default;
};

struct Rig {
  Rig(io::Env& env, const std::string& path) : control(env) {
    auto taken = take_over(env.files(), path, false);
    EXPECT_TRUE(taken.ok()) << taken.error().message;
    if (!taken) return;
    saver = std::make_unique<Saver>(env.files(), env.pool(), path, std::move(taken->lock), control.post(),
                                    [this](uint64_t version, Result<void> result) {
                                      reports.push_back({version, result.ok(), result.error().code});
                                    });
  }
  void save(uint64_t version, const std::string& text) {
    saver->save(version, [text] { return text; });
  }
  Control control;
  std::unique_ptr<Saver> saver;
  std::vector<Report> reports;
};

std::string text_of(uint64_t version) {
  Stored stored;
  StoredNode me;
  me.id = std::string(40, 'a');
  me.flags = bus::kFlagMyself | bus::kFlagPrimary;
  for (size_t slot = 0; slot < 16384; slot += 2) me.slots.set(slot);  // long: many sectors
  stored.nodes.push_back(me);
  stored.current_epoch = version;
  return print(stored, {});
}

io::SimOptions seeded(uint64_t seed) {
  io::SimOptions options;
  options.seed = seed;
  return options;
}

// The real disk.
class RealSaver : public testing::Test {
 protected:
  RealSaver() : env_(io::make_uv_env()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "tessera-saver-XXXXXX").string();
    dir_ = mkdtemp(pattern.data());
    path_ = dir_ + "/nodes.conf";
  }
  ~RealSaver() override { std::filesystem::remove_all(dir_); }
  std::unique_ptr<io::Env> env_;
  std::string dir_, path_;
};

TEST_F(RealSaver, WritesAndReports) {
  Rig rig(*env_, path_);
  EXPECT_TRUE(rig.saver->idle());
  rig.save(1, text_of(1));
  EXPECT_FALSE(rig.saver->idle());
  EXPECT_TRUE(rig.reports.empty()) << "never from within the call";
  ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
  ASSERT_EQ(rig.reports, (std::vector<Report>{{1, true, 0}}));
  EXPECT_EQ(*env_->files().read_all(path_), text_of(1));
  EXPECT_EQ(*env_->files().list(dir_), std::vector<std::string>{"nodes.conf"});
}

TEST_F(RealSaver, TheNewestWaits) {
  Rig rig(*env_, path_);
  for (uint64_t version = 1; version <= 50; ++version) rig.save(version, text_of(version));
  ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
  EXPECT_EQ(rig.reports, (std::vector<Report>{{1, true, 0}, {50, true, 0}}));
  EXPECT_EQ(rig.saver->write_count(), 2u);
  EXPECT_EQ(*env_->files().read_all(path_), text_of(50));
}

TEST_F(RealSaver, MaySaveAgainFromItsReport) {
  Control control(*env_);
  auto taken = take_over(env_->files(), path_, false);
  ASSERT_TRUE(taken.ok());
  EXPECT_FALSE(taken->file.has_value());
  std::vector<uint64_t> versions;
  std::unique_ptr<Saver> saver;
  saver = std::make_unique<Saver>(env_->files(), env_->pool(), path_, std::move(taken->lock), control.post(),
                                  [&](uint64_t version, const Result<void>&) {
                                    versions.push_back(version);
                                    if (version < 3) {
                                      saver->save(version + 1, [version] { return text_of(version + 1); });
                                    } else {
                                      saver.reset();
                                    }
                                  });
  saver->save(1, [] { return text_of(1); });
  ASSERT_TRUE(control.run_until([&] { return saver == nullptr; }));
  EXPECT_EQ(versions, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(RealSaver, OneProcessAFileAfterAnyNumberOfSaves) {
  Rig rig(*env_, path_);
  const auto second = [&] {
    const auto taken = take_over(env_->files(), path_, false);
    return taken ? std::string() : taken.error().message;
  };
  const std::string sorry =
      "Sorry, the cluster configuration file " + path_ +
      " is already used by a different Redis Cluster node. Please make sure that different "
      "nodes use different cluster configuration files.";
  EXPECT_EQ(second(), sorry);
  for (uint64_t version = 1; version <= 4; ++version) {
    rig.save(version, text_of(version));
    ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
    EXPECT_EQ(second(), sorry) << version;
  }
  rig.saver.reset();
  EXPECT_EQ(second(), "");
}

TEST_F(RealSaver, AFailureIsReportedAndTheOldFileStays) {
  Rig rig(*env_, path_);
  rig.save(1, text_of(1));
  ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
  std::filesystem::create_directory(path_ + ".tmp");  // where the new one would be written
  rig.save(2, text_of(2));
  ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
  ASSERT_EQ(rig.reports.size(), 2u);
  EXPECT_FALSE(rig.reports[1].ok);
  EXPECT_EQ(*env_->files().read_all(path_), text_of(1));
  std::filesystem::remove(path_ + ".tmp");
  rig.save(3, text_of(3));
  ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
  EXPECT_TRUE(rig.reports[2].ok);
  EXPECT_FALSE(take_over(env_->files(), path_, false).ok());
}

TEST_F(RealSaver, ADamagedFileIsRefusedAndLeftAlone) {
  const std::string damaged = text_of(1).substr(0, 300);
  ASSERT_TRUE(env_->files().replace(path_, damaged).ok());
  const auto taken = take_over(env_->files(), path_, false);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().message, "Unrecoverable error: corrupted cluster config file. " + path_ +
                                       ", line 1: the file ends in the middle of a node's line");
  EXPECT_EQ(*env_->files().read_all(path_), damaged);
  EXPECT_FALSE(take_over(env_->files(), dir_ + "/none/nodes.conf", false).ok());
}

TEST_F(RealSaver, GoesWhileItWrites) {
  Control control(*env_);
  auto taken = take_over(env_->files(), path_, false);
  ASSERT_TRUE(taken.ok());
  bool told = false;
  auto saver = std::make_unique<Saver>(env_->files(), env_->pool(), path_, std::move(taken->lock),
                                       control.post(), [&](uint64_t, const Result<void>&) { told = true; });
  saver->save(1, [] { return text_of(1); });
  saver.reset();
  env_->pool().drain();
  bool ran = false;
  control.post()([&] { ran = true; });
  ASSERT_TRUE(control.run_until([&] { return ran; }));
  EXPECT_FALSE(told);
  EXPECT_TRUE(take_over(env_->files(), path_, false)->file.has_value())
      << "written to its end, and not locked";
}

// A disk that forgets: after a crash at any step the file is the old or the new one, and never older than
// what was reported.
TEST(SimSaver, ACrashBetweenAnyTwoSteps) {
  const uint64_t seed = test_seed("SimSaver.ACrashBetweenAnyTwoSteps");
  int old_count = 0, new_count = 0;
  for (uint64_t round = 0; round < 400; ++round) {
    io::SimWorld world(seeded(seed + round));
    io::SimEnv& host = world.add_host("a", "10.0.0.1");
    host.files().make_dirs("/data");
    std::vector<Report> reports;
    uint64_t saved = 0;
    {
      Rig rig(host, "/data/nodes.conf");
      host.files().crash_at(1 + round % 60);
      while (saved < 20 && host.alive()) {
        ++saved;
        rig.save(saved, text_of(saved));
        rig.control.run_until([&] { return rig.saver->idle() || !host.alive(); });
      }
      if (host.alive()) world.crash(host);
      reports = rig.reports;
    }
    world.restart(host);
    uint64_t durable = 0;
    for (const Report& report : reports) {
      if (report.ok) durable = std::max(durable, report.version);
    }
    const auto taken = take_over(host.files(), "/data/nodes.conf", false);
    ASSERT_TRUE(taken.ok()) << "seed " << seed + round << ": " << taken.error().message;
    const uint64_t found = taken->file ? taken->file->stored.current_epoch : 0;
    ASSERT_GE(found, durable) << "seed " << seed + round;
    ASSERT_LE(found, saved) << "seed " << seed + round;
    (found == saved ? new_count : old_count)++;
  }
  EXPECT_GT(old_count, 20);
  EXPECT_GT(new_count, 20);
}

TEST(SimSaver, FailuresOfEveryKind) {
  io::SimWorld world(seeded(7));
  io::SimEnv& host = world.add_host("a", "10.0.0.1");
  host.files().make_dirs("/data");
  Rig rig(host, "/data/nodes.conf");
  rig.save(1, text_of(1));
  ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
  uint64_t version = 1;
  for (const io::DiskOpKind kind :
       {io::DiskOpKind::kOpen, io::DiskOpKind::kLock, io::DiskOpKind::kWrite, io::DiskOpKind::kSync,
        io::DiskOpKind::kRename, io::DiskOpKind::kSyncDir}) {
    host.files().fail_next(kind, ENOSPC);
    ++version;
    rig.save(version, text_of(version));
    ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
    EXPECT_EQ(rig.reports.back(), (Report{version, false, ENOSPC})) << static_cast<int>(kind);
    EXPECT_FALSE(take_over(host.files(), "/data/nodes.conf", false).ok()) << "still locked";
    ++version;
    rig.save(version, text_of(version));
    ASSERT_TRUE(rig.control.run_until([&] { return rig.saver->idle(); }));
    EXPECT_EQ(rig.reports.back(), (Report{version, true, 0}));
    EXPECT_EQ(*host.files().read_all("/data/nodes.conf"), text_of(version));
    EXPECT_FALSE(take_over(host.files(), "/data/nodes.conf", false).ok()) << "still locked";
  }
}

TEST(SimSaver, TheControlThreadDoesNotWait) {
  io::SimWorld world(seeded(8));
  io::SimEnv& host = world.add_host("a", "10.0.0.1");
  host.files().make_dirs("/data");
  Rig rig(host, "/data/nodes.conf");
  host.files().set_sync_time(seconds(20), seconds(21));
  const MonoTime before = world.now();
  rig.save(1, text_of(1));
  rig.save(2, text_of(2));
  EXPECT_LT(world.now() - before, millis(1));
  ASSERT_TRUE(rig.control.run_until([&] { return rig.reports.size() == 1; }));
  EXPECT_GE(world.now() - before, seconds(20));
}

}  // namespace
}  // namespace tessera::cluster::nodes_conf
