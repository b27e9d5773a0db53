#include "server/cluster/state/publish.h"

#include "server/cluster/state/messages.h"

namespace tessera::cluster::state {

using bus::MessageType;

namespace {

const Node* primary_of(const Node& node) {
  return node.is_replica() ? node.primary : &node;
}

// The shard that the sender says to be of may be news to us; a node that has no primary yet is of none.
bool in_my_shard(const State& s, const Node& node) {
  const Node* mine = primary_of(*s.me);
  return mine != nullptr && primary_of(node) == mine;
}

}  // namespace

void on_publish(Step& step, const Publish& event) {
  State& s = step.s;
  if (!s.durable.any) return;  // nobody is told anything yet
  const MessageType type = event.sharded ? MessageType::kPublishShard : MessageType::kPublish;
  // Made when somebody needs it, and once for all.
  std::shared_ptr<bus::Message> full, light;
  for (const auto& node : s.nodes) {
    if (node->is_me() || node->in_handshake() || !node->connected) continue;
    if (event.sharded && !in_my_shard(s, *node)) continue;
    std::shared_ptr<bus::Message>& message = node->light_publish ? light : full;
    if (!message) {
      if (node->light_publish) {
        message = std::make_shared<bus::Message>();
        message->type = type;
        message->light = true;
      } else {
        message = new_message(s, type);
      }
      message->body = bus::Publish{event.channel, event.text};
    }
    send(step, node->outbound, message);
  }
}

void on_published(Step& step, const MessageReceived& event) {
  const auto link = step.s.links.find(event.link);
  if (link == step.s.links.end() || link->second.node == nullptr) return;
  const Node& node = *link->second.node;
  if (node.is_me() || node.in_handshake()) return;
  if (!std::holds_alternative<bus::Publish>(event.message->body)) return;
  step.out.push_back(Deliver{event.message});
}

}  // namespace tessera::cluster::state
