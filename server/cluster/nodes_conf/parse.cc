// Role: from the text of nodes.conf to the value. See nodes_file.h. Thread: any, pure.
// Invariant: nothing is guessed: what no server writes ends in an error with the line's number.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"
#include "common/text/words.h"
#include "server/cluster/nodes_conf/flags.h"
#include "server/cluster/nodes_conf/nodes_file.h"

namespace tessera::cluster::nodes_conf {

namespace {

constexpr size_t kNodeWords = 8;  // before the slots
constexpr int kMaxPort = 65535;
constexpr int kBusPortOffset = 10000;

bool parse_port(std::string_view text, int& port) {
  uint64_t value = 0;
  if (!text::parse_uint64(text, &value) || value > kMaxPort) return false;
  port = static_cast<int>(value);
  return true;
}

bool parse_slot(std::string_view text, int& slot) {
  uint64_t value = 0;
  if (!text::parse_uint64(text, &value) || value >= static_cast<uint64_t>(hash::kSlotCount)) return false;
  slot = static_cast<int>(value);
  return true;
}

// The next one has to be larger.
bool parse_epoch(std::string_view text, uint64_t& epoch) {
  return text::parse_uint64(text, &epoch) && epoch <= static_cast<uint64_t>(INT64_MAX);
}

class Parser {
 public:
  explicit Parser(bool tls_cluster) : tls_cluster_(tls_cluster) {}

  Result<std::optional<NodesFile>> run(std::string_view text) {
    if (text.empty()) return std::optional<NodesFile>();
    size_t number = 0;
    for (size_t at = 0; at < text.size() && why_.empty();) {
      ++number;
      const size_t end = text.find('\n', at);
      const bool ended = end != std::string_view::npos;
      line(text.substr(at, ended ? end - at : std::string_view::npos), ended);
      at = ended ? end + 1 : text.size();
    }
    if (why_.empty()) {
      number = 0;
      finish();
    }
    if (why_.empty()) return std::optional<NodesFile>(std::move(file_));
    return Error{number == 0 ? why_ : "line " + std::to_string(number) + ": " + why_, 0};
  }

 private:
  void fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
  }
  Stored& stored() { return file_.stored; }
  void at_least(Dialect dialect) { file_.dialect = std::max(file_.dialect, dialect); }

  void line(std::string_view text, bool ended) {
    // What a disk gives back that lost a write; a word would end there unseen.
    if (text.find('\0') != std::string_view::npos) return fail("holds zero bytes");
    const auto words = text::split_args(text);
    if (!words) return fail("a quote is not closed");
    if (words->empty()) return;  // servers that write in place pad with empty lines
    if (text::iequals((*words)[0], "vars")) {
      if (!ended) return fail("the file ends in the middle of its variables");
      return variables(*words);
    }
    if (words->size() < kNodeWords) return fail("fewer than 8 fields");
    if (!ended) return fail("the file ends in the middle of a node's line");
    node(*words);
  }

  void variables(const std::vector<std::string>& words) {
    if (words.size() % 2 == 0) return fail("a variable without its value");
    for (size_t i = 1; i < words.size(); i += 2) {
      const std::string& name = words[i];
      const std::string& value = words[i + 1];
      if (text::iequals(name, "currentEpoch")) {
        if (!parse_epoch(value, stored().current_epoch)) fail("currentEpoch is no number");
        has_current_epoch_ = true;
      } else if (text::iequals(name, "lastVoteEpoch")) {
        if (!parse_epoch(value, stored().last_vote_epoch)) fail("lastVoteEpoch is no number");
        has_last_vote_ = true;
      } else if (name == kShardsVariable) {
        shards(value);
      } else {
        file_.notes.push_back("unknown variable '" + name + "' skipped");
      }
    }
  }

  void shards(std::string_view pairs) {
    for (const std::string_view pair : text::split(pairs, ',')) {
      const size_t colon = pair.find(':');
      if (colon == std::string_view::npos || !bus::is_node_id(pair.substr(0, colon)) ||
          !bus::is_node_id(pair.substr(colon + 1))) {
        return fail("a shard's id is damaged");
      }
      shards_.emplace(pair.substr(0, colon), pair.substr(colon + 1));
    }
  }

  void node(const std::vector<std::string>& words) {
    StoredNode node;
    if (!bus::is_node_id(words[0])) return fail("not a node's id: '" + words[0] + "'");
    node.id = words[0];
    if (!seen_.insert(node.id).second) return fail("node " + node.id + " comes twice");
    address(words[1], node);
    flags(words[2], node);
    primary(words[3], node);
    times(words, node);
    for (size_t i = kNodeWords; i < words.size() && why_.empty(); ++i) slots(words[i], node);
    if ((node.flags & bus::kFlagMyself) != 0) {
      if (has_myself_) return fail("a second node is 'myself'");
      has_myself_ = true;
    }
    stored().nodes.push_back(std::move(node));
  }

