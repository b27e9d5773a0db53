// Role: compares views, and polls for them.
#include "tools/cli/cluster/agreement.h"

#include <algorithm>

#include "tools/cli/cluster/commands.h"
#include "tools/cli/modes/info_fields.h"

namespace tessera::cli::cluster {
namespace {

constexpr Micros kPollPause = millis(50);
constexpr Micros kBetweenMeetings = millis(300);  // the former ones need a turn of the servers' clocks

// What the observer thinks of one member; empty: what it should.
std::string complaint_of(const Topology& view, const Member& member, Stage stage) {
  const NodeLine* line = view.find(member.id);
  if (line == nullptr) return "does not know " + member.name;
  if (line->has_flag("handshake")) return "still shakes hands with " + member.name;
  if (line->has_flag("fail") || line->has_flag("fail?")) return "cannot reach " + member.name;
  if (line->slots != member.slots) {
    const std::string has = line->slots.any() ? slot_ranges_text(line->slots) : "no slots";
    const std::string should = member.slots.any() ? slot_ranges_text(member.slots) : "none";
    return "sees " + has + " at " + member.name + " instead of " + should;
  }
  if (stage == Stage::kSettled && line->master_id != member.master_id) {
    return "does not see yet that " + member.name + " is " +
           (member.master_id.empty() ? "a master" : "a replica of " + member.master_id);
  }
  return "";
}

Testimony question(Node& node, Stage stage) {
  Testimony says;
  if (!node.has_connection() && !node.reconnect()) {
    says.failure = "no connection";
    return says;
  }
  auto view = node.topology();
  if (!view.ok()) {
    says.failure = view.error().message;
    return says;
  }
  says.view = std::move(*view);
  if (stage != Stage::kSettled) return says;
  const auto info = node.ask({"CLUSTER", "INFO"});
  if (info.ok() && !info->is_error()) {
    const InfoFields info_fields(info->text);
    const auto state = info_fields.fields().find("cluster_state");
    says.state_ok = state != info_fields.fields().end() && state->second == "ok";
  }
  return says;
}

// A node that meets one that it knows tells it, as ever, what it owns and whom it replicates.
void introduce(const std::vector<Disagreement>& lines, const std::vector<Node*>& nodes) {
  constexpr size_t kMostMeetings = 256;  // of a round: in large clusters gossip does the rest
  size_t meetings = 0;
  for (const auto& [text, observer, member] : lines) {
    if (observer == member || ++meetings > kMostMeetings) continue;
    (void)nodes[member]->ask(meet_command(*nodes[observer]));
  }
}

// Of all nodes, as long as this lives.
class Deadline {
 public:
  Deadline(const std::vector<Node*>& nodes, MonoTime end) : nodes_(nodes) {
    for (Node* node : nodes_) node->set_deadline(end);
  }
  ~Deadline() {
    for (Node* node : nodes_) node->set_deadline(std::nullopt);
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  const std::vector<Node*>& nodes_;
};

void rest(io::Loop& loop, Micros pause) {
  bool rested = false;
  const auto timer = loop.make_timer([&] { rested = true; });
  timer->start(pause, Micros{0});
  while (!rested) loop.poll(Micros{-1});
}

void tell_disagreements(const Console& console, const std::vector<Disagreement>& lines, int64_t wait_s) {
  console.plain("\n");
  console.error("[ERR] The nodes have not agreed within " + std::to_string(wait_s) + " seconds:\n");
  constexpr size_t kMostLines = 50;
  for (size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) {
    console.plain("    " + lines[i].text + "\n");
  }
  if (lines.size() > kMostLines) {
    console.plain("    and " + std::to_string(lines.size() - kMostLines) + " more\n");
  }
  console.plain("Every node must reach the client port and the bus port of every other node.\n");
}

}  // namespace

std::vector<Disagreement> disagreements(const std::vector<Member>& members,
                                        const std::vector<Testimony>& says, Stage stage) {
  std::vector<Disagreement> lines;
  for (size_t i = 0; i < members.size(); ++i) {
    const std::string& name = members[i].name;
    if (!says[i].failure.empty()) {
      lines.push_back({name + " does not answer: " + says[i].failure});
      continue;
    }
    const size_t before = lines.size();
    for (size_t j = 0; j < members.size(); ++j) {
      const std::string complaint = complaint_of(says[i].view, members[j], stage);
      if (complaint.empty()) continue;
      const NodeLine* line = says[i].view.find(members[j].id);
      // Nodes that do not know each other need one meeting, not two that cross.
      const bool helps = line == nullptr ? j > i : j != i && !line->has_flag("handshake");
      lines.push_back({name + " " + complaint, helps ? i : 0, helps ? j : 0});
    }
    if (lines.size() == before && stage == Stage::kSettled && !says[i].state_ok) {
      lines.push_back({name + " does not say cluster_state:ok"});
    }
  }
  return lines;
}

bool wait_for_agreement(const Context& context, const std::vector<Member>& members,
                        const std::vector<Node*>& nodes, Stage stage, int64_t wait_s, Waiting how) {
  const std::unique_ptr<io::Loop> loop = context.env.make_loop();
  const MonoTime begin = loop->clock().mono();
  const Deadline deadline(nodes, begin + seconds(wait_s));
  int64_t dots = 0;
  Micros next_meetings{0};
  while (true) {
    std::vector<Testimony> says;
    for (Node* node : nodes) says.push_back(question(*node, stage));
    const auto lines = disagreements(members, says, stage);
    if (lines.empty()) {
      if (how == Waiting::kQuiet && dots > 0) context.console.plain("\n");
      return true;
    }
    const Micros waited = loop->clock().mono() - begin;
    for (; dots < waited.us / seconds(1).us; ++dots) {
      if (how == Waiting::kQuiet && dots == 0) context.console.plain("Waiting for the nodes to agree\n");
      context.console.plain(".");
    }
    context.console.flush();
    if (waited >= seconds(wait_s)) {
      tell_disagreements(context.console, lines, wait_s);
      return false;
    }
    if (waited >= next_meetings) {
      introduce(lines, nodes);
      next_meetings = waited + kBetweenMeetings;
    }
    rest(*loop, kPollPause);
  }
}

}  // namespace tessera::cli::cluster
