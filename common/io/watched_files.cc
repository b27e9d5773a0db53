// Role: see watched_files.h. The log's lines, fields parted by tabs:
//   step  NAME               a step begins
//   open  INODE PATH         from now on PATH is a name of that file, if it was not yet; links/INODE is one,
//   too sync  INODE BYTES        so many bytes of it are durable old   INODE              old/INODE holds its
//   durable bytes, which are about to be overwritten or cut off rename FROM TO, remove PATH, mkdir PATH,
//   syncdir PATH kill  MICROSECONDS MOMENT STEP  the last line: monotonic time
#include "common/io/watched_files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "common/base/check.h"
#include "common/io/uv_internal.h"

namespace tessera::io {

namespace {

enum class Moment { kBefore, kHalf, kAfter };

std::string decimal(uint64_t number) {
  return std::to_string(number);
}

// What all files and threads share.
class Watch {
 public:
  Watch(Files& files, const WatchOptions& options)
      : files_(files), folder_(options.folder), log_(open_log(options.folder + "/log")) {
    TESSERA_CHECK(static_cast<bool>(log_));
    const size_t first = options.kill.find(' '), second = options.kill.find(' ', first + 1);
    if (second == std::string::npos) return;
    const std::string moment = options.kill.substr(0, first);
    moment_ = moment == "after" ? Moment::kAfter : moment == "half" ? Moment::kHalf : Moment::kBefore;
    countdown_ = std::strtoull(options.kill.c_str() + first + 1, nullptr, 10);
    wanted_ = options.kill.substr(second + 1);
  }

  // True: this is the one, and `moment` has not come.
  bool begin(const std::string& step, bool can_be_halved = false) {
    std::lock_guard lock(mutex_);
    tell("step\t" + step);
    if (countdown_ == 0 || (wanted_ != "any" && wanted_ != step) || --countdown_ > 0) return false;
    if (moment_ == Moment::kBefore || (moment_ == Moment::kHalf && !can_be_halved)) die(step);
    return true;
  }
  bool halves() const { return moment_ == Moment::kHalf; }
  void end(bool wanted, const std::string& step) {
    if (!wanted) return;
    std::lock_guard lock(mutex_);
    die(step);
  }

  // A change of names and its line, as one.
  Result<void> change(const std::string& step, const std::string& line,
                      const std::function<Result<void>()>& run) {
    const bool wanted = begin(step);
    Result<void> done;
    {
      std::lock_guard lock(mutex_);
      done = run();
      if (done.ok()) tell(line);
    }
    end(wanted, step);
    return done;
  }

  struct Known {
    uint64_t durable_bytes = 0;
    bool is_saved = false;  // these bytes are in old/
  };

  // After an open. What was there when it was seen first is durable.
  uint64_t opened(const std::string& path, bool is_new) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return 0;
    const auto inode = static_cast<uint64_t>(info.st_ino);
    const auto size = static_cast<uint64_t>(info.st_size);
    if (!known_.contains(inode)) known_[inode].durable_bytes = is_new ? 0 : size;
    (void)::link(path.c_str(), (folder_ + "/links/" + decimal(inode)).c_str());  // or there is one
    tell("open\t" + decimal(inode) + "\t" + path);
    return inode;
  }
  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

  void synced(uint64_t inode, uint64_t bytes) {
    std::lock_guard lock(mutex_);
    known_[inode] = {bytes, false};
    tell("sync\t" + decimal(inode) + "\t" + decimal(bytes));
  }

  // Bytes from `offset` on are about to go.
  void save_old(uint64_t inode, uint64_t offset) {
    std::lock_guard lock(mutex_);
    save_old_locked(inode, offset);
  }
  void save_old_locked(uint64_t inode, uint64_t offset) {
    Known& known = known_[inode];
    if (known.is_saved || offset >= known.durable_bytes) return;
    auto bytes = files_.read_all(folder_ + "/links/" + decimal(inode));
    if (!bytes.ok()) return;
    bytes->resize(std::min<size_t>(bytes->size(), known.durable_bytes));
    const std::string old = folder_ + "/old/" + decimal(inode);
    auto file = files_.open(old + ".tmp", OpenMode::kCreateTrunc);
    if (!file.ok() || !(*file)->write(*bytes).ok() || !files_.rename(old + ".tmp", old).ok()) return;
    known.is_saved = true;
    tell("old\t" + decimal(inode));
  }

 private:
  static OwnedFd open_log(const std::string& path) {
    return OwnedFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  }
  void tell(std::string line) {
    line += '\n';
    (void)!::write(log_.get(), line.data(), line.size());
  }
  [[noreturn]] void die(const std::string& step) {
    constexpr const char* kNames[] = {"before", "half", "after"};
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t now_us = static_cast<int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
    const std::string moment = kNames[static_cast<size_t>(moment_)];
    tell("kill\t" + std::to_string(now_us) + "\t" + moment + "\t" + step);
    std::fprintf(stderr, "killed %s: %s\n", moment.c_str(), step.c_str());
    for (;;) ::kill(getpid(), SIGKILL);
  }

  Files& files_;
  const std::string folder_;
  const OwnedFd log_;
  std::mutex mutex_;
  std::map<uint64_t, Known> known_;  // by inode
  Moment moment_ = Moment::kBefore;
  uint64_t countdown_ = 0;
  std::string wanted_;
};

class WatchedFile final : public File {
 public:
  WatchedFile(Watch& watch, std::unique_ptr<File> file, std::string path, uint64_t inode, bool appends)
      : watch_(watch), file_(std::move(file)), path_(std::move(path)), inode_(inode), appends_(appends) {}

