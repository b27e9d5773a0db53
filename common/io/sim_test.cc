// Role: what only the simulator can do: the same run twice, partitions, crashes, clocks that jump. Thread:
// one.
#include <signal.h>

#include <cerrno>
#include <set>

#include "common/io/sim_world.h"
#include "common/io/test_support.h"

namespace tessera::io {

namespace {

class SimTwin : public Twin {
 public:
  SimTwin() : world_(SimOptions{}), host_(world_.add_host("host", "10.0.0.1")) {
    host_.files().make_dirs("/data/test");
  }
  Env& env() override { return host_; }
  std::string ip() const override { return host_.ip(); }
  std::string dir() const override { return "/data/test"; }

 private:
  SimWorld world_;
  SimEnv& host_;
};

}  // namespace

std::unique_ptr<Twin> make_sim_twin() {
  return std::make_unique<SimTwin>();
}

namespace {

SimOptions with_seed(uint64_t seed) {
  SimOptions options;
  options.seed = seed;
  return options;
}

// A server that writes what it gets into a file, syncs now and then in the pool, and answers each line with
// its number.
class LineServer : public Actor, ListenHandler, StreamHandler {
 public:
  explicit LineServer(SimEnv& env) : env_(env) {}
  void start(Loop& loop) override {
    ListenOptions options;
    options.port = 7000;
    auto listening = loop.listen(options, this);
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    listener_ = std::move(*listening);
    auto file = env_.files().open("/data/log", OpenMode::kAppend);
    ASSERT_TRUE(file.ok());
    file_ = std::move(*file);
  }
  Micros tick(Loop& loop) override {
    for (auto& [stream, text] : input_) {
      for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
        const std::string answer = std::to_string(++line_count) + "\n";
        (void)file_->write(text.substr(0, end + 1)).ok();
        write_text(*stream, answer);
        if (line_count % 4 == 0) (void)file_->sync().ok();
        if (text.compare(0, 4, "stop") == 0) stopped_ = true;
      }
    }
    (void)loop;
    return stopped_ ? kDone : Micros{-1};
  }
  void finish(Loop&) override {
    input_.clear();
    streams_.clear();
    listener_.reset();
    file_.reset();
  }
  int line_count = 0;

 private:
  void on_accept(Listener&, std::unique_ptr<Stream> stream) override {
    stream->set_handler(this);
    stream->read_start();
    streams_.push_back(std::move(stream));
  }
  void on_data(Stream& stream, std::string_view bytes) override { input_[&stream].append(bytes); }
  void on_end(Stream&, const Error&) override {}
  void on_drained(Stream&) override {}

  SimEnv& env_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::map<Stream*, std::string> input_;  // one stream in these tests, so its order does not matter
  std::unique_ptr<File> file_;
  bool stopped_ = false;
};

// Sends lines and waits for each answer.
class LineClient : public Actor, StreamHandler {
 public:
  LineClient(std::string ip, int lines) : ip_(std::move(ip)), lines_(lines) {}
  void start(Loop& loop) override {
    Address to;
    to.ip = ip_;
    to.port = 7000;
    auto stream = loop.connect(to, "", this);
    ASSERT_TRUE(stream.ok());
    stream_ = std::move(*stream);
    stream_->read_start();
  }
  Micros tick(Loop&) override {
    if (failed || answers == lines_) {
      stream_.reset();
      return kDone;
    }
    if (connected_ && asked_ == answers) {
      ++asked_;
      write_text(*stream_, asked_ == lines_ ? "stop\n" : "line " + std::to_string(asked_) + "\n");
    }
    return Micros{-1};
  }
  void finish(Loop&) override {}
  int answers = 0;
  bool failed = false;

 private:
  void on_connected(Stream&, Result<void> result) override {
    connected_ = result.ok();
    failed = !result.ok();
  }
  void on_data(Stream&, std::string_view bytes) override {
    for (char c : bytes) answers += c == '\n';
  }
  void on_end(Stream&, const Error&) override { failed = true; }
  void on_drained(Stream&) override {}

