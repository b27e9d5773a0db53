// Role: the connections of one shard thread, their listeners, limits on them. Thread: that shard's.
// Invariants: a ClientRef names a place and its generation; a place is reused only with a new generation.
// Nothing is closed inside a callback.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/io/loop.h"
#include "common/resp/parser.h"
#include "server/conn/connection.h"
#include "server/dispatch/engine.h"

namespace tessera::conn {

class Connections : public dispatch::ClientSink, public io::ListenHandler {
 public:
  explicit Connections(dispatch::Engine& engine) : engine_(engine) {}

  // Adds a listener; the port that was bound, for Unix sockets 0.
  Result<int> listen(const io::ListenOptions& wanted);
  // Makes these the TCP listeners; those that are among them already stay. What cannot be bound is logged and
  // left out: the control thread has tried it.
  void move_listeners(const std::vector<io::ListenOptions>& wanted);
  // The listener of the Unix socket, for other threads to accept from it too; nullptr: none.
  const io::Listener* unix_listener() const;
  void stop_listening() { listeners_.clear(); }
  // From now on connections are served; those that came before wait, unread, until then: no client runs a
  // command in a node that is not complete.
  void serve();

  void start(io::Loop& loop) override;
  void stop() override;
  dispatch::Pipeline* find(dispatch::ClientRef ref) override;
  void wake(dispatch::ClientRef ref) override;
  bool run_ready() override;
  void flush_replies() override;
  void begin_nested() override;
  bool run_nested() override;
  void end_nested() override;
  bool holds_replies() const override { return !held_.empty(); }
  void cron(MonoTime now) override;
  // How much one connection had waiting.
  void note_input(int64_t bytes);
  void note_output(int64_t bytes);
  void settings_changed() override;
  void for_each(const std::function<void(dispatch::Session&, dispatch::Pipeline&)>& f) override;
  std::string describe(dispatch::Session& session) override;
  // The same for the log: names of clients and users are left out where hide-user-data-from-log wants that.
  std::string describe_for_log(dispatch::Session& session);
  void kill(dispatch::Session& session) override;
  void pushed(dispatch::ClientRef ref) override;
  size_t memory_bytes() const override;

  void on_accept(io::Listener& listener, std::unique_ptr<io::Stream> stream) override;
  void on_accept_error(io::Listener& listener, const Error& error) override;

  void to_run(Connection& connection);
  void to_flush(Connection& connection);
  // A connection that speaks HTTP is about to be closed: logged, at most once a minute.
  void note_http(const dispatch::Session& session);
  Connection* connection(dispatch::ClientRef ref);

  // Scratch of the connection that is running.
  resp::ParsedArgs& scratch_args() { return scratch_args_; }
  void make_views(const resp::ParsedArgs& args, std::span<const uint32_t> counts,
                  std::span<dispatch::CommandView> commands);

 private:
  struct Place {
    std::unique_ptr<Connection> connection;
    uint32_t generation = 0;
  };
  std::string describe_as(dispatch::Session& session, bool hide_names);
  int accepts_per_poll() const;
  void swap_scratch();
  bool admit(io::Stream& stream);
  void open(std::unique_ptr<io::Stream> stream);
  void close(Connection& connection);
  void hold(Connection& connection);
  void evict_clients();
  void release_held();
  bool waits_for_log(Connection& connection);
  void release_waiting();

  dispatch::Engine& engine_;
  io::Loop* loop_ = nullptr;
  struct Listening {
    io::ListenOptions options;
    std::unique_ptr<io::Listener> listener;
  };
  std::vector<Listening> listeners_;
  bool serving_ = false;
  std::vector<std::unique_ptr<io::Stream>> early_;  // came before serve()
  std::vector<Place> places_;
  std::vector<uint32_t> free_places_;
  std::vector<Connection*> ready_, running_;
  std::vector<Connection*> dirty_;
  Connection* current_ = nullptr;  // is running
  std::vector<Connection*>
      put_off_;  // had replies when a script became busy: theirs leave behind its effects
  // Of whom replies of writes wait for the write lease.
  struct Held {
    dispatch::ClientRef ref;
    std::shared_ptr<const route::ClusterView> view;  // by which the writes were done
    MonoTime since;
  };
  std::vector<Held> held_;
  // Of whom replies wait for the log to be durable (reply gate).
  struct Waiting {
    dispatch::ClientRef ref;
    uint64_t offset;
    MonoTime since;
  };
  std::vector<Waiting> waiting_;
  journal::Durability::State log_state_;
  resp::ParsedArgs scratch_args_;
  std::vector<std::vector<SharedBytes>> scratch_owners_;
  // While a script is busy: those of the connection that runs it, whose next commands are views into them.
  resp::ParsedArgs outer_args_;
  std::vector<std::vector<SharedBytes>> outer_owners_;
  // INFO's client_recent_max_..., since the last time it was begun anew.
  MonoTime recent_since_;
  int64_t recent_input_bytes_ = 0, recent_output_bytes_ = 0;
  size_t cron_place_ = 0;
  MonoTime next_http_note_;
};

}  // namespace tessera::conn
