// Role: one test's run: its shared counters, the threads' workers and their connections.
// Thread: Run is shared (atomics, and the slots below a lock that is taken when they change); a Worker and
// its Connections belong to the worker's thread; the main thread asks for slots. Invariants: exactly the
// wanted number of requests is issued over all threads; the first failure ends all; a latency is the time
// from a pipeline's write (with --rps: from when it was due, if no client was free then) to the first bytes
// of its replies, counted for each of its requests. A request that a cluster redirects was not served: it is
// not counted, and issued again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/io/env.h"
#include "tools/benchmark/histogram.h"
#include "tools/benchmark/options.h"
#include "tools/benchmark/reply_counter.h"
#include "tools/benchmark/workload.h"

namespace tessera::benchmark {

// A server that is loaded.
struct Target {
  io::Address address;
  std::string id;          // of a cluster node
  std::vector<int> slots;  // of a cluster node, never empty then
};

// What every connection says first.
struct Prefix {
  std::string bytes;
  int replies = 0;
};
Prefix make_prefix(const Options& options);

using Targets = std::shared_ptr<const std::vector<Target>>;

// What redirected clients want to know, and why.
struct Question {
  std::string why;
  bool cluster_down = false;
};

// Who serves what, as last heard. A client that was redirected asks for news and waits for another version.
class Map {
 public:
  explicit Map(Targets targets) : targets_(std::move(targets)) {}
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  Targets targets() const;
  void replace(Targets targets);

  // A client's: what it knew was wrong. Nothing happens if there is a newer version already.
  void ask_for_news(uint64_t known_version, const ReplyCounter::Redirections& why);
  // The main thread's: what was asked since the last time.
  std::optional<Question> take_question();
  int64_t redirected() const;  // requests, of all clients

 private:
  mutable std::mutex mutex_;
  Targets targets_;
  std::optional<Question> question_;
  int64_t redirected_ = 0;
  std::atomic<uint64_t> version_{1};
};

struct Run {
  Run(const Options& run_options, const Workload& run_workload, Targets run_targets, const TagTable* run_tags)
      : options(run_options), workload(run_workload), map(std::move(run_targets)), tags(run_tags) {}

  // Takes up to a pipeline of requests, whose first one is number `first`; 0: none is left.
  int take(int64_t* first = nullptr);
  void give_back(int count) { issued.fetch_sub(count, std::memory_order_relaxed); }
  void fail() { stop.store(true, std::memory_order_relaxed); }

  const Options& options;
  const Workload& workload;
  Map map;
  const TagTable* tags;  // in cluster mode
  Prefix prefix = make_prefix(options);
  uint64_t seed = 1;

  // When a request may be sent, with --rps; the first one is due when the first client is connected.
  int64_t due_us(int64_t number, int64_t now_us);

  std::atomic<int64_t> issued{0};
  std::atomic<int64_t> pace_began_us{0};
  std::atomic<int64_t> finished{0};
  std::atomic<int64_t> latency_sum_us{0};
  std::atomic<uint64_t> sequence{0};
  std::atomic<bool> stop{false};
  std::atomic<int> working{0};
};

class Worker;

class Connection final : io::StreamHandler {
 public:
  Connection(Worker& worker, int index) : worker_(worker), index_(static_cast<size_t>(index)) {}
  void connect();
  // True: there is a newer map, and this client, which waits for one, goes on. Called often.
  bool resume();
  // With --rps: sends its pipeline once that is due. Returns when that is, or nothing when it waits no more.
  std::optional<int64_t> send_if_due(int64_t now_us);

 private:
  void on_connected(io::Stream& stream, Result<void> result) override;
  void on_data(io::Stream& stream, std::string_view bytes) override;
  void on_end(io::Stream& stream, const Error& error) override;
  void on_drained(io::Stream& stream) override;
  void next_pipeline();
  void send(int64_t started_us);
  void fill(int count);
  void write();
  void pipeline_done();
  void begin();
  void end();
  bool choose_target();

  Worker& worker_;
  size_t index_;  // of all clients
  Targets targets_;
  const Target* target_ = nullptr;  // one of targets_
  uint64_t version_ = 0;            // of the map that targets_ is of
  bool waiting_ = false;            // for a newer one
  std::unique_ptr<io::Stream> stream_;
  ReplyCounter replies_;
  std::string out_;       // copies of the command, at most a pipeline of them
  std::string prologue_;  // the prefix, until it is written
  size_t end_ = 0;        // of what this pipeline sends of out_
  size_t written_ = 0;    // of prologue_ and out_ together
  int prefix_left_ = 0;
  int left_ = 0;       // replies of this pipeline
  int requested_ = 0;  // requests of this pipeline
  int64_t started_us_ = 0;
  std::optional<int64_t> due_us_;  // of a pipeline that waits for its time
  int64_t latency_us_ = -1;
};

class Worker final : public io::Actor {
 public:
  Worker(Run& run, int index, int count);

  void start(io::Loop& loop) override;
  Micros tick(io::Loop& loop) override;
  void finish(io::Loop& loop) override;

  // After the thread has ended.
  const Histogram& latencies() const { return latencies_; }
  const std::string& error() const { return error_; }
  MonoTime begun() const { return begun_; }
  MonoTime ended() const { return ended_; }

 private:
  friend class Connection;
  void fail(std::string text);
  void connection_done() { --active_; }
  void connection_waits() { ++waiting_; }
  void pipeline_waits() { ++paced_; }

  Run& run_;
  int index_;
  int count_;
  io::Loop* loop_ = nullptr;
  Random random_;
  Histogram latencies_;
  std::vector<std::unique_ptr<Connection>> connections_;
  int active_ = 0;
  int waiting_ = 0;
  int paced_ = 0;  // connections whose pipeline is not due yet
  std::string error_;
  MonoTime begun_, ended_;
};

}  // namespace tessera::benchmark
