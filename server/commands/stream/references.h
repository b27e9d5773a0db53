// Role: what consumer groups hold of entries, for commands that remove entries with or without it, and the
// IDS block those commands share. Thread: the shard's.
#pragma once

#include <string_view>
#include <vector>

#include "common/resp/writer.h"
#include "server/commands/stream/stream_arguments.h"
#include "server/registry/args.h"
#include "server/store/types/stream.h"

namespace tessera::commands {

// Whether some group has the entry pending, or has not read it yet.
bool is_referenced(const store::Stream& stream, store::StreamId id);
// Takes it out of what is pending in every group; true: it was in some.
bool drop_references(store::Stream& stream, store::StreamId id);

// Effects: that the entries are not pending in any group any more (more than were is no harm), in one group,
// or gone.
void note_unreferenced(shard::Ctx& ctx, const store::Key& key, const std::vector<store::StreamId>& ids);
void note_acknowledged(shard::Ctx& ctx, const store::Key& key, std::string_view group,
                       const std::vector<store::StreamId>& ids);
void note_deleted(shard::Ctx& ctx, const store::Key& key, const std::vector<store::StreamId>& ids);

// "IDS numids id ..." at argument `i`, which is moved to its last argument. False: an error was replied.
bool read_ids_block(const registry::Args& args, size_t& i, resp::Writer& reply, size_t& ids_at,
                    size_t& ids_count);
// The ids themselves.
bool read_ids(const registry::Args& args, size_t ids_at, size_t ids_count, resp::Writer& reply,
              std::vector<store::StreamId>& out);

}  // namespace tessera::commands
