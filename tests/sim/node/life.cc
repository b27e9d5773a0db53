// Role: see life.h.
#include "tests/sim/node/life.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/check.h"
#include "common/io/sim_world.h"
#include "server/main/node.h"
#include "server/main/process_config.h"
#include "server/main/process_options.h"
#include "tests/sim/node/writer.h"

namespace tessera::sim {

namespace {

constexpr const char* kIp = "10.0.0.1";
constexpr const char* kDir =
    "/tmp";  // of the simulated disk; reading a configuration looks for it on the real one, too
constexpr Micros kMostLost = seconds(2);
// Until a reply that is not held has come to its client.
constexpr Micros kOnItsWay = millis(200);

enum class Kept { kAlways, kEverysec, kSnapshots };

class Lives {
 public:
  Lives(uint64_t seed, bool verbose, std::optional<Big> only)
      : random_(seed),
        verbose_(verbose),
        world_(io::SimOptions{.seed = seed, .max_latency = Micros{300}}),
        host_(world_.add_host("node", kIp)),
        clients_(world_.add_host("clients", "10.0.0.2")),
        kept_(static_cast<Kept>(random_.below(3))),
        shards_(1 + static_cast<int>(random_.below(3))) {
    host_.files().make_dirs(kDir);
    host_.set_on_end([this] {
      if (node_ != nullptr) node_->shared().shutting_down = true;  // nobody waits for it any more
    });
    host_.files().set_hook([this](const io::DiskOp& op) { return fault_of(op); });
    host_.files().set_reorders_bytes(kept_ == Kept::kSnapshots);
    for (int i = 0; i < 2; ++i) writers_.emplace_back(i, random_.next(), only);
    build_configuration(only.has_value());
  }
  ~Lives() { end_process(); }

  LifeOutcome run() {
    const uint64_t lives = 2 + random_.below(3);
    for (uint64_t life = 0; life < lives && outcome_.ok; ++life) {
      // A start may be cut off as well.
      const bool cut_off = random_.below(6) == 0;
      if (cut_off) host_.files().crash_at(1 + random_.below(40));
      if (start()) {
        check();
        if (outcome_.ok && host_.alive()) live();
      } else if (!cut_off) {
        fail("no start: " + start_error_);
      }
      end_process();
    }
    if (outcome_.ok) {
      if (start()) {
        check();
      } else {
        fail("no start: " + start_error_);
      }
      end_process();
    }
    for (const Writer& writer : writers_) outcome_.operations += writer.operations();
    outcome_.hash = world_.trace_hash();
    return outcome_;
  }

 private:
  void fail(const std::string& what) {
    if (!outcome_.ok) return;
    outcome_.ok = false;
    outcome_.failure = what + setting_;
    if (!verbose_) return;
    for (const std::string& line : log_) std::fputs(line.c_str(), stdout);
  }
  void tell(const std::string& what) {
    if (verbose_) log_.push_back("    " + std::to_string(world_.now().us / 1000) + " ms: " + what + "\n");
  }

  // `plain`: what is written wrong gets into a file as it is, and is not met on the way by who presses it.
  void build_configuration(bool plain) {
    constexpr const char* kPolicies[] = {"always", "everysec", "everysec"};
    const bool log = kept_ != Kept::kSnapshots;
    std::vector<std::string> words = {"tessera-server",
                                      "--port",
                                      "6379",
                                      "--bind",
                                      kIp,
                                      "--dir",
                                      kDir,
                                      "--save",
                                      "",
                                      "--shards",
                                      std::to_string(shards_),
                                      "--databases",
                                      "1",
                                      "--appendonly",
                                      log ? "yes" : "no",
                                      "--appendfsync",
                                      kPolicies[static_cast<size_t>(kept_)],
                                      "--aof-use-rdb-preamble",
                                      random_.below(2) == 0 ? "yes" : "no",
                                      "--auto-aof-rewrite-percentage",
                                      random_.below(3) == 0 ? "50" : "0",
                                      "--auto-aof-rewrite-min-size",
                                      "160kb",
                                      "--aof-timestamp-enabled",
                                      random_.below(3) == 0 ? "yes" : "no",
                                      "--rdbcompression",
                                      plain ? "no" : "yes",
                                      "--protected-mode",
                                      "no",
                                      "--enable-protected-configs",
                                      "yes",
                                      "--hash-seed",
                                      "fixed"};
    Log quiet;
    quiet.set_level(LogLevel::kNothing);
    auto config = server::read_configuration(host_, server::parse_process_options(words), quiet);
    TESSERA_CHECK(config.ok());
    config_ = std::move(*config);
    setting_ = std::string(" (appendonly ") + words[14] + ", appendfsync " + words[16] + ", preamble " +
               words[18] + ", shards " + std::to_string(shards_) + ")";
  }

