// Role: one client connection: bytes in, commands to its pipeline, replies out. Thread: the shard thread that
// accepted it. Invariants: callbacks only collect; commands run in Connections::run_ready(). A connection
// whose pipeline is stalled (but one that waits for a key or a pause), or that has sent more than a tick
// runs, does not read, so what it holds is bounded by one read, or by its query buffer limit. Replies leave
// once per tick in one vectored write; what the kernel does not take waits, bounded by the output limits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/io/stream.h"
#include "common/resp/parser.h"
#include "server/dispatch/pipeline.h"
#include "server/dispatch/session.h"

namespace tessera::conn {

class Connections;

class Connection : public io::StreamHandler {
 public:
  Connection(Connections& table, dispatch::Engine& engine, std::unique_ptr<io::Stream> stream,
             dispatch::ClientRef ref, bool unix_socket);

  dispatch::Session& session() { return session_; }
  dispatch::Pipeline& pipeline() { return pipeline_; }
  const resp::Parser& parser() const { return parser_; }
  io::Stream& stream() { return *stream_; }

  // Parses and runs what came; false when some is left for the next tick.
  bool run();
  // Writes what is ready. False: the connection is to be closed now.
  bool flush();
  // Stopping while earlier commands run does not count: clients read it as "is this connection alive".
  bool reads() const { return !ended_; }
  bool waits_to_write() const { return waits_to_write_; }
  bool wants_close() const { return session_.has(dispatch::kCloseAsap); }
  // Soft and hard limits of the output buffer; true when it has to go.
  bool over_output_limit(MonoTime now);
  size_t memory_bytes() const;

  void on_data(io::Stream& stream, std::string_view bytes) override;
  void on_end(io::Stream& stream, const Error& error) override;
  void on_drained(io::Stream& stream) override;

  // Replies of writes may not leave: nothing does, and nothing more is read.
  void hold();
  // They may.
  void let_go();
  bool is_held() const { return held_; }
  // A script of ours keeps the thread busy: what comes meanwhile stays in the socket.
  void stand_still() {
    if (reading_ && !ended_) stream_->read_stop();
  }
  void go_on() {
    if (reading_ && !ended_) stream_->read_start();
  }
  bool has_replies() { return !pipeline_.out().empty(); }

  bool queued_to_run = false;  // in the table's list
  bool queued_to_flush = false;
  size_t counted_bytes = 0;  // what the thread's client memory counter has of it
  // Bytes of replies that waited at most, for some seconds; of what stands for redis-server's reply buffer.
  size_t output_peak_bytes = 0;
  MonoTime output_peak_since;
  MonoTime soft_limit_since;

 private:
  bool parse_and_run();
  void fail_protocol();
  bool has_done_all(bool parsed_all) const;
  void update_reading();

  bool told_over_limit_ = false;  // logged and counted once, whoever finds it first
  Connections& table_;
  dispatch::Engine& engine_;
  std::unique_ptr<io::Stream> stream_;
  dispatch::Session session_;
  dispatch::Pipeline pipeline_;
  resp::Parser parser_;
  std::vector<std::string_view> arrived_;  // of this poll
  bool reading_ = true;
  bool ended_ = false;   // nothing more comes; what came is still carried out
  bool failed_ = false;  // a protocol error, answered when all before it has been
  bool waits_to_write_ = false;
  bool held_ = false;
  bool behind_ = false;  // what came is more than this tick ran
};

}  // namespace tessera::conn
