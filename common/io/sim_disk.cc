// Role: see sim_disk.h: operations, faults, and what a crash leaves. Thread: the simulator's.
#include "common/io/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tessera::io {

namespace {

constexpr size_t kSectorBytes = 512;  // what a disk writes at once: where a write is torn

Error disk_error(const std::string& path, const char* what, int code) {
  char text[128];
  return {path + ": " + what + ": " + strerror_r(code, text, sizeof text), code};
}

// "/a//b/./c/.." -> a, b. Relative paths start at the root: a simulated process runs there.
std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < path.size();) {
    size_t end = path.find('/', at);
    if (end == std::string::npos) end = path.size();
    const std::string part = path.substr(at, end - at);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    at = end + 1;
  }
  return parts;
}

}  // namespace

// An open file: dead, and failing with EIO, once its host's life is over.
class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, SimDisk::NodePtr node, std::string path, OpenMode mode)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)), mode_(mode), life_(disk.life_) {}

  Result<void> write(std::string_view bytes, size_t* written_bytes) override {
    if (written_bytes != nullptr) *written_bytes = 0;
    if (mode_ == OpenMode::kRead) return disk_error(path_, "write", EBADF);
    DiskFault fault;
    // An injected failure may still write a prefix; a disk that has died at this operation writes nothing.
    if (auto begun = begin(DiskOpKind::kWrite, bytes.size(), &fault);
        !begun && (fault.code == 0 || fault.keep_bytes == 0 || !usable()))
      return begun;
    if (mode_ == OpenMode::kAppend) position_ = node_->bytes.size();
    size_t done = 0;
    auto result = disk_.write_node(*node_, position_, bytes, fault, path_, &done);
    position_ += done;
    if (written_bytes != nullptr) *written_bytes = done;
    disk_.end();
    return result;
  }

  Result<size_t> read(char* into, size_t n) override {
    DiskFault fault;
    if (auto begun = begin(DiskOpKind::kRead, n, &fault); !begun) return begun.error();
    if (position_ >= node_->bytes.size()) return size_t{0};
    const size_t got = std::min(n, node_->bytes.size() - static_cast<size_t>(position_));
    std::memcpy(into, node_->bytes.data() + position_, got);
    position_ += got;
    return got;
  }

  Result<void> seek(uint64_t offset) override {
    position_ = offset;
    return {};
  }

  Result<uint64_t> size() const override {
    if (!usable()) return disk_error(path_, "stat", EIO);
    return static_cast<uint64_t>(node_->bytes.size());
  }

  Result<void> truncate(uint64_t size_bytes) override {
    DiskFault fault;
    if (auto begun = begin(DiskOpKind::kTruncate, 0, &fault); !begun) return begun;
    SimDisk::Change change;
    change.offset = size_bytes;
    change.truncate = true;
    SimDisk::apply(node_->bytes, change);
    node_->changes.push_back(std::move(change));
    disk_.end();
    return {};
  }

  Result<void> sync() override {
    DiskFault fault;
    if (auto begun = begin(DiskOpKind::kSync, 0, &fault); !begun) {
      if (usable() && fault.forget_dirty) {
        for (auto& change : node_->changes) change.lost = true;
      }
      return begun;
    }
    disk_.scheduler_.sleep_in_place(disk_.scheduler_.between(disk_.sync_low_, disk_.sync_high_));
    if (!usable()) return disk_error(path_, "fdatasync", EIO);  // power was lost meanwhile
    disk_.sync_node(*node_);
    disk_.end();
    return {};
  }

 private:
  bool usable() const { return disk_.alive_ && disk_.life_ == life_; }
  Result<void> begin(DiskOpKind kind, size_t bytes, DiskFault* fault) {
    if (!usable()) return disk_error(path_, "io", EIO);
    return disk_.begin(kind, path_, bytes, fault);
  }

  SimDisk& disk_;
  SimDisk::NodePtr node_;
  std::string path_;
  OpenMode mode_;
  uint64_t life_;
  uint64_t position_ = 0;
};

class SimLock final : public FileLock {
 public:
  SimLock(SimDisk& disk, uint64_t node_id) : disk_(disk), node_id_(node_id), life_(disk.life_) {}
  ~SimLock() override {
    auto found = disk_.locks_.find(node_id_);
    if (found != disk_.locks_.end() && found->second == life_) disk_.locks_.erase(found);
  }

 private:
  SimDisk& disk_;
  uint64_t node_id_;
  uint64_t life_;
};