  void address(std::string_view word, StoredNode& node) {
    const auto parts = text::split(word, ',');
    const std::string_view place = parts[0];
    // IPv6 has colons of its own.
    const size_t colon = place.rfind(':');
    if (colon == std::string_view::npos) return fail("address without port: '" + std::string(word) + "'");
    node.ip = place.substr(0, colon);
    if (!text::is_address_word(node.ip)) return fail("not an address: '" + node.ip + "'");
    std::string_view ports = place.substr(colon + 1);
    const size_t at = ports.find('@');
    int first = 0;
    if (!parse_port(ports.substr(0, at), first)) return fail("not a port: '" + std::string(ports) + "'");
    // As files were before the bus had a port of its own; one that cannot be is unknown.
    node.bus_port = first + kBusPortOffset <= kMaxPort ? first + kBusPortOffset : 0;
    if (at != std::string_view::npos && !parse_port(ports.substr(at + 1), node.bus_port)) {
      return fail("not a bus port: '" + std::string(ports) + "'");
    }
    if (parts.size() > 1) node.hostname = parts[1];
    if (!text::is_plain_word(node.hostname)) return fail("not a host's name: '" + node.hostname + "'");
    bool has_tcp = false, has_tls = false;
    for (size_t i = 2; i < parts.size(); ++i) {
      has_tcp = has_tcp || parts[i].substr(0, 9) == "tcp-port=";
      has_tls = has_tls || parts[i].substr(0, 9) == "tls-port=";
      field(parts[i], node);
    }
    // The port that has no field of its own is the one in front.
    const bool first_is_tls = has_tcp != has_tls ? has_tcp : tls_cluster_;
    if (has_tcp && has_tls) return;
    (first_is_tls ? node.tls_port : node.port) = first;
  }

  void field(std::string_view part, StoredNode& node) {
    at_least(Dialect::kRedis72);
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) return fail("a field without value: '" + std::string(part) + "'");
    const std::string_view name = part.substr(0, equals);
    const std::string value(part.substr(equals + 1));
    struct Text {
      std::string_view name;
      std::string StoredNode::*member;
      Dialect dialect;
    };
    static constexpr Text kTexts[] = {
        {"nodename", &StoredNode::human_name, Dialect::kRedis72},
        {"availability-zone", &StoredNode::availability_zone, Dialect::kValkey9},
        {"client-ipv4", &StoredNode::client_ipv4, Dialect::kValkey9},
        {"client-ipv6", &StoredNode::client_ipv6, Dialect::kValkey9},
    };
    for (const Text& known : kTexts) {
      if (name != known.name) continue;
      at_least(known.dialect);
      if (!text::is_plain_word(value)) return fail("damaged " + std::string(name));
      node.*known.member = value;
      return;
    }
    struct Port {
      std::string_view name;
      int StoredNode::*member;
      Dialect dialect;
    };
    static constexpr Port kPorts[] = {
        {"tcp-port", &StoredNode::port, Dialect::kRedis72},
        {"tls-port", &StoredNode::tls_port, Dialect::kRedis72},
        {"client-tcp-port", &StoredNode::client_port, Dialect::kValkey9},
        {"client-tls-port", &StoredNode::client_tls_port, Dialect::kValkey9},
    };
    for (const Port& known : kPorts) {
      if (name != known.name) continue;
      at_least(known.dialect);
      if (!parse_port(value, node.*known.member)) fail("damaged " + std::string(name));
      return;
    }
    if (name == "shard-id") {
      if (!bus::is_node_id(value)) return fail("damaged shard-id");
      node.shard_id = value;
      return;
    }
    file_.notes.push_back("unknown field '" + std::string(name) + "' of node " + node.id + " skipped");
  }

  void flags(std::string_view word, StoredNode& node) {
    for (const std::string_view name : text::split(word, ',')) {
      const auto known = std::find_if(std::begin(kFlagNames), std::end(kFlagNames),
                                      [&](const FlagName& flag) { return text::iequals(flag.name, name); });
      if (known != std::end(kFlagNames)) {
        node.flags |= known->flag;
      } else if (!text::iequals(name, "noflags")) {
        return fail("unknown flag '" + std::string(name) + "'");
      }
    }
    constexpr uint16_t kBoth = bus::kFlagPrimary | bus::kFlagReplica;
    if ((node.flags & kBoth) == kBoth) fail("both master and slave");
    if ((node.flags & bus::kFlagMyself) != 0 && (node.flags & kBoth) == 0) {
      fail("'myself' is neither master nor slave");
    }
  }

