// Role: takes nodes.conf over and writes it in the pool. See saver.h.
#include "server/cluster/nodes_conf/saver.h"

#include <cerrno>
#include <utility>

#include "common/base/check.h"

namespace tessera::cluster::nodes_conf {

Result<TakenOver> take_over(io::Files& files, const std::string& path, bool tls_cluster) {
  auto lock = files.lock(path);
  if (!lock) {
    if (lock.error().code != EWOULDBLOCK) {
      return Error{"Can't open " + path + " in order to acquire a lock: " + lock.error().message,
                   lock.error().code};
    }
    return Error{
        "Sorry, the cluster configuration file " + path +
            " is already used by a different Redis Cluster node. Please make sure that different nodes "
            "use different cluster configuration files.",
        EWOULDBLOCK};
  }
  const auto text = files.read_all(path);
  if (!text) {
    return Error{"Loading the cluster node config from " + path + ": " + text.error().message,
                 text.error().code};
  }
  auto file = parse(*text, tls_cluster);
  if (!file) {
    return Error{"Unrecoverable error: corrupted cluster config file. " + path + ", " + file.error().message,
                 0};
  }
  if (!*file) return TakenOver{std::move(*lock), std::move(*file), nullptr};
  // What a process that died left may be in the page cache alone, and a sync that failed in its time is not
  // made up for by one of ours. What is spoken of from here on has to outlive the power: it is written anew.
  auto next = files.lock(path + ".tmp");
  const Result<void> written = next ? files.replace(path, *text) : Result<void>(next.error());
  if (!written) {
    return Error{"Saving the cluster node config in " + path + ": " + written.error().message,
                 written.error().code};
  }
  return TakenOver{std::move(*next), std::move(*file), std::move(*lock)};
}

// What outlives the saver while the pool writes.
struct Saver::Shared {
  Saver* saver;  // null once it is gone; the control thread's
  io::Files& files;
  const std::string path;
  // Of the file as it is now and of the one before: who opened that one just before our rename and locks it
  // just after must find it taken.
  std::unique_ptr<io::FileLock> lock, lock_before;

  Result<void> write(const std::string& text) {
    // Files::replace writes the file of this name and renames it: the lock goes with it, so that at no time
    // the path names a file that is not locked.
    auto next = files.lock(path + ".tmp");
    if (!next) return next.error();
    auto done = files.replace(path, text);
    if (!done) {
      // The rename may have happened before what failed; then the path names a file that is locked by `next`.
      next->reset();
      if (auto now = files.lock(path)) {
        lock_before = std::move(lock);
        lock = std::move(*now);
      }
      return done;
    }
    lock_before = std::move(lock);
    lock = std::move(*next);
    return {};
  }
};

Saver::Saver(io::Files& files, io::Pool& pool, std::string path, std::unique_ptr<io::FileLock> lock,
             Post post, Done done)
    : shared_(new Shared{this, files, std::move(path), std::move(lock), nullptr}),
      pool_(pool),
      post_(std::move(post)),
      done_(std::move(done)) {}

Saver::~Saver() {
  shared_->saver = nullptr;
}

bool Saver::idle() const {
  return !writing_;
}

void Saver::save(uint64_t version, std::function<std::string()> make_text) {
  Request request{version, std::move(make_text)};
  if (writing_) {
    TESSERA_DCHECK(!waiting_ || waiting_->version < version);
    waiting_ = std::move(request);
  } else {
    start(std::move(request));
  }
}

void Saver::start(Request request) {
  writing_ = true;
  ++write_count_;
  pool_.submit([shared = shared_, post = post_, request = std::move(request)]() mutable {
    Result<void> result = shared->write(request.make_text());
    // The contents are destroyed here, not on the control thread.
    request.make_text = nullptr;
    post([shared = std::move(shared), version = request.version, result = std::move(result)]() mutable {
      if (shared->saver != nullptr) shared->saver->finished(version, std::move(result));
    });
  });
}

void Saver::finished(uint64_t version, Result<void> result) {
  writing_ = false;
  if (waiting_) {
    Request next = std::move(*waiting_);
    waiting_.reset();
    start(std::move(next));
  }
  // Last: it may save again, or end this object.
  done_(version, std::move(result));
}

}  // namespace tessera::cluster::nodes_conf
