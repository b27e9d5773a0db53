// Role: bounded rounds of mutated RESTORE payloads, each followed by random commands on its key. Thread: one.
// TESSERA_RESTORE_ROUNDS: how many; TESSERA_SEED: which.
#include "tests/fuzz/restore_play.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/test_seed.h"

namespace tessera::fuzz {
namespace {

std::string mutated(std::string bytes, Random& random) {
  for (uint64_t edits = random.below(4); edits > 0 && !bytes.empty(); --edits) {
    // Headers and counts lie in front.
    const size_t at =
        random.one_in(2) ? random.below(bytes.size()) : random.below(std::min<size_t>(bytes.size(), 24));
    switch (random.below(6)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, 1 + random.below(3), static_cast<char>(random.next()));
        break;
      case 2:
        bytes.erase(at, 1 + random.below(3));
        break;
      case 3:
        bytes[at] = static_cast<char>(random.one_in(2) ? 0xff : 0);
        break;
      default:
        bytes[at] =
            static_cast<char>(random.one_in(2) ? random.next() : static_cast<uint64_t>(bytes[at]) + 1);
    }
  }
  // Read as another type now and then: the same bytes mean something else.
  if (!bytes.empty() && random.one_in(20)) bytes[0] = static_cast<char>(random.below(26));
  return bytes;
}

TEST(RestorePlay, MutatedPayloadsAreRefusedOrHarmless) {
  const char* wanted = std::getenv("TESSERA_RESTORE_ROUNDS");
#ifdef TESSERA_PLAIN_MALLOC
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 300;
#else
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 2000;
#endif
  Random random(test_seed("restore play"));
  const std::vector<std::string> seeds = RestorePlay::seeds(random);
  RestorePlay play(2);
  int taken = 0;
  for (int i = 0; i < rounds; ++i) {
    const std::string body = mutated(seeds[random.below(seeds.size())], random);
    const int version = random.one_in(4) ? (random.one_in(2) ? 80 : 11) : 12;
    bool accepted = false;
    const std::string problem = play.play(body, version, random, 12, &accepted);
    ASSERT_EQ(problem, "") << "round " << i << "\n" << play.history();
    taken += accepted ? 1 : 0;
  }
  std::printf("%d rounds, %d accepted\n", rounds, taken);
  EXPECT_GT(taken, rounds / 20);
  EXPECT_LT(taken, rounds);
}

}  // namespace
}  // namespace tessera::fuzz