  void primary(std::string_view word, StoredNode& node) {
    if (word == "-") return;
    if (!bus::is_node_id(word) || word == node.id) return fail("not a primary: '" + std::string(word) + "'");
    node.primary = word;
    mentioned_.push_back(node.primary);
  }

  void times(const std::vector<std::string>& words, StoredNode& node) {
    if (!text::parse_int64(words[4], &node.ping_sent.ms)) return fail("not a time: '" + words[4] + "'");
    if (!text::parse_int64(words[5], &node.pong_received.ms)) return fail("not a time: '" + words[5] + "'");
    if (!parse_epoch(words[6], node.config_epoch)) return fail("not an epoch: '" + words[6] + "'");
    node.connected = words[7] == "connected";
  }

  void slots(std::string_view word, StoredNode& node) {
    if (word.substr(0, 1) == "[") return open_slot(word);
    const size_t dash = word.find('-');
    int first = 0, last = 0;
    if (!parse_slot(word.substr(0, dash), first)) return fail("not a slot: '" + std::string(word) + "'");
    last = first;
    if (dash != std::string_view::npos && (!parse_slot(word.substr(dash + 1), last) || last < first)) {
      return fail("not a range of slots: '" + std::string(word) + "'");
    }
    for (auto slot = static_cast<size_t>(first); slot <= static_cast<size_t>(last); ++slot) {
      if (!owned_[slot]) {
        owned_.set(slot);
        node.slots.set(slot);
      } else if (!node.slots[slot]) {
        // As others read it: who comes first has it.
        file_.notes.push_back("slot " + std::to_string(slot) + " of node " + node.id +
                              " has an owner already");
      }
    }
  }

  // [slot->-node] or [slot-<-node]
  void open_slot(std::string_view word) {
    const size_t dash = word.find('-');
    int slot = 0;
    const bool sound = dash != std::string_view::npos && word.size() > dash + 4 && word.back() == ']' &&
                       word[dash + 2] == '-' && (word[dash + 1] == '>' || word[dash + 1] == '<') &&
                       parse_slot(word.substr(1, dash - 1), slot);
    const std::string_view id = sound ? word.substr(dash + 3, word.size() - dash - 4) : std::string_view();
    if (!sound || !bus::is_node_id(id)) return fail("not an open slot: '" + std::string(word) + "'");
    auto& list = word[dash + 1] == '>' ? stored().migrating : stored().importing;
    list.emplace_back(slot, id);
    mentioned_.push_back(std::string(id));
  }

  void finish() {
    if (!has_myself_) return fail("no node is 'myself'");
    // They come last: without them the end of the file is missing, and a vote could be given twice.
    if (!has_current_epoch_ || !has_last_vote_) return fail("currentEpoch or lastVoteEpoch is missing");
    // Nodes that are only spoken of are known by their id alone, as others read it.
    for (const std::string& id : mentioned_) {
      if (!seen_.insert(id).second) continue;
      StoredNode node;
      node.id = id;
      node.flags = bus::kFlagNoAddress;
      stored().nodes.push_back(std::move(node));
      file_.notes.push_back("node " + id + " is spoken of and has no line");
    }
    std::unordered_map<bus::NodeId, const StoredNode*> by_id;
    for (StoredNode& node : stored().nodes) {
      by_id.emplace(node.id, &node);
      const auto shard = shards_.find(node.id);
      if (node.shard_id.empty() && shard != shards_.end()) node.shard_id = shard->second;
      // Somebody edited the file: an epoch that is taken must not be given again.
      stored().current_epoch = std::max(stored().current_epoch, node.config_epoch);
    }
    for (StoredNode& node : stored().nodes) {
      if (node.primary.empty()) continue;
      const std::string& shard = by_id.at(node.primary)->shard_id;
      if (!shard.empty()) node.shard_id = shard;
    }
  }

  const bool tls_cluster_;
  NodesFile file_;
  std::string why_;
  bool has_myself_ = false, has_current_epoch_ = false, has_last_vote_ = false;
  bus::SlotSet owned_;
  std::unordered_set<std::string> seen_;
  std::vector<std::string> mentioned_;
  std::unordered_map<std::string, std::string> shards_;
};

}  // namespace

Result<std::optional<NodesFile>> parse(std::string_view text, bool tls_cluster) {
  return Parser(tls_cluster).run(text);
}

}  // namespace tessera::cluster::nodes_conf
