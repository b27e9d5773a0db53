// Role: one behaviour of loops, streams, timers and threads, tried on every twin. Thread: the test's and
// those it starts.
#include <algorithm>
#include <atomic>
#include <cerrno>

#include "common/io/test_support.h"

namespace tessera::io {
namespace {

class LoopTest : public testing::TestWithParam<TwinKind> {
 protected:
  LoopTest() : twin_(GetParam().make()), loop_(twin_->env().make_loop()) {}
  Env& env() { return twin_->env(); }
  Loop& loop() { return *loop_; }

  std::unique_ptr<Twin> twin_;
  std::unique_ptr<Loop> loop_;
};

TEST_P(LoopTest, EchoesOverTcp) {
  Pair pair;
  ASSERT_TRUE(pair.make(loop(), twin_->ip()));
  std::string echoed;
  pair.far_events.after_data = [&](Stream& stream) {
    write_text(stream, pair.far_events.received);
    pair.far_events.received.clear();
  };
  for (int round = 0; round < 20; ++round) {
    const std::string text = "round " + std::to_string(round) + ";";
    ASSERT_EQ(write_text(*pair.near, text), text.size());
    echoed += text;
    ASSERT_TRUE(poll_until(loop(), [&] { return pair.near_events.received.size() == echoed.size(); }));
  }
  EXPECT_EQ(pair.near_events.received, echoed);
  EXPECT_EQ(pair.near->peer().port, pair.listener->port());
  EXPECT_EQ(pair.near->peer().ip, twin_->ip());
  EXPECT_EQ(pair.far->peer().text(), pair.near->local().text());
}

TEST_P(LoopTest, GathersSlicesInOneWrite) {
  Pair pair;
  ASSERT_TRUE(pair.make(loop(), twin_->ip()));
  const std::vector<std::string> parts = {"one ", "", "two ", "three"};
  std::vector<Slice> slices;
  for (const auto& part : parts) slices.push_back({part.data(), part.size()});
  EXPECT_EQ(pair.near->try_write(slices), 13u);
  ASSERT_TRUE(poll_until(loop(), [&] { return pair.far_events.received.size() == 13; }));
  EXPECT_EQ(pair.far_events.received, "one two three");
}

TEST_P(LoopTest, DataStaysValidUntilTheNextPoll) {
  Pair pair;
  ASSERT_TRUE(pair.make(loop(), twin_->ip()));
  struct Views : StreamHandler {
    std::vector<std::string_view> seen;
    void on_data(Stream&, std::string_view bytes) override { seen.push_back(bytes); }
    void on_end(Stream&, const Error&) override {}
    void on_drained(Stream&) override {}
  } near_views, far_views;
  pair.near->set_handler(&near_views);
  pair.far->set_handler(&far_views);
  const std::string to_far(3000, 'f');
  const std::string to_near(3000, 'n');
  write_text(*pair.near, to_far);
  write_text(*pair.far, to_near);
  size_t far_bytes = 0;
  size_t near_bytes = 0;
  ASSERT_TRUE(poll_until(loop(), [&] {
    for (std::string_view view : far_views.seen) {
      far_bytes += view.size();
      EXPECT_EQ(view, std::string(view.size(), 'f'));
    }
    for (std::string_view view : near_views.seen) {
      near_bytes += view.size();
      EXPECT_EQ(view, std::string(view.size(), 'n'));
    }
    far_views.seen.clear();
    near_views.seen.clear();
    return far_bytes == 3000 && near_bytes == 3000;
  }));
}

TEST_P(LoopTest, ManyStreamsEachGetTheirOwnBytes) {
  constexpr int kCount = 200;
  Acceptor acceptor;
  std::map<Stream*, Recorder> far;
  acceptor.on_new = [&](Stream& stream) {
    Recorder& events = far[&stream];
    stream.set_handler(&events);
    events.after_data = [&events](Stream& from) {
      write_text(from, events.received);
      events.received.clear();
    };
    stream.read_start();
  };
  ListenOptions options;
  options.host = twin_->ip();
  auto listener = loop().listen(options, &acceptor);
  ASSERT_TRUE(listener.ok()) << listener.error().message;
  std::vector<Recorder> near(kCount);
  std::vector<std::unique_ptr<Stream>> streams;
  Address to;
  to.ip = twin_->ip();
  to.port = (*listener)->port();
  for (auto& events : near) {
    auto stream = loop().connect(to, "", &events);
    ASSERT_TRUE(stream.ok()) << stream.error().message;
    streams.push_back(std::move(*stream));
  }
  ASSERT_TRUE(poll_until(loop(), [&] {
    return std::all_of(near.begin(), near.end(), [](const Recorder& e) { return e.connected_count == 1; });
  }));
  for (int i = 0; i < kCount; ++i) {
    ASSERT_TRUE(near[static_cast<size_t>(i)].connected.ok());
    streams[static_cast<size_t>(i)]->read_start();
    write_text(*streams[static_cast<size_t>(i)], "stream " + std::to_string(i));
  }
  ASSERT_TRUE(poll_until(loop(), [&] {
    for (int i = 0; i < kCount; ++i) {
      if (near[static_cast<size_t>(i)].received != "stream " + std::to_string(i)) return false;
    }
    return true;
  }));
}

TEST_P(LoopTest, HalfCloseShowsTheEndAndStillTakesAnswers) {
  Pair pair;
  ASSERT_TRUE(pair.make(loop(), twin_->ip()));
  write_text(*pair.near, "last words");
  pair.near->shutdown_write();
  ASSERT_TRUE(poll_until(loop(), [&] { return pair.far_events.end_count == 1; }));
  EXPECT_EQ(pair.far_events.received, "last words");
  EXPECT_EQ(pair.far_events.end.code, 0);
  EXPECT_EQ(pair.far_events.end.message, "");
  EXPECT_EQ(write_text(*pair.far, "answer"), 6u);
  ASSERT_TRUE(poll_until(loop(), [&] { return pair.near_events.received == "answer"; }));
  EXPECT_EQ(pair.near_events.end_count, 0);
  pair.far.reset();
  ASSERT_TRUE(poll_until(loop(), [&] { return pair.near_events.end_count == 1; }));
}

TEST_P(LoopTest, SlowReaderHoldsTheWriterBackAndGetsEveryByte) {
  Pair pair;
  ASSERT_TRUE(pair.make(loop(), twin_->ip()));
  pair.far->read_stop();
  std::string all(20 << 20, '\0');
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>('a' + i * 7 % 23);
  size_t sent = 0;
  auto push = [&] {
    while (sent < all.size()) {
      const size_t taken = write_text(*pair.near, std::string_view(all).substr(sent, 1 << 20));
      if (taken == 0) break;
      sent += taken;
    }
    if (sent < all.size()) pair.near->want_drained();
  };
  push();
  ASSERT_LT(sent, all.size()) << "the kernel must not take everything";
  const size_t before = sent;
  for (int i = 0; i < 5; ++i) loop().poll(millis(2));
  EXPECT_LE(pair.far_events.received.size(), 0u) << "read_stop() must hold";
  pair.far->read_start();
  int drained_seen = 0;
  ASSERT_TRUE(poll_until(loop(), [&] {
    if (pair.near_events.drained_count > drained_seen) {
      drained_seen = pair.near_events.drained_count;
      push();
    }
    return pair.far_events.received.size() == all.size();
  }));
  EXPECT_GT(sent, before);
  EXPECT_GT(drained_seen, 0);
  EXPECT_TRUE(pair.far_events.received == all);
}

TEST_P(LoopTest, ListeningOnAUsedPortSaysWhichPort) {
  Acceptor acceptor;
  ListenOptions options;
  options.host = twin_->ip();
  auto first = loop().listen(options, &acceptor);
  ASSERT_TRUE(first.ok()) << first.error().message;
  options.port = (*first)->port();
  ASSERT_GT(options.port, 0);
  auto second = loop().listen(options, &acceptor);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_EQ(second.error().message,
            twin_->ip() + ":" + std::to_string(options.port) + ": bind: Address already in use");
  first->reset();
  loop().poll({0});
  EXPECT_TRUE(loop().listen(options, &acceptor).ok()) << "the port is free again";
}

TEST_P(LoopTest, APortIsClaimedAloneAndSharedThen) {
  Acceptor acceptor;
  ListenOptions claim, join;
  claim.host = join.host = twin_->ip();
  claim.claim_port = join.reuse_port = true;
  auto first = loop().listen(claim, &acceptor);
  ASSERT_TRUE(first.ok()) << first.error().message;
  claim.port = join.port = (*first)->port();
  auto second = loop().listen(join, &acceptor);
  EXPECT_TRUE(second.ok()) << second.error().message;
  EXPECT_EQ(loop().listen(claim, &acceptor).error().code, EADDRINUSE) << "claimed by somebody else";
  first->reset();
  loop().poll({0});
  EXPECT_EQ(loop().listen(claim, &acceptor).error().code, EADDRINUSE)
      << "not alone, whatever the other shares";
}

TEST_P(LoopTest, TryingAPortAcceptsNobody) {
  Acceptor acceptor;
  ListenOptions options;
  options.host = twin_->ip();
  {
    auto listener = loop().listen(options, &acceptor);
    ASSERT_TRUE(listener.ok());
    options.port = (*listener)->port();
    EXPECT_EQ(loop().try_listen(options).error().code, EADDRINUSE);
    options.reuse_port = true;
    EXPECT_EQ(loop().try_listen(options).error().code, EADDRINUSE) << "the listener does not share";
  }
  loop().poll({0});
  EXPECT_TRUE(loop().try_listen(options).ok());
  options.claim_port = true;
  EXPECT_TRUE(loop().listen(options, &acceptor).ok()) << "trying leaves nothing behind";
}

TEST_P(LoopTest, ConnectingWhereNobodyListensIsRefused) {
  Acceptor acceptor;
  ListenOptions options;
  options.host = twin_->ip();
  int port = 0;
  {
    auto listener = loop().listen(options, &acceptor);
    ASSERT_TRUE(listener.ok());
    port = (*listener)->port();
  }
  loop().poll({0});
  Recorder events;
  Address to;
  to.ip = twin_->ip();
  to.port = port;
  auto stream = loop().connect(to, "", &events);
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ(events.connected_count, 0) << "callbacks come inside poll()";
  ASSERT_TRUE(poll_until(loop(), [&] { return events.connected_count == 1; }));
  EXPECT_FALSE(events.connected.ok());
  EXPECT_EQ(events.connected.error().code, ECONNREFUSED);
  EXPECT_EQ(events.connected.error().message, "Connection refused");
  EXPECT_FALSE(loop().connect(Address{"not an address", 1, false}, "", &events).ok());
}

TEST_P(LoopTest, WritingToAClosedPeerEndsTheStream) {
  Pair pair;
  ASSERT_TRUE(pair.make(loop(), twin_->ip()));
  pair.near->read_stop();  // so that only writing can notice
  pair.far.reset();
  ASSERT_TRUE(poll_until(loop(), [&] {
    write_text(*pair.near, "anybody there?");
    return pair.near_events.end_count > 0;
  }));
  EXPECT_NE(pair.near_events.end.code, 0);
  EXPECT_EQ(write_text(*pair.near, "x"), 0u);
}

TEST_P(LoopTest, AStreamMayBeDestroyedInItsOwnCallbacks) {
  Pair pair;
  ASSERT_TRUE(pair.make(loop(), twin_->ip()));
  bool destroyed = false;
  pair.far_events.after_data = [&](Stream&) {
    pair.far.reset();
    destroyed = true;
  };
  write_text(*pair.near, "die");
  ASSERT_TRUE(poll_until(loop(), [&] { return destroyed && pair.near_events.end_count == 1; }));

  struct Suicide : Recorder {
    std::unique_ptr<Stream>* self = nullptr;
    void on_end(Stream& stream, const Error& error) override {
      Recorder::on_end(stream, error);
      self->reset();
    }
  } suicide;
  Pair second;
  ASSERT_TRUE(second.make(loop(), twin_->ip()));
  suicide.self = &second.far;
  second.far->set_handler(&suicide);
  second.near.reset();
  ASSERT_TRUE(poll_until(loop(), [&] { return suicide.end_count == 1; }));
  EXPECT_EQ(second.far, nullptr);
}

TEST_P(LoopTest, TimersFireInOrderNeverEarlyAndRepeat) {
  std::vector<int> order;
  const MonoTime begin = loop().clock().mono();
  std::vector<MonoTime> at(3);
  std::vector<std::unique_ptr<Timer>> timers;
  const int delays_ms[] = {30, 10, 20};
  for (int i = 0; i < 3; ++i) {
    timers.push_back(loop().make_timer([&, i] {
      order.push_back(i);
      at[static_cast<size_t>(i)] = loop().clock().mono();
    }));
    timers.back()->start(millis(delays_ms[i]), {0});
  }
  int ticks = 0;
  auto repeating = loop().make_timer([&] { ++ticks; });
  repeating->start(millis(5), millis(5));
  bool stopped_fired = false;
  auto stopped = loop().make_timer([&] { stopped_fired = true; });
  stopped->start(millis(1), {0});
  stopped->stop();
  ASSERT_TRUE(poll_until(loop(), [&] { return order.size() == 3 && ticks >= 6; }));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 0}));
  for (size_t i = 0; i < 3; ++i) EXPECT_GE((at[i] - begin).us, delays_ms[i] * 1000);
  EXPECT_FALSE(stopped_fired);
  const int before = ticks;
  repeating.reset();
  loop().poll(millis(12));
  EXPECT_EQ(ticks, before);
}

