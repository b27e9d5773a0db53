#include "server/commands/sort/sort_call.h"

#include <algorithm>

#include "server/commands/support/arguments.h"

namespace tessera::commands {

using registry::Args;
using shard::Ctx;

namespace {

bool has_star(std::string_view pattern) {
  return c_text(pattern).find('*') != std::string_view::npos;
}

// Patterns name keys that no gate has seen.
bool may_use_pattern(const Ctx& ctx, const char* option, resp::Writer& reply) {
  if (ctx.is_cluster()) {
    reply.errorf("ERR %s option of SORT denied in Cluster mode.", option);
    return false;
  }
  if (!ctx.may_read_any_key()) {
    reply.errorf("ERR %s option of SORT denied due to insufficient ACL permissions.", option);
    return false;
  }
  return true;
}

}  // namespace

bool read_sort(const Ctx& ctx, const Args& args, bool with_store, resp::Writer& reply, SortCall& call) {
  for (size_t i = 2; i < args.size(); ++i) {
    const size_t behind = args.size() - i - 1;
    if (token_is(args[i], "ASC")) {
      call.descending = false;
    } else if (token_is(args[i], "DESC")) {
      call.descending = true;
    } else if (token_is(args[i], "ALPHA")) {
      call.alpha = true;
    } else if (token_is(args[i], "LIMIT") && behind >= 2) {
      if (!read_int64(args[i + 1], reply, call.offset) || !read_int64(args[i + 2], reply, call.count)) {
        return false;
      }
      i += 2;
    } else if (with_store && token_is(args[i], "STORE") && behind >= 1) {
      call.store_at = ++i;
    } else if (token_is(args[i], "BY") && behind >= 1) {
      call.by = args[++i];
      if (!has_star(args[i])) {
        call.keep_order = true;
      } else if (!may_use_pattern(ctx, "BY", reply)) {
        return false;
      }
    } else if (token_is(args[i], "GET") && behind >= 1) {
      if (!may_use_pattern(ctx, "GET", reply)) return false;
      call.gets.push_back(args[++i]);
    } else {
      syntax_error(reply);
      return false;
    }
  }
  return true;
}

bool sort_reaches_other_keys(const Args& args) {
  for (size_t i = 2; i + 1 < args.size(); ++i) {
    if (token_is(args[i], "GET")) return true;
    if (token_is(args[i], "BY")) {
      if (has_star(args[++i])) return true;
    } else if (token_is(args[i], "LIMIT")) {
      i += 2;
    } else if (token_is(args[i], "STORE")) {
      ++i;
    }
  }
  return false;
}

SortRange sort_range(const SortCall& call, size_t size) {
  const auto n = static_cast<int64_t>(size);
  const int64_t first = std::min(std::max<int64_t>(call.offset, 0), n);
  const int64_t count = call.count < 0 ? n : std::min(call.count, n);
  return {static_cast<size_t>(first), static_cast<size_t>(std::min(count, n - first))};
}

}  // namespace tessera::commands