  std::string ip_;
  int lines_;
  std::unique_ptr<Stream> stream_;
  bool connected_ = false;
  int asked_ = 0;
};

struct RunOutcome {
  uint64_t hash;
  int64_t time_us;
  std::string log;
};

RunOutcome run_lines(uint64_t seed) {
  SimWorld world(with_seed(seed));
  SimEnv& server_host = world.add_host("server", "10.0.0.1");
  SimEnv& client_host = world.add_host("client", "10.0.0.2");
  LineServer server(server_host);
  LineClient client(server_host.ip(), 40);
  auto server_thread = server_host.start_thread("server", server);
  world.run_for(millis(10));
  auto client_thread = client_host.start_thread("client", client);
  server_thread->join();
  world.note(std::to_string(server.line_count));
  world.run_for(seconds(1));
  return {world.trace_hash(), world.now().us, *server_host.files().read_all("/data/log")};
}

TEST(Sim, TheSameSeedTwiceGivesTheSameHash) {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const RunOutcome first = run_lines(seed);
    const RunOutcome second = run_lines(seed);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.time_us, second.time_us) << "seed " << seed;
    EXPECT_EQ(first.log, second.log) << "seed " << seed;
    hashes.insert(first.hash);
  }
  EXPECT_EQ(hashes.size(), 20u) << "other seeds are other runs";
}

// ---- network

class SimNetTest : public testing::Test {
 protected:
  SimNetTest()
      : world_(with_seed(7)), a_(world_.add_host("a", "10.0.0.1")), b_(world_.add_host("b", "10.0.0.2")) {
    near_loop_ = a_.make_loop();
    far_loop_ = b_.make_loop();
  }
  // Two loops of two hosts: both are polled, since both belong to this thread.
  bool until(const std::function<bool()>& done, Micros at_most = seconds(20)) {
    const MonoTime deadline = world_.now() + at_most;
    while (!done()) {
      if (world_.now() > deadline) return false;
      if (near_loop_) near_loop_->poll(millis(1));
      if (far_loop_) far_loop_->poll(millis(1));
    }
    return true;
  }
  void listen() {
    ListenOptions options;
    options.port = 7000;
    auto listening = far_loop_->listen(options, &acceptor_);
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    listener_ = std::move(*listening);
  }
  void start_connecting() {
    Address to;
    to.ip = b_.ip();
    to.port = 7000;
    auto stream = near_loop_->connect(to, "", &near_events_);
    ASSERT_TRUE(stream.ok());
    near_ = std::move(*stream);
    near_->read_start();
  }
  void connect() {
    listen();
    start_connecting();
    ASSERT_TRUE(until([&] { return near_events_.connected_count == 1 && acceptor_.streams.size() == 1; }));
    far_ = std::move(acceptor_.streams[0]);
    far_->set_handler(&far_events_);
    far_->read_start();
  }
  void drop_far_side() {
    far_.reset();
    acceptor_.streams.clear();
    listener_.reset();
    far_loop_.reset();
  }

  SimWorld world_;
  SimEnv& a_;
  SimEnv& b_;
  std::unique_ptr<Loop> near_loop_;
  std::unique_ptr<Loop> far_loop_;
  Acceptor acceptor_;
  std::unique_ptr<Listener> listener_;
  Recorder near_events_;
  Recorder far_events_;
  std::unique_ptr<Stream> near_;
  std::unique_ptr<Stream> far_;
};

TEST_F(SimNetTest, APartitionHoldsBytesBackUntilItHeals) {
  connect();
  world_.partition(a_, b_);
  write_text(*near_, "during ");
  EXPECT_FALSE(until([&] { return !far_events_.received.empty(); }, seconds(5)));
  write_text(*near_, "and still");
  world_.heal_all();
  ASSERT_TRUE(until([&] { return far_events_.received.size() == 16; }));
  EXPECT_EQ(far_events_.received, "during and still");
}

TEST_F(SimNetTest, ABlockOfOneDirectionLetsTheOtherThrough) {
  connect();
  world_.block(b_, a_);
  write_text(*near_, "question");
  ASSERT_TRUE(until([&] { return far_events_.received == "question"; }));
  write_text(*far_, "answer");
  EXPECT_FALSE(until([&] { return !near_events_.received.empty(); }, seconds(5)));
  world_.unblock(b_, a_);
  EXPECT_TRUE(until([&] { return near_events_.received == "answer"; }));
}

TEST_F(SimNetTest, ConnectingBehindAPartitionTimesOut) {
  listen();
  world_.partition(a_, b_);
  const MonoTime begin = world_.now();
  start_connecting();
  ASSERT_TRUE(until([&] { return near_events_.connected_count == 1; }, seconds(300)));
  EXPECT_EQ(near_events_.connected.error().code, ETIMEDOUT);
  EXPECT_GT((world_.now() - begin).us, seconds(120).us);
}

