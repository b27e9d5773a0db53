// Role: the journal thread's life: what it is asked, its tick. See aof.h.
#include "server/persist/aof/aof.h"

#include <algorithm>
#include <utility>

#include "server/journal/faults.h"

namespace tessera::persist {

// The thread's inbox has nothing else.
struct Aof::Do : io::Message {
  std::function<void()> run;
  explicit Do(std::function<void()> r) : run(std::move(r)) {}
};

Aof::Aof(io::Env& env, Log& log, journal::Journal& journal, AofPlace place)
    : env_(env), log_(log), journal_(journal), place_(std::move(place)) {}

Aof::~Aof() {
  while (!waiting_.empty()) waiting_.pop_front();  // in order: the last one to go frees no chain
  drop_written(UINT64_MAX);
}

void Aof::start_thread(const std::vector<int>& cpus) {
  thread_ = env_.start_thread("journal", *this, cpus);
  loop_ = &thread_->loop();
}

void Aof::end_thread() {
  if (!thread_) return;
  post([this] { stopping_ = true; });
  thread_->join();
}

void Aof::post(std::function<void()> run) {
  loop_->post(new Do(std::move(run)));
}

void Aof::start(io::Loop& loop) {
  now_ = loop.clock().mono();
}

void Aof::set_settings(const AofSettings& settings, std::function<void()> done) {
  post([this, settings, done = std::move(done)] {
    settings_ = settings;
    group_ = {};
    written_count_ = 0;
    if (is_on()) {
      if (phase_ == Phase::kOn) journal_.durability().set_policy(settings_.policy);
      unsynced_since_ = {};
      if (written_ > durable_) unsynced_since_ = now_;
      publish();
    }
    if (done) done();
  });
}

void Aof::turn_off(std::function<void()> done) {
  journal_.aof().enabled = false;
  post([this, done = std::move(done)] {
    if (is_on()) {
      journal_.turn_off(journal::kAof);
      if (rewrite_.running) rewrite_ended(false);  // what is behind its cut belongs into this file again
      if (phase_ == Phase::kOn) (void)write_all();
      stop_logging();
      answer_waiters();
      lock_.reset();
    }
    done();
  });
}

void Aof::stop_logging() {
  forget_log();
  phase_ = Phase::kOff;
  journal_.durability().set_policy(journal::Durability::Policy::kOff);
  journal_.durability().set_unsynced_since({});
  journal_.durability().set_failure(0);
  journal_.aof().waiting_bytes = 0;
}

void Aof::rest(std::string dir, std::function<void(Result<aof::Manifest>)> done) {
  post([this, dir = std::move(dir), done = std::move(done)] {
    if (rewrite_.running || phase_ == Phase::kStarting) return done(Error{"a rewrite is under way"});
    if (!is_on()) {
      if (const auto taken = take_folder(dir); !taken.ok()) return done(taken.error());
      if (manifest_.base || !manifest_.increments.empty()) return done(manifest_);
      lock_.reset();
      return done(Error{"there is no append only file"});
    }
    if (!write_all()) return done(Error{"the append only file cannot be written"});
    answer_waiters();
    stop_logging();
    rests_ = true;
    done(manifest_);
  });
}

void Aof::reopen(std::function<void(Result<void>)> done) {
  post([this, done = std::move(done)] { done(rests_ ? open_loaded() : Result<void>{}); });
}

void Aof::go_on() {
  if (rests_) {
    turn_on_at_start();
    post([this] { rests_ = false; });
  } else {
    post([this] { let_folder_go(); });
  }
}

// Nothing of the log is written any more, until it is turned on again.
void Aof::forget_log() {
  journal_.turn_off(journal::kAof);
  journal_.aof().write_ok = true;
  file_.reset();
  cursor_.reset();
  while (!waiting_.empty()) waiting_.pop_front();
  drop_written(UINT64_MAX);
  failing_ = sync_failed_ = torn_ = false;
}

void Aof::wait_durable(uint64_t offset, MonoTime deadline, std::function<void(bool)> done) {
  post([this, offset, deadline, done = std::move(done)]() mutable {
    waiters_.push_back({offset, deadline, std::move(done)});
    answer_waiters();
  });
}

void Aof::answer_waiters() {
  for (size_t i = 0; i < waiters_.size();) {
    Waiter& each = waiters_[i];
    const bool reached = phase_ == Phase::kOn && each.offset <= durable_;
    const bool over = !is_on() || (each.deadline.us != 0 && each.deadline <= now_);
    if (!reached && !over) {
      ++i;
      continue;
    }
    each.done(reached);
    waiters_.erase(waiters_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// Since when something waits is told before it is written: that, and the sync, may take as long as they like.
void Aof::take_chunks() {
  if (!cursor_) return;
  const bool waited = unsynced_since_.us != 0;
  while (journal::Chunk chunk = cursor_->take()) {
    if (unsynced_since_.us == 0) unsynced_since_ = journal_.durability().unsynced_since();
    if (unsynced_since_.us == 0) unsynced_since_ = now_;
    waiting_.push_back(std::move(chunk));
  }
  if (!waited && phase_ == Phase::kOn && !journal::planted(journal::Fault::kSlowDiskIsNoNews))
    publish_unsynced_since();
}

Micros Aof::tick(io::Loop& loop) {
  now_ = loop.clock().mono();
  journal_.finish_sleep(journal::kAof);
  // What has been appended first, then what was asked: a cut is asked for before anything comes behind it.
  bool had_work = false;
  if (cursor_) {
    journal_.order();
    take_chunks();
    had_work = !waiting_.empty();
  }
  io::Message* message = loop.inbox().take_all();
  while (message != nullptr) {
    io::Message* next = message->next;
    const std::unique_ptr<Do> mine(static_cast<Do*>(message));
    mine->run();
    message = next;
  }
  if (is_on()) {
    const bool gathers = waits_for_group();
    if (!failing_ || now_ >= retry_at_) {
      if (sync_failed_) {
        if (auto begun = begin_anew(); !begun.ok()) sync_failed(begun.error());
      }
      if (!gathers) write_some();
    }
    if (rewrite_.waits_for_switch) switch_files();
    if (!gathers || written_ > durable_) sync_if_due();  // a switch writes what came behind its cut
    publish();
    look_for_growth();
  }
  if (!waiters_.empty()) answer_waiters();
  if (stopping_) return kDone;
  return next_wait(had_work);
}

// With `always` somebody waits for every batch. Else a busy log is written a few hundred times a second, and
// nobody has to wake us for it.
Micros Aof::next_wait(bool had_work) {
  constexpr Micros kPause = millis(2);
  using Policy = journal::Durability::Policy;
  Micros wait = seconds(1);
  for (const Waiter& each : waiters_) {
    if (each.deadline.us != 0) wait = std::min(wait, std::max(each.deadline - now_, Micros{0}));
  }
  if (!is_on()) return waiters_.empty() ? Micros{-1} : wait;
  if (!cursor_) return wait;  // until a cut is made
  if (failing_) return std::min(wait, std::max(retry_at_ - now_, millis(1)));
  if (settings_.policy == Policy::kEverysec && written_ > durable_) {
    wait = std::min(wait, std::max(last_sync_ + seconds(1) - now_, millis(1)));
  }
  if (!waiting_.empty() && !is_behind_cut(*waiting_.front())) {  // taken, and not written yet
    if (group_.until().us == 0) return Micros{0};
    wait = std::min(wait, std::max(group_.until() - now_, Micros{1}));
  }
  if (had_work && settings_.policy != Policy::kAlways) return std::min(wait, kPause);
  return journal_.prepare_sleep(journal::kAof, *cursor_) ? wait : Micros{0};
}

void Aof::finish(io::Loop&) {
  if (!is_on()) return;
  if (rewrite_.waits_for_switch) rewrite_ended(false);
  log_.notice("Calling fsync() on the AOF file.");
  (void)write_all();
  publish();
}

}  // namespace tessera::persist
