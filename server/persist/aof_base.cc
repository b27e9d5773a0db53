// Role: see aof_base.h. Thread: any; sinks: the snapshot thread; requests and their ends: control.
#include "server/persist/aof_base.h"

#include <utility>

#include "server/config/config.h"
#include "server/persist/command_sink.h"
#include "server/persist/file_sink.h"
#include "server/persist/snapshot.h"

namespace tessera::persist {

namespace {

// The bytes go on to a file whose size is told.
class BaseSink final : public SnapshotSink {
 public:
  BaseSink(std::unique_ptr<FileSink> file, io::Files& files, const BaseRequest& request,
           std::shared_ptr<uint64_t> size)
      : size_(std::move(size)), files_(files), path_(request.path), file_(*file), sink_(std::move(file)) {
    if (!request.snapshot) sink_ = std::make_unique<CommandSink>(std::move(sink_), request.timestamp);
  }
  Result<void> begin(const CutInfo& cut) override { return sink_->begin(cut); }
  Result<void> write(std::string_view bytes) override { return sink_->write(bytes); }
  Result<void> end() override {
    if (auto ended = sink_->end(); !ended.ok()) return ended;
    *size_ = file_.size_bytes();
    return {};
  }
  void failed(const Error& why) override {
    sink_->failed(why);
    // It may have its name, which nobody is told then.
    (void)files_.remove(path_).ok();
  }

 private:
  std::shared_ptr<uint64_t> size_;
  io::Files& files_;
  const std::string path_;
  FileSink& file_;
  std::unique_ptr<SnapshotSink> sink_;
};

void take(dispatch::NodeShared& node, const BaseRequest& request) {
  const size_t slash = request.path.rfind('/');
  const std::string dir = request.path.substr(0, slash), name = request.path.substr(slash + 1);
  const auto settings = node.settings->get();
  auto file = std::make_unique<FileSink>(node.env->files(), dir, name + ".part", name,
                                         settings->config->boolean("aof-rewrite-incremental-fsync"));
  auto size = std::make_shared<uint64_t>(0);
  SnapshotRequest snapshot;
  snapshot.sink = std::make_unique<BaseSink>(std::move(file), node.env->files(), request, size);
  snapshot.aux = {{"aof-base", "1"}};
  snapshot.at_cut = [at_cut = request.at_cut](const CutInfo& cut) { at_cut(cut.journal_offset); };
  snapshot.done = [done = request.done, size](const Result<CutInfo>& result) {
    result.ok() ? done(*size) : done(result.error());
  };
  node.snapshots->take(std::move(snapshot));
}

}  // namespace

void make_base(dispatch::NodeShared& node, BaseRequest request) {
  node.control->post([&node, request = std::move(request)] { take(node, request); });
}

}  // namespace tessera::persist
