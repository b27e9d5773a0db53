// Role: see bus_play.h.
#include "tests/fuzz/bus_play.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>

#include "common/base/check.h"
#include "server/cluster/bus/wire.h"
#include "server/cluster/nodes_conf/nodes_file.h"
#include "server/cluster/state/machine.h"
#include "server/cluster/state/state.h"

namespace tessera::fuzz {

namespace {

using namespace cluster;  // one subject in one file

constexpr size_t kNodes = 6;
constexpr size_t kLargestTape = 400 << 10;
constexpr size_t kMostNodes = 6 + 1024 + 64;  // ours, handshakes of strangers, those that nodes speak of
constexpr size_t kSenderOffset = 40;

std::string id_of(size_t node) {
  return std::string(39, '0') + "0123456789abcdef"[node % 16];
}

// Three primaries with a replica each; we are the first.
state::Stored first_file() {
  state::Stored stored;
  for (size_t i = 0; i < kNodes; ++i) {
    state::StoredNode node;
    node.id = id_of(i);
    node.shard_id = std::string(39, 'f') + "0123456789"[i % 3];
    node.ip = "10.0.0." + std::to_string(i + 1);
    node.port = 7000;
    node.bus_port = 17000;
    node.flags = i < 3 ? bus::kFlagPrimary : bus::kFlagReplica;
    if (i == 0) node.flags |= bus::kFlagMyself;
    if (i >= 3) node.primary = id_of(i - 3);
    node.config_epoch = i % 3 + 1;
    if (i < 3) {
      for (size_t slot = i * 5462; slot < std::min<size_t>((i + 1) * 5462, 16384); ++slot)
        node.slots.set(slot);
    }
    stored.nodes.push_back(std::move(node));
  }
  stored.current_epoch = 6;
  return stored;
}

class Player {
 public:
  Player() : machine_(1) {
    state::Start start;
    start.stored = first_file();
    start.fresh_id = id_of(14);
    start.fresh_shard_id = id_of(15);
    start.settings.node_timeout = seconds(2);
    start.settings.port = 7000;
    start.settings.bus_port = 17000;
    start.settings.can_replicate = true;
    step(start);
    disk(false);
    adopted();
    pass(millis(100));
    for (size_t i = 1; i < kNodes; ++i) connect(0);
  }

  Played run(std::string_view tape) {
    tape = tape.substr(0, kLargestTape);
    while (tape.size() >= 4) {
      const auto kind =
          static_cast<Kind>(static_cast<unsigned char>(tape[0]) % static_cast<int>(Kind::kCount));
      const auto argument = static_cast<unsigned char>(tape[1]);
      size_t length =
          static_cast<unsigned char>(tape[2]) | static_cast<size_t>(static_cast<unsigned char>(tape[3])) << 8;
      tape.remove_prefix(4);
      length = std::min(length, tape.size());
      event(kind, argument, tape.substr(0, length));
      tape.remove_prefix(length);
    }
    return played_;
  }

 private:
  state::Now now() const { return {mono_, {1790000000000 + mono_.us / 1000}}; }
  std::string kept() const { return nodes_conf::print(machine_.stored(now()), {}); }

  void event(Kind kind, unsigned char argument, std::string_view bytes) {
    switch (kind) {
      case Kind::kInbound:
        return message(inbound_link(argument & 3), argument >> 2 & 31, bytes);
      case Kind::kOutbound: {
        const auto* node = machine_.state().find(id_of(argument % kNodes));
        if (node != nullptr && is_open(node->outbound)) message(node->outbound, argument >> 3 & 31, bytes);
        return;
      }
      case Kind::kTick:
        return pass({argument * 20000});
      case Kind::kConnect:
        return connect(argument % 7);
      case Kind::kDisk:
        return disk((argument & 1) != 0);
      case Kind::kAdopted:
        return adopted();
      case Kind::kClosed: {
        const auto* node = machine_.state().find(id_of(argument % kNodes));
        if (node != nullptr && is_open(node->outbound)) close(node->outbound, state::CloseReason::kReset);
        return;
      }
      case Kind::kCommand:
        return command(argument, bytes);
      case Kind::kCount:
        return;
    }
  }

  bool is_open(state::LinkId link) const {
    return std::find(open_.begin(), open_.end(), link) != open_.end();
  }
  state::LinkId inbound_link(unsigned which) {
    state::LinkId& link = inbound_[which];
    if (link == 0 || !is_open(link)) {
      link = next_inbound_++;
      open_.push_back(link);
      step(state::InboundOpened{link, remote_ip(which)});
    }
    return link;
  }
  static std::string remote_ip(unsigned which) { return "10.0.1." + std::to_string(which); }

  void message(state::LinkId link, unsigned sender, std::string_view bytes) {
    std::string raw(bytes);
    if (raw.size() >= bus::kPrefixBytes) {
      raw.replace(0, 4, "RCmb");
      bus::store_big(raw, 4, 4, raw.size());
    }
    if (raw.size() >= bus::kHeaderBytes && sender != 30) {
      raw.replace(kSenderOffset, bus::kNodeIdBytes,
                  sender == 31 ? std::string(40, 'e') : id_of(sender % kNodes));
    }
    auto decoded = bus::decode(raw);
    if (!decoded) return;
    ++played_.message_count;
    const bool unknown = state::is_inbound(link) &&
                         (decoded->light || machine_.state().find(decoded->header.sender) == nullptr ||
                          machine_.state().find(decoded->header.sender)->in_handshake());
    if (!decoded->light && machine_.state().find(decoded->header.sender) != nullptr) ++played_.known_count;
    const std::string before = unknown ? kept() : "";
    const std::string local_ip = machine_.state().me->ip;
    step(state::MessageReceived{link, remote_ip(0), local_ip,
                                std::make_shared<const bus::Message>(std::move(*decoded))});
    if (unknown) TESSERA_CHECK(kept() == before);
  }

