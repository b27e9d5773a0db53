// Role: BY and GET patterns of SORT: the value of another key, or of a field of another hash, for an element.
// Thread: the shard's, or the coordinator's of a gather over all shards.
#pragma once

#include <string>
#include <string_view>

#include "common/resp/writer.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

class SortPattern {
 public:
  // "#": the element itself; "prefix*suffix": a string key; "prefix*suffix->field": a field of a hash. A zero
  // byte ends what is looked for in it, as in redis-server. Lives as long as `pattern`.
  explicit SortPattern(std::string_view pattern);

  // False: there is no such value.
  bool text(shard::Ctx& ctx, std::string_view element, std::string& out);
  // As a bulk string, a null when there is none. Large values are not copied.
  void reply(shard::Ctx& ctx, std::string_view element, resp::Writer& reply);

 private:
  enum class Kind : uint8_t { kElement, kNothing, kString, kField };
  const store::Entry* look_up(shard::Ctx& ctx, std::string_view element);

  Kind kind_ = Kind::kNothing;
  std::string_view prefix_, suffix_, field_;
  std::string key_;  // of the last element
};

}  // namespace tessera::commands
