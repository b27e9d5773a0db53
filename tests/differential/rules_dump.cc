// Role: the rule of DUMP: payloads of tables come in any order, and forms differ where 7.2's encodings do.
// What ours says is restored by the oracle and has to be the value it has. See rules.h.
#include "tests/differential/rules.h"

namespace tessera::differential {

using support::Value;

std::string check_dump(const RuleInput& in) {
  constexpr int kOracle = 1;
  const bool both_texts = in.ours.is_text() && in.theirs.is_text();
  if (!both_texts) return "types of the replies differ";
  // The key itself may have changed since: what was dumped is compared, in a copy of each.
  const std::string copy = "\x01 of DUMP";
  // Once more when they differ: another connection's FLUSHALL or SWAPDB may have come between.
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::string digests[2];
    for (int i = 0; i < 2; ++i) {
      const Value restored =
          in.ask(kOracle, {"RESTORE", copy, "0", (i == 0 ? in.ours : in.theirs).text, "REPLACE"});
      if (restored.text != "OK") return "redis-server cannot restore it: " + restored.text;
      const Value digest = in.ask(kOracle, {"DEBUG", "DIGEST-VALUE", copy});
      if (digest.items.size() == 1) digests[i] = digest.items[0].text;
    }
    (void)in.ask(kOracle, {"DEL", copy});
    if (digests[0] == digests[1]) return "";
  }
  return "redis-server restores another value";
}

}  // namespace tessera::differential
