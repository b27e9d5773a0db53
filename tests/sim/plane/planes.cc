// Role: forms planes, troubles and heals them. See planes.h.
#include "tests/sim/plane/planes.h"

#include <cerrno>

namespace tessera::sim {

namespace bus = cluster::bus;
namespace state = cluster::state;

namespace {

constexpr Micros kLook = millis(20);
constexpr uint64_t kHostileEpoch = 1000;

io::SimOptions world_options(uint64_t seed) {
  io::SimOptions options;
  options.seed = seed;
  return options;
}

Micros drawn(Random& random, Micros most) {
  return Micros{static_cast<int64_t>(random.below(static_cast<uint64_t>(most.us)))};
}

std::vector<io::SimEnv*> add_hosts(io::SimWorld& world, int count) {
  std::vector<io::SimEnv*> hosts;
  for (int i = 0; i < count; ++i) {
    hosts.push_back(&world.add_host("n" + std::to_string(i), Planes::ip(i)));
    hosts.back()->files().make_dirs("/data");
  }
  return hosts;
}

}  // namespace

Planes::Planes(uint64_t seed, int count, bool verbose)
    : random_(seed),
      verbose_(verbose),
      world_(world_options(seed)),
      hosts_(add_hosts(world_, count)),
      processes_(static_cast<size_t>(count)),
      lives_(static_cast<size_t>(count)),
      witness_(world_, hosts_, [this](size_t i) { return processes_[i].get(); }) {
  enemy_host_ = &world_.add_host("enemy", "10.0.9.9");
  enemy_ = enemy_host_->make_loop();
}

Planes::~Planes() {
  attackers_.clear();
  for (size_t i = 0; i < hosts_.size(); ++i) stop(i, false);
}

bool Planes::start(size_t i) {
  ++lives_[i];
  // The others go on while its disk works: it is nobody to talk to until it is open.
  auto process = std::make_unique<Process>(*hosts_[i], random_.next(), verbose_);
  const auto opened = process->open();
  processes_[i] = std::move(process);
  if (opened.ok() && hosts_[i]->alive()) {
    witness_.started(i);
    return true;
  }
  // A disk that fails at the start ends the process; a damaged file never may.
  if (!opened.ok()) error_ = opened.error().message;
  if (error_.find("corrupted") != std::string::npos) witness_.fail(error_);
  stop(i, false);
  return false;
}

void Planes::stop(size_t i, bool power) {
  if (processes_[i] == nullptr) return;
  world_.resume(*hosts_[i]);
  if (power) {
    world_.crash(*hosts_[i]);
  } else if (hosts_[i]->alive()) {
    world_.kill(*hosts_[i]);
  }
  witness_.ended(i);
  processes_[i].reset();
  world_.restart(*hosts_[i]);
}

void Planes::bury() {
  for (size_t i = 0; i < count(); ++i) {
    if (processes_[i] == nullptr || hosts_[i]->alive()) continue;
    witness_.ended(i);
    processes_[i].reset();
    world_.restart(*hosts_[i]);
  }
}

void Planes::run(Micros span) {
  const MonoTime end = world_.now() + span;
  while (world_.now() < end && witness_.ok()) {
    world_.run_for(std::min(kLook, end - world_.now()));
    bury();
    witness_.look();
  }
}

bool Planes::run_until(const std::function<bool()>& done, Micros at_most) {
  const MonoTime end = world_.now() + at_most;
  while (world_.now() < end && witness_.ok()) {
    if (done()) return true;
    run(kLook);
  }
  return false;
}

bool Planes::form() {
  for (size_t i = 0; i < count(); ++i) {
    if (!start(i)) return false;
  }
  for (size_t i = 0; i < count(); ++i) {
    state::SlotSet slots;
    for (size_t slot = i; slot < slots.size(); slot += count()) slots.set(slot);
    command(i, state::AddSlots{slots}, [this, i, slots] { witness_.owns(i, slots); });
    command(i, state::SetConfigEpoch{i + 1}, {});
    if (i > 0) command(i, state::Meet{ip(0), kClientPort, kBusPort}, {});
  }
  if (!run_until([&] { return agree(); }, seconds(30))) return false;
  witness_.formed();
  return true;
}

bool Planes::agree() {
  for (size_t i = 0; i < count(); ++i) {
    if (processes_[i] == nullptr) return false;
    const route::ClusterView& view = process(i).published();
    if (view.nodes().size() != count() || !view.is_ok()) return false;
    const route::ClusterView& first = process(0).published();
    for (int slot = 0; slot < hash::kSlotCount; ++slot) {
      const int mine = view.owner(slot), theirs = first.owner(slot);
      if (mine < 0 || theirs < 0 || view.node(mine).id != first.node(theirs).id) return false;
    }
  }
  return true;
}

void Planes::trouble() {
  const size_t i = random_.below(count());
  const size_t j = (i + 1 + random_.below(count() - 1)) % count();
  switch (random_.below(16)) {
    case 0:
      return stop(i, true);
    case 1:
      return stop(i, false);
    case 2:
    case 3:
    case 4:
      if (processes_[i] == nullptr) start(i);
      return;
    case 5:
    case 6:
    case 7:
      return harass(i, j);
    case 8:
      return break_disk(i);
    case 9:
      return attack(i);
    case 10:
      return world_.jump_wall_clock(*hosts_[i], drawn(random_, seconds(7200)) - seconds(3600));
    case 11:
      if (processes_[i] != nullptr) world_.pause(*hosts_[i]);
      return;
    case 12:
      return drop_and_take_back(i);
    case 13:
    case 14:
      return move_slot(i, j);
    default:
      return bump_epoch(i);
  }
}

void Planes::harass(size_t i, size_t j) {
  switch (random_.below(6)) {
    case 0:
      return world_.partition(*hosts_[i], *hosts_[j]);
    case 1:
      return world_.block(*hosts_[i], *hosts_[j]);
    case 2:
      return world_.reset_connections(*hosts_[i], *hosts_[j]);
    case 3:  // a slow network
      return world_.set_latency(Micros{50}, drawn(random_, millis(300)) + Micros{100});
    default:
      for (io::SimEnv* each : hosts_) world_.resume(*each);
      world_.set_latency(Micros{50}, Micros{1500});
      return world_.heal_all();
  }
}

void Planes::break_disk(size_t i) {
  constexpr io::DiskOpKind kKinds[] = {io::DiskOpKind::kWrite, io::DiskOpKind::kSync, io::DiskOpKind::kRename,
                                       io::DiskOpKind::kSyncDir};
  io::SimDisk& disk = hosts_[i]->files();
  switch (random_.below(3)) {
    case 0:
      return disk.fail_next(kKinds[random_.below(4)], random_.one_in(2) ? ENOSPC : EIO,
                            1 + static_cast<int>(random_.below(3)));
    case 1:  // power goes between any two of its operations
      if (processes_[i] != nullptr) disk.crash_at(1 + random_.below(8));
      return;
    default:
      return disk.set_sync_time(Micros{100}, drawn(random_, millis(500)) + Micros{200});
  }
}

void Planes::attack(size_t i) {
  for (int n = 0; n < 20; ++n) {
    auto attacker = std::make_unique<Attacker>();
    auto stream = enemy_->connect(io::Address{ip(static_cast<int>(i)), kBusPort, false}, "", attacker.get());
    if (!stream) continue;
    attacker->stream = std::move(*stream);
    attackers_.push_back(std::move(attacker));
  }
  enemy_->poll(millis(10));
  for (auto& attacker : attackers_) {
    if (!attacker->open) continue;
    std::string bytes = random_.one_in(2) ? bus::encode(hostile()) : std::string(random_.below(4000), '\0');
    for (uint64_t edits = random_.below(4); edits > 0 && !bytes.empty(); --edits) {
      bytes[random_.below(bytes.size())] = static_cast<char>(random_.next());
    }
    const io::Slice slice{bytes.data(), bytes.size()};
    attacker->stream->try_write({&slice, 1});
  }
  if (attackers_.size() > 100) attackers_.clear();
}

// Who is not in the cluster claims everything, with a high epoch, or says of a node that it failed.
bus::Message Planes::hostile() {
  const std::vector<std::string>& ids = witness_.ids();
  bus::Message message;
  message.header.sender = std::string(40, 'e');
  message.header.flags = bus::kFlagPrimary;
  message.header.current_epoch = message.header.config_epoch = kHostileEpoch + random_.below(1000);
  message.header.slots.set();
  if (random_.one_in(3)) {
    message.type = bus::MessageType::kFail;
    message.body = bus::Fail{ids[random_.below(ids.size())]};
  } else if (random_.one_in(2)) {
    message.type = bus::MessageType::kUpdate;
    message.body = bus::Update{5000, ids[random_.below(ids.size())], message.header.slots};
  } else {
    message.type = bus::MessageType::kPing;
    message.body = bus::Gossip{};
  }
  return message;
}

bool Planes::heal() {
  attackers_.clear();
  world_.heal_all();
  world_.set_latency(Micros{50}, Micros{1500});
  for (size_t i = 0; i < count(); ++i) {
    world_.resume(*hosts_[i]);
    hosts_[i]->files().set_sync_time(Micros{100}, Micros{2000});
  }
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds && witness_.ok(); ++round) {
    // Faults of the disk that are left over end some starts.
    for (size_t i = 0; i < count(); ++i) {
      for (int tries = 0; processes_[i] == nullptr && tries < 10; ++tries) start(i);
    }
    if (run_until([&] { return agree(); }, seconds(15))) return true;
    mend();
  }
  return false;
}

std::string Planes::describe() {
  std::string text = witness_.failure() + "\n";
  for (size_t i = 0; i < count(); ++i) {
    text += "n" + std::to_string(i) + ": ";
    if (processes_[i] == nullptr) {
      text += "down, " + error_ + "\n";
      continue;
    }
    const route::ClusterView& view = process(i).published();
    text += std::to_string(view.nodes().size()) + " nodes, " + std::to_string(view.assigned_count()) +
            " slots, " + (view.is_ok() ? "ok" : "fail") + ", epoch " + std::to_string(view.current_epoch()) +
            "\n";
  }
  return text;
}

}  // namespace tessera::sim
