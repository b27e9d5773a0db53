// Role: see spill_file.h.
#include "server/persist/spill_file.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace tessera::persist {

namespace {

constexpr size_t kReadBytes = 256 * 1024;

// temp-PID-NUMBER.SHARD.STREAM.spill
bool is_spill_name(std::string_view name) {
  const auto take = [&](std::string_view text) {
    if (!name.starts_with(text)) return false;
    name.remove_prefix(text.size());
    return true;
  };
  const auto digits = [&] {
    const size_t n = std::min(name.find_first_not_of("0123456789"), name.size());
    name.remove_prefix(n);
    return n > 0;
  };
  return take("temp-") && digits() && take("-") && digits() && take(".") && digits() && take(".") &&
         digits() && name == ".spill";
}

}  // namespace

Result<std::unique_ptr<SpillFile>> SpillFile::create(io::Files& files, std::string path) {
  // A new file, whatever has the name: after a crash that may be what another process of this number left.
  (void)files.remove(path).ok();
  auto file = files.open(path, io::OpenMode::kCreateExcl, 0600);
  if (!file.ok()) return file.error();
  return std::unique_ptr<SpillFile>(new SpillFile(files, std::move(path), std::move(*file)));
}

SpillFile::~SpillFile() {
  file_.reset();
  (void)files_.remove(path_).ok();
}

Result<void> SpillFile::write(std::string_view bytes) {
  size_t written = 0;
  const Result<void> done = file_->write(bytes, &written);
  size_ += done.ok() ? bytes.size() : written;
  return done;
}

Result<std::string_view> SpillFile::read(size_t n) {
  if (auto filled = fill(n); !filled.ok()) return filled.error();
  const std::string_view bytes = std::string_view(buffer_).substr(at_, n);
  at_ += n;
  read_ += n;
  return bytes;
}

Result<std::string_view> SpillFile::read_some(uint64_t n) {
  if (at_ == buffer_.size()) {
    if (auto filled = fill(1); !filled.ok()) return filled.error();
  }
  return read(static_cast<size_t>(std::min<uint64_t>(n, buffer_.size() - at_)));
}

// Until `n` bytes are there.
Result<void> SpillFile::fill(size_t n) {
  if (buffer_.size() - at_ >= n) return {};
  if (!std::exchange(reads_, true)) {
    if (auto sought = file_->seek(0); !sought.ok()) return sought;
  }
  buffer_.erase(0, at_);
  at_ = 0;
  // What one large piece took is not kept.
  if (n <= kReadBytes && buffer_.capacity() > 4 * kReadBytes) buffer_.shrink_to_fit();
  while (buffer_.size() < n) {
    const size_t have = buffer_.size();
    const uint64_t left = kept_ - read_ - have;
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(std::max(n - have, kReadBytes), left));
    buffer_.resize(have + wanted);
    const Result<size_t> got = file_->read(buffer_.data() + have, wanted);
    buffer_.resize(have + (got.ok() ? *got : 0));
    if (!got.ok()) return got.error();
    if (*got == 0) return Error{path_ + ": has become shorter", 0};
  }
  return {};
}

std::string spill_prefix(const std::string& dir, uint64_t number) {
  return dir + "/temp-" + std::to_string(getpid()) + "-" + std::to_string(number) + ".";
}

std::string spill_path(const std::string& prefix, int shard, int stream) {
  return prefix + std::to_string(shard) + "." + std::to_string(stream) + ".spill";
}

void remove_spill_files(io::Files& files, const std::string& dir) {
  const auto names = files.list(dir);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (is_spill_name(name)) (void)files.remove(dir + "/" + name).ok();
  }
}

}  // namespace tessera::persist