  Result<void> write(std::string_view bytes, size_t* written_bytes) override {
    const std::string step = step_name("write", path_);
    const bool wanted = watch_.begin(step, true);
    if (!appends_) watch_.save_old(inode_, position_);
    if (wanted && watch_.halves()) {
      (void)file_->write(bytes.substr(0, bytes.size() / 2), nullptr).ok();
      watch_.end(true, step);
    }
    size_t written = 0;
    auto done = file_->write(bytes, &written);
    position_ += written;
    if (written_bytes != nullptr) *written_bytes = written;
    watch_.end(wanted, step);
    return done;
  }
  Result<size_t> read(char* into, size_t n) override {
    auto got = file_->read(into, n);
    if (got.ok()) position_ += *got;
    return got;
  }
  Result<void> seek(uint64_t offset) override {
    position_ = offset;
    return file_->seek(offset);
  }
  Result<uint64_t> size() const override { return file_->size(); }
  Result<void> truncate(uint64_t size_bytes) override {
    const std::string step = step_name("truncate", path_);
    const bool wanted = watch_.begin(step);
    watch_.save_old(inode_, size_bytes);
    auto done = file_->truncate(size_bytes);
    watch_.end(wanted, step);
    return done;
  }
  Result<void> sync() override {
    const std::string step = step_name("sync", path_);
    const bool wanted = watch_.begin(step);
    const auto size = file_->size();
    auto done = file_->sync();
    if (done.ok() && size.ok()) watch_.synced(inode_, *size);
    watch_.end(wanted, step);
    return done;
  }

 private:
  Watch& watch_;
  const std::unique_ptr<File> file_;
  const std::string path_;
  const uint64_t inode_;
  const bool appends_;
  uint64_t position_ = 0;
};

class WatchedFiles final : public Files {
 public:
  WatchedFiles(std::unique_ptr<Files> files, const WatchOptions& options)
      : files_(std::move(files)), watch_(*files_, options) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, int permissions) override {
    if (mode == OpenMode::kRead) return files_->open(path, mode, permissions);
    const std::string step = step_name("open", path);
    const bool wanted = watch_.begin(step);
    Result<std::unique_ptr<File>> opened = Error{"", 0};
    {
      const auto lock = watch_.lock();
      const bool is_new = !files_->stat(path).ok();
      if (!is_new && mode == OpenMode::kCreateTrunc) watch_.save_old_locked(watch_.opened(path, false), 0);
      opened = files_->open(path, mode, permissions);
      if (opened.ok()) {
        const uint64_t inode = watch_.opened(path, is_new);
        opened = Result<std::unique_ptr<File>>(std::make_unique<WatchedFile>(
            watch_, std::move(*opened), path, inode, mode == OpenMode::kAppend));
      }
    }
    watch_.end(wanted, step);
    return opened;
  }
  Result<FileInfo> stat(const std::string& path) override { return files_->stat(path); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    const std::string step = step_name("rename", from) + " " + step_name("", to);
    return watch_.change(step, "rename\t" + from + "\t" + to, [&] { return files_->rename(from, to); });
  }
  Result<void> remove(const std::string& path) override {
    return watch_.change(step_name("remove", path), "remove\t" + path, [&] { return files_->remove(path); });
  }
  Result<void> make_dir(const std::string& path, int permissions) override {
    return watch_.change(step_name("mkdir", path), "mkdir\t" + path,
                         [&] { return files_->make_dir(path, permissions); });
  }
  Result<std::vector<std::string>> list(const std::string& dir) override { return files_->list(dir); }
  Result<void> sync_dir(const std::string& dir) override {
    return watch_.change(step_name("syncdir", dir), "syncdir\t" + dir, [&] { return files_->sync_dir(dir); });
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const std::string step = step_name("lock", path);
    const bool wanted = watch_.begin(step);
    Result<std::unique_ptr<FileLock>> taken = Error{"", 0};
    {
      const auto lock = watch_.lock();
      const bool is_new = !files_->stat(path).ok();
      taken = files_->lock(path);
      if (taken.ok()) (void)watch_.opened(path, is_new);
    }
    watch_.end(wanted, step);
    return taken;
  }

 private:
  const std::unique_ptr<Files> files_;
  Watch watch_;
};

}  // namespace

std::string step_name(std::string_view what, std::string_view path) {
  std::string name(what);
  if (!name.empty()) name += ' ';
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  bool in_number = false;
  for (const char c : path) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit) name += c;
    if (is_digit && !in_number) name += '#';
    in_number = is_digit;
  }
  return name;
}

std::unique_ptr<Files> watch(std::unique_ptr<Files> files, const WatchOptions& options) {
  return std::make_unique<WatchedFiles>(std::move(files), options);
}

std::unique_ptr<Files> watch_if_asked(std::unique_ptr<Files> files) {
  const char* folder = std::getenv("TESSERA_DISK_LOG");
  if (folder == nullptr || *folder == '\0') return files;
  const char* kill = std::getenv("TESSERA_DISK_KILL");
  return watch(std::move(files), {folder, kill == nullptr ? "" : kill});
}

}  // namespace tessera::io