TEST_F(SimNetTest, ConnectingGoesOnWhenThePartitionHealsInTime) {
  listen();
  world_.partition(a_, b_);
  start_connecting();
  EXPECT_FALSE(until([&] { return near_events_.connected_count == 1; }, seconds(5)));
  world_.heal(a_, b_);
  ASSERT_TRUE(until([&] { return near_events_.connected_count == 1; }));
  EXPECT_TRUE(near_events_.connected.ok());
}

TEST_F(SimNetTest, ResetsBreakBothSides) {
  connect();
  world_.reset_connections(a_, b_);
  ASSERT_TRUE(until([&] { return near_events_.end_count == 1 && far_events_.end_count == 1; }));
  EXPECT_EQ(near_events_.end.code, ECONNRESET);
  EXPECT_EQ(far_events_.end.code, ECONNRESET);
}

TEST_F(SimNetTest, ACrashedHostIsSilentAndAnswersWithAResetWhenItIsBack) {
  connect();
  world_.crash(b_);
  write_text(*near_, "anybody?");
  EXPECT_FALSE(until([&] { return near_events_.end_count > 0; }, seconds(60))) << "half open";
  drop_far_side();
  world_.restart(b_);
  ASSERT_TRUE(until([&] { return near_events_.end_count == 1; }));
  EXPECT_EQ(near_events_.end.code, ECONNRESET);
}

TEST_F(SimNetTest, UnansweredBytesEndAConnectionAtLast) {
  connect();
  world_.crash(b_);
  write_text(*near_, "anybody?");
  ASSERT_TRUE(until([&] { return near_events_.end_count == 1; }, seconds(1000)));
  EXPECT_EQ(near_events_.end.code, ETIMEDOUT);
}

TEST_F(SimNetTest, AKilledProcessEndsItsConnectionsAndRefusesNewOnes) {
  connect();
  world_.kill(b_);
  ASSERT_TRUE(until([&] { return near_events_.end_count == 1; }));
  drop_far_side();
  start_connecting();
  ASSERT_TRUE(until([&] { return near_events_.connected_count == 2; }));
  EXPECT_EQ(near_events_.connected.error().code, ECONNREFUSED);
}

TEST_F(SimNetTest, NamesClocksAndSignals) {
  world_.set_name("both.example", {"10.0.0.1", "10.0.0.2"});
  std::vector<std::string> found;
  near_loop_->resolve("both.example", [&](Result<std::vector<std::string>> result) { found = *result; });
  ASSERT_TRUE(until([&] { return !found.empty(); }));
  EXPECT_EQ(found, (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));

  const int64_t wall_before = a_.clock().wall_ms().ms;
  const MonoTime mono_before = a_.clock().mono();
  world_.jump_wall_clock(a_, seconds(-3600));
  EXPECT_LT(a_.clock().wall_ms().ms, wall_before - 3590000);
  EXPECT_GE(a_.clock().mono(), mono_before);
  EXPECT_GE(b_.clock().wall_ms().ms, wall_before) << "each host has its own";

  int seen = 0;
  auto watcher = near_loop_->watch_signals({SIGTERM}, [&](int number) { seen = number; });
  ASSERT_TRUE(watcher.ok());
  world_.raise_signal(a_, SIGHUP);
  world_.raise_signal(a_, SIGTERM);
  EXPECT_EQ(seen, 0) << "inside poll() only";
  ASSERT_TRUE(until([&] { return seen == SIGTERM; }));
}

TEST(Sim, APausedHostStandsStill) {
  SimWorld world(with_seed(3));
  SimEnv& host = world.add_host("a", "10.0.0.1");
  struct Ticker : Actor {
    void start(Loop&) override {}
    Micros tick(Loop&) override {
      ++ticks;
      return stop ? kDone : millis(10);
    }
    void finish(Loop&) override {}
    int ticks = 0;
    bool stop = false;
  } ticker;
  auto thread = host.start_thread("ticker", ticker);
  world.run_for(seconds(1));
  EXPECT_NEAR(ticker.ticks, 100, 10);
  world.pause(host);
  const int before = ticker.ticks;
  world.run_for(seconds(10));
  EXPECT_EQ(ticker.ticks, before);
  world.resume(host);
  world.run_for(millis(50));
  EXPECT_GT(ticker.ticks, before);
  ticker.stop = true;
  thread->join();
}

}  // namespace
}  // namespace tessera::io
