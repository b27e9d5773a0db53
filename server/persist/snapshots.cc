// Role: see snapshot.h: requests on the control thread, and the moment of the cut. Thread: control; the cut
// itself on the coordinator.
#include <deque>

#include "common/base/check.h"
#include "server/config/config.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/parked_call.h"
#include "server/journal/faults.h"
#include "server/persist/cut_job.h"
#include "server/persist/rdb/format.h"
#include "server/persist/spill_writer.h"
#include "server/store/cut.h"

namespace tessera::persist {

namespace {

using dispatch::Engine;
using dispatch::NodeShared;

SaveAccess access_of(const std::string& policy) {
  if (policy.find("lru") != std::string::npos) return SaveAccess::kIdle;
  return policy.find("lfu") != std::string::npos ? SaveAccess::kFrequency : SaveAccess::kNo;
}

class NodeSnapshots final : public Snapshots {
 public:
  explicit NodeSnapshots(NodeShared& node) : node_(node), writer_(node), spiller_(node) {
    writer_.target_over = [this](const std::shared_ptr<CutJob>& job, size_t target, Result<CutInfo> result) {
      node_.control->post([job, target, result = std::move(result)] {
        const auto done = std::move(job->targets[target]->request.done);
        if (done) done(result);
      });
    };
    writer_.job_over = [this](const std::shared_ptr<CutJob>& job) {
      node_.control->post([this, job] {
        if (active_ == job) active_ = nullptr;
        begin_next();
      });
    };
  }

  uint64_t take(SnapshotRequest request) override {
    auto target = std::make_unique<CutJob::Target>();
    target->id = ++last_id_;
    target->request = std::move(request);
    waiting_.push_back(std::move(target));
    begin_next();
    return last_id_;
  }

  bool cancel(uint64_t request, const Error& why) override {
    for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
      if ((*at)->id != request) continue;
      auto done = std::move((*at)->request.done);
      (*at)->request.sink->failed(why);
      waiting_.erase(at);
      node_.control->post([done = std::move(done), why] {
        if (done) done(why);
      });
      return true;
    }
    // One of several targets cannot be given up alone; with others it is written to the end.
    if (active_ == nullptr || ids_.size() != 1 || ids_.front() != request) return false;
    active_->give_up(why);
    return true;
  }

  bool is_busy() const override { return active_ != nullptr; }

  void start(const std::vector<int>& cpus) override {
    remove_spill_files(node_.env->files(), node_.settings->get()->config->text("dir"));
    thread_ = node_.env->start_thread("snapshot", writer_, cpus);
    spill_thread_ = node_.env->start_thread("spill", spiller_, cpus);
  }
  void stop() override {
    if (thread_ == nullptr) return;
    writer_.request_stop();
    thread_->loop().wake();
    thread_->join();
    spiller_.request_stop();
    spill_thread_->loop().wake();
    spill_thread_->join();
  }

 private:
  void begin_next() {
    if (active_ != nullptr || waiting_.empty() || node_.shutting_down.load()) return;
    active_ = std::make_shared<CutJob>(node_, node_.engines.size());
    ids_.clear();
    for (auto& target : waiting_) {
      ids_.push_back(target->id);
      active_->targets.push_back(std::move(target));
    }
    waiting_.clear();
    const auto settings = node_.settings->get();
    active_->compress = settings->config->boolean("rdbcompression");
    active_->checksum = settings->config->boolean("rdbchecksum");
    active_->access = access_of(settings->config->text("maxmemory-policy"));
    active_->writer = &thread_->loop();
    active_->spiller = &spill_thread_->loop();
    active_->spill_prefix = spill_prefix(settings->config->text("dir"), ++cuts_);
    int64_t bytes = 0;
    for (size_t i = 0; i < node_.engines.size(); ++i) {
      active_->of_shard[i].loop = &node_.engines[i]->loop();
      bytes += static_cast<int64_t>(node_.engines[i]->shard().keyspace().used_bytes());
    }
    active_->set_limits(bytes, static_cast<int64_t>(settings->config->bytes("cut-kept-limit")));
    if (journal::planted(journal::Fault::kCutBesideEffects))
      active_->info.journal_offset = node_.journal->end_offset();
    dispatch::call_parked(*node_.engines.front(),
                          [this, job = active_](Engine& coordinator) { cut(coordinator, job); });
  }

  // All shards are parked.
  void cut(Engine& coordinator, const std::shared_ptr<CutJob>& job) {
    CutInfo& info = job->info;
    coordinator.shard().flush_effects();
    if (!journal::planted(journal::Fault::kCutBesideEffects))
      info.journal_offset = node_.journal->end_offset();
    info.taken = coordinator.clock().wall_ms();
    const int database_count = coordinator.shard().keyspace().database_count();
    bool field_times = false;
    for (int db = 0; db < database_count; ++db) {
      CutInfo::Database sizes{db};
      for (Engine* engine : node_.engines) {
        const store::Keyspace& keyspace = engine->shard().keyspace();
        sizes.keys += keyspace.size(db);
        sizes.expires += keyspace.expires_count(db);
        field_times |= store::KeyspaceCut::timed_values(keyspace, db) > 0;
      }
      if (sizes.keys == 0) continue;
      info.keys += sizes.keys;
      info.databases.push_back(sizes);
    }
    for (Engine* engine : node_.engines) info.dirty += engine->shard().counters().dirty.get();
    info.version = field_times ? rdb::kFieldTimesVersion : rdb::kPlainVersion;
    if (node_.save_functions) info.functions = node_.save_functions();
    dispatch::SnapshotStatus& status = node_.snapshot_status;
    status.keys_done = 0;
    status.keys_total = static_cast<int64_t>(info.keys);
    status.copied_bytes = 0;
    status.copied_peak = 0;
    status.detached_bytes = 0;
    status.detached_peak = 0;
    status.spilled_bytes = 0;
    job->set_spill_limit();
    for (Engine* engine : node_.engines) begin_shard_cut(*engine, job);
    for (const auto& target : job->targets) {
      if (target->request.at_cut) target->request.at_cut(info);
    }
    writer_.post_start(thread_->loop(), job);
  }

  NodeShared& node_;
  SnapshotWriter writer_;
  SpillWriter spiller_;
  std::unique_ptr<io::Thread> thread_, spill_thread_;
  uint64_t cuts_ = 0;
  uint64_t last_id_ = 0;
  std::vector<std::unique_ptr<CutJob::Target>> waiting_;
  std::shared_ptr<CutJob> active_;
  std::vector<uint64_t> ids_;  // of active_
};

}  // namespace

std::unique_ptr<Snapshots> make_snapshots(NodeShared& node) {
  return std::make_unique<NodeSnapshots>(node);
}

}  // namespace tessera::persist
