// Role: see file_sink.h.
#include "server/persist/file_sink.h"

#include "server/journal/faults.h"

namespace tessera::persist {

namespace {
constexpr size_t kSyncEvery = 4 * 1024 * 1024;
}

FileSink::FileSink(io::Files& files, std::string dir, std::string temporary, std::string name,
                   bool incremental)
    : files_(files),
      dir_(std::move(dir)),
      temporary_(dir_ + "/" + temporary),
      name_(dir_ + "/" + name),
      incremental_(incremental) {}

Result<void> FileSink::begin(const CutInfo&) {
  // A new file, whatever has the name: after a crash that may be what was renamed to another folder.
  (void)files_.remove(temporary_).ok();
  auto file = files_.open(temporary_, io::OpenMode::kCreateExcl);
  if (!file.ok()) return file.error();
  file_ = std::move(*file);
  return {};
}

Result<void> FileSink::write(std::string_view bytes) {
  if (auto written = file_->write(bytes); !written.ok()) return written;
  size_bytes_ += bytes.size();
  unsynced_ += bytes.size();
  if (!incremental_ || unsynced_ < kSyncEvery) return {};
  unsynced_ = 0;
  return file_->sync();
}

Result<void> FileSink::end() {
  if (!journal::planted(journal::Fault::kBaseUnsynced)) {
    if (auto synced = file_->sync(); !synced.ok()) return synced;
  }
  file_.reset();
  if (auto renamed = files_.rename(temporary_, name_); !renamed.ok()) return renamed;
  return files_.sync_dir(dir_);
}

void FileSink::failed(const Error&) {
  file_.reset();
  (void)files_.remove(temporary_).ok();
}

}  // namespace tessera::persist