SimDisk::SimDisk(SimScheduler& scheduler, uint64_t seed, std::function<int64_t()> wall_ms,
                 std::function<void()> crash)
    : scheduler_(scheduler), random_(seed), wall_ms_(std::move(wall_ms)), crash_(std::move(crash)) {
  root_ = new_node(true);
  make_dirs("/data");
  make_dirs("/tmp");
}

SimDisk::~SimDisk() = default;

SimDisk::NodePtr SimDisk::new_node(bool is_dir) {
  auto node = std::make_shared<Node>();
  node->is_dir = is_dir;
  node->id = next_node_id_++;
  node->modified_ms = wall_ms_();
  return node;
}

void SimDisk::make_dirs(const std::string& path) {
  NodePtr at = root_;
  for (const auto& part : split_path(path)) {
    NodePtr& next = at->names[part];
    if (next == nullptr) next = new_node(true);
    at->durable_names[part] = next;
    at = next;
  }
}

void SimDisk::fail_next(DiskOpKind kind, int code, int times) {
  failing_[static_cast<size_t>(kind)] = times;
  failing_code_[static_cast<size_t>(kind)] = code;
}

Result<void> SimDisk::begin(DiskOpKind kind, const std::string& path, size_t bytes, DiskFault* fault) {
  if (!alive_) return disk_error(path, "io", EIO);
  const auto index = static_cast<size_t>(kind);
  ++op_count_;
  ++counts_[index];
  scheduler_.fold(index);
  scheduler_.fold_bytes(path);
  scheduler_.fold(bytes);
  if (hook_) *fault = hook_(DiskOp{kind, path, bytes, op_count_});
  if (fault->delay.us > 0) {
    const uint64_t life = life_;
    scheduler_.sleep_in_place(fault->delay);
    if (!alive_ || life != life_) return disk_error(path, "io", EIO);
  }
  if (op_count_ == crash_at_) {
    if (random_.one_in(2)) {
      crash_();
      return disk_error(path, "io", EIO);
    }
    crash_after_ = true;
  }
  if (failing_[index] > 0) {
    --failing_[index];
    fault->code = failing_code_[index];
  }
  if (fault->code != 0) return disk_error(path, "io", fault->code);
  return {};
}

void SimDisk::end() {
  if (!std::exchange(crash_after_, false)) return;
  crash_();
}

// ---- bytes

void SimDisk::apply(std::string& bytes, const Change& change) {
  if (change.truncate) {
    bytes.resize(change.offset, '\0');
    return;
  }
  const size_t end = change.offset + change.bytes.size();
  if (bytes.size() < end) bytes.resize(end, '\0');
  std::memcpy(bytes.data() + change.offset, change.bytes.data(), change.bytes.size());
}

Result<void> SimDisk::write_node(Node& node, uint64_t offset, std::string_view bytes, const DiskFault& fault,
                                 const std::string& path, size_t* written_bytes) {
  int code = fault.code;
  if (code != 0) bytes = bytes.substr(0, fault.keep_bytes);
  const uint64_t old_size = node.bytes.size();
  const uint64_t growth = offset + bytes.size() > old_size ? offset + bytes.size() - old_size : 0;
  const uint64_t used = capacity_bytes_ == UINT64_MAX ? 0 : used_bytes(*root_);
  if (used + growth > capacity_bytes_) {
    const uint64_t room = capacity_bytes_ > used ? capacity_bytes_ - used : 0;
    const uint64_t limit = old_size + room;
    bytes = bytes.substr(0, limit > offset ? static_cast<size_t>(limit - offset) : 0);
    code = ENOSPC;
  }
  if (!bytes.empty()) {
    Change change{offset, std::string(bytes), false, false};
    scheduler_.fold_bytes(bytes);
    apply(node.bytes, change);
    node.changes.push_back(std::move(change));
    node.modified_ms = wall_ms_();
  }
  *written_bytes = bytes.size();
  if (code != 0) return disk_error(path, "write", code);
  return {};
}

void SimDisk::sync_node(Node& node) {
  // What a failed sync lost stays visible until the next crash, and is never made durable.
  std::vector<Change> lost;
  for (auto& change : node.changes) {
    if (change.lost) {
      lost.push_back(std::move(change));
    } else {
      apply(node.durable_bytes, change);
    }
  }
  node.changes = std::move(lost);
}

