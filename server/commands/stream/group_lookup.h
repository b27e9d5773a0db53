// Role: finding the group a command names. Thread: the shard's.
// Convention: what fails has written the error reply.
#pragma once

#include <string_view>

#include "common/resp/writer.h"
#include "server/shard/ctx.h"
#include "server/store/types/stream.h"

namespace tessera::commands {

// "No such key 'k' or consumer group 'g'"
void no_key_or_group(std::string_view key, std::string_view group, resp::Writer& reply);
// "No such consumer group 'g' for key name 'k'"
void no_group_of_key(std::string_view key, std::string_view group, resp::Writer& reply);
// "unknown subcommand or wrong number of arguments for 'x'. Try XGROUP HELP."
void wrong_subcommand_syntax(std::string_view subcommand, const char* command, resp::Writer& reply);

// Both as redis-server looks keys up for XCLAIM and its kin: as reads. nullptr: an error was replied.
const store::StreamGroup* read_group(shard::Ctx& ctx, const store::Key& key, std::string_view group,
                                     resp::Writer& reply);

// The consumer, made (with event and effect) when it is not there; it was seen now. REQUIRES: the group is
// there
void note_consumer_made(shard::Ctx& ctx, const store::Key& key, std::string_view group,
                        std::string_view consumer);
store::StreamConsumer* see_consumer(store::StreamGroup& group, std::string_view consumer, int64_t now_ms,
                                    bool& made);

}  // namespace tessera::commands