  void pass(Micros time) {
    mono_ = mono_ + time;
    step(state::Tick{});
  }

  void connect(unsigned reason) {
    if (connects_.empty()) return;
    const state::LinkId link = connects_.front();
    connects_.pop_front();
    if (reason == 0) {
      open_.push_back(link);
      step(state::OutboundConnected{link, ""});
    } else {
      step(state::LinkClosed{link, static_cast<state::CloseReason>(reason)});
    }
  }

  void close(state::LinkId link, state::CloseReason reason) {
    std::erase(open_, link);
    step(state::LinkClosed{link, reason});
  }

  void disk(bool fails) {
    if (writing_ == 0) return;
    const uint64_t version = writing_;
    writing_ = 0;
    if (fails) {
      step(state::PersistFailed{version, "no space"});
    } else {
      step(state::Persisted{version});
    }
  }

  void adopted() {
    if (published_ != 0) step(state::Adopted{published_});
  }

  void command(unsigned char argument, std::string_view bytes) {
    const int slot =
        bytes.size() < 2
            ? argument
            : (static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1])) %
                  hash::kSlotCount;
    state::Command command;
    command.token = ++token_;
    const state::NodeId node = id_of(argument >> 4);
    state::SlotSet slots;
    slots.set(static_cast<size_t>(slot));
    switch (argument & 7) {
      case 0:
        command.what = state::AddSlots{slots};
        break;
      case 1:
        command.what = state::DelSlots{slots};
        break;
      case 2:
        command.what = state::SetSlot{state::SetSlot::What::kMigrating, slot, node, true};
        break;
      case 3:
        command.what = state::SetSlot{state::SetSlot::What::kImporting, slot, node, false};
        break;
      case 4:
        command.what = state::SetSlot{state::SetSlot::What::kNode, slot, node, false};
        break;
      case 5:
        command.what = state::Forget{node};
        break;
      case 6:
        command.what = state::BumpEpoch{};
        break;
      default:
        command.what = state::Meet{"10.0.2." + std::to_string(argument), 7000, 0};
        break;
    }
    step(command);
  }

  void step(const state::Event& event) {
    const uint64_t epoch = machine_.state().current_epoch;
    state::Actions actions;
    machine_.step(event, now(), actions);
    ++played_.event_count;
    for (const state::Action& action : actions) carry_out(action);
    check(epoch);
  }

  void carry_out(const state::Action& action) {
    if (const auto* connect = std::get_if<state::Connect>(&action)) {
      connects_.push_back(connect->link);
    } else if (const auto* close = std::get_if<state::CloseLink>(&action)) {
      std::erase(open_, close->link);
      std::erase(connects_, close->link);
    } else if (const auto* send = std::get_if<state::Send>(&action)) {
      ++played_.sent_count;
      // To 1,000 links goes one object; the tape's nodes are few.
      TESSERA_CHECK(bus::decode(bus::encode(*send->message)).ok());
    } else if (const auto* persist = std::get_if<state::Persist>(&action)) {
      TESSERA_CHECK(writing_ == 0);
      writing_ = persist->version;
      const std::string text = nodes_conf::print(*persist->contents, {});
      if (const auto read = nodes_conf::parse(text, false); !read.ok()) {
        std::fprintf(stderr, "a file that does not start again: %s\n%s", read.error().message.c_str(),
                     text.c_str());
        TESSERA_CHECK(read.ok());
      }
    } else if (const auto* publish = std::get_if<state::PublishView>(&action)) {
      TESSERA_CHECK(publish->version > published_);
      published_ = publish->version;
    }
  }

  void check(uint64_t epoch_before) {
    const state::State& s = machine_.state();
    TESSERA_CHECK(s.me != nullptr && s.me->id == id_of(0));
    TESSERA_CHECK(s.current_epoch >= epoch_before);
    TESSERA_CHECK(s.nodes.size() <= kMostNodes);
    TESSERA_CHECK(s.held.size() <= 4096 && s.blacklist.size() <= 65536);
    played_.most_nodes = std::max(played_.most_nodes, s.nodes.size());
    if (played_.event_count % 8 != 0) return;
    size_t owned = 0;
    for (const auto& node : s.nodes) {
      TESSERA_CHECK(static_cast<size_t>(node->slot_count) == node->slots.count());
      owned += node->slots.count();
    }
    for (size_t slot = 0; slot < s.owner.size(); ++slot) {
      if (s.owner[slot] == nullptr) continue;
      TESSERA_CHECK(s.owner[slot]->slots[slot]);
      --owned;
    }
    TESSERA_CHECK(owned == 0);
  }

  state::Machine machine_;
  MonoTime mono_{1000000000};
  Played played_;
  std::deque<state::LinkId> connects_;
  std::vector<state::LinkId> open_;
  state::LinkId inbound_[4] = {};
  state::LinkId next_inbound_ = state::kInboundBit + 1;
  uint64_t writing_ = 0, published_ = 0, token_ = 0;
};

}  // namespace

std::string record(Kind kind, unsigned char argument, std::string_view bytes) {
  std::string made;
  made.push_back(static_cast<char>(kind));
  made.push_back(static_cast<char>(argument));
  made.push_back(static_cast<char>(bytes.size() & 0xff));
  made.push_back(static_cast<char>(bytes.size() >> 8));
  return made.append(bytes);
}

Played play(std::string_view tape) {
  return Player().run(tape);
}

}  // namespace tessera::fuzz
