// Role: the line of CLIENT LIST and CLIENT INFO about one connection. Thread: the connection's.
// Fields: redis-server 7.0.15's in its order, then those of 7.2 and of Valkey 9.1 that it does not have;
// programs read them by name.
#include <algorithm>

#include "server/config/config.h"
#include "server/conn/client_filter.h"
#include "server/conn/connections.h"

namespace tessera::conn {

namespace {

constexpr std::string_view kHidden = "*redacted*";

class Line {
 public:
  Line& text(const char* name, std::string_view value) {
    if (!out_.empty()) out_ += ' ';
    out_ += name;
    out_ += '=';
    out_ += value;
    return *this;
  }
  Line& number(const char* name, int64_t value) { return text(name, std::to_string(value)); }
  Line& size(const char* name, size_t value) { return text(name, std::to_string(value)); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace

std::string Connections::describe(dispatch::Session& session) {
  return describe_as(session, false);
}

std::string Connections::describe_for_log(dispatch::Session& session) {
  return describe_as(session, engine_.settings().config->boolean("hide-user-data-from-log"));
}

std::string Connections::describe_as(dispatch::Session& session, bool hide_names) {
  Connection* found = connection(session.ref);
  if (found == nullptr) return {};
  Connection& client = *found;
  const MonoTime now = engine_.mono();
  const resp::OutChain& out = client.pipeline().out();
  // The first chunk stands for the reply buffer, the others for the list behind it.
  const size_t first_chunk = std::min<size_t>(out.memory_bytes(), resp::ChunkPool::kChunkBytes);
  const size_t chunks = out.chunk_count();
  std::string events;
  if (client.reads()) events += 'r';
  if (client.waits_to_write()) events += 'w';
  const char* command = session.last_row == nullptr              ? "NULL"
                        : session.last_row->full_name != nullptr ? session.last_row->full_name
                                                                 : session.last_row->name;
  const size_t pending = client.parser().pending_bytes();
  const size_t held = client.parser().memory_bytes();
  Line line;
  line.number("id", static_cast<int64_t>(session.id))
      .text("addr", session.peer_text)
      .text("laddr", session.local_text)
      .number("fd", client.stream().fd_for_display())
      .text("name", hide_names ? kHidden : std::string_view(session.name))
      .number("age", (now - session.created).us / 1000000)
      .number("idle", (now - session.last_active).us / 1000000)
      .text("flags", flag_letters(session))
      .number("db", session.db)
      .number("sub", session.channels)
      .number("psub", session.patterns)
      .number("ssub", session.shard_channels)
      .number("multi", client.pipeline().queued_in_multi())
      .size("qbuf", pending)
      .size("qbuf-free", held > pending ? held - pending : 0)
      .size("argv-mem", client.parser().partial_args_bytes())
      .size("multi-mem", client.pipeline().multi_bytes())
      .size("rbs", first_chunk)
      .size("rbp", client.output_peak_bytes)
      .size("obl", chunks <= 1 ? out.size() : std::min<size_t>(out.size(), resp::ChunkPool::kChunkBytes))
      .size("oll", chunks > 1 ? chunks - 1 : 0)
      .size("omem", out.memory_bytes() - first_chunk)
      .size("tot-mem", client.memory_bytes())
      .text("events", events)
      .text("cmd", command)
      .text("user", hide_names ? kHidden : std::string_view(session.user_name))
      .number("redir", session.has(dispatch::kTracking) ? static_cast<int64_t>(session.redirect_id) : -1)
      .number("resp", session.proto)
      .text("lib-name", session.lib_name)
      .text("lib-ver", session.lib_version)
      .text("capa", session.has(dispatch::kCapaRedirect) ? "r" : "")
      .size("watch", client.pipeline().watched_keys())
      .number("tot-net-in", session.net_in_bytes)
      .number("tot-net-out", session.net_out_bytes)
      .number("tot-cmds", session.commands_count);
  return line.take();
}

}  // namespace tessera::conn
