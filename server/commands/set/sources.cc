#include "server/commands/set/sources.h"

#include <algorithm>

#include "common/text/integers.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

using registry::Args;
using shard::Ctx;
using store::Entry;
using store::SetReader;

bool read_sources(Ctx& ctx, const Args& args, size_t first, size_t count, resp::Writer& reply,
                  Sources& sources) {
  for (size_t i = first; i < first + count; ++i) {
    const Entry* entry = ctx.read(ctx.key(args[i]));
    if (entry != nullptr && !Ctx::check_type(*entry, store::Type::kSet, reply)) return false;
  }
  sources.reserve(count);
  for (size_t i = first; i < first + count; ++i) sources.push_back(ctx.peek(ctx.key(args[i])));
  return true;
}

bool read_counted_keys(const Args& args, bool has_approx, resp::Writer& reply, CountedKeys& keys) {
  constexpr const char* kNoKeys = "ERR numkeys should be greater than 0";
  constexpr const char* kNegativeLimit = "ERR LIMIT can't be negative";
  int64_t number = 0;
  if (!read_int64(args[1], reply, number, kNoKeys)) return false;
  if (number < 1) {
    reply.error(kNoKeys);
    return false;
  }
  keys.count = static_cast<size_t>(number);
  if (keys.count > args.size() - 2) {
    reply.error("ERR Number of keys can't be greater than number of args");
    return false;
  }
  for (size_t i = 2 + keys.count; i < args.size(); ++i) {
    if (token_is(args[i], "LIMIT") && i + 1 < args.size()) {
      if (!read_int64(args[++i], reply, number, kNegativeLimit)) return false;
      if (number < 0) {
        reply.error(kNegativeLimit);
        return false;
      }
      keys.limit = static_cast<size_t>(number);
    } else if (has_approx && token_is(args[i], "APPROX")) {
      keys.approximate = true;
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

void sort_by_size(Sources& sources) {
  std::stable_sort(sources.begin(), sources.end(), [](const Entry* a, const Entry* b) {
    return SetReader(*a).size() < SetReader(*b).size();
  });
}

}  // namespace tessera::commands