  // ---- the disk

  io::DiskFault fault_of(const io::DiskOp& op) {
    io::DiskFault fault;
    if (starting_) return fault;
    int& left = faults_[static_cast<size_t>(op.kind)];
    if (left > 0) {
      --left;
      lost_pages_ |= op.kind == io::DiskOpKind::kSync;
      fault.code = random_.below(2) == 0 ? EIO : ENOSPC;
      fault.keep_bytes = random_.below(op.bytes + 1);
      tell("fails: " + op.path);
    }
    if (op.kind == io::DiskOpKind::kSync && delay_.us > 0) fault.delay = std::exchange(delay_, Micros{0});
    return fault;
  }

  void trouble_the_disk() {
    const auto set = [this](io::DiskOpKind kind) {
      faults_[static_cast<size_t>(kind)] = 1 + static_cast<int>(random_.below(3));
    };
    switch (random_.below(8)) {
      case 0:
      case 1:
        return set(io::DiskOpKind::kSync);
      case 2:
        return set(io::DiskOpKind::kWrite);
      case 3:
        return set(io::DiskOpKind::kSyncDir);
      case 4:
        return set(io::DiskOpKind::kRename);
      case 5:
        return set(io::DiskOpKind::kTruncate);
      case 6:
        delay_ = millis(static_cast<int64_t>(100 + random_.below(random_.below(2) == 0 ? 2000 : 14000)));
        return tell("the next sync takes " + std::to_string(delay_.us / 1000) + " ms");
      default:
        host_.files().set_capacity(random_.below(600000));
    }
  }
  // One sync, of whatever comes next.
  void delay_and_fail() {
    if (random_.below(3) > 0) return;
    delay_ = millis(static_cast<int64_t>(random_.below(1500)));
    faults_[static_cast<size_t>(io::DiskOpKind::kSync)] = 1;
  }
  void heal_the_disk() {
    faults_ = {};
    delay_ = {};
    host_.files().set_capacity(UINT64_MAX);
  }

  // ---- the process

  bool start() {
    starting_ = true;
    heal_the_disk();
    ++outcome_.starts;
    LogOptions log_options;
    log_options.sink = [this](LogLevel, std::string_view line) {
      if (verbose_) log_.emplace_back(line);
    };
    node_log_ = std::make_unique<Log>(log_options);
    server::NodeOptions options;
    options.env = &host_;
    options.log = node_log_.get();
    options.config = config_;
    options.resolve_dir = [](const std::string& path, const std::string&) {
      return Result<std::string>(path);
    };
    node_ = std::make_unique<server::Node>(std::move(options));
    const auto started = node_->start();
    if (!started.ok()) start_error_ = started.error().message;
    bool well = started.ok();
    // Whatever a crash left of what a cut spilled is of no use.
    if (const auto names = host_.files().list(kDir); well && host_.alive() && names.ok()) {
      for (const std::string& name : *names) {
        if (name.ends_with(".spill")) fail(name + " was left");
      }
    }
    if (well) {
      node_->serve();
      const auto loaded = node_->load();
      well = loaded.ok();
      if (!well) start_error_ = loaded.error().message;
    }
    starting_ = false;
    return well && host_.alive();
  }