void SimDisk::forget_bytes(Node& node) {
  // Most disks lose a tail; some reorder. A torn write keeps whole sectors of its beginning.
  const bool reordered = random_.one_in(4) && reorders_bytes_;
  const size_t cut = static_cast<size_t>(random_.below(node.changes.size() + 1));
  for (size_t i = 0; i < node.changes.size(); ++i) {
    Change& change = node.changes[i];
    const bool survives = !change.lost && (reordered ? random_.one_in(2) : i < cut);
    const bool torn = !change.lost && !change.truncate && (reordered ? random_.one_in(4) : i == cut);
    if (survives) {
      apply(node.durable_bytes, change);
    } else if (torn) {
      const uint64_t sectors = random_.below(change.bytes.size() / kSectorBytes + 1);
      // A boundary of the file's sectors, not of the write's.
      const uint64_t end = (change.offset / kSectorBytes + sectors) * kSectorBytes;
      if (end > change.offset) {
        change.bytes.resize(std::min<uint64_t>(change.bytes.size(), end - change.offset));
        apply(node.durable_bytes, change);
      }
    }
  }
  node.changes.clear();
  node.bytes = node.durable_bytes;
}

// ---- names

void SimDisk::apply(std::map<std::string, NodePtr>& names, const NameChange& change) {
  if (!change.removed.empty()) names.erase(change.removed);
  if (!change.added.empty()) names[change.added] = change.node;
}

void SimDisk::change_names(Node& dir, NameChange change) {
  apply(dir.names, change);
  dir.name_changes.push_back(std::move(change));
  dir.modified_ms = wall_ms_();
}

void SimDisk::forget_names(Node& dir) {
  const bool reordered = random_.one_in(4);
  const size_t cut = static_cast<size_t>(random_.below(dir.name_changes.size() + 1));
  for (size_t i = 0; i < dir.name_changes.size(); ++i) {
    if (reordered ? random_.one_in(2) : i < cut) apply(dir.durable_names, dir.name_changes[i]);
  }
  dir.name_changes.clear();
  dir.names = dir.durable_names;
  for (auto& [name, node] : dir.names) {
    if (node->is_dir) {
      forget_names(*node);
    } else {
      forget_bytes(*node);
    }
  }
}

uint64_t SimDisk::used_bytes(const Node& node) {
  uint64_t sum = node.bytes.size();
  for (const auto& [name, child] : node.names) sum += used_bytes(*child);
  return sum;
}

void SimDisk::lose_power() {
  end_life();
  forget_names(*root_);
}

void SimDisk::end_life() {
  alive_ = false;
  ++life_;
  locks_.clear();
  crash_at_ = 0;
  crash_after_ = false;
}

// ---- operations on names

Result<SimDisk::Place> SimDisk::find(const std::string& path, const char* what) const {
  std::vector<std::string> parts = split_path(path);
  if (parts.empty()) return Place{root_, "", root_};
  NodePtr at = root_;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    auto next = at->names.find(parts[i]);
    if (next == at->names.end()) return disk_error(path, what, ENOENT);
    if (!next->second->is_dir) return disk_error(path, what, ENOTDIR);
    at = next->second;
  }
  auto last = at->names.find(parts.back());
  return Place{at, parts.back(), last == at->names.end() ? nullptr : last->second};
}

std::optional<std::string> SimDisk::durable(const std::string& path) const {
  NodePtr at = root_;
  for (const std::string& part : split_path(path)) {
    const auto next = at->durable_names.find(part);
    if (next == at->durable_names.end()) return std::nullopt;
    at = next->second;
  }
  return at->durable_bytes;
}

Result<std::unique_ptr<File>> SimDisk::open(const std::string& path, OpenMode mode, int) {
  DiskFault fault;
  if (auto begun = begin(DiskOpKind::kOpen, path, 0, &fault); !begun) return begun.error();
  auto place = find(path, "open");
  if (!place) return place.error();
  NodePtr node = place->node;
  if (node != nullptr && node->is_dir && mode != OpenMode::kRead) return disk_error(path, "open", EISDIR);
  if (node != nullptr && mode == OpenMode::kCreateExcl) return disk_error(path, "open", EEXIST);
  if (node == nullptr) {
    if (mode == OpenMode::kRead) return disk_error(path, "open", ENOENT);
    node = new_node(false);
    change_names(*place->dir, {"", place->name, node});
  } else if (mode == OpenMode::kCreateTrunc && !node->bytes.empty()) {
    node->bytes.clear();
    Change emptied;
    emptied.truncate = true;
    node->changes.push_back(std::move(emptied));
  }
  end();
  return Result<std::unique_ptr<File>>(std::make_unique<SimFile>(*this, std::move(node), path, mode));
}

