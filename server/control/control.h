// Role: the control thread: configuration, topology, users, shutdown, cron. It never touches bulk data and
// never calls fsync. Thread: its own; post() from any. Invariants: whatever takes something away from shards
// is spoken of only after every shard adopted what was published (when_adopted); requests are handled in the
// order of their arrival.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "common/resp/writer.h"
#include "server/control/settling.h"
#include "server/registry/args.h"

namespace tessera::config {
class Config;
class Editor;
class FileRewriter;
}  // namespace tessera::config
namespace tessera::acl {
class AclStore;
}
namespace tessera::cluster {
class Plane;
}
namespace tessera::dispatch {
struct NodeShared;
}

namespace tessera::control {

class Control;

// Posted to the control thread; owns itself.
struct Request : io::Message {
  virtual void handle(Control& control) = 0;
};

// What the control thread asks of the shard threads.
class Workers {
 public:
  virtual ~Workers() = default;
  virtual int count() const = 0;
  // Makes worker `index` adopt what is published and then post `done` back to the control thread.
  virtual void ask_adopt(int index, Request* done) = 0;
  virtual void stop(int index) = 0;
};

// The features that live on the control thread. Set once before start.
struct Services {
  config::Editor* editor = nullptr;
  config::FileRewriter* rewriter = nullptr;
  acl::AclStore* acl = nullptr;
  cluster::Plane* cluster = nullptr;   // nullptr: not a node of a cluster
  std::function<int64_t()> key_count;  // of all shards and databases, as published by them
  dispatch::NodeShared* node = nullptr;
  Settling settling;
  // Makes a configuration the one that all threads adopt.
  std::function<void(std::shared_ptr<const config::Config>)> publish_config;
  // What `dir` becomes: the folder's absolute path. As config::SetOptions.
  std::function<Result<std::string>(const std::string& path, const std::string& base)> resolve_dir;
  // SHUTDOWN's work, by the server: stops everything. `save`: 0 by configuration, 1 SAVE, -1 NOSAVE. `answer`
  // tells, now or later, whether it stops; it may be empty.
  std::function<void(int save, bool now, bool force, std::function<void(bool stops)> answer)> shut_down;
  std::function<bool()> abort_shutdown;  // false: there is none to abort
};

class Control : public io::Actor {
 public:
  Control() = default;
  ~Control() override;

  void set_workers(Workers* workers) { workers_ = workers; }
  Services& services() { return services_; }
  // Called about every `period` on the control thread. Before start.
  void add_cron(Micros period, std::function<void()> job);
  // The same; the job says when it is wanted again. First at the start.
  void add_cron(std::function<Micros()> job);

  // Called at the end of each tick; true: there is more, come back without waiting. Before start.
  void add_turn(std::function<bool()> turn) { turns_.push_back(std::move(turn)); }
  // Called when the thread ends, on it. Before start.
  void add_finish(std::function<void()> job) { finishers_.push_back(std::move(job)); }

  // Any thread, once the thread exists.
  void post(Request* request);
  void post(std::function<void()> job);
  void attach_loop(io::Loop* loop) { loop_.store(loop, std::memory_order_release); }
  io::Loop* loop() { return loop_.load(std::memory_order_acquire); }

  // Control thread: calls `then` after every worker has adopted all that was published before this call and
  // its effects were appended.
  void when_adopted(std::function<void()> then);
  // Control thread: ends the thread after this tick.
  void stop() { stopping_ = true; }

  void start(io::Loop& loop) override;
  Micros tick(io::Loop& loop) override;
  void finish(io::Loop& loop) override;

 private:
  struct Cron {
    Micros first;
    MonoTime next;
    std::function<Micros()> job;  // in how long it is due again
  };

  std::atomic<io::Loop*> loop_{nullptr};
  Workers* workers_ = nullptr;
  Services services_;
  void take_inbox(io::Loop& loop);
  void handle_some(io::Loop& loop);

  std::vector<Cron> cron_;
  io::Message* backlog_ = nullptr;  // taken from the inbox, not handled yet
  io::Message* backlog_end_ = nullptr;
  std::vector<std::function<bool()>> turns_;
  std::vector<std::function<void()>> finishers_;
  bool stopping_ = false;
};

// Writes a reply and sends it; to be called once, on any thread.
using SendReply = std::function<void(const std::function<void(resp::Writer&)>& write)>;

// What a handler on the control thread gets.
class ControlCtx {
 public:
  ControlCtx(Control& control, uint64_t client_id, int proto, bool client_is_local, bool client_is_ipv6,
             std::function<SendReply()> make_send_reply)
      : control_(control),
        client_id_(client_id),
        proto_(proto),
        client_is_local_(client_is_local),
        client_is_ipv6_(client_is_ipv6),
        make_send_reply_(std::move(make_send_reply)) {}
  Control& control() { return control_; }
  Services& services() { return control_.services(); }
  uint64_t client_id() const { return client_id_; }
  int proto() const { return proto_; }
  bool client_is_local() const { return client_is_local_; }  // Unix socket or loopback
  bool client_is_ipv6() const { return client_is_ipv6_; }
  // By EXEC: what waits for transactions to end must not wait for its own.
  bool in_transaction = false;
  // The reply leaves only after every shard adopted what was published by now.
  void hold_reply_until_adopted() { hold_ = true; }
  bool holds_reply() const { return hold_; }
  // No reply at all (SHUTDOWN that works).
  void no_reply() { no_reply_ = true; }
  bool without_reply() const { return no_reply_; }
  // What the handler writes itself is not sent, but what is given to the result, later. Once.
  SendReply reply_later() {
    later_ = true;
    return make_send_reply_();
  }
  bool replies_later() const { return later_; }

 private:
  Control& control_;
  uint64_t client_id_;
  int proto_;
  bool client_is_local_;
  bool client_is_ipv6_;
  std::function<SendReply()> make_send_reply_;
  bool hold_ = false;
  bool no_reply_ = false;
  bool later_ = false;
};

}  // namespace tessera::control