  // A crash, unless it has come, or the death of the process.
  void end_process() {
    for (Writer& writer : writers_) writer.disconnect();
    admin_.reset();
    if (node_ == nullptr) return;
    if (host_.alive()) {
      // What a failed sync dropped is still to be seen by the next process, which cannot know of it: see
      // README.
      if (random_.below(3) == 0 && !lost_pages_) {
        world_.kill(host_);
      } else {
        world_.crash(host_);
      }
    }
    ++outcome_.crashes;
    lost_pages_ = false;
    node_.reset();
    world_.restart(host_);
  }

  // ---- what must be there

  void check() {
    auto client = connect();
    if (!client) {
      if (host_.alive()) fail("nobody answers");
      return;
    }
    for (Writer& writer : writers_) {
      if (std::string wrong = writer.read_back(*client); !wrong.empty()) return fail(wrong);
    }
    MonoTime first{}, last{};
    for (const Writer& writer : writers_) {
      const Writer::Lost lost = writer.lost();
      outcome_.lost += lost.count;
      if (lost.count > 0 && (first.us == 0 || lost.first < first)) first = lost.first;
      if (lost.count > 0 && lost.last > last) last = lost.last;
      if (const int missing = writer.missing_before(floor_); missing > 0)
        return fail(std::to_string(missing) + " acknowledged before the file that was loaded, and not there");
    }
    if (kept_ == Kept::kAlways && last.us > 0) return fail("acknowledged with `always` and not there");
    if (kept_ == Kept::kEverysec && last - first > kMostLost + kOnItsWay)
      return fail("acknowledged within " + std::to_string((last - first).us / 1000) + " ms and not there");
    for (const Writer& one : writers_) {
      for (const Writer& other : writers_) {
        if (one.missing_before(other.last_found_sent()) > 0) return fail("a mixture of moments");
      }
    }
    for (Writer& writer : writers_) writer.settle();
    floor_ = world_.now();
  }

  std::unique_ptr<resp::Client> connect() {
    resp::ClientOptions options;
    options.host = kIp;
    options.connect_timeout = seconds(5);
    options.command_timeout = seconds(60);
    auto client = resp::Client::connect_bare(clients_, options);
    return client.ok() ? std::move(*client) : nullptr;
  }

  // ---- a life

  void live() {
    ++life_;
    admin_ = connect();
    waiting_.clear();
    if (random_.below(2) == 0) host_.files().crash_at(1 + random_.below(150));
    rush_ = 0;
    drive(25 + static_cast<int>(random_.below(60)), [this] {
      // Much is written while a cut that was asked for is under way.
      if (rush_ > 0) {
        --rush_;
        for (Writer& writer : writers_) write(writer);
        return Micros{static_cast<int64_t>(random_.below(400))};
      }
      act();
      const bool long_pause = random_.below(10) == 0;
      return Micros{static_cast<int64_t>(random_.below(long_pause ? 3000000 : 8000))};
    });
    if (host_.alive() && random_.below(5) == 0) return hang();
    if (!host_.alive() || random_.below(4) != 0) return;
    // A disk that works again: everything goes on by itself.
    heal_the_disk();
    wait_for(seconds(25));
    const int before = acknowledged();
    drive(1, [this] {
      for (Writer& writer : writers_) write(writer);
      return seconds(3);
    });
    if (host_.alive() && acknowledged() <= before) fail("no write is answered though the disk works");
  }

  // The first sync behind a pause takes long, and then power fails.
  void hang() {
    heal_the_disk();
    wait_for(millis(static_cast<int64_t>(3000 + random_.below(1000))));
    delay_ = seconds(30);
    tell("the next sync hangs");
    drive(20 + static_cast<int>(random_.below(80)), [this] {
      for (Writer& writer : writers_) write(writer);
      return millis(100);
    });
    world_.crash(host_);
  }