TEST_P(LoopTest, ATimerMayDestroyItself) {
  std::unique_ptr<Timer> timer;
  int fired = 0;
  timer = loop().make_timer([&] {
    ++fired;
    timer.reset();
  });
  timer->start(millis(1), millis(1));
  ASSERT_TRUE(poll_until(loop(), [&] { return fired == 1; }));
  loop().poll(millis(5));
  EXPECT_EQ(fired, 1);
}

TEST_P(LoopTest, PollWaitsAtLeastAsLongAsAsked) {
  const MonoTime begin = loop().clock().mono();
  loop().poll(millis(20));
  EXPECT_GE((loop().clock().mono() - begin).us, 20000);
  // Less than a millisecond is not too much for it, and no turn of it is left for the next one.
  for (int i = 0; i < 20; ++i) {
    const MonoTime shortly = loop().clock().mono();
    loop().poll(Micros{100 + i * 40});
    EXPECT_GE((loop().clock().mono() - shortly).us, 100 + i * 40);
    loop().poll({0});
  }
  const MonoTime second = loop().clock().mono();
  loop().wait_inbox(millis(10));
  EXPECT_GE((loop().clock().mono() - second).us, 10000);
}

// A wait is over when a timer has fired, even one that was due when it began and the last there was.
TEST_P(LoopTest, ATimerThatIsDueEndsAWaitWithoutAnEnd) {
  for (int i = 0; i < 20; ++i) {
    bool fired = false;
    auto timer = loop().make_timer([&] { fired = true; });
    timer->start(millis(0), {0});
    const MonoTime until = loop().clock().mono() + millis(3);
    while (std::string_view(GetParam().name) == "uv" && loop().clock().mono() < until) {
    }
    while (!fired) loop().poll({-1});
  }
}

