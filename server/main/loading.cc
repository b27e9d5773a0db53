// Role: what a node loads when it starts. Thread: the one that made the node, which may wait for a disk.
#include <algorithm>
#include <cerrno>

#include "server/main/node.h"
#include "server/persist/loader.h"

namespace tessera::server {

// Before any thread runs: the first client already hears LOADING.
Result<void> Node::find_what_to_load() {
  const config::Config& config = *options_.config;
  if (auto made = make_append_only(); !made.ok()) return made;
  if (config.boolean("appendonly")) return {};  // its files are what counts
  const std::string path = absolute_path(config.text("dbfilename"));
  const auto found = options_.env->files().stat(path);
  // What cannot be looked at is not what is not there: the next save would replace it.
  if (!found.ok() && found.error().code == ENOENT) return {};
  if (!found.ok())
    return Error{"Fatal error loading the DB, check server logs: " + found.error().message,
                 found.error().code};
  if (found->is_dir) return Error{"Fatal error loading the DB: " + path + ": Is a directory", EISDIR};
  snapshot_ = path;
  shared_.loading = true;
  return {};
}

Result<void> Node::load() {
  Result<void> loaded;
  if (options_.config->boolean("appendonly")) {
    loaded = load_append_only();
  } else if (!snapshot_.empty()) {
    loaded = load_snapshot();
  } else {
    return {};
  }
  if (!loaded.ok()) return loaded;
  return compare_slots_with_data() ? Result<void>{} : Error{"stopped", kStopped};
}

Result<void> Node::load_snapshot() {
  Log& log = *options_.log;
  const MonoTime began = options_.env->clock().mono();
  persist::Loader::Options options;
  options.verify_checksum = options_.config->boolean("rdbchecksum");
  options.home = main_loop_.get();
  options.wait = [this] {
    if (shared_.shutting_down.load()) return false;
    main_loop_->poll(millis(100));
    take_answers();
    return !shared_.shutting_down.load();
  };
  const auto view = shared_.view->get();
  options.is_primary = !view->enabled() || !view->self().is_replica;
  persist::Loader loader(shared_, std::move(options));
  const auto loaded = loader.load_file(snapshot_);
  // After a failure nobody is to see what was loaded until then.
  if (!loaded.ok()) {
    log.warning("%s: %s", snapshot_.c_str(), loaded.error().message.c_str());
    return Error{snapshot_ + ": " + loaded.error().message, 0};
  }
  if (!loaded->complete) return Error{"stopped", kStopped};
  if (const auto taken = shared_.load_functions(loaded->functions); !taken.ok()) {
    const std::string why =
        taken.error().message + ", of those from offset " + std::to_string(loaded->functions_offset) + " on";
    log.warning("%s: %s", snapshot_.c_str(), why.c_str());
    return Error{snapshot_ + ": " + why, 0};
  }
  // The last life may have ended between the file's name and the sync of its folder: what clients see from
  // now on does not go back to an older file when power fails.
  const size_t slash = snapshot_.rfind('/');
  if (slash != std::string::npos) {
    const auto synced = options_.env->files().sync_dir(snapshot_.substr(0, std::max<size_t>(slash, 1)));
    if (!synced.ok()) log.warning("%s", synced.error().message.c_str());
  }
  shared_.loading = false;
  if (loaded->empty > 0)
    log.notice("Done loading RDB, keys without elements skipped: %lld",
               static_cast<long long>(loaded->empty));
  log.notice("Done loading RDB, keys loaded: %lld, keys expired: %lld.", static_cast<long long>(loaded->keys),
             static_cast<long long>(loaded->expired));
  log.notice("DB loaded from disk: %.3f seconds",
             static_cast<double>((options_.env->clock().mono() - began).us) / 1e6);
  return {};
}

}  // namespace tessera::server
