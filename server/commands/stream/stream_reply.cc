// Role: see stream_reply.h.
#include "server/commands/stream/stream_reply.h"

#include "server/commands/stream/stream_arguments.h"

namespace tessera::commands {

using resp::Writer;
using store::ListpackElement;
using store::Stream;
using store::StreamCursor;
using store::StreamEntryRef;
using store::StreamFields;
using store::StreamId;

namespace {

void reply_element(const ListpackElement& element, Writer& reply) {
  if (element.is_int) {
    reply.bulk_int(element.number);
  } else {
    reply.bulk(element.bytes);
  }
}

}  // namespace

void reply_stream_entry(const StreamEntryRef& entry, StreamFields fields, Writer& reply) {
  reply.array(2);
  reply_stream_id(entry.id, reply);
  reply.array(static_cast<int64_t>(2 * entry.field_count));
  ListpackElement field, value;
  while (fields.next(field, value)) {
    reply_element(field, reply);
    reply_element(value, reply);
  }
}

size_t reply_stream_range(const Stream& stream, StreamId start, StreamId end, uint64_t count, bool backwards,
                          Writer& reply) {
  resp::Chunk* const place = reply.deferred();
  size_t entries = 0;
  StreamCursor cursor(stream, start, end, backwards);
  while ((count == 0 || entries < count) && cursor.next()) {
    reply_stream_entry(cursor.entry(), cursor.fields(), reply);
    ++entries;
  }
  reply.finish_array(place, static_cast<int64_t>(entries));
  return entries;
}

}  // namespace tessera::commands