TEST_P(LoopTest, ResolvesNumericAndLocalNames) {
  std::vector<std::string> found;
  bool failed = false;
  loop().resolve(twin_->ip(), [&](Result<std::vector<std::string>> result) {
    if (result) found = *result;
  });
  loop().resolve("no-such-host.invalid",
                 [&](Result<std::vector<std::string>> result) { failed = !result.ok(); });
  ASSERT_TRUE(poll_until(loop(), [&] { return !found.empty() && failed; }));
  EXPECT_EQ(found, std::vector<std::string>{twin_->ip()});
}

// ---- threads

struct Number : Message {
  Number(int from, int serial) : sender(from), value(serial) {}
  int sender;
  int value;
};

// Counts what it gets, until it has `expected`.
class Collector : public Actor {
 public:
  explicit Collector(int senders, int expected) : next_(static_cast<size_t>(senders)), expected_(expected) {}
  void start(Loop&) override { ++started; }
  Micros tick(Loop& loop) override {
    for (Message* message = loop.inbox().take_all(); message != nullptr;) {
      auto* number = static_cast<Number*>(message);
      if (number->value != next_[static_cast<size_t>(number->sender)]++) ++wrong_order;
      ++received;
      message = number->next;
      delete number;
    }
    return received == expected_ ? kDone : Micros{-1};
  }
  void finish(Loop&) override { ++finished; }

