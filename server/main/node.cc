// Role: start and stop of a node, in order. See node.h.
#include "server/main/node.h"

#include <cinttypes>

#include "common/base/allocator.h"
#include "common/base/check.h"
#include "common/hash/xxh.h"
#include "common/text/cpu_list.h"
#include "server/cluster/plane.h"
#include "server/dispatch/control_call.h"
#include "server/persist/aof/aof.h"
#include "server/persist/reload.h"
#include "server/persist/reload_log.h"
#include "server/persist/saves.h"
#include "server/persist/serialized.h"
#include "server/pubsub/subscribers.h"
#include "server/script/rows.h"

namespace tessera::server {

namespace {

std::string hex40(io::Env& env) {
  unsigned char bytes[20];
  env.random_bytes(bytes);
  std::string text;
  char part[3];
  for (unsigned char byte : bytes) {
    std::snprintf(part, sizeof(part), "%02x", byte);
    text += part;
  }
  return text;
}

}  // namespace

std::vector<int> cpu_list(const config::Config& config, std::string_view parameter, Log& log) {
  const std::string& text = config.text(parameter);
  if (text.empty()) return {};
  auto cpus = text::parse_cpu_list(text);
  if (!cpus) {
    log.warning("%s: '%s' is no list of processors; it has no effect", std::string(parameter).c_str(),
                text.c_str());
  }
  return std::move(cpus).value_or(std::vector<int>{});
}

Node::Node(NodeOptions options) : options_(std::move(options)), main_loop_(options_.env->make_loop()) {}

Node::~Node() {
  if (!stopped_ && control_thread_) {
    request_shutdown(-1, true, true);
    (void)wait();
  }
}

Result<void> Node::start() {
  auto commands = build_commands(*options_.config);
  if (!commands.ok()) {
    options_.log->warning("%s", commands.error().message.c_str());
    return commands.error();
  }
  commands_ = std::move(*commands);
  if (auto made = make_users(); !made.ok()) {
    options_.log->warning("%s", made.error().message.c_str());
    return made.error();
  }
  make_shared_state();
  if (auto opened = open_cluster(); !opened.ok()) return opened.error();
  make_engines();
  if (auto found = find_what_to_load(); !found.ok()) {
    options_.log->warning("%s", found.error().message.c_str());
    return found.error();
  }
  add_hooks();
  const std::vector<int> cpus = cpu_list(*options_.config, "server_cpulist", *options_.log);
  const std::vector<int> pool_cpus = cpu_list(*options_.config, "bio_cpulist", *options_.log);
  if (!pool_cpus.empty() && !options_.env->pool().pin(pool_cpus))
    options_.log->warning("bio_cpulist: the system does not let the pool's threads run there alone");
  snapshots_->start(pool_cpus);
  control_thread_ = options_.env->start_thread("control", control_, cpus);
  control_.attach_loop(&control_thread_->loop());
  for (auto& engine : engines_) {
    const std::string name = "shard-" + std::to_string(engine->index());
    threads_.push_back(options_.env->start_thread(name, *engine, cpus));
    engine->attach_loop(&threads_.back()->loop());
  }
  std::vector<io::Loop*> loops;
  for (auto& engine : engines_) loops.push_back(&engine->loop());
  journal_.durability().attach(std::move(loops));
  aof_->start_thread(pool_cpus);
  auto listening = listen();
  if (listening.ok()) listening = start_cluster();
  if (!listening.ok()) {
    request_shutdown(-1, true, true);
    (void)wait();
    return listening.error();
  }
  shared_.startup_bytes.store(static_cast<int64_t>(read_allocator().allocated_bytes),
                              std::memory_order_relaxed);
  return {};
}

void Node::make_shared_state() {
  const config::Config& config = *options_.config;
  dispatch::Ticks::calibrate();
  editor_ = std::make_unique<config::Editor>(options_.config);
  shared_.env = options_.env;
  shared_.log = options_.log;
  shared_.commands = commands_.get();
  shared_.journal = &journal_;
  shared_.control = &control_;
  shared_.settings = std::make_unique<Published<dispatch::Settings>>(settings_from(options_.config));
  shared_.view = std::make_unique<Published<route::ClusterView>>(std::make_shared<route::ClusterView>());
  shared_.started = options_.env->clock().mono();
  shared_.started_wall_s = options_.env->clock().wall_ms().ms / 1000;
  shared_.run_id = hex40(*options_.env);
  shared_.executable = options_.executable;
  shared_.supervised = options_.supervised;
  shared_.config_file = config.config_file();
  control::Services& services = control_.services();
  services.editor = editor_.get();
  services.rewriter = &rewriter_;
  services.node = &shared_;
  services.publish_config = [this](std::shared_ptr<const config::Config> next) { publish(std::move(next)); };
  services.shut_down = [this](int save, bool now, bool force, const std::function<void(bool)>& answer) {
    shut_down(save, now, force, answer);
  };
  services.abort_shutdown = [this] { return saves_->abort_stop(); };
  snapshots_ = persist::make_snapshots(shared_);
  saves_ = std::make_unique<persist::Saves>(shared_);
  shared_.snapshots = snapshots_.get();
  shared_.saves = saves_.get();
  shared_.reload = persist::reload;
  shared_.load_aof = [this](control::ControlCtx& ctx, const registry::Args&, resp::Writer& reply) {
    const auto end_node = [this] {
      exit_code_ = 1;
      shut_down(-1, true, true, nullptr);
    };
    persist::load_aof(ctx, reply, end_node, [this] { script::forget_libraries(*scripts_); });
  };
  shared_.restart = [this](control::ControlCtx& ctx, const registry::Args& args, resp::Writer& reply) {
    restart(ctx, args, reply);
  };
  shared_.snapshot_status.last_save_s = shared_.started_wall_s;
  services.key_count = [this] {
    int64_t count = 0;
    for (const auto& engine : engines_) {
      for (const shard::DatabaseCounters& db : engine->shard().databases()) count += db.keys.get();
    }
    return count;
  };
  control_.set_workers(this);
  control_.add_cron(millis(100), [this] { control_cron(); });
}

void Node::make_engines() {
  const config::Config& config = *options_.config;
  const auto shard_count = static_cast<int>(config.integer("shards"));
  const bool cluster = config.boolean("cluster-enabled");
  shard::ShardOptions shard;
  shard.shard_count = shard_count;
  shard.database_count = static_cast<int>(config.integer(cluster ? "cluster-databases" : "databases"));
  // Named: the same hashes in every life, and so the same order in files and of SCAN.
  const std::string& seed = config.text("hash-seed");
  shard.hash_seed = seed.empty() ? options_.env->random_u64() : hash::xxh(seed, seed.size());
  shard.journal = &journal_;
  shard.skip_checksums = &shared_.debug.skip_checksums;
  shard.serialized_bytes = persist::serialized_bytes;
  shared_.feed = std::make_unique<feed::Feed>(static_cast<size_t>(shard_count), options_.env->random_u64());
  shard.feed = shared_.feed.get();
  io::Pool* pool = &options_.env->pool();
  dispatch::NodeShared* shared = &shared_;
  shard.free_later = [pool, shared](std::unique_ptr<store::Detached> detached) {
    const auto keys = static_cast<int64_t>(detached->key_count());
    shared->lazyfree_pending.fetch_add(keys, std::memory_order_relaxed);
    pool->submit([raw = std::shared_ptr<store::Detached>(std::move(detached)), keys, shared]() mutable {
      raw.reset();
      shared->lazyfree_pending.fetch_sub(keys, std::memory_order_relaxed);
      shared->lazyfreed.fetch_add(keys, std::memory_order_relaxed);
    });
  };
  scripts_ = script::make_shared_scripts();
  shared_.save_functions = [scripts = scripts_] { return script::library_sources(*scripts); };
  shared_.load_functions = [this](const std::vector<std::string>& codes) -> Result<void> {
    std::string wrong = script::load_libraries(*scripts_, codes, options_.env->clock(), *options_.log);
    if (wrong.empty()) return {};
    return Error{"a library of functions: " + std::move(wrong), 0};
  };
  for (int i = 0; i < shard_count; ++i) {
    shard.index = i;
    shard.random_seed = options_.env->random_u64();
    engines_.push_back(std::make_unique<dispatch::Engine>(shared_, shard));
    connections_.push_back(std::make_unique<conn::Connections>(*engines_.back()));
    engines_.back()->set_clients(connections_.back().get());
    engines_.back()->shard().port().has_bus = cluster;
    push_sinks_.push_back(pubsub::make_subscribers(*engines_.back()));
    engines_.back()->set_push_sink(push_sinks_.back().get());
    script::attach_runner(*engines_.back(), scripts_);
    shared_.engines.push_back(engines_.back().get());
  }
}

void Node::publish(std::shared_ptr<const config::Config> config) {
  change_cluster(*config);
  shared_.settings->publish(settings_from(std::move(config)));
}

void Node::control_cron() {
  const int64_t used = dispatch::used_memory_bytes(shared_);
  if (used > shared_.peak_bytes.load(std::memory_order_relaxed)) shared_.peak_bytes.store(used);
  sample_rates();
  saves_->cron();
  watch_shards();
}

// watchdog-period: where a thread is that does not come to its next tick, once for each such tick.
void Node::watch_shards() {
  const int64_t period_ms = shared_.settings->get()->config->integer("watchdog-period");
  if (period_ms == 0 || options_.watchdog_signal == 0) return;
  watched_.resize(engines_.size());
  const MonoTime now = options_.env->clock().mono();
  for (size_t i = 0; i < engines_.size(); ++i) {
    const MonoTime began = engines_[i]->tick_began();
    if (began.us == 0 || began == watched_[i] || (now - began).us < period_ms * 1000) continue;
    watched_[i] = began;
    threads_[i]->interrupt(options_.watchdog_signal);
  }
}

// Sixteen samples a tenth of a second apart: what INFO calls instantaneous.
void Node::sample_rates() {
  RateSample sample;
  sample.at = options_.env->clock().mono();
  for (const auto& engine : engines_) {
    const dispatch::ThreadCounters& counters = engine->counters();
    sample.values[dispatch::kRateCommands] += counters.commands_processed.get();
    sample.values[dispatch::kRateInput] += counters.net_in_bytes.get();
    sample.values[dispatch::kRateOutput] += counters.net_out_bytes.get();
    sample.values[dispatch::kRateTicks] += counters.ticks.get();
    sample.values[dispatch::kRateTickUs] += counters.tick_us.get();
  }
  rate_samples_.push_back(sample);
  if (rate_samples_.size() > 16) rate_samples_.pop_front();
  const RateSample& oldest = rate_samples_.front();
  const double seconds = static_cast<double>((sample.at - oldest.at).us) / 1e6;
  if (seconds <= 0) return;
  for (size_t i = 0; i < dispatch::kRateCount; ++i) {
    shared_.rates[i].store(static_cast<double>(sample.values[i] - oldest.values[i]) / seconds);
  }
}

void Node::ask_adopt(int index, control::Request* done) {
  dispatch::ask_engine_to_adopt(*engines_[static_cast<size_t>(index)], done);
}

void Node::stop(int index) {
  dispatch::ask_engine_to_stop(*engines_[static_cast<size_t>(index)]);
}

void Node::request_shutdown(int save, bool now, bool force, std::function<void(bool)> answer) {
  control_.post(
      [this, save, now, force, answer = std::move(answer)] { shut_down(save, now, force, answer); });
}

// Control thread.
void Node::shut_down(int save, bool, bool force, const std::function<void(bool)>& answer) {
  const bool has_rules = !shared_.settings->get()->config->save_rules().empty();
  const bool saves = (save > 0 || (save == 0 && has_rules)) && !shared_.loading.load();
  if (shared_.shutting_down.load()) return;
  if (!saves) {
    if (answer) answer(true);
    end_all();
    return;
  }
  options_.log->notice("Saving the final RDB snapshot before exiting.");
  saves_->save_to_stop([this, force, answer](const Result<persist::CutInfo>& result) {
    const bool aborted = !result.ok() && result.error().code == persist::Saves::kAborted;
    const bool stops = result.ok() || (force && !aborted);
    if (aborted) {
      options_.log->notice("Shutdown manually aborted.");
    } else if (!stops) {
      options_.log->warning("Error trying to save the DB, can't exit.");
    }
    if (answer) answer(stops);
    if (stops) end_all();
  });
}

void Node::end_all() {
  if (shared_.shutting_down.exchange(true)) return;
  for (size_t i = 0; i < engines_.size(); ++i) stop(static_cast<int>(i));
  control_.stop();
  main_loop_->wake();
}

int Node::wait() {
  while (!shared_.shutting_down.load()) {
    main_loop_->poll(millis(500));
    take_answers();
  }
  if (options_.stopping) std::exchange(options_.stopping, nullptr)();
  for (auto& thread : threads_) thread->join();
  if (aof_) aof_->end_thread();
  if (control_thread_) control_thread_->join();
  if (snapshots_) snapshots_->stop();
  options_.env->pool().drain();
  stopped_ = true;
  return exit_code_;
}

}  // namespace tessera::server
