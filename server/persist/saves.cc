// Role: see saves.h.
#include "server/persist/saves.h"

#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <utility>

#include "server/config/config.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/holding.h"
#include "server/persist/file_sink.h"
#include "server/store/cut.h"

namespace tessera::persist {

namespace {

constexpr int64_t kRetryUs = 5000000;  // after a failure

int64_t dirty_now(const dispatch::NodeShared& node) {
  int64_t dirty = 0;
  for (dispatch::Engine* engine : node.engines) dirty += engine->shard().counters().dirty.get();
  return dirty;
}

int64_t flushes_now(const dispatch::NodeShared& node) {
  int64_t flushes = 0;
  for (dispatch::Engine* engine : node.engines) {
    flushes += static_cast<int64_t>(store::KeyspaceCut::flush_count(engine->shard().keyspace()));
  }
  return flushes;
}

}  // namespace

Saves::Saves(dispatch::NodeShared& node) : node_(node) {}

void Saves::begin(bool in_background, Done done, std::function<void()> at_cut) {
  const auto settings = node_.settings->get();
  const config::Config& config = *settings->config;
  dispatch::SnapshotStatus& status = node_.snapshot_status;
  const MonoTime began = node_.env->clock().mono();
  last_try_ = began;
  cancelled_ = false;
  flushes_at_begin_ = flushes_now(node_);
  status.began_us = began.us;
  status.saving = true;
  status.in_background = in_background;
  if (in_background) node_.log->notice("Background saving started");
  SnapshotRequest request;
  request.sink = std::make_unique<FileSink>(
      node_.env->files(), config.text("dir"), "temp-" + std::to_string(getpid()) + ".rdb",
      config.text("dbfilename"), config.boolean("rdb-save-incremental-fsync"));
  request.done = [this, in_background, done = std::move(done)](const Result<CutInfo>& result) {
    over(in_background, cancelled_, result);
    if (done) done(result);
    begin_to_stop();
  };
  if (at_cut) request.at_cut = [at_cut = std::move(at_cut)](const CutInfo&) { at_cut(); };
  request_ = node_.snapshots->take(std::move(request));
}

void Saves::over(bool in_background, bool cancelled, const Result<CutInfo>& result) {
  dispatch::SnapshotStatus& status = node_.snapshot_status;
  const MonoTime now = node_.env->clock().mono();
  request_ = 0;
  status.copied_bytes_of_last = status.copied_bytes.load();
  status.saving = false;
  status.in_background = false;
  if (in_background) status.last_duration_s = (now.us - status.began_us.load()) / 1000000;
  if (result.ok()) {
    node_.log->notice("DB saved on disk");
    status.saved_dirty = result->dirty;
    status.last_save_s = node_.env->clock().wall_ms().ms / 1000;
    status.last_ok = true;
    status.saves.fetch_add(1);
  } else if (cancelled) {
    node_.log->notice("Saving was given up: %s", result.error().message.c_str());
  } else {
    node_.log->warning("Saving failed: %s", result.error().message.c_str());
    // SAVE tells its client; only what nobody waits for stops writes, as in redis-server.
    if (in_background) status.last_ok = false;
  }
  if (in_background) {
    if (result.ok()) node_.log->notice("Background saving terminated with success");
    if (!result.ok() && !cancelled) node_.log->warning("Background saving error");
  }
  judge_writes(*node_.settings->get()->config);
}

bool Saves::cancel(const std::string& why) {
  if (request_ == 0 || !node_.snapshots->cancel(request_, {why, 0})) return false;
  cancelled_ = true;
  return true;
}

void Saves::judge_writes(const config::Config& config) {
  node_.snapshot_status.refuse_writes = !node_.snapshot_status.last_ok.load() &&
                                        config.boolean("stop-writes-on-bgsave-error") &&
                                        !config.save_rules().empty();
}

void Saves::cron() {
  const auto settings = node_.settings->get();
  const config::Config& config = *settings->config;
  judge_writes(config);
  if (node_.loading.load() || node_.shutting_down.load() || stopping_) return;
  // All keys are gone: a file under way is of no use, and what is on disk is to follow.
  if (const int64_t flushes = flushes_now(node_); flushes != std::exchange(flushes_, flushes)) {
    // Not one that somebody waits for, nor one that began behind that.
    const bool is_stale = node_.snapshot_status.in_background.load() && flushes != flushes_at_begin_;
    if (in_progress() && is_stale) (void)cancel("all keys were deleted");
    if (!config.save_rules().empty()) scheduled_ = true;
  }
  if (in_progress()) return;
  const dispatch::SnapshotStatus& status = node_.snapshot_status;
  const bool may_try = status.last_ok.load() || (node_.env->clock().mono() - last_try_).us > kRetryUs;
  if (scheduled_ && may_try && !node_.journal->aof().rewriting.load()) {
    scheduled_ = false;
    begin(true);
    return;
  }
  const int64_t changes = dirty_now(node_) - status.saved_dirty.load();
  const int64_t since_s = node_.env->clock().wall_ms().ms / 1000 - status.last_save_s.load();
  for (const config::SaveRule& rule : config.save_rules()) {
    if (changes < rule.changes || since_s <= rule.seconds || !may_try) continue;
    node_.log->notice("%" PRId64 " changes in %" PRId64 " seconds. Saving...", rule.changes, rule.seconds);
    begin(true);
    return;
  }
}

void Saves::hold_writes(bool hold) {
  if (hold) {
    node_.pauses.set(dispatch::PausedFor::kShutdown, dispatch::Pauses::kUntilEndedMs, false);
  } else {
    node_.pauses.clear(dispatch::PausedFor::kShutdown);
  }
}

void Saves::save_to_stop(Done done) {
  stops_.push_back(std::move(done));
  if (std::exchange(stopping_, true)) return;  // one file for all who ask
  scheduled_ = false;
  if (in_progress()) (void)cancel("the server stops");
  hold_writes(true);
  // What ran before is in the cut, what comes later waits.
  dispatch::when_held(node_, [this, round = ++stop_round_] {
    if (round != stop_round_) return;  // aborted meanwhile
    writes_are_held_ = true;
    begin_to_stop();
  });
}

// Once nobody writes and what was cancelled is over.
void Saves::begin_to_stop() {
  if (!writes_are_held_ || in_progress()) return;
  writes_are_held_ = false;
  begin(false, [this, round = stop_round_](const Result<CutInfo>& result) {
    if (round != stop_round_) return;  // aborted; another may have asked since
    if (!result.ok()) {
      stopping_ = false;
      hold_writes(false);
    }
    answer_stops(result);
  });
}

void Saves::answer_stops(const Result<CutInfo>& result) {
  for (const Done& done : std::exchange(stops_, {})) done(result);
}

bool Saves::abort_stop() {
  if (!stopping_) return false;
  if (in_progress() && !cancel("the shutdown was aborted")) return false;
  stopping_ = writes_are_held_ = false;
  ++stop_round_;
  hold_writes(false);
  answer_stops(Error{"aborted", kAborted});
  return true;
}

}  // namespace tessera::persist
