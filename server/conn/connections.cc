// Role: the table of connections. See connections.h.
#include "server/conn/connections.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "server/config/config.h"

namespace tessera::conn {

using dispatch::ClientRef;

namespace {

// The lease comes back within some round trips, or not for long.
constexpr Micros kHeldAtMost = seconds(1);
constexpr Micros kWaitsForLogAtMost = seconds(10);

bool is_loopback(const io::Address& address) {
  return address.is_unix || address.ip.rfind("127.", 0) == 0 || address.ip == "::1" ||
         address.ip.rfind("::ffff:127.", 0) == 0;
}

void refuse(io::Stream& stream, std::string_view text) {
  const io::Slice slice{text.data(), text.size()};
  (void)stream.try_write({&slice, 1});
}

// What this node served by `then` it may have lost by `now`: then nobody knows what became of its writes.
bool has_lost_slots(const route::ClusterView& then, const route::ClusterView& now) {
  if (&then == &now) return false;
  if (now.self().is_replica || then.self().config_epoch != now.self().config_epoch) return true;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (then.is_mine(slot) && !now.is_mine(slot)) return true;
  }
  return false;
}

}  // namespace

int Connections::accepts_per_poll() const {
  return static_cast<int>(engine_.settings().config->integer("max-new-connections-per-cycle"));
}

Result<int> Connections::listen(const io::ListenOptions& wanted) {
  io::ListenOptions options = wanted;
  options.accepts_per_poll = accepts_per_poll();
  auto listener = loop_->listen(options, this);
  if (!listener.ok()) return listener.error();
  const int port = (*listener)->port();
  listeners_.push_back({options, std::move(*listener)});
  return port;
}

void Connections::move_listeners(const std::vector<io::ListenOptions>& wanted) {
  std::vector<Listening> kept;
  const auto take = [&](const auto& matches) {
    const auto at = std::find_if(listeners_.begin(), listeners_.end(), matches);
    if (at == listeners_.end()) return false;
    kept.push_back(std::move(*at));
    listeners_.erase(at);
    return true;
  };
  while (take([](const Listening& l) { return !l.options.unix_path.empty(); })) {
  }
  std::vector<io::ListenOptions> missing;
  for (const io::ListenOptions& options : wanted) {
    if (!take([&](const Listening& l) {
          return l.options.host == options.host && l.options.port == options.port;
        }))
      missing.push_back(options);
  }
  listeners_ = std::move(kept);  // what is wanted no more closes before addresses that include it are bound
  for (const io::ListenOptions& options : missing) {
    const Result<int> bound = listen(options);
    if (!bound.ok())
      engine_.node().log->warning("Failed listening on %s port %d: %s", options.host.c_str(), options.port,
                                  bound.error().message.c_str());
  }
}

const io::Listener* Connections::unix_listener() const {
  for (const Listening& l : listeners_) {
    if (!l.options.unix_path.empty()) return l.listener.get();
  }
  return nullptr;
}

void Connections::start(io::Loop& loop) {
  loop_ = &loop;
}

void Connections::serve() {
  serving_ = true;
  for (std::unique_ptr<io::Stream>& stream : std::exchange(early_, {})) open(std::move(stream));
}

void Connections::stop() {
  listeners_.clear();
  early_.clear();
  for (Place& place : places_) {
    if (place.connection) close(*place.connection);
  }
}

