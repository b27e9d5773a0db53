// Role: the append only file: the journal thread, which writes what the log has, syncs it by the policy,
// starts new increments and changes bases; and what others ask of it. Thread: the journal thread; before it
// starts the node's; post() and the like from any.
// Invariants: nothing but this thread writes or syncs these files; what is not durable yet stays in memory,
// so that a failed sync is answered by a new increment from the last durable byte on; nothing is said to be
// durable that a crash could take back.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/io/env.h"
#include "server/journal/journal.h"
#include "server/persist/aof/group_wait.h"
#include "server/persist/aof/manifest.h"

namespace tessera::persist {

struct AofSettings {
  journal::Durability::Policy policy = journal::Durability::Policy::kEverysec;
  bool no_sync_on_rewrite = false;
  bool timestamps = false;
  bool keep_history = false;  // aof-disable-auto-gc
  bool snapshot_base = true;  // aof-use-rdb-preamble
  int64_t rewrite_percentage = 100;
  int64_t rewrite_min_bytes = 64 * 1024 * 1024;
};

struct AofPlace {
  std::string dir;          // absolute
  std::string folder_name;  // appenddirname
  std::string file_name;    // appendfilename
  std::string folder() const { return dir + "/" + folder_name; }
  std::string path(const std::string& name) const { return folder() + "/" + name; }
  std::string manifest_path() const { return path(file_name + ".manifest"); }
};

// Makes a new base: what the data set is at one moment, written into `path` and synced.
struct BaseRequest {
  std::string path;
  bool snapshot = true;    // else commands
  bool timestamp = false;  // in front of commands
  // While all shards are parked and all they changed is appended: the moment; the log is at `offset`.
  std::function<void(uint64_t offset)> at_cut;
  // At the end, once: how many bytes, or why not. Any thread.
  std::function<void(Result<uint64_t>)> done;
};

class Aof : public io::Actor {
 public:
  Aof(io::Env& env, Log& log, journal::Journal& journal, AofPlace place);
  ~Aof() override;

  // ---- before the thread
  // Takes the folder for this process (makes it if need be); fails when another has it.
  Result<void> lock();
  // Reads what is there; an old single file is moved into the folder. Nothing there: an empty manifest.
  Result<void> find_files();
  const aof::Manifest& manifest() const { return manifest_; }
  const AofPlace& place() const { return place_; }
  void set_settings_at_start(const AofSettings& settings) { settings_ = settings; }
  // What has been loaded: the last increment goes on, or the first one begins. Then the log is turned on (all
  // shards are parked).
  Result<void> open_loaded();
  void turn_on_at_start();
  // Makes bases; nullptr: it cannot.
  void set_base_maker(std::function<void(BaseRequest)> make) { make_base_ = std::move(make); }
  // Microseconds to wait before each write, for tests; it lives as long as this.
  void set_flush_sleep(const std::atomic<int64_t>* sleep_us) { flush_sleep_us_ = sleep_us; }
  void start_thread(const std::vector<int>& cpus = {});
  // After all shard threads have ended: what they left is written and synced.
  void end_thread();

  // ---- any thread
  // `done`, if any: on the thread, once it holds.
  void set_settings(const AofSettings& settings, std::function<void()> done = nullptr);
  // appendonly yes at run time; `done` on the journal thread once a rewrite is under way. `dir`: as below.
  void turn_on(std::string dir, std::function<void(Result<void>)> done);
  // appendonly no: all is written and synced first.
  void turn_off(std::function<void()> done);
  // BGREWRITEAOF: the reply without sign. While the file is off, a base is made in the folder in `dir`.
  // `waits`: something else is under way, behind which its cut comes; until then it is scheduled.
  void rewrite(std::string dir, bool waits, std::function<void(Result<std::string>)> done);
  // DEBUG LOADAOF, in this order; `done` on the journal thread. Nothing is appended meanwhile.
  // Writes and syncs everything, lets go of the increment and says which files there are; the folder stays
  // ours. While the file is off: of the folder in `dir`, which is an error when it has none.
  void rest(std::string dir, std::function<void(Result<aof::Manifest>)> done);
  // Opens the last increment again, for go_on(), if the file is on.
  void reopen(std::function<void(Result<void>)> done);
  // While all shards are parked: the log is on again, or the folder is let go.
  void go_on();
  // WAITAOF: tells once the log is durable up to `offset`, or at `deadline` (0: never).
  void wait_durable(uint64_t offset, MonoTime deadline, std::function<void(bool)> done);

  void start(io::Loop& loop) override;
  Micros tick(io::Loop& loop) override;
  void finish(io::Loop& loop) override;

