// Role: what a crash report says of the node: INFO, and the clients of the thread that crashed. Thread: that
// one, whatever it was doing: process_crash.cc ends what takes too long.
#include <array>

#include "server/info/sections.h"
#include "server/main/node.h"

namespace tessera::server {

void Node::describe_after_crash(Log& log) {
  constexpr std::array<std::string_view, 1> kAll{"everything"};
  log.raw("\n------ INFO OUTPUT ------\n");
  log.raw(info::info_text(shared_, kAll));
  log.raw("\n------ CLIENT LIST OUTPUT ------\n");
  const uint64_t me = store::Keyspace::this_thread_token();
  for (size_t i = 0; i < connections_.size(); ++i) {
    // Connections of other threads change while they are looked at.
    if (engines_[i]->thread_token() != me) continue;
    connections_[i]->for_each([&](dispatch::Session& session, dispatch::Pipeline&) {
      log.raw(connections_[i]->describe_for_log(session) + "\n");
    });
  }
}

}  // namespace tessera::server
