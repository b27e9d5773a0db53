// Role: from the node's list to the clients of this thread. See subscribers.h.
#include "common/text/glob.h"
#include "server/pubsub/push_text.h"
#include "server/pubsub/subscribers.h"

namespace tessera::pubsub {

namespace {
constexpr size_t kPubsubClass = 2;  // of client-output-buffer-limit
}

bool Subscribers::deliver() {
  const feed::List::Read read = feed_.list().read(engine_.index(), [this](const feed::Chunk& chunk) {
    chunk.for_each([this](const feed::Item& item) { take(item); });
  });
  if (read == feed::List::Read::kLost) lost_everything();
  trackers_.finish();
  // What goes on to other threads is appended when the tick ends, or the next one.
  return read == feed::List::Read::kMore || !engine_.shard().port().items().empty();
}

void Subscribers::take(const feed::Item& item) {
  switch (item.kind) {
    case feed::Kind::kMessage: {
      const Topics& channels = topics_[static_cast<size_t>(Scope::kChannel)];
      if (const auto at = channels.find(item.name); at != channels.end()) {
        PushText text({"message", item.name}, item.text, item.owner);
        to_clients(*at->second, text);
      }
      for (const Topic* pattern : patterns_) {
        if (!text::glob_match(pattern->name, item.name)) continue;
        PushText text({"pmessage", pattern->name, item.name}, item.text, item.owner);
        to_clients(*pattern, text);
      }
      break;
    }
    case feed::Kind::kShardMessage: {
      const Topics& channels = topics_[static_cast<size_t>(Scope::kShard)];
      if (const auto at = channels.find(item.name); at != channels.end()) {
        PushText text({"smessage", item.name}, item.text, item.owner);
        to_clients(*at->second, text);
      }
      break;
    }
    case feed::Kind::kMonitor:
      for (Client* client : monitors_) {
        if (!has_room(*client->session, *client->pipeline)) continue;
        resp::OutChain& out = client->pipeline->push_chain();
        out.append("+");
        out.append(item.text);
        out.append("\r\n");
        engine_.clients().pushed(client->session->ref);
      }
      break;
    default:
      trackers_.take(item);
  }
}

void Subscribers::to_clients(const Topic& topic, PushText& text) {
  for (Client* client : topic.clients) {
    if (has_room(*client->session, *client->pipeline)) write(*client, text);
  }
}

void Subscribers::write(Client& client, PushText& text) {
  text.append_to(client.pipeline->push_chain(), client.session->proto);
  engine_.clients().pushed(client.session->ref);
}

// A client that is too slow is closed before more is written to it: what one call of deliver() takes from the
// list may be many times what it may hold.
bool Subscribers::has_room(dispatch::Session& session, dispatch::Pipeline& pipeline) {
  if (session.has(dispatch::kCloseAsap)) return false;
  const size_t limit_class = session.has(dispatch::kSubscribed) ? kPubsubClass : 0;
  const int64_t limit = engine_.settings().output_limits[limit_class].hard_bytes;
  if (limit == 0 || static_cast<int64_t>(pipeline.reply_bytes()) < limit) return true;
  engine_.clients().kill(session);  // the connection finds itself over its limit, says so and counts it
  return false;
}

// This thread did not run for so long, or one tick made so much, that what came is gone: nobody who listens
// may take the rest for everything.
void Subscribers::lost_everything() {
  for (const auto& [id, client] : clients_) {
    dispatch::Session& session = *client->session;
    if (!has_room(session, *client->pipeline)) continue;
    engine_.counters().output_buffer_limit_disconnections.add();
    engine_.node().log->warning("Client id=%llu addr=%s closed: more came for it than is kept.",
                                static_cast<unsigned long long>(session.id), session.peer_text.c_str());
    engine_.clients().kill(session);
  }
}

}  // namespace tessera::pubsub