 private:
  struct Do;
  struct Waiter {
    uint64_t offset;
    MonoTime deadline;
    std::function<void(bool)> done;
  };
  // What a failed sync takes from the file, kept for the next one. Not the log's chunks themselves: whoever
  // fills the next ones gets their memory, which is in his cache, back at once.
  struct Written {
    uint64_t end;  // offset in the log
    std::string bytes;
  };
  enum class Phase { kOff, kOn, kStarting };  // kStarting: until the first base is there

  bool is_on() const { return phase_ != Phase::kOff; }
  void stop_logging();
  void post(std::function<void()> run);
  void take_chunks();
  void keep_written(uint64_t end, std::string&& bytes);
  void drop_written(uint64_t end);
  void forget_log();
  // ---- aof_writing.cc
  void write_some();
  bool write_all();
  bool write_group();
  bool write_bytes(std::string_view bytes);
  void append_chunk(const journal::Batch& batch, std::string& out) const;
  bool is_behind_cut(const journal::Batch& batch) const;
  void write_failed(const Error& error, size_t written, size_t expected);
  bool mend_file();
  size_t pending_count() const;
  bool waits_for_group();
  void note_group(MonoTime began);
  void sync_if_due();
  bool sync_now();
  void sync_failed(const Error& error);
  Result<void> begin_anew();
  void note_durable();
  void failing(int code);
  void working_again();
  void publish();
  void publish_unsynced_since();
  Micros next_wait(bool had_work);
  void answer_waiters();
  // ---- aof_files.cc
  Result<void> ensure_folder();
  Result<void> move_old_file();
  Result<void> write_manifest(const aof::Manifest& manifest);
  Result<std::unique_ptr<io::File>> new_increment(const std::string& name);
  Result<void> write_first_base(aof::ManifestFile& base);
  // ---- aof_rewrite.cc
  void begin_rewrite(const char* why, bool waits = false);
  void note_rewriting();
  void cut_made(uint64_t offset, std::unique_ptr<journal::Cursor> cursor);
  void switch_files();
  void base_done(Result<uint64_t> size);
  void finish_rewrite();
  Result<void> install_base(uint64_t size);
  void leave_names(const aof::ManifestFile& base, const aof::ManifestFile* increment);
  Result<void> take_folder(std::string dir);
  void let_folder_go();
  void delete_history();
  void rewrite_ended(bool ok);
  void look_for_growth();

  io::Env& env_;
  Log& log_;
  journal::Journal& journal_;
  AofPlace place_;
  AofSettings settings_;
  std::unique_ptr<io::FileLock> lock_;
  std::unique_ptr<io::Thread> thread_;
  io::Loop* loop_ = nullptr;
  std::function<void(BaseRequest)> make_base_;

  Phase phase_ = Phase::kOff;
  aof::Manifest manifest_;
  std::unique_ptr<journal::Cursor> cursor_;
  std::unique_ptr<io::File> file_;  // the increment that is written to
  std::string file_name_;
  uint64_t file_bytes_ = 0;     // written whole
  uint64_t durable_bytes_ = 0;  // of them synced
  uint64_t other_bytes_ = 0;    // of the base and the other increments
  uint64_t base_bytes_ = 0;     // all of them, when they were rewritten last
  bool torn_ = false;           // the file may be longer than file_bytes_
  bool needs_select_ = true;
  int64_t timestamp_s_ = 0;  // the last one written

  std::deque<journal::Chunk> waiting_;  // taken from the log, to be written
  std::deque<Written> unsynced_;        // in the file, and not durable
  uint64_t written_ = 0, durable_ = 0;  // offsets of the log
  aof::GroupWait group_;
  size_t written_count_ = 0;  // changes written since the last sync

  MonoTime now_;
  MonoTime unsynced_since_, last_sync_, retry_at_, last_complaint_, next_look_;
  bool failing_ = false;
  bool sync_failed_ = false;
  bool owes_sync_ = false;  // what was let through while nothing was to be synced has not been since
  const std::atomic<int64_t>* flush_sleep_us_ = nullptr;
  bool stopping_ = false;
  bool rests_ = false;  // DEBUG LOADAOF: it was on, and goes on
  std::deque<Waiter> waiters_;

  struct Rewrite {
    bool running = false;
    uint64_t serial = 0;
    bool cut = false;
    bool waits_for_switch = false;
    uint64_t offset = 0;
    std::optional<uint64_t> size;  // of the base, which is there
    std::string path;
    bool snapshot = true;
    size_t old_increments = 0;  // of the manifest: those that the base replaces
    MonoTime began;
  } rewrite_;
  MonoTime no_rewrite_before_;
};

// As INFO and the loader say.
std::string empty_snapshot(int64_t now_s);
Result<uint64_t> file_bytes(io::Files& files, const std::string& path);

}  // namespace tessera::persist
