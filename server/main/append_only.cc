// Role: the append only file of a node: made, loaded, turned on and off with the configuration. Thread: the
// one that made the node; hooks: control.
#include "server/dispatch/parked_call.h"
#include "server/main/node.h"
#include "server/persist/aof/aof.h"
#include "server/persist/aof_base.h"
#include "server/persist/aof_loader.h"

namespace tessera::server {

namespace {

persist::AofSettings settings_of(const config::Config& config) {
  using Policy = journal::Durability::Policy;
  persist::AofSettings settings;
  const std::string policy = config.text("appendfsync");
  settings.policy = policy == "always" ? Policy::kAlways : policy == "no" ? Policy::kNo : Policy::kEverysec;
  settings.no_sync_on_rewrite = config.boolean("no-appendfsync-on-rewrite");
  settings.timestamps = config.boolean("aof-timestamp-enabled");
  settings.keep_history = config.boolean("aof-disable-auto-gc");
  settings.snapshot_base = config.boolean("aof-use-rdb-preamble");
  settings.rewrite_percentage = config.integer("auto-aof-rewrite-percentage");
  settings.rewrite_min_bytes = static_cast<int64_t>(config.bytes("auto-aof-rewrite-min-size"));
  return settings;
}

}  // namespace

// Before any thread runs: the first client already hears LOADING.
Result<void> Node::make_append_only() {
  const config::Config& config = *options_.config;
  persist::AofPlace place;
  place.dir = config.text("dir");
  place.folder_name = config.text("appenddirname");
  place.file_name = config.text("appendfilename");
  aof_ = std::make_unique<persist::Aof>(*options_.env, *options_.log, journal_, place);
  aof_->set_settings_at_start(settings_of(config));
  aof_->set_flush_sleep(&shared_.debug.aof_flush_sleep_us);
  shared_.aof = aof_.get();
  if (!config.boolean("appendonly")) return {};
  shared_.loading = true;
  if (auto locked = aof_->lock(); !locked.ok()) return locked;
  return aof_->find_files();
}

Result<void> Node::load_append_only() {
  persist::AofLoader::Options options;
  options.verify_checksum = options_.config->boolean("rdbchecksum");
  options.load_truncated = options_.config->boolean("aof-load-truncated");
  options.home = main_loop_.get();
  options.wait = [this] {
    if (shared_.shutting_down.load()) return false;
    main_loop_->poll(millis(100));
    take_answers();
    return !shared_.shutting_down.load();
  };
  persist::AofLoader loader(shared_, aof_->place(), options);
  if (const auto loaded = loader.load(aof_->manifest()); !loaded.ok()) {
    if (loaded.error().code == persist::Applier::kStopped) return Error{"stopped", kStopped};
    return loaded;
  }
  if (const auto opened = aof_->open_loaded(); !opened.ok()) {
    options_.log->warning("%s", opened.error().message.c_str());
    return opened;
  }
  const auto done = std::make_shared<std::atomic<bool>>(false);
  dispatch::call_parked(*engines_.front(), [this, done](dispatch::Engine& engine) {
    engine.shard().flush_effects();
    aof_->turn_on_at_start();
    // What was loaded is on disk.
    for (dispatch::Engine* each : shared_.engines) each->shard().counters().dirty.set(0);
    shared_.loading = false;
    done->store(true);
    main_loop_->wake();
  });
  while (!done->load()) {
    if (!options.wait()) return Error{"stopped", kStopped};
  }
  return {};
}

// CONFIG SET: what its reply says has been done, as it is in redis-server. The journal's thread may be
// waiting for a slow disk: only who asked waits with it.
std::function<void()> Node::settled_by_journal() {
  control_.services().settling.ask();
  return [this] { control_.post([this] { control_.services().settling.done(); }); };
}

Result<void> Node::switch_append_only(const config::Config& before, const config::Config& after) {
  if (before.boolean("appendonly") == after.boolean("appendonly")) return {};
  if (!after.boolean("appendonly")) {
    aof_->turn_off(settled_by_journal());
    return {};
  }
  aof_->set_settings(settings_of(after));
  control_.services().settling.ask();
  aof_->turn_on(
      after.text("dir"), [this, was = std::make_shared<const config::Config>(before),
                          wanted = std::make_shared<const config::Config>(after)](const Result<void>& on) {
        control_.post([this, was, wanted, ok = on.ok()] {
          if (ok) return control_.services().settling.done();
          // All or nothing: what else the same CONFIG SET changed goes back with it, when shards have come to
          // it: a port is free for them again only then.
          control_.when_adopted(
              [this, was, wanted] { control_.services().publish_config(editor_->put_back(*was, *wanted)); });
          control_.services().settling.done(
              "(possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.");
        });
      });
  return {};
}

void Node::add_append_only_hooks() {
  aof_->set_base_maker(
      [this](persist::BaseRequest request) { persist::make_base(shared_, std::move(request)); });
  editor_->on_change({"appendonly"}, [this](const config::Config& before, const config::Config& after) {
    return switch_append_only(before, after);
  });
  editor_->on_change(
      {"appendfsync", "no-appendfsync-on-rewrite", "aof-timestamp-enabled", "aof-disable-auto-gc",
       "aof-use-rdb-preamble", "auto-aof-rewrite-percentage", "auto-aof-rewrite-min-size"},
      [this](const config::Config&, const config::Config& after) -> Result<void> {
        aof_->set_settings(settings_of(after), settled_by_journal());
        return {};
      });
}

}  // namespace tessera::server