  // What clients do, on a thread of their own: a disk that is slow keeps its thread, and nobody else. Each
  // act says how long it is until the next one; answers are taken soon, so that their times are about right.
  class Driver final : public io::Actor {
   public:
    Driver(Lives& lives, int acts, std::function<Micros()> act)
        : lives_(lives), left_(acts), act_(std::move(act)) {}
    void start(io::Loop&) override { next_ = lives_.world_.now(); }
    Micros tick(io::Loop&) override {
      if (!lives_.host_.alive()) return kDone;
      lives_.take_answers();
      if (lives_.world_.now() >= next_) {
        if (left_-- == 0) return kDone;
        const Micros pause = act_();
        next_ = lives_.world_.now() + pause;
      }
      return std::clamp(next_ - lives_.world_.now(), millis(1), millis(20));
    }
    void finish(io::Loop&) override {}

   private:
    Lives& lives_;
    int left_;
    std::function<Micros()> act_;
    MonoTime next_;
  };

  void drive(int acts, std::function<Micros()> act) {
    if (!host_.alive()) return;
    Driver driver(*this, acts, std::move(act));
    clients_.start_thread("clients", driver)->join();
  }
  void wait_for(Micros duration) {
    drive(1, [duration] { return duration; });
  }

  int acknowledged() const {
    int count = 0;
    for (const Writer& writer : writers_) count += writer.acknowledged();
    return count;
  }

  void act() {
    switch (random_.below(16)) {
      case 0:
        return trouble_the_disk();
      case 1:
        return heal_the_disk();
      case 2:
        ask({"BGREWRITEAOF"});
        return delay_and_fail();
      case 3:
        return ask({"BGREWRITEAOF"});
      case 4:
        return ask({"BGSAVE"});
      case 5:
        return ask({"SAVE"});
      case 6:
        return ask({"BGSAVE", "CANCEL"});
      default:
        for (Writer& writer : writers_) {
          if (random_.below(4) > 0) write(writer);
        }
    }
  }

  void write(Writer& writer) {
    tell("writes, " + std::to_string(acknowledged()) + " answered");
    if (!writer.take_answers(clients_) && !writer.connect(clients_, kIp, life_)) return;
    writer.send_some(world_.now());
  }

  // SAVE is answered when the file is there: all that was answered before it was asked for is in it.
  void ask(const std::vector<std::string>& words) {
    if (admin_ == nullptr) return;
    tell(words[0] + (words.size() > 1 ? " " + words[1] : ""));
    admin_->append(words);
    waiting_.push_back({words, world_.now()});
    admin_->poll(Micros{0});
    rush_ = static_cast<int>(random_.below(8));
    outcome_.saves += words[0] == "BGREWRITEAOF" ? 0 : 1;
    outcome_.rewrites += words[0] == "BGREWRITEAOF" ? 1 : 0;
  }

  void take_answers() {
    for (Writer& writer : writers_) (void)writer.take_answers(clients_);
    while (admin_ != nullptr && !waiting_.empty() && admin_->poll(Micros{0})) {
      const auto reply = admin_->receive();
      if (!reply.ok()) return;
      const Asked asked = waiting_.front();
      waiting_.pop_front();
      if (asked.words[0] == "SAVE" && !reply->is_error() && kept_ == Kept::kSnapshots) floor_ = asked.at;
    }
  }

  struct Asked {
    std::vector<std::string> words;
    MonoTime at;
  };

  LifeOutcome outcome_;
  Random random_;
  const bool verbose_;
  io::SimWorld world_;
  io::SimEnv& host_;
  io::SimEnv& clients_;
  const Kept kept_;
  const int shards_;
  std::shared_ptr<const config::Config> config_;
  std::string setting_;
  std::array<int, io::kDiskOpKinds> faults_{};
  Micros delay_{0};
  bool starting_ = false;
  bool lost_pages_ = false;
  std::deque<std::string> log_;
  std::string start_error_;
  std::unique_ptr<Log> node_log_;
  std::unique_ptr<server::Node> node_;
  int life_ = 0;
  int rush_ = 0;      // so many acts are writes
  MonoTime floor_{};  // what was answered before has to be there
  std::deque<Writer> writers_;
  std::unique_ptr<resp::Client> admin_;
  std::deque<Asked> waiting_;
};

}  // namespace

LifeOutcome run_node_lives(uint64_t seed, bool verbose, std::optional<Big> only) {
  return Lives(seed, verbose, only).run();
}

}  // namespace tessera::sim
