// Role: arguments of stream commands: ids as redis-server reads them, and the options of XADD and XTRIM.
// Thread: any. Convention: a reader that fails has written the error reply and returns false.
#pragma once

#include <cstdint>
#include <forward_list>
#include <string_view>

#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/shard/ctx.h"
#include "server/store/types/stream.h"

namespace tessera::commands {

// "ms", "ms-seq" with numbers as strtoull takes them; without a sequence `missing_seq`. `auto_seq`, where it
// is allowed: "ms-*".
bool parse_stream_id(std::string_view arg, uint64_t missing_seq, store::StreamId& out,
                     bool* auto_seq = nullptr);
bool read_stream_id(std::string_view arg, uint64_t missing_seq, resp::Writer& reply, store::StreamId& out,
                    bool* auto_seq = nullptr);
// As an end of a range: "-" and "+" too.
bool read_range_id(std::string_view arg, uint64_t missing_seq, resp::Writer& reply, store::StreamId& out);
// The same, and "(id" excludes the id itself.
bool read_range_start(std::string_view arg, resp::Writer& reply, store::StreamId& out);
bool read_range_end(std::string_view arg, resp::Writer& reply, store::StreamId& out);

// The text of an id, for as long as this object lives.
class StreamIdText {
 public:
  explicit StreamIdText(store::StreamId id);
  std::string_view view() const { return {text_, size_}; }

 private:
  char text_[41];
  uint8_t size_;
};
// Texts of ids for an effect: made before it, so that they live as long as it is needed.
class EffectIds {
 public:
  std::string_view operator()(store::StreamId id) {
    texts_.emplace_front(id);
    return texts_.front().view();
  }

 private:
  std::forward_list<StreamIdText> texts_;
};

inline void reply_stream_id(store::StreamId id, resp::Writer& reply) {
  reply.bulk(StreamIdText(id).view());
}

// What becomes of references in consumer groups when entries go.
enum class StreamReferences : uint8_t { kKeep, kDelete, kAcknowledgedOnly };
// KEEPREF, DELREF or ACKED; false: it is none of these.
bool take_references_option(std::string_view arg, StreamReferences& out);

struct StreamAddOptions {
  bool make_stream = true;  // no NOMKSTREAM
  bool trims = false;
  store::StreamTrim trim;
  StreamReferences references = StreamReferences::kKeep;
  size_t threshold_at = 0;  // argument with MAXLEN's or MINID's value
  // XADD
  bool has_id = false;
  bool auto_seq = false;
  store::StreamId id;
  size_t id_at = 0;
};

// `is_add`: XADD, whose options end at the id; else XTRIM's, which are all there is.
bool read_stream_add_options(const registry::Args& args, bool is_add, const shard::Ctx& ctx,
                             resp::Writer& reply, StreamAddOptions& out);

}  // namespace tessera::commands
