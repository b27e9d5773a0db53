// Role: transactions in the stream: MULTI, some commands, EXEC or DISCARD, over one or several batches, while
// other connections change what is watched. See generator.h.
#include <strings.h>

#include <algorithm>

#include "tests/differential/generator.h"
#include "tests/differential/rules.h"

namespace tessera::differential {
namespace {

bool is(const std::string& text, const char* word) {
  return strcasecmp(text.c_str(), word) == 0;
}

}  // namespace

bool fits_transaction(const Op& op) {
  if (op.alone || op.closes || op.newer || !op.raw.empty() || op.args.empty()) return false;
  // Random and timed replies, iterations that are followed, what tells of the connection or the process;
  // SORT, which depends on the number that redis-server read before it.
  static const std::vector<std::string> kOut = {
      "spop",       "srandmember", "hrandfield", "zrandmember", "randomkey", "scan",       "sscan",
      "hscan",      "zscan",       "time",       "info",        "client",    "debug",      "memory",
      "command",    "config",      "acl",        "lolwut",      "lastsave",  "hello",      "sort",
      "sort_ro",    "quit",        "reset",      "cluster",     "latency",   "slowlog",    "object",
      "subscribe",  "psubscribe",  "ssubscribe", "xinfo",       "xpending",  "xautoclaim", "xclaim",
      "xreadgroup", "multi",       "exec",       "discard"};
  const std::string name = lower(op.args[0]);
  // Of another arity since 7.2: refused when it is queued, or not.
  if ((name == "zrank" || name == "zrevrank") && op.args.size() != 3) return false;
  return std::find(kOut.begin(), kOut.end(), name) == kOut.end();
}

Op Generator::queued_op() {
  for (;;) {
    Op op = next_op();
    if (fits_transaction(op)) return op;
  }
}

Op Generator::op_for(int connection) {
  if (!sends_transactions_) return next_op();
  int& sent = in_multi_[static_cast<size_t>(connection)];
  Op op = transaction_op(connection);
  if (op.closes) sent = -1;
  if (op.args.empty() || !op.raw.empty()) return op;
  if (is(op.args[0], "multi") && op.args.size() == 1 && sent < 0) {
    sent = 0;
  } else if (is(op.args[0], "exec") || is(op.args[0], "reset") || is(op.args[0], "quit") ||
             (is(op.args[0], "discard") && op.args.size() == 1)) {
    sent = -1;
  } else if (sent >= 0) {
    ++sent;
  }
  return op;
}

Op Generator::transaction_op(int connection) {
  const int sent = in_multi_[static_cast<size_t>(connection)];
  Op op;
  if (sent < 0) {
    const uint64_t what = values_.below(100);
    if (what < 6) {
      op.args = {values_.random_case("multi")};
    } else if (what < 9) {
      op.args = {values_.random_case("watch")};
      for (uint64_t i = 0, n = 1 + values_.below(3); i < n; ++i) {
        op.args.push_back(key_groups_.empty() || values_.percent(40)
                              ? values_.key()
                              : values_.key_of(values_.pick(key_groups_)));
        watched_.push_back(op.args.back());
      }
      if (watched_.size() > 8) watched_.erase(watched_.begin(), watched_.end() - 8);
    } else if (what < 12 && !watched_.empty()) {
      static const std::vector<std::string> kChanges = {"DEL", "PERSIST", "GET", "TYPE", "INCR", "UNLINK"};
      op.args = {values_.pick(kChanges), values_.pick(watched_)};
    } else {
      do {
        op = next_op();
      } while (!op.args.empty() && is(op.args[0], "multi"));
    }
    return op;
  }
  // In a transaction: the longer it is, the sooner it ends.
  const uint64_t what = values_.below(100);
  if (what < 8 + 3 * static_cast<uint64_t>(std::min(sent, 20))) {
    op.args = {values_.random_case("exec")};
    if (values_.percent(1)) op.args.emplace_back("x");
  } else if (what > 97) {
    static const std::vector<std::string> kOthers = {"discard", "multi", "watch", "unwatch", "reset", "ping"};
    op.args = {values_.pick(kOthers)};
    if (op.args[0] == "watch") op.args.push_back(values_.key());
  } else {
    op = queued_op();
  }
  return op;
}

}  // namespace tessera::differential
