// Role: see the header. A pipeline is one buffer per connection whose digits are written over in place.
#include "tools/benchmark/run.h"

#include <algorithm>
#include <cstring>

#include "common/resp/value.h"

namespace tessera::benchmark {

Prefix make_prefix(const Options& options) {
  Prefix prefix;
  const auto add = [&](const std::vector<std::string>& args) {
    resp::append_command(prefix.bytes, args);
    ++prefix.replies;
  };
  if (!options.password.empty()) {
    if (options.user.empty()) {
      add({"AUTH", options.password});
    } else {
      add({"AUTH", options.user, options.password});
    }
  }
  if (options.tracking) add({"CLIENT", "TRACKING", "on"});
  if (options.database != 0 && !options.cluster) add({"SELECT", std::to_string(options.database)});
  if (options.resp3) add({"HELLO", "3"});
  return prefix;
}

int Run::take(int64_t* first) {
  int64_t before = issued.load(std::memory_order_relaxed);
  while (before < options.requests) {
    const int64_t count = std::min<int64_t>(options.pipeline, options.requests - before);
    if (issued.compare_exchange_weak(before, before + count, std::memory_order_relaxed)) {
      if (first != nullptr) *first = before;
      return static_cast<int>(count);
    }
  }
  return 0;
}

int64_t Run::due_us(int64_t number, int64_t now_us) {
  int64_t began = 0;
  if (pace_began_us.compare_exchange_strong(began, now_us)) began = now_us;
  return began + static_cast<int64_t>(static_cast<double>(number) * 1e6 /
                                      static_cast<double>(options.requests_per_second));
}

// ---- Map

Targets Map::targets() const {
  const std::lock_guard lock(mutex_);
  return targets_;
}

void Map::replace(Targets targets) {
  const std::lock_guard lock(mutex_);
  targets_ = std::move(targets);
  version_.fetch_add(1, std::memory_order_release);
}

void Map::ask_for_news(uint64_t known_version, const ReplyCounter::Redirections& why) {
  const std::lock_guard lock(mutex_);
  redirected_ += why.count;
  if (known_version != version_.load(std::memory_order_relaxed)) return;
  if (!question_) question_.emplace();
  question_->why = why.last;
  question_->cluster_down = question_->cluster_down || why.cluster_down;
}

std::optional<Question> Map::take_question() {
  const std::lock_guard lock(mutex_);
  return std::exchange(question_, std::nullopt);
}

int64_t Map::redirected() const {
  const std::lock_guard lock(mutex_);
  return redirected_;
}

// ---- Connection

// Takes the newest map. True: the target is another one than before.
bool Connection::choose_target() {
  const Run& run = worker_.run_;
  if (targets_ != nullptr && version_ == run.map.version()) return false;
  const io::Address before = target_ != nullptr ? target_->address : io::Address{};
  version_ = run.map.version();  // before the map: at worst an old number for a new one
  Targets targets = run.map.targets();
  target_ = &(*targets)[index_ % targets->size()];
  targets_ = std::move(targets);
  return before.ip != target_->address.ip || before.port != target_->address.port;
}

void Connection::connect() {
  static_cast<void>(choose_target());
  replies_ = ReplyCounter();
  // Where the slot is not the program's choice, another one cannot be asked.
  if (worker_.run_.options.cluster && !worker_.run_.workload.tags.empty()) replies_.tell_redirections_apart();
  prologue_ = worker_.run_.prefix.bytes;
  prefix_left_ = worker_.run_.prefix.replies;
  auto stream = worker_.loop_->connect(target_->address, "", this);
  if (stream.ok()) {
    stream_ = std::move(*stream);
  } else {
    worker_.fail("Could not connect to Redis at " + target_->address.text() + ": " + stream.error().message);
  }
}

void Connection::on_connected(io::Stream& stream, Result<void> result) {
  if (!result.ok()) {
    const Error& error = result.error();
    worker_.fail("Could not connect to Redis at " + target_->address.text() + ": " +
                 (error.code > 0 ? std::strerror(error.code) : error.message));
    return;
  }
  // Best effort: without it the figures may show the kernel's delays, with it refused they are figures still.
  if (!target_->address.is_unix) static_cast<void>(stream.set_no_delay(true));
  stream.read_start();
  if (!worker_.run_.options.idle) next_pipeline();
}

void Connection::end() {
  stream_.reset();
  worker_.connection_done();
}

// The next pipeline, where the newest map says.
void Connection::begin() {
  const Run& run = worker_.run_;
  if (!choose_target() && run.options.keep_alive) {
    next_pipeline();
    return;
  }
  if (run.stop.load(std::memory_order_relaxed) ||
      run.issued.load(std::memory_order_relaxed) >= run.options.requests) {
    end();
    return;
  }
  stream_.reset();
  connect();
}

bool Connection::resume() {
  if (!waiting_ || version_ == worker_.run_.map.version()) return false;
  waiting_ = false;
  begin();
  return true;
}

void Connection::next_pipeline() {
  Run& run = worker_.run_;
  int64_t first = 0;
  const int count = run.stop.load(std::memory_order_relaxed) ? 0 : run.take(&first);
  if (count == 0) {
    end();
    return;
  }
  fill(count);
  requested_ = left_ = count;
  const int64_t now_us = worker_.loop_->clock().mono().us;
  if (run.options.requests_per_second == 0) return send(now_us);
  const int64_t due_us = run.due_us(first, now_us);
  if (due_us <= now_us) return send(due_us);
  due_us_ = due_us;
  worker_.pipeline_waits();
}

void Connection::send(int64_t started_us) {
  latency_us_ = -1;
  written_ = 0;
  started_us_ = started_us;
  write();
}

std::optional<int64_t> Connection::send_if_due(int64_t now_us) {
  if (due_us_ && *due_us_ <= now_us) {
    due_us_.reset();
    send(now_us);
  }
  return due_us_;
}

void Connection::fill(int count) {
  Run& run = worker_.run_;
  const Workload& work = run.workload;
  const size_t size = work.bytes.size();
  if (out_.empty()) {
    out_.reserve(size * static_cast<size_t>(run.options.pipeline));
    for (int i = 0; i < run.options.pipeline; ++i) out_ += work.bytes;
  }
  end_ = size * static_cast<size_t>(count);
  if (work.randoms.empty() && work.tags.empty()) return;
  const auto keyspace = static_cast<uint64_t>(std::max<int64_t>(run.options.keyspace, 1));
  char* command = out_.data();
  for (int i = 0; i < count; ++i, command += size) {
    for (const uint32_t at : work.randoms) {
      const uint64_t number = run.options.sequential
                                  ? run.sequence.fetch_add(1, std::memory_order_relaxed) % keyspace
                                  : worker_.random_.below(keyspace);
      write_digits(command + at, number);
    }
    if (!work.tags.empty()) {
      const int slot = target_->slots[worker_.random_.below(target_->slots.size())];
      for (const uint32_t at : work.tags) std::memcpy(command + at, run.tags->tag(slot), kTagBytes);
    }
  }
}

void Connection::write() {
  const size_t total = prologue_.size() + end_;
  while (written_ < total) {
    io::Slice slices[2];
    size_t count = 0;
    if (written_ < prologue_.size())
      slices[count++] = {prologue_.data() + written_, prologue_.size() - written_};
    const size_t from = written_ > prologue_.size() ? written_ - prologue_.size() : 0;
    slices[count++] = {out_.data() + from, end_ - from};
    const size_t n = stream_->try_write({slices, count});
    if (n == 0) {
      stream_->want_drained();
      return;
    }
    written_ += n;
  }
  // All is out; from now on `written_` is not looked at before the next pipeline.
  prologue_.clear();
  written_ = end_;
}

void Connection::on_drained(io::Stream&) {
  write();
}

void Connection::on_data(io::Stream&, std::string_view bytes) {
  if (latency_us_ < 0) latency_us_ = worker_.loop_->clock().mono().us - started_us_;
  int count = replies_.feed(bytes);
  if (replies_.has_error()) {
    worker_.fail(target_->slots.empty()
                     ? "Error from server: " + replies_.error()
                     : "Error from server " + target_->address.text() + ": " + replies_.error());
    return;
  }
  if (replies_.broken()) {
    worker_.fail("Error: the server " + target_->address.text() + " does not speak the Redis protocol");
    return;
  }
  const int of_prefix = std::min(count, prefix_left_);
  prefix_left_ -= of_prefix;
  count -= of_prefix;
  if (count == 0) return;
  left_ -= count;
  if (left_ > 0) return;
  if (left_ < 0) {
    worker_.fail("Error: the server " + target_->address.text() + " sent more replies than requests");
    return;
  }
  pipeline_done();
}

void Connection::pipeline_done() {
  Run& run = worker_.run_;
  const auto redirections = replies_.take_redirections();
  const int served = requested_ - redirections.count;
  if (served > 0) {
    worker_.latencies_.add(latency_us_, served);
    run.finished.fetch_add(served, std::memory_order_relaxed);
    run.latency_sum_us.fetch_add(latency_us_ * served, std::memory_order_relaxed);
  }
  if (redirections.count == 0) {
    begin();
    return;
  }
  run.give_back(redirections.count);
  run.map.ask_for_news(version_, redirections);
  waiting_ = true;
  worker_.connection_waits();
}

void Connection::on_end(io::Stream&, const Error& error) {
  worker_.fail(error.code == 0 ? "Error: Server closed the connection"
                               : "Error: connection to " + target_->address.text() + ": " + error.message);
}

// ---- Worker

Worker::Worker(Run& run, int index, int count)
    : run_(run), index_(index), count_(count), random_(run.seed + static_cast<uint64_t>(index) * 7919) {}

void Worker::start(io::Loop& loop) {
  loop_ = &loop;
  begun_ = loop.clock().mono();
  for (int i = index_; i < run_.options.clients; i += count_) {
    connections_.push_back(std::make_unique<Connection>(*this, i));
  }
  active_ = static_cast<int>(connections_.size());
  for (auto& connection : connections_) connection->connect();
}

Micros Worker::tick(io::Loop& loop) {
  if (waiting_ > 0) {
    for (auto& connection : connections_) {
      if (connection->resume()) --waiting_;
    }
  }
  // Clients that wait are not told of the news: it is looked for.
  Micros wait = millis(waiting_ > 0 ? 2 : 100);
  if (paced_ > 0) {
    const int64_t now_us = loop.clock().mono().us;
    paced_ = 0;
    for (auto& connection : connections_) {
      const auto due_us = connection->send_if_due(now_us);
      if (!due_us) continue;
      ++paced_;
      wait = std::min(wait, Micros{*due_us - now_us});
    }
  }
  if (active_ > 0 && !run_.stop.load(std::memory_order_relaxed)) return wait;
  ended_ = loop.clock().mono();
  return kDone;
}

void Worker::finish(io::Loop&) {
  connections_.clear();
  run_.working.fetch_sub(1, std::memory_order_release);
}

void Worker::fail(std::string text) {
  if (error_.empty()) error_ = std::move(text);
  run_.fail();
}

}  // namespace tessera::benchmark
