// Role: new bases: a rewrite begins, the log goes on in a new increment from its moment on, and the manifest
// names both once the base is whole. See aof.h. Thread: the journal thread; moments come from the
// coordinator.
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "common/text/integers.h"
#include "server/journal/faults.h"
#include "server/persist/aof/aof.h"

namespace tessera::persist {

namespace {

constexpr Micros kRetryStart = seconds(1);
constexpr int64_t kFailuresBeforeDelay = 3;
constexpr int64_t kLongestDelayMinutes = 60;

}  // namespace

// The folder is this process' own from now on.
Result<void> Aof::take_folder(std::string dir) {
  lock_.reset();
  place_.dir = std::move(dir);
  if (auto locked = lock(); !locked.ok()) return locked;
  auto found = find_files();
  if (!found.ok()) lock_.reset();
  return found;
}

void Aof::let_folder_go() {
  if (!is_on() && !rewrite_.running) lock_.reset();
}

void Aof::rewrite(std::string dir, bool waits, std::function<void(Result<std::string>)> done) {
  post([this, dir = std::move(dir), waits, done = std::move(done)] {
    const std::string scheduled = "Background append only file rewriting scheduled";
    if (journal_.aof().rewrite_scheduled) return done(scheduled);
    if (rewrite_.running) return done(Error{"Background append only file rewriting already in progress"});
    if (!is_on()) {
      if (const auto taken = take_folder(dir); !taken.ok()) {
        log_.warning("%s", taken.error().message.c_str());
        return done(Error{
            "Can't execute an AOF background rewriting. Please check the server logs for more information."});
      }
    }
    begin_rewrite("on request", waits);
    done(waits ? scheduled : std::string("Background append only file rewriting started"));
  });
}

void Aof::turn_on(std::string dir, std::function<void(Result<void>)> done) {
  journal_.aof().enabled = true;
  post([this, dir = std::move(dir), done = std::move(done)] {
    if (is_on()) return done({});
    // A rewrite under way has no increment behind it: what it makes is not used.
    rewrite_.running = false;
    journal_.aof().rewrite_scheduled = false;
    if (const auto taken = take_folder(dir); !taken.ok()) {
      log_.warning("Unable to turn on AOF: %s", taken.error().message.c_str());
      journal_.aof().enabled = false;
      return done(taken.error());
    }
    phase_ = Phase::kStarting;
    begin_rewrite("AOF was enabled");
    done({});
  });
}

void Aof::begin_rewrite(const char* why, bool waits) {
  log_.notice("Background append only file rewriting started (%s)", why);
  const uint64_t serial = rewrite_.serial + 1;
  rewrite_ = {};
  rewrite_.running = true;
  rewrite_.serial = serial;
  rewrite_.began = now_;
  rewrite_.snapshot = settings_.snapshot_base;
  // Others may have their files in this folder.
  rewrite_.path = place_.dir + "/temp-rewriteaof-bg-" + text::to_text(static_cast<int64_t>(getpid())) + "-" +
                  text::to_text(serial) + ".aof";
  journal_.aof().rewrite_scheduled = waits;
  if (!waits) note_rewriting();
  BaseRequest request;
  request.path = rewrite_.path;
  request.snapshot = rewrite_.snapshot;
  request.timestamp = settings_.timestamps;
  const bool starts = phase_ == Phase::kStarting;
  request.at_cut = [this, serial, starts](uint64_t offset) {
    auto cursor = std::make_shared<std::unique_ptr<journal::Cursor>>();
    if (starts) {
      *cursor = std::make_unique<journal::Cursor>();
      journal_.turn_on(journal::kAof, loop_, cursor->get());
    }
    post([this, serial, offset, cursor] {
      if (rewrite_.running && rewrite_.serial == serial) {
        cut_made(offset, std::move(*cursor));
      } else if (*cursor && !is_on()) {
        journal_.turn_off(journal::kAof);  // it was turned off before this was known
      }
    });
  };
  request.done = [this, serial, path = request.path](Result<uint64_t> size) {
    post([this, serial, path, size = std::move(size)] {
      if (rewrite_.running && rewrite_.serial == serial) {
        base_done(size);
      } else {
        (void)env_.files().remove(path).ok();
      }
    });
  };
  make_base_(std::move(request));
}

void Aof::note_rewriting() {
  journal_.aof().rewrite_scheduled = false;
  journal_.aof().rewriting = true;
  journal_.aof().rewrite_began_us = now_.us;
}

void Aof::cut_made(uint64_t offset, std::unique_ptr<journal::Cursor> cursor) {
  if (journal_.aof().rewrite_scheduled) note_rewriting();
  rewrite_.cut = true;
  rewrite_.offset = offset;
  if (phase_ == Phase::kOn) rewrite_.waits_for_switch = true;
  if (phase_ != Phase::kStarting) return;
  cursor_ = std::move(cursor);
  // The first increment of a new life; no manifest names it before the base is there.
  journal_.order();
  take_chunks();
  while (!waiting_.empty() && waiting_.front()->end() <= offset) waiting_.pop_front();
  written_ = durable_ = offset;
  file_bytes_ = durable_bytes_ = 0;
  needs_select_ = true;
  aof::Manifest manifest = manifest_;
  file_name_ = manifest.next_increment(place_.file_name).name;
  auto file = new_increment(file_name_);
  if (!file.ok()) {
    log_.warning("Background AOF rewrite terminated with error: %s", file.error().message.c_str());
    return rewrite_ended(false);
  }
  file_ = std::move(*file);
}

// All that came before the cut is in the old increment and durable; what comes behind it goes into a new one,
// which the manifest names from the start: whatever becomes of the base, nothing is lost.
void Aof::switch_files() {
  if (cursor_->offset() < rewrite_.offset) return;
  if (!waiting_.empty() && waiting_.front()->offset < rewrite_.offset) return;
  if (failing_ || !sync_now()) return;
  aof::Manifest manifest = manifest_;
  const aof::ManifestFile increment = manifest.next_increment(place_.file_name);
  rewrite_.waits_for_switch = false;
  auto file = new_increment(increment.name);
  if (!file.ok()) {
    log_.warning("Background AOF rewrite terminated with error: %s", file.error().message.c_str());
    return rewrite_ended(false);
  }
  rewrite_.old_increments = manifest.increments.size();
  manifest.increments.push_back(increment);
  if (!write_manifest(manifest).ok()) return rewrite_ended(false);
  log_.notice("Creating AOF incr file %s on background rewrite", increment.name.c_str());
  manifest_ = std::move(manifest);
  other_bytes_ += file_bytes_;
  file_ = std::move(*file);
  file_name_ = increment.name;
  file_bytes_ = durable_bytes_ = 0;
  needs_select_ = true;
  write_some();
  if (rewrite_.size) finish_rewrite();
}

void Aof::base_done(Result<uint64_t> size) {
  if (!size.ok()) {
    log_.warning("Background AOF rewrite terminated with error: %s", size.error().message.c_str());
    return rewrite_ended(false);
  }
  rewrite_.size = *size;
  // A small base may be there before the last bytes in front of it are on disk.
  if (!rewrite_.waits_for_switch) finish_rewrite();
}

void Aof::finish_rewrite() {
  Result<void> done = Error{"the increment behind it could not be begun"};
  if (rewrite_.cut && (file_ || !is_on())) done = install_base(*rewrite_.size);
  if (done.ok()) {
    log_.notice("Background AOF rewrite terminated with success");
  } else {
    log_.warning("Background AOF rewrite terminated with error: %s", done.error().message.c_str());
  }
  rewrite_ended(done.ok());
  if (done.ok()) delete_history();
}

Result<void> Aof::install_base(uint64_t size) {
  const bool first = phase_ == Phase::kStarting;
  if (is_on()) write_some();
  if (first && (!waiting_.empty() || !sync_now())) return Error{"the first increment could not be written"};
  aof::Manifest manifest = manifest_;
  const aof::ManifestFile base = manifest.next_base(place_.file_name, rewrite_.snapshot);
  io::Files& files = env_.files();
  if (auto moved = files.rename(rewrite_.path, place_.path(base.name)); !moved.ok()) {
    log_.warning("Error trying to rename the temporary AOF base file %s into %s: %s", rewrite_.path.c_str(),
                 base.name.c_str(), moved.error().message.c_str());
    return moved;
  }
  if (auto synced = files.sync_dir(place_.folder()); !synced.ok()) {
    (void)files.remove(place_.path(base.name)).ok();  // no manifest names it
    return synced;
  }
  manifest.base_to_history();
  manifest.increments_to_history(phase_ == Phase::kOn ? rewrite_.old_increments : manifest.increments.size());
  if (journal::planted(journal::Fault::kHistoryBeforeManifest)) {
    for (const aof::ManifestFile& file : manifest.history) (void)files.remove(place_.path(file.name)).ok();
  }
  manifest.base = base;
  if (first) manifest.increments.push_back(manifest.next_increment(place_.file_name));
  if (auto written = write_manifest(manifest); !written.ok()) {
    leave_names(base, first ? &manifest.increments.back() : nullptr);
    return written;
  }
  manifest_ = std::move(manifest);
  other_bytes_ = size;
  for (size_t i = 0; i + 1 < manifest_.increments.size(); ++i) {
    const auto bytes = file_bytes(files, place_.path(manifest_.increments[i].name));
    if (bytes.ok()) other_bytes_ += *bytes;
  }
  base_bytes_ = other_bytes_ + file_bytes_;
  if (first) {
    phase_ = Phase::kOn;
    journal_.durability().set_durable(durable_);
    journal_.durability().set_policy(settings_.policy);
    note_durable();
  }
  log_.notice("Background AOF rewrite finished successfully");
  return {};
}

// A manifest that could not be written may be there all the same, and what it names with it: these names are
// given to nothing else, and removed when another manifest has taken its place.
void Aof::leave_names(const aof::ManifestFile& base, const aof::ManifestFile* increment) {
  manifest_.base_sequence = std::max(manifest_.base_sequence, base.sequence);
  manifest_.history.insert(manifest_.history.begin(), base);
  if (increment == nullptr) return;
  manifest_.increment_sequence = std::max(manifest_.increment_sequence, increment->sequence);
  manifest_.history.insert(manifest_.history.begin(), *increment);
}

void Aof::rewrite_ended(bool ok) {
  journal::AofStatus& status = journal_.aof();
  rewrite_.running = rewrite_.waits_for_switch = false;
  if (!ok && rewrite_.size) (void)env_.files().remove(rewrite_.path).ok();
  status.rewriting = status.rewrite_scheduled = false;
  status.rewrite_began_us = 0;
  status.rewrite_ok = ok;
  status.last_rewrite_s = (now_ - rewrite_.began).us / 1000000;
  status.rewrites.fetch_add(1);
  status.failed_in_a_row = ok ? 0 : status.failed_in_a_row + 1;
  no_rewrite_before_ = {};
  if (ok) return;
  let_folder_go();
  const int64_t failed = status.failed_in_a_row;
  if (phase_ == Phase::kStarting) {
    forget_log();  // the next attempt begins anew
    no_rewrite_before_ = now_ + kRetryStart;
  } else if (failed >= kFailuresBeforeDelay) {
    const int64_t minutes =
        std::min(kLongestDelayMinutes, int64_t{1} << std::min<int64_t>(failed - kFailuresBeforeDelay, 10));
    no_rewrite_before_ = now_ + seconds(minutes * 60);
    log_.warning(
        "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %lld minutes",
        static_cast<long long>(minutes));
  }
}

// The pool unlinks, which takes long for large files; then the manifest forgets them.
void Aof::delete_history() {
  if (manifest_.history.empty() || settings_.keep_history) return let_folder_go();
  io::Files* files = &env_.files();
  std::vector<std::string> paths;
  for (const aof::ManifestFile& file : manifest_.history) paths.push_back(place_.path(file.name));
  env_.pool().submit([this, files, paths, history = manifest_.history] {
    for (const std::string& path : paths) (void)files->remove(path).ok();
    post([this, history] {
      if (manifest_.history != history) return;  // more have come meanwhile, and are deleted after them
      manifest_.history.clear();
      (void)write_manifest(manifest_).ok();
      let_folder_go();
    });
  });
}

// About once a second: whether the files have grown enough since they were rewritten.
void Aof::look_for_growth() {
  if (now_ < next_look_) return;
  next_look_ = now_ + seconds(1);
  if (rewrite_.running || now_ < no_rewrite_before_) return;
  if (phase_ == Phase::kStarting) return begin_rewrite("again");
  if (settings_.rewrite_percentage == 0 || failing_) return;
  const auto size = static_cast<int64_t>(other_bytes_ + file_bytes_);
  if (size <= settings_.rewrite_min_bytes) return;
  const auto base = static_cast<int64_t>(std::max<uint64_t>(base_bytes_, 1));
  const auto growth = static_cast<int64_t>(static_cast<double>(size) * 100 / static_cast<double>(base)) - 100;
  if (growth < settings_.rewrite_percentage) return;
  log_.notice("Starting automatic rewriting of AOF on %lld%% growth", static_cast<long long>(growth));
  begin_rewrite("growth");
}

}  // namespace tessera::persist
