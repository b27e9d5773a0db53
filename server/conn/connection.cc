// Role: reading, running and writing of one connection. See connection.h.
#include "server/conn/connection.h"

#include <algorithm>
#include <array>

#include "common/text/strings.h"
#include "server/conn/connections.h"

namespace tessera::conn {

using dispatch::CommandView;

namespace {
constexpr size_t kBatch =
    dispatch::Pipeline::kMaxSubmit;  // commands parsed ahead, so that their cache lines can be fetched
constexpr size_t kReadInPauseBytes = 64 * 1024;
// What may wait for a client that has not said who it is: as much as redis-server lets it have.
constexpr size_t kOutputBytesOfStrangers = 17 * 1024;
constexpr int kBatchesPerTick = 128;  // then the others have their turn

// Of client-output-buffer-limit.
constexpr size_t kNormalClass = 0, kPubsubClass = 2;

// What a browser sends that was lured into speaking to us: its request line, its headers. Up to a zero byte,
// as redis-server compares.
bool is_http(std::string_view command) {
  const std::string_view name = command.substr(0, command.find('\0'));
  return text::iequals(name, "post") || text::iequals(name, "host:");
}
}  // namespace

Connection::Connection(Connections& table, dispatch::Engine& engine, std::unique_ptr<io::Stream> stream,
                       dispatch::ClientRef ref, bool unix_socket)
    : table_(table), engine_(engine), stream_(std::move(stream)), pipeline_(engine, session_) {
  session_.id = engine.node().next_client_id.fetch_add(1, std::memory_order_relaxed);
  session_.ref = ref;
  session_.created = session_.last_active = engine.mono();
  session_.peer_text = stream_->peer().text();
  session_.local_text = stream_->local().text();
  if (unix_socket) session_.set(dispatch::kUnixSocket);
  stream_->set_handler(this);
  if (!unix_socket) {
    (void)stream_->set_no_delay(true);
    const int keepalive_s = engine.settings().keepalive_s;
    if (keepalive_s > 0) (void)stream_->set_keepalive(keepalive_s);
  }
  stream_->read_start();
}

void Connection::on_data(io::Stream&, std::string_view bytes) {
  engine_.counters().net_in_bytes.add(static_cast<int64_t>(bytes.size()));
  engine_.counters().reads_processed.add();
  session_.net_in_bytes += static_cast<int64_t>(bytes.size());
  arrived_.push_back(bytes);
  table_.to_run(*this);
}

void Connection::on_end(io::Stream&, const Error&) {
  if (!ended_ && engine_.node().log->enabled(LogLevel::kVerbose)) {
    engine_.node().log->verbose("Client closed connection %s", table_.describe_for_log(session_).c_str());
  }
  ended_ = true;
  table_.to_run(*this);
}

void Connection::on_drained(io::Stream&) {
  waits_to_write_ = false;
  table_.to_flush(*this);
}

bool Connection::run() {
  session_.last_active = engine_.mono();
  if (held_) {
    for (std::string_view bytes : arrived_) {
      parser_.feed(bytes);
      parser_.done();
    }
    arrived_.clear();
    if (ended_) session_.set(dispatch::kCloseAsap);
    table_.to_flush(*this);
    return true;
  }
  if (pipeline_.stalled()) pipeline_.resume();
  if (failed_) fail_protocol();
  bool done = true;
  if (!arrived_.empty()) {
    // Bytes that came while the pipeline is stalled are kept by the parser.
    for (std::string_view bytes : arrived_) {
      parser_.feed(bytes);
      done = parse_and_run();
      parser_.done();
    }
    arrived_.clear();
  } else if (!pipeline_.stalled() && parser_.pending_bytes() > 0) {
    parser_.feed({});
    done = parse_and_run();
    parser_.done();
  }
  const size_t pending = parser_.pending_bytes();
  table_.note_input(static_cast<int64_t>(pending));
  // What MULTI has queued counts with what is still to be parsed.
  const size_t query_bytes = parser_.memory_bytes() + pipeline_.multi_bytes();
  if (static_cast<int64_t>(query_bytes) > engine_.settings().query_buffer_limit_bytes) {
    engine_.counters().query_buffer_limit_disconnections.add();
    engine_.node().log->warning("Closing client that reached max query buffer length: %s",
                                table_.describe_for_log(session_).c_str());
    session_.set(dispatch::kCloseAsap);
  }
  if (ended_ && has_done_all(done)) session_.set(dispatch::kCloseAsap);
  behind_ = !done;
  update_reading();
  table_.to_flush(*this);
  return done || pipeline_.stalled();
}

// Of a client that ended: whether nothing of what it sent is left to carry out. One that waits for keys, or
// whose next command CLIENT PAUSE holds, is not waited for: it left before that ran.
bool Connection::has_done_all(bool parsed_all) const {
  if (pipeline_.wait() != nullptr || pipeline_.is_paused()) return true;
  return parsed_all && pipeline_.idle() && !failed_;
}

void Connection::update_reading() {
  // One that waits for a key is read on, up to the query buffer limit: it may leave. So may one that waits
  // for the end of a pause, but that is not closed for what it sends meanwhile: it has to wait with it.
  const bool takes = !pipeline_.stalled() || pipeline_.wait() != nullptr ||
                     (pipeline_.is_paused() && parser_.pending_bytes() < kReadInPauseBytes);
  // Nor does who has sent more than a tick runs: what it sends next waits in the socket, and it with it.
  const bool want =
      takes && !behind_ && !ended_ && !failed_ && !held_ && !session_.has(dispatch::kCloseAfterReply);
  if (want == reading_ || ended_) return;
  reading_ = want;
  if (want) {
    stream_->read_start();
  } else {
    stream_->read_stop();
  }
}

bool Connection::parse_and_run() {
  resp::ParsedArgs& args = table_.scratch_args();
  std::array<uint32_t, kBatch> counts;
  std::array<CommandView, kBatch> commands;
  const registry::CommandTable& known = *engine_.node().commands;
  for (int batch = 0; batch < kBatchesPerTick; ++batch) {
    if (failed_ || pipeline_.stalled() || session_.has(dispatch::kCloseAfterReply | dispatch::kCloseAsap)) {
      return true;
    }
    args.clear();
    resp::ParserLimits limits;
    limits.max_bulk_bytes = engine_.settings().max_bulk_bytes;
    limits.authenticated = session_.authenticated;
    size_t count = 0;
    resp::Parser::Status status = resp::Parser::Status::kNeedMore;
    // Before authentication one at a time: what comes after AUTH has other limits.
    const size_t ahead = session_.authenticated ? kBatch : 1;
    while (count < ahead) {
      status = parser_.next(limits, args, counts[count]);
      if (status == resp::Parser::Status::kEmpty) continue;
      if (status != resp::Parser::Status::kCommand) break;
      ++count;
    }
    table_.make_views(args, {counts.data(), count}, {commands.data(), count});
    for (size_t i = 0; i < count; ++i) {
      const registry::Resolved resolved = known.resolve(commands[i].args);
      commands[i].row = resolved.what == registry::Resolution::kFound ? resolved.row : nullptr;
      if (resolved.what == registry::Resolution::kUnknownCommand && is_http(commands[i].args[0])) {
        pipeline_.submit({commands.data(), i});
        table_.note_http(session_);
        session_.set(dispatch::kCloseAsap);
        return true;
      }
    }
    if (count > 0) pipeline_.submit({commands.data(), count});
    if (status == resp::Parser::Status::kError) {
      fail_protocol();
      return true;
    }
    if (status == resp::Parser::Status::kNeedMore) return true;
  }
  return false;
}

// Behind the replies of what came before, whatever shard they come from.
void Connection::fail_protocol() {
  failed_ = pipeline_.stalled();
  if (failed_) return;
  pipeline_.reply_error(parser_.error());
  session_.set(dispatch::kCloseAfterReply);
}

void Connection::hold() {
  held_ = true;
  update_reading();
}

void Connection::let_go() {
  held_ = false;
  table_.to_run(*this);  // it may have waited for room, and replies are written in the same tick
}

bool Connection::flush() {
  resp::OutChain& out = pipeline_.out();
  output_peak_bytes = std::max(output_peak_bytes, std::min<size_t>(out.size(), resp::ChunkPool::kChunkBytes));
  // As redis-server: what counts is what was to be sent, not what the kernel left of it.
  if ((!out.empty() || wants_close()) && over_output_limit(engine_.mono())) return false;
  while (!out.empty() && !waits_to_write_) {
    std::array<io::Slice, 64> slices;
    const size_t count = out.slices(slices);
    size_t offered = 0;
    for (size_t i = 0; i < count; ++i) offered += slices[i].size;
    const size_t taken = stream_->try_write({slices.data(), count});
    engine_.counters().writes_processed.add();
    engine_.counters().net_out_bytes.add(static_cast<int64_t>(taken));
    session_.net_out_bytes += static_cast<int64_t>(taken);
    out.consume(taken);
    if (taken > 0) session_.last_active = engine_.mono();
    if (taken < offered) {
      waits_to_write_ = true;
      stream_->want_drained();
    }
  }
  const size_t memory = memory_bytes();
  engine_.counters().client_memory_bytes.add(static_cast<int64_t>(memory) -
                                             static_cast<int64_t>(counted_bytes));
  counted_bytes = memory;
  if (out.empty()) {
    pipeline_.all_sent();
  } else {
    table_.note_output(static_cast<int64_t>(out.memory_bytes()));
  }
  if (session_.has(dispatch::kCloseAfterReply) && out.empty() && pipeline_.idle()) return false;
  return !wants_close();
}

bool Connection::over_output_limit(MonoTime now) {
  // Strangers get their refusals as long as they read them.
  if (!session_.authenticated && pipeline_.out().size() > kOutputBytesOfStrangers) {
    if (!told_over_limit_) engine_.counters().output_buffer_limit_disconnections.add();
    told_over_limit_ = true;
    session_.set(dispatch::kCloseAsap);
    return true;
  }
  const dispatch::Settings::OutputLimit& limit =
      engine_.settings().output_limits[session_.has(dispatch::kSubscribed) ? kPubsubClass : kNormalClass];
  const auto used = static_cast<int64_t>(pipeline_.reply_bytes());
  bool over = limit.hard_bytes > 0 && used >= limit.hard_bytes;
  if (!over && limit.soft_bytes > 0 && used >= limit.soft_bytes) {
    if (soft_limit_since.us == 0) soft_limit_since = now;
    over = (now - soft_limit_since).us / 1000000 > limit.soft_seconds;  // whole ones, as redis-server
  } else if (!over) {
    soft_limit_since = MonoTime{};
  }
  if (over && !told_over_limit_) {
    told_over_limit_ = true;
    engine_.counters().output_buffer_limit_disconnections.add();
    engine_.node().log->warning(
        "Client %s scheduled to be closed ASAP for overcoming of output buffer limits.",
        table_.describe_for_log(session_).c_str());
  }
  return over;
}

size_t Connection::memory_bytes() const {
  return sizeof(Connection) + parser_.memory_bytes() + pipeline_.memory_bytes();
}

}  // namespace tessera::conn