Result<FileInfo> SimDisk::stat(const std::string& path) {
  if (!alive_) return disk_error(path, "stat", EIO);
  auto place = find(path, "stat");
  if (!place) return place.error();
  if (place->node == nullptr) return disk_error(path, "stat", ENOENT);
  return FileInfo{place->node->bytes.size(), place->node->is_dir, place->node->modified_ms};
}

Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  DiskFault fault;
  if (auto begun = begin(DiskOpKind::kRename, from, 0, &fault); !begun) return begun;
  auto source = find(from, "rename");
  if (!source) return source.error();
  auto target = find(to, "rename");
  if (!target) return target.error();
  if (source->node == nullptr || source->name.empty()) return disk_error(from, "rename", ENOENT);
  if (target->node == source->node) return {};
  if (target->node != nullptr) {
    if (target->node->is_dir && !source->node->is_dir) return disk_error(to, "rename", EISDIR);
    if (!target->node->is_dir && source->node->is_dir) return disk_error(to, "rename", ENOTDIR);
    if (target->node->is_dir && !target->node->names.empty()) return disk_error(to, "rename", ENOTEMPTY);
  }
  if (source->dir == target->dir) {
    change_names(*source->dir, {source->name, target->name, source->node});
  } else {
    change_names(*target->dir, {"", target->name, source->node});
    change_names(*source->dir, {source->name, "", nullptr});
  }
  end();
  return {};
}

Result<void> SimDisk::remove(const std::string& path) {
  DiskFault fault;
  if (auto begun = begin(DiskOpKind::kRemove, path, 0, &fault); !begun) return begun;
  auto place = find(path, "remove");
  if (!place) return place.error();
  if (place->node == nullptr) return disk_error(path, "remove", ENOENT);
  if (place->name.empty()) return disk_error(path, "remove", EBUSY);
  if (place->node->is_dir && !place->node->names.empty()) return disk_error(path, "remove", ENOTEMPTY);
  change_names(*place->dir, {place->name, "", nullptr});
  end();
  return {};
}

Result<void> SimDisk::make_dir(const std::string& path, int) {
  DiskFault fault;
  if (auto begun = begin(DiskOpKind::kMakeDir, path, 0, &fault); !begun) return begun;
  auto place = find(path, "mkdir");
  if (!place) return place.error();
  if (place->node != nullptr) return disk_error(path, "mkdir", EEXIST);
  change_names(*place->dir, {"", place->name, new_node(true)});
  end();
  return {};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& dir) {
  if (!alive_) return disk_error(dir, "opendir", EIO);
  auto place = find(dir, "opendir");
  if (!place) return place.error();
  if (place->node == nullptr) return disk_error(dir, "opendir", ENOENT);
  if (!place->node->is_dir) return disk_error(dir, "opendir", ENOTDIR);
  std::vector<std::string> names;
  for (const auto& [name, node] : place->node->names) names.push_back(name);
  return names;
}

Result<void> SimDisk::sync_dir(const std::string& dir) {
  DiskFault fault;
  if (auto begun = begin(DiskOpKind::kSyncDir, dir, 0, &fault); !begun) return begun;
  auto place = find(dir, "fsync");
  if (!place) return place.error();
  if (place->node == nullptr) return disk_error(dir, "open", ENOENT);
  if (!place->node->is_dir) return disk_error(dir, "open", ENOTDIR);
  const uint64_t life = life_;
  scheduler_.sleep_in_place(scheduler_.between(sync_low_, sync_high_));
  if (!alive_ || life != life_) return disk_error(dir, "fsync", EIO);
  for (const auto& change : place->node->name_changes) apply(place->node->durable_names, change);
  place->node->name_changes.clear();
  end();
  return {};
}

Result<std::unique_ptr<FileLock>> SimDisk::lock(const std::string& path) {
  auto file = open(path, OpenMode::kReadWrite);
  if (!file) return file.error();
  DiskFault fault;
  if (auto begun = begin(DiskOpKind::kLock, path, 0, &fault); !begun) return begun.error();
  const auto place = find(path, "lock");
  if (!place) return place.error();
  // As flock: of the file, which takes it along when it is renamed.
  const uint64_t node_id = place->node->id;
  if (!locks_.emplace(node_id, life_).second) return disk_error(path, "lock", EWOULDBLOCK);
  end();
  return Result<std::unique_ptr<FileLock>>(std::make_unique<SimLock>(*this, node_id));
}

}  // namespace tessera::io