  int started = 0;
  int finished = 0;
  int received = 0;
  int wrong_order = 0;

 private:
  std::vector<int> next_;
  int expected_;
};

// Posts `count` numbers to `to`, a few each tick.
class Sender : public Actor {
 public:
  Sender(int id, int count, Loop& to) : id_(id), count_(count), to_(to) {}
  void start(Loop&) override {}
  Micros tick(Loop&) override {
    // Bursts of different lengths, so that the receiver falls asleep in between.
    for (int i = 0; i < 1 + sent_ % 5 && sent_ < count_; ++i) to_.post(new Number(id_, sent_++));
    return sent_ == count_ ? kDone : Micros{0};
  }
  void finish(Loop&) override {}

 private:
  int id_;
  int count_;
  Loop& to_;
  int sent_ = 0;
};

TEST_P(LoopTest, ManyThreadsPostToOneThatSleeps) {
  constexpr int kSenders = 4;
  constexpr int kEach = 3000;
  Collector collector(kSenders, kSenders * kEach);
  auto receiver = env().start_thread("collector", collector);
  std::vector<std::unique_ptr<Sender>> senders;
  std::vector<std::unique_ptr<Thread>> threads;
  for (int i = 0; i < kSenders; ++i) {
    senders.push_back(std::make_unique<Sender>(i, kEach, receiver->loop()));
    threads.push_back(env().start_thread("sender-with-a-long-name", *senders.back(), std::vector<int>{i}));
  }
  for (auto& thread : threads) thread->join();
  receiver->join();
  EXPECT_EQ(collector.started, 1);
  EXPECT_EQ(collector.finished, 1);
  EXPECT_EQ(collector.received, kSenders * kEach);
  EXPECT_EQ(collector.wrong_order, 0);
}

