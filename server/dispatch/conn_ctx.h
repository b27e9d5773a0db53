// Role: what handlers on a connection's thread get: its session, its engine, the node. Thread: the
// connection's.
#pragma once

#include "common/base/crash_note.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/pipeline.h"
#include "server/dispatch/session.h"

namespace tessera::dispatch {

class ConnCtx {
 public:
  ConnCtx(Engine& engine, Pipeline& pipeline, Session& session, const registry::CommandRow& row)
      : engine_(engine), pipeline_(pipeline), session_(session), row_(row) {
    crash_note::last_command = row.name;
  }

  Engine& engine() { return engine_; }
  NodeShared& node() { return engine_.node(); }
  Pipeline& pipeline() { return pipeline_; }
  Session& session() { return session_; }
  const registry::CommandRow& row() const { return row_; }
  const Settings& settings() const { return engine_.settings(); }
  WallMs now() const { return engine_.now(); }
  // `call` runs while all shards are parked, on whichever thread holds them; it writes the reply.
  void run_parked(const registry::Args& args, std::function<void(resp::Writer&)> call) {
    pipeline_.gather_call({&row_, args, {}}, std::move(call));
  }
  // The connection is closed once this reply has left.
  void close_after_reply() { session_.set(kCloseAfterReply); }

 private:
  Engine& engine_;
  Pipeline& pipeline_;
  Session& session_;
  const registry::CommandRow& row_;
};

// The same for a part that runs on every thread (CLIENT LIST, CLIENT KILL ...).
class ThreadCtx {
 public:
  ThreadCtx(Engine& engine, uint64_t caller_id, int db) : engine_(engine), caller_id_(caller_id), db_(db) {}
  Engine& engine() { return engine_; }
  NodeShared& node() { return engine_.node(); }
  ClientSink& clients() { return engine_.clients(); }
  uint64_t caller_id() const { return caller_id_; }
  int db() const { return db_; }

 private:
  Engine& engine_;
  uint64_t caller_id_;
  int db_;
};

}  // namespace tessera::dispatch