bool Connections::admit(io::Stream& stream) {
  dispatch::NodeShared& node = engine_.node();
  // As redis-server: links of the bus take descriptors as well.
  const int64_t open = node.connected_clients.fetch_add(1, std::memory_order_relaxed) +
                       node.cluster_link_count.load(std::memory_order_relaxed);
  if (open >= engine_.settings().max_clients) {
    refuse(stream, engine_.settings().cluster_enabled
                       ? "-ERR max number of clients + cluster connections reached\r\n"
                       : "-ERR max number of clients reached\r\n");
    engine_.counters().connections_rejected.add();
    node.connected_clients.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  if (engine_.settings().protected_mode && engine_.acl_view().default_user_is_open() &&
      !is_loopback(stream.peer())) {
    refuse(stream,
           "-DENIED Tessera is running in protected mode because protected mode is enabled and no password "
           "is set for "
           "the default user. In this mode connections are only accepted from the loopback interface. If you "
           "want to "
           "connect from external computers you may adopt one of the following solutions: 1) Disable "
           "protected mode "
           "by sending 'CONFIG SET protected-mode no' from the loopback interface, and CONFIG REWRITE to "
           "make it "
           "permanent; do not do this while the server can be reached from the internet. 2) Set "
           "'protected-mode no' "
           "in the configuration file and restart the server. 3) Start the server with '--protected-mode "
           "no'. 4) Set "
           "a password for the default user (requirepass). One of these is enough.\r\n");
    engine_.counters().connections_rejected.add();
    node.connected_clients.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void Connections::on_accept(io::Listener&, std::unique_ptr<io::Stream> stream) {
  if (serving_) {
    open(std::move(stream));
  } else {
    early_.push_back(std::move(stream));
  }
}

void Connections::open(std::unique_ptr<io::Stream> stream) {
  if (!admit(*stream)) return;
  uint32_t place;
  if (free_places_.empty()) {
    place = static_cast<uint32_t>(places_.size());
    places_.emplace_back();
  } else {
    place = free_places_.back();
    free_places_.pop_back();
  }
  const bool unix_socket = stream->local().is_unix;
  const std::string remote_ip = stream->peer().ip;
  const bool local = unix_socket || is_loopback(stream->peer());
  const ClientRef ref{static_cast<uint16_t>(engine_.index()), place, ++places_[place].generation};
  places_[place].connection =
      std::make_unique<Connection>(*this, engine_, std::move(stream), ref, unix_socket);
  Connection& made = *places_[place].connection;
  made.session().local = local;
  made.session().ipv6 =
      !unix_socket && remote_ip.find(':') != std::string::npos && remote_ip.rfind("::ffff:", 0) != 0;
  engine_.acl_view().welcome(made.session().user, made.session().authenticated);
  made.session().acl_version = engine_.acl_version();
  engine_.counters().connections_received.add();
  engine_.counters().connections_open.add();
  engine_.node().log->verbose("Accepted %s", made.session().peer_text.c_str());
  made.counted_bytes = made.memory_bytes();
  engine_.counters().client_memory_bytes.add(static_cast<int64_t>(made.counted_bytes));
}

void Connections::on_accept_error(io::Listener&, const Error& error) {
  engine_.node().log->warning("Accepting client connection: %s", error.message.c_str());
}

void Connections::close(Connection& connection) {
  const ClientRef ref = connection.session().ref;
  Place& place = places_[ref.place];
  TESSERA_DCHECK(place.connection.get() == &connection);
  if (connection.session().has(dispatch::kListens)) {
    connection.session().set(dispatch::kCloseAsap);  // not only reset
    engine_.push_sink().forget(connection.session());
  }
  if (connection.session().has(dispatch::kHeld)) engine_.forget_held(connection.session());
  engine_.counters().client_memory_bytes.add(-static_cast<int64_t>(connection.counted_bytes));
  engine_.counters().connections_open.add(-1);
  engine_.node().connected_clients.fetch_sub(1, std::memory_order_relaxed);
  if (connection.queued_to_run) {
    std::replace(ready_.begin(), ready_.end(), &connection, static_cast<Connection*>(nullptr));
    // Its turn is still to come, and a script that turns out to be slow sends replies before that.
    std::replace(running_.begin(), running_.end(), &connection, static_cast<Connection*>(nullptr));
  }
  if (connection.queued_to_flush)
    std::replace(dirty_.begin(), dirty_.end(), &connection, static_cast<Connection*>(nullptr));
  std::replace(put_off_.begin(), put_off_.end(), &connection, static_cast<Connection*>(nullptr));
  place.connection.reset();
  free_places_.push_back(ref.place);
}

Connection* Connections::connection(ClientRef ref) {
  if (ref.place >= places_.size()) return nullptr;
  Place& place = places_[ref.place];
  return place.generation == ref.generation ? place.connection.get() : nullptr;
}

dispatch::Pipeline* Connections::find(ClientRef ref) {
  Connection* found = connection(ref);
  return found ? &found->pipeline() : nullptr;
}

void Connections::wake(ClientRef ref) {
  if (Connection* found = connection(ref)) to_run(*found);
}

void Connections::to_run(Connection& connection) {
  if (connection.queued_to_run) return;
  connection.queued_to_run = true;
  ready_.push_back(&connection);
}

void Connections::to_flush(Connection& connection) {
  if (connection.queued_to_flush) return;
  connection.queued_to_flush = true;
  dirty_.push_back(&connection);
}

void Connections::note_http(const dispatch::Session& session) {
  if (engine_.mono() < next_http_note_) return;
  next_http_note_ = engine_.mono() + seconds(60);
  engine_.node().log->warning(
      "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to "
      "Tessera. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise "
      "your instance. Connection from %s aborted.",
      session.peer_text.c_str());
}

bool Connections::run_ready() {
  release_held();
  if (!waiting_.empty()) release_waiting();
  running_.clear();
  running_.swap(ready_);
  for (size_t i = 0; i < running_.size(); ++i) {
    Connection* connection = running_[i];
    if (connection == nullptr) continue;
    running_[i] = nullptr;
    connection->queued_to_run = false;
    current_ = connection;
    if (!connection->run()) to_run(*connection);
    current_ = nullptr;
  }
  return !ready_.empty();
}

// The connection whose script it is stands still; those behind it in this tick are told BUSY as well.
void Connections::begin_nested() {
  if (current_) current_->stand_still();
  swap_scratch();
  for (Connection*& connection : running_) {
    if (connection != nullptr) ready_.push_back(std::exchange(connection, nullptr));
  }
  put_off_.insert(put_off_.end(), dirty_.begin(), dirty_.end());
  dirty_.clear();
}

// Buffers change places, so that views into them stay what they are.
void Connections::swap_scratch() {
  std::swap(scratch_args_, outer_args_);
  std::swap(scratch_owners_, outer_owners_);
}

bool Connections::run_nested() {
  std::vector<Connection*> now;
  now.swap(ready_);
  for (Connection* connection : now) {
    if (connection == nullptr) continue;
    if (connection == current_) {  // what came for it waits for the end of its script
      ready_.push_back(connection);
      continue;
    }
    connection->queued_to_run = false;
    if (!connection->run()) to_run(*connection);
  }
  flush_replies();
  return ready_.size() > (current_ != nullptr ? 1 : 0);
}

void Connections::end_nested() {
  dirty_.insert(dirty_.end(), put_off_.begin(), put_off_.end());
  put_off_.clear();
  swap_scratch();
  if (current_) current_->go_on();
}

// A node that was stopped finds replies of writes that it may not acknowledge any more. They leave when a
// majority has been heard anew and the slots are still ours; else the connection ends, and its client knows
// as little as the truth is.
void Connections::hold(Connection& connection) {
  connection.hold();
  held_.push_back({connection.session().ref, engine_.share_view(), engine_.clock().mono()});
}

void Connections::release_held() {
  if (held_.empty()) return;
  const bool acknowledge = engine_.may_acknowledge();
  const route::ClusterView* compared = nullptr;
  bool lost = false;
  std::erase_if(held_, [&](const Held& held) {
    Connection* connection = this->connection(held.ref);
    if (connection == nullptr) return true;
    if (acknowledge && held.view.get() != compared) {
      compared = held.view.get();
      lost = has_lost_slots(*compared, engine_.view());
    }
    if (acknowledge ? lost : engine_.mono() - held.since > kHeldAtMost) {
      close(*connection);
      return true;
    }
    if (acknowledge) connection->let_go();
    return acknowledge;
  });
}

// The reply gate: nothing leaves, and nothing more is read, until the log is durable up to what the replies
// show or acknowledge. One group commit lets all go.
bool Connections::waits_for_log(Connection& connection) {
  const uint64_t offset = connection.pipeline().required_offset(log_state_);
  if (!log_state_.holds_writes || offset <= engine_.node().journal->durability().durable()) return false;
  if (connection.is_held() || !connection.has_replies()) return false;
  connection.hold();
  waiting_.push_back({connection.session().ref, offset, engine_.clock().mono()});
  return true;
}

// When the disk fails for long the connection ends: whether its writes survive is as unknown to us.
void Connections::release_waiting() {
  const journal::Durability& durability = engine_.node().journal->durability();
  const journal::Durability::State state = durability.state(engine_.mono());
  const uint64_t durable = durability.durable();
  uint64_t next = 0;
  std::erase_if(waiting_, [&](const Waiting& each) {
    Connection* connection = this->connection(each.ref);
    if (connection == nullptr) return true;
    if (!state.holds_writes || each.offset <= durable) {
      connection->let_go();
      return true;
    }
    if (state.refuses_writes && engine_.mono() - each.since > kWaitsForLogAtMost) {
      close(*connection);
      return true;
    }
    if (next == 0 || each.offset < next) next = each.offset;
    return false;
  });
  if (next != 0 &&
      !engine_.node().journal->durability().wait_for(static_cast<size_t>(engine_.index()), next)) {
    engine_.come_back();
  }
}

void Connections::flush_replies() {
  const bool acknowledge = engine_.may_acknowledge();
  log_state_ = engine_.node().journal->durability().state(engine_.mono());
  const bool gated = log_state_.holds_writes || engine_.log_state().holds_writes;
  const size_t waited = waiting_.size();
  // Closing changes the list's entries to nullptr, never its length.
  for (size_t i = 0; i < dirty_.size(); ++i) {
    Connection* connection = dirty_[i];
    if (connection == nullptr) continue;
    if (connection == current_) {  // its script is running below us: it may not be closed
      put_off_.push_back(connection);
      continue;
    }
    connection->queued_to_flush = false;
    if (!acknowledge && !connection->is_held() && connection->has_replies() &&
        connection->pipeline().acknowledges_writes()) {
      hold(*connection);
    }
    if (__builtin_expect(gated, 0)) (void)waits_for_log(*connection);
    if (connection->is_held() && !connection->wants_close()) continue;
    if (connection->is_held() || !connection->flush()) {
      dirty_[i] = nullptr;
      if (engine_.is_parked()) {  // what watches or waits for it is in somebody else's hands
        connection->queued_to_flush = true;
        put_off_.push_back(connection);
      } else {
        close(*connection);
      }
    }
  }
  dirty_.clear();
  if (waiting_.size() != waited) {
    uint64_t next = UINT64_MAX;
    for (const Waiting& each : waiting_) next = std::min(next, each.offset);
    if (!engine_.node().journal->durability().wait_for(static_cast<size_t>(engine_.index()), next)) {
      engine_.come_back();
    }
  }
  if (__builtin_expect(engine_.settings().max_clients_memory != 0, 0) && !engine_.is_parked())
    evict_clients();
}

// maxmemory-clients: the largest go, until the node's clients fit. A thread looks after its own as long as
// they hold more than its share: one of the threads does, when all together hold too much.
void Connections::evict_clients() {
  constexpr int64_t kLeast = 128 * 1024;  // redis-server takes no lower limit seriously
  const dispatch::Settings& settings = engine_.settings();
  int64_t limit = settings.max_clients_memory;
  if (limit < 0) limit = settings.shard.maxmemory_bytes / 100 * -limit;
  if (limit == 0) return;  // percents of nothing
  limit = std::max(limit, kLeast);
  const auto used_by_all = [&] {
    int64_t used = 0;
    for (dispatch::Engine* engine : engine_.node().engines) {
      used += engine->counters().client_memory_bytes.get();
    }
    return used;
  };
  const int64_t share = limit / static_cast<int64_t>(engine_.node().engines.size());
  while (used_by_all() > limit && engine_.counters().client_memory_bytes.get() > share) {
    Connection* largest = nullptr;
    for (const Place& place : places_) {
      Connection* each = place.connection.get();
      // Not the one whose script is running: its stack is ours.
      if (each == nullptr || each == current_ || each->session().has(dispatch::kNoEvict)) continue;
      if (largest == nullptr || each->counted_bytes > largest->counted_bytes) largest = each;
    }
    if (largest == nullptr) return;
    engine_.node().log->notice("Evicting client: %s", describe_for_log(largest->session()).c_str());
    engine_.counters().evicted_clients.add();
    close(*largest);
  }
}

void Connections::note_input(int64_t bytes) {
  recent_input_bytes_ = std::max(recent_input_bytes_, bytes);
  engine_.counters().largest_input_bytes.raise_to(bytes);
}

void Connections::note_output(int64_t bytes) {
  recent_output_bytes_ = std::max(recent_output_bytes_, bytes);
  engine_.counters().largest_output_bytes.raise_to(bytes);
}

void Connections::cron(MonoTime now) {
  // What was largest counts for four to eight seconds.
  constexpr int64_t kRecentUs = 4000000;
  if ((now - recent_since_).us > kRecentUs) {
    recent_since_ = now;
    engine_.counters().largest_input_bytes.set(std::exchange(recent_input_bytes_, 0));
    engine_.counters().largest_output_bytes.set(std::exchange(recent_output_bytes_, 0));
  }
  if (places_.empty()) return;
  // A tenth of them each time, so that everybody is seen once a second.
  const size_t count = std::max<size_t>(places_.size() / 10, std::min<size_t>(places_.size(), 16));
  const int64_t timeout_s = engine_.settings().idle_timeout_s;
  for (size_t i = 0; i < count; ++i) {
    cron_place_ = (cron_place_ + 1) % places_.size();
    Connection* connection = places_[cron_place_].connection.get();
    if (connection == nullptr) continue;
    constexpr int64_t kPeakUs = 5000000;  // as redis-server
    if ((now - connection->output_peak_since).us > kPeakUs) {
      connection->output_peak_since = now;
      connection->output_peak_bytes =
          std::min<size_t>(connection->pipeline().out().size(), resp::ChunkPool::kChunkBytes);
    }
    // Who waits for a key, or for what others publish and do, is not idle.
    const bool idle = timeout_s > 0 && (now - connection->session().last_active).us > timeout_s * 1000000 &&
                      !connection->pipeline().stalled() &&
                      !connection->session().has(dispatch::kSubscribed | dispatch::kMonitor);
    if (idle) engine_.node().log->verbose("Closing idle client");
    if (idle || (!connection->pipeline().out().empty() && connection->over_output_limit(now))) {
      connection->session().set(dispatch::kCloseAsap);
      to_flush(*connection);
    }
  }
}

void Connections::settings_changed() {
  for (Listening& each : listeners_) each.listener->set_accepts_per_poll(accepts_per_poll());
}

void Connections::for_each(const std::function<void(dispatch::Session&, dispatch::Pipeline&)>& f) {
  for (Place& place : places_) {
    if (place.connection && !place.connection->wants_close())
      f(place.connection->session(), place.connection->pipeline());
  }
}

void Connections::kill(dispatch::Session& session) {
  session.set(dispatch::kCloseAsap);
  if (Connection* found = connection(session.ref)) to_flush(*found);
}

void Connections::pushed(ClientRef ref) {
  if (Connection* found = connection(ref)) to_flush(*found);
}

size_t Connections::memory_bytes() const {
  return static_cast<size_t>(engine_.counters().client_memory_bytes.get());
}

void Connections::make_views(const resp::ParsedArgs& args, std::span<const uint32_t> counts,
                             std::span<dispatch::CommandView> commands) {
  size_t first = 0;
  size_t owner = 0;
  scratch_owners_.clear();
  if (!args.owners.empty()) scratch_owners_.reserve(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    const std::span<const std::string_view> views = std::span(args.views).subspan(first, counts[i]);
    std::span<const SharedBytes> owners;
    if (owner < args.owners.size() && args.owners[owner].first < first + counts[i]) {
      std::vector<SharedBytes>& own = scratch_owners_.emplace_back(counts[i]);
      for (; owner < args.owners.size() && args.owners[owner].first < first + counts[i]; ++owner) {
        own[args.owners[owner].first - first] = args.owners[owner].second;
      }
      owners = own;
    }
    commands[i] = dispatch::CommandView{nullptr, registry::Args(views, owners), {}};
    first += counts[i];
  }
}

}  // namespace tessera::conn
