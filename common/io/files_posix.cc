// Role: the product's files: plain POSIX calls. Thread: any; they block.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/io/uv_internal.h"

namespace tessera::io {

namespace {

class PosixFile final : public File {
 public:
  PosixFile(OwnedFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> write(std::string_view bytes, size_t* written_bytes) override {
    size_t done = 0;
    int code = 0;
    while (done < bytes.size()) {
      const ssize_t wrote = ::write(fd_.get(), bytes.data() + done, bytes.size() - done);
      if (wrote >= 0) {
        done += static_cast<size_t>(wrote);
      } else if (errno != EINTR) {
        code = errno;
        break;
      }
    }
    if (written_bytes != nullptr) *written_bytes = done;
    if (code != 0) return errno_error(path_ + ": write", code);
    return {};
  }

  Result<size_t> read(char* into, size_t n) override {
    for (;;) {
      const ssize_t got = ::read(fd_.get(), into, n);
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return errno_error(path_ + ": read", errno);
    }
  }

  Result<void> seek(uint64_t offset) override {
    if (lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0)
      return errno_error(path_ + ": seek", errno);
    return {};
  }

  Result<uint64_t> size() const override {
    struct stat info {};
    if (fstat(fd_.get(), &info) != 0) return errno_error(path_ + ": stat", errno);
    return static_cast<uint64_t>(info.st_size);
  }

  Result<void> truncate(uint64_t size_bytes) override {
    while (ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0) {
      if (errno != EINTR) return errno_error(path_ + ": truncate", errno);
    }
    return {};
  }

  Result<void> sync() override {
    while (fdatasync(fd_.get()) != 0) {
      // Pipes and /dev/null have nothing to sync.
      if (errno == EINVAL || errno == EROFS) return {};
      if (errno != EINTR) return errno_error(path_ + ": fdatasync", errno);
    }
    return {};
  }

 private:
  OwnedFd fd_;
  std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(OwnedFd fd) : fd_(std::move(fd)) {}

 private:
  OwnedFd fd_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kCreateTrunc:
      return O_RDWR | O_CREAT | O_TRUNC;
    case OpenMode::kCreateExcl:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kAppend:
      return O_WRONLY | O_CREAT | O_APPEND;
    case OpenMode::kReadWrite:
      return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

OwnedFd open_fd(const std::string& path, int flags, int permissions) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(permissions));
  } while (fd < 0 && errno == EINTR);
  return OwnedFd(fd);
}

class PosixFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, int permissions) override {
    OwnedFd fd = open_fd(path, flags_of(mode), permissions);
    if (!fd) return errno_error(path + ": open", errno);
    return Result<std::unique_ptr<File>>(std::make_unique<PosixFile>(std::move(fd), path));
  }

  Result<FileInfo> stat(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return errno_error(path + ": stat", errno);
    return FileInfo{static_cast<uint64_t>(info.st_size), S_ISDIR(info.st_mode),
                    static_cast<int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1000000};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return errno_error(from + " -> " + to + ": rename", errno);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    int code = ::unlink(path.c_str()) == 0 ? 0 : errno;
    // unlink() of a folder says EISDIR on Linux; only empty folders go.
    if (code == EISDIR) code = ::rmdir(path.c_str()) == 0 ? 0 : errno;
    if (code != 0) return errno_error(path + ": remove", code);
    return {};
  }

  Result<void> make_dir(const std::string& path, int permissions) override {
    if (::mkdir(path.c_str(), static_cast<mode_t>(permissions)) != 0)
      return errno_error(path + ": mkdir", errno);
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& dir) override {
    DIR* handle = opendir(dir.c_str());
    if (handle == nullptr) return errno_error(dir + ": opendir", errno);
    std::vector<std::string> names;
    while (const dirent* entry = readdir(handle)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    closedir(handle);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> sync_dir(const std::string& dir) override {
    OwnedFd fd = open_fd(dir, O_RDONLY | O_DIRECTORY, 0);
    if (!fd) return errno_error(dir + ": open", errno);
    // Some file systems cannot sync a folder and need not.
    if (fsync(fd.get()) != 0 && errno != EINVAL) return errno_error(dir + ": fsync", errno);
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    OwnedFd fd = open_fd(path, O_WRONLY | O_CREAT, 0644);
    if (!fd) return errno_error(path + ": open", errno);
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return errno_error(path + ": lock", errno);
    return Result<std::unique_ptr<FileLock>>(std::make_unique<PosixLock>(std::move(fd)));
  }
};

}  // namespace

std::unique_ptr<Files> make_posix_files() {
  return std::make_unique<PosixFiles>();
}

}  // namespace tessera::io
