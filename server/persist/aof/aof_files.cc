// Role: the folder, the manifest on disk, new files. See aof.h. Thread: the node's at the start, then the
// journal thread.
#include <cerrno>

#include "common/hash/crc64.h"
#include "common/text/integers.h"
#include "server/journal/faults.h"
#include "server/persist/aof/aof.h"
#include "server/persist/rdb/output.h"
#include "server/registry/version.h"

namespace tessera::persist {

namespace {

constexpr int kSnapshotVersion = 10;

}  // namespace

// The snapshot of an empty data set, as redis-server begins with.
std::string empty_snapshot(int64_t now_s) {
  std::string bytes;
  rdb::WriteOptions options;
  rdb::write_magic(bytes, kSnapshotVersion);
  rdb::Output out(bytes, options);
  rdb::write_aux(out, "redis-ver", kRedisVersion);
  rdb::write_aux(out, "redis-bits", "64");
  rdb::write_aux(out, "ctime", text::to_text(now_s));
  rdb::write_aux(out, "used-mem", "0");
  rdb::write_aux(out, "aof-base", "1");
  rdb::write_end(out, hash::crc64(0, bytes), true);
  return bytes;
}

Result<uint64_t> file_bytes(io::Files& files, const std::string& path) {
  const auto found = files.stat(path);
  if (!found.ok()) return found.error();
  return found->size_bytes;
}

Result<void> Aof::ensure_folder() {
  const auto found = env_.files().stat(place_.folder());
  if (found.ok()) {
    if (found->is_dir) return {};
    return Error{place_.folder() + " is no directory", ENOTDIR};
  }
  if (auto made = env_.files().make_dir(place_.folder()); !made.ok() && made.error().code != EEXIST)
    return made;
  return env_.files().sync_dir(place_.dir);
}

Result<void> Aof::lock() {
  if (auto made = ensure_folder(); !made.ok()) {
    return Error{"Can't open or create append-only dir " + place_.folder_name + ": " + made.error().message,
                 made.error().code};
  }
  auto lock = env_.files().lock(place_.path(place_.file_name + ".lock"));
  if (!lock.ok()) {
    if (lock.error().code != EWOULDBLOCK) return lock.error();
    return Error{"The append only files in " + place_.folder() + " are in use by another process",
                 EWOULDBLOCK};
  }
  lock_ = std::move(*lock);
  return {};
}

Result<void> Aof::find_files() {
  io::Files& files = env_.files();
  manifest_ = {};
  const auto has_manifest = files.stat(place_.manifest_path());
  if (!has_manifest.ok() && has_manifest.error().code != ENOENT) return has_manifest.error();
  if (has_manifest.ok()) {
    const auto text = files.read_all(place_.manifest_path());
    if (!text.ok()) return text.error();
    aof::ManifestError where;
    auto parsed = aof::Manifest::parse(*text, &where);
    if (!parsed.ok()) {
      log_.warning("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
      if (where.line > 0) {
        log_.warning("Reading the manifest file, at line %d\n", where.line);
        log_.warning(">>> '%s'\n", where.text.c_str());
      }
      log_.warning("%s\n", where.what.c_str());
      return Error{place_.manifest_path() + ": " + parsed.error().message};
    }
    manifest_ = std::move(*parsed);
  } else {
    log_.notice("The AOF manifest file %s doesn't exist", (place_.file_name + ".manifest").c_str());
  }
  const auto old = files.stat(place_.dir + "/" + place_.file_name);
  if (!old.ok() && old.error().code != ENOENT) return old.error();
  const bool has_old = old.ok() && !old->is_dir;
  const bool half_moved = manifest_.base && manifest_.increments.empty() &&
                          manifest_.base->name == place_.file_name &&
                          !files.stat(place_.path(place_.file_name)).ok();
  const bool nothing = !manifest_.base && manifest_.increments.empty();
  return has_old && (nothing || half_moved) ? move_old_file() : Result<void>{};
}

// As Redis 7: the manifest names it first, so that a crash between the two steps is seen.
Result<void> Aof::move_old_file() {
  manifest_.base = aof::ManifestFile{place_.file_name, 1};
  manifest_.base_sequence = 1;
  if (auto written = write_manifest(manifest_); !written.ok()) return written;
  const std::string from = place_.dir + "/" + place_.file_name;
  if (auto moved = env_.files().rename(from, place_.path(place_.file_name)); !moved.ok()) {
    log_.warning("Error trying to move the old AOF file %s into dir %s: %s", place_.file_name.c_str(),
                 place_.folder_name.c_str(), moved.error().message.c_str());
    return moved;
  }
  (void)env_.files().sync_dir(place_.folder()).ok();
  (void)env_.files().sync_dir(place_.dir).ok();
  log_.notice("Successfully migrated an old-style AOF file (%s) into the AOF directory (%s).",
              place_.file_name.c_str(), place_.folder_name.c_str());
  return {};
}

Result<void> Aof::write_manifest(const aof::Manifest& manifest) {
  auto done = env_.files().replace(place_.manifest_path(), manifest.text());
  if (!done.ok()) {
    log_.warning("Error trying to write the temporary AOF manifest file %s: %s",
                 (place_.file_name + ".manifest").c_str(), done.error().message.c_str());
  }
  return done;
}

// Its name is durable before a manifest has it.
Result<std::unique_ptr<io::File>> Aof::new_increment(const std::string& name) {
  auto file = env_.files().open(place_.path(name), io::OpenMode::kCreateTrunc);
  if (!file.ok()) {
    log_.warning("Can't open the append-only file %s: %s", name.c_str(), file.error().message.c_str());
    return file.error();
  }
  if (auto synced = (*file)->sync(); !synced.ok()) return synced.error();
  if (journal::planted(journal::Fault::kUnsyncedName)) return std::move(*file);
  if (auto synced = env_.files().sync_dir(place_.folder()); !synced.ok()) return synced.error();
  return std::move(*file);
}

Result<void> Aof::write_first_base(aof::ManifestFile& base) {
  log_.notice("Creating AOF base file %s on server start", base.name.c_str());
  const std::string bytes =
      settings_.snapshot_base ? empty_snapshot(env_.clock().wall_ms().ms / 1000) : std::string();
  return env_.files().replace(place_.path(base.name), bytes);
}

Result<void> Aof::open_loaded() {
  io::Files& files = env_.files();
  aof::Manifest manifest = manifest_;
  bool changed = false;
  if (!manifest.base && manifest.increments.empty()) {
    aof::ManifestFile base = manifest.next_base(place_.file_name, settings_.snapshot_base);
    if (auto written = write_first_base(base); !written.ok()) return written;
    manifest.base = base;
    changed = true;
  }
  if (manifest.increments.empty()) {
    const aof::ManifestFile increment = manifest.next_increment(place_.file_name);
    log_.notice("Creating AOF incr file %s on server start", increment.name.c_str());
    auto file = new_increment(increment.name);
    if (!file.ok()) return file.error();
    file_ = std::move(*file);
    manifest.increments.push_back(increment);
    changed = true;
  } else {
    const std::string& name = manifest.increments.back().name;
    log_.notice("Opening AOF incr file %s on server start", name.c_str());
    auto file = files.open(place_.path(name), io::OpenMode::kAppend);
    if (!file.ok()) return file.error();
    file_ = std::move(*file);
    // What the last life wrote and did not sync is in it, and has been loaded.
    if (auto synced = file_->sync(); !synced.ok()) return synced;
    if (auto synced = files.sync_dir(place_.folder()); !synced.ok()) return synced;
  }
  if (changed) {
    if (auto written = write_manifest(manifest); !written.ok()) return written;
  }
  manifest_ = std::move(manifest);
  file_name_ = manifest_.increments.back().name;
  const auto size = file_->size();
  if (!size.ok()) return size.error();
  file_bytes_ = durable_bytes_ = *size;
  other_bytes_ = 0;
  if (manifest_.base) {
    const auto bytes = file_bytes(files, place_.path(manifest_.base->name));
    if (bytes.ok()) other_bytes_ += *bytes;
  }
  for (size_t i = 0; i + 1 < manifest_.increments.size(); ++i) {
    const auto bytes = file_bytes(files, place_.path(manifest_.increments[i].name));
    if (bytes.ok()) other_bytes_ += *bytes;
  }
  base_bytes_ = other_bytes_ + file_bytes_;
  needs_select_ = true;
  return {};
}

// All shards are parked. The thread runs and has nothing to do yet: it is given what was opened.
void Aof::turn_on_at_start() {
  auto cursor = std::make_shared<std::unique_ptr<journal::Cursor>>(std::make_unique<journal::Cursor>());
  journal_.turn_on(journal::kAof, loop_, cursor->get());
  const uint64_t offset = journal_.end_offset();
  journal_.aof().enabled = true;
  journal_.durability().set_durable(offset);
  journal_.durability().set_policy(settings_.policy);
  post([this, cursor, offset] {
    cursor_ = std::move(*cursor);
    written_ = durable_ = offset;
    phase_ = Phase::kOn;
    publish();
    delete_history();
  });
}

}  // namespace tessera::persist
