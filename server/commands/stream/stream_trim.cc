// Role: see stream_trim.h.
#include "server/commands/stream/stream_trim.h"

#include <algorithm>
#include <functional>

#include "server/commands/stream/references.h"

namespace tessera::commands {

using shard::Ctx;
using shard::EffectArgs;
using store::Key;
using store::Stream;
using store::StreamCursor;
using store::StreamId;
using store::StreamTrim;

void StreamTrimmed::add_to(EffectArgs& effect, EffectIds& ids) const {
  if (one_by_one) return;
  if (how.by == StreamTrim::By::kLength) {
    effect.add("MAXLEN").add("=").add_int(static_cast<int64_t>(how.max_length));
  } else {
    effect.add("MINID").add("=").add(ids(how.min_id));
  }
}

void StreamTrimmed::note(Ctx& ctx, const Key& key) const {
  if (removed == 0) return;
  if (one_by_one) note_deleted(ctx, key, ids);
  if (drops_references && !ids.empty()) note_unreferenced(ctx, key, ids);
  ctx.notify(ctx.db(), key, shard::kEventStream, "xtrim");
}

namespace {

// The last id that every group has got: nothing behind it can be acknowledged by all.
StreamId read_by_all(const Stream& stream) {
  StreamId id = StreamId::max();
  for (auto at = stream.groups().first(); at; at.next()) id = std::min(id, (*at)->last_id);
  return id;
}

// Removes what no group holds, from the front, until the trim's threshold is reached.
void trim_acknowledged(Stream& stream, const StreamTrim& how, StreamTrimmed& out) {
  const StreamId end = read_by_all(stream);
  const StreamId bound = how.approximate ? stream.trim_bound(how) : StreamId::max();
  const bool by_length = how.by == StreamTrim::By::kLength;
  StreamCursor cursor(stream, {}, end, false);
  while (cursor.next()) {
    const StreamId id = cursor.entry().id;
    if (how.approximate && id >= bound) break;
    if (by_length ? stream.length() - out.ids.size() <= how.max_length : id >= how.min_id) break;
    if (!is_referenced(stream, id)) out.ids.push_back(id);
  }
  for (const StreamId id : out.ids) stream.erase(id);
  out.removed = out.ids.size();
  out.one_by_one = true;
}

}  // namespace

StreamTrimmed trim_stream(const store::StreamEdit& edit, const StreamAddOptions& options) {
  Stream& stream = *edit;
  StreamTrimmed result;
  result.how = options.trim;
  const bool has_groups = !stream.groups().empty();
  if (has_groups && options.references == StreamReferences::kAcknowledgedOnly) {
    trim_acknowledged(stream, options.trim, result);
    return result;
  }
  if (has_groups && options.references == StreamReferences::kDelete) {
    result.drops_references = true;
    const std::function<void(StreamId)> note = [&](StreamId id) {
      if (drop_references(stream, id)) result.ids.push_back(id);
    };
    result.removed = stream.trim(options.trim, &note);
  } else {
    result.removed = edit.trim(options.trim);
  }
  if (options.trim.approximate) {
    result.how.approximate = false;
    result.how.max_length = stream.length();
    // Of a stream that is left empty everything went.
    result.how.min_id = stream.length() == 0 ? StreamId::max() : stream.first_id();
  }
  return result;
}

}  // namespace tessera::commands