// Two threads that hand one message to and fro and otherwise sleep for ever: a lost wake-up hangs the test.
class Player : public Actor {
 public:
  Player(int rounds, bool parked) : rounds_(rounds), parked_(parked) {}
  void start(Loop&) override {}
  Micros tick(Loop& loop) override {
    for (Message* message = loop.inbox().take_all(); message != nullptr;) {
      Message* next = message->next;
      ++seen;
      if (seen < rounds_ || give_last) {
        other->post(message);
      } else {
        delete message;
      }
      message = next;
    }
    if (seen >= rounds_) return kDone;
    return parked_ ? kInboxOnly : Micros{-1};
  }
  void finish(Loop&) override {}
  Loop* other = nullptr;
  bool give_last = false;
  int seen = 0;

 private:
  int rounds_;
  bool parked_;
};

TEST_P(LoopTest, SleepAndWakeNeverMissEachOther) {
  for (bool parked : {false, true}) {
    constexpr int kRounds = 5000;
    Player left(kRounds, parked);
    Player right(kRounds, false);
    left.give_last = true;
    // The loops are known only once the threads run: the first message is posted after both are set.
    auto left_thread = env().start_thread("left", left);
    auto right_thread = env().start_thread("right", right);
    left.other = &right_thread->loop();
    right.other = &left_thread->loop();
    left_thread->loop().post(new Number(0, 0));
    right_thread->join();
    left_thread->join();
    EXPECT_EQ(left.seen, kRounds);
    EXPECT_EQ(right.seen, kRounds);
  }
}

TEST_P(LoopTest, PoolJobsAnswerByMessage) {
  std::atomic<int> ran{0};
  for (int i = 0; i < 10; ++i) {
    env().pool().submit([&ran, i, this] {
      ran.fetch_add(1);
      loop().post(new Number(0, i));
    });
  }
  int answers = 0;
  ASSERT_TRUE(poll_until(loop(), [&] {
    for (Message* message = loop().inbox().take_all(); message != nullptr;) {
      Message* next = message->next;
      delete message;
      ++answers;
      message = next;
    }
    return answers == 10;
  }));
  EXPECT_EQ(ran.load(), 10);
  env().pool().drain();
}

TEST_P(LoopTest, EntropyDiffersFromCallToCall) {
  EXPECT_NE(env().random_u64(), env().random_u64());
}

INSTANTIATE_TEST_SUITE_P(Twins, LoopTest,
                         testing::Values(TwinKind{"uv", make_uv_twin}, TwinKind{"sim", make_sim_twin}),
                         [](const auto& twin) { return std::string(twin.param.name); });

}  // namespace
}  // namespace tessera::io
