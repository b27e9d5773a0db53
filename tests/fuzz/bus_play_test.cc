// Role: bounded rounds of the hostile tapes, where there is no libFuzzer: captured messages, mutated, with
// epochs of the past and the far future, from nodes and strangers. Thread: one. TESSERA_FUZZ_SECONDS: for how
// long.
#include "tests/fuzz/bus_play.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "server/cluster/bus/message.h"
#include "server/cluster/bus/test_captures.h"
#include "server/cluster/bus/wire.h"

namespace tessera::fuzz {
namespace {

namespace bus = cluster::bus;

class Tapes {
 public:
  explicit Tapes(uint64_t seed)
      : random_(seed),
        captures_(bus::read_captures(std::string(TESSERA_SOURCE_DIR) + "/tests/data/bus-messages.jsonl")) {}

  std::string next() {
    std::string tape;
    for (uint64_t records = 1 + random_.below(40); records > 0; --records) {
      const auto kind = static_cast<Kind>(random_.below(static_cast<uint64_t>(Kind::kCount)));
      const auto argument = static_cast<unsigned char>(random_.below(256));
      const bool says = kind == Kind::kInbound || kind == Kind::kOutbound || random_.one_in(2);
      tape +=
          record(says && !random_.one_in(6) ? (random_.one_in(3) ? Kind::kOutbound : Kind::kInbound) : kind,
                 argument, says ? message() : std::string(2, static_cast<char>(argument)));
    }
    return tape;
  }
  bool empty() const { return captures_.empty(); }

 private:
  std::string message() {
    std::string bytes = captures_[random_.below(captures_.size())].bytes;
    if (bytes.size() < bus::kHeaderBytes) return bytes;
    if (random_.one_in(2)) bus::store_big(bytes, 16, 8, epoch());
    if (random_.one_in(2)) bus::store_big(bytes, 24, 8, epoch());
    if (random_.one_in(4)) bytes[80 + random_.below(2048)] = static_cast<char>(random_.next());
    if (random_.one_in(4)) bus::store_big(bytes, 2250, 2, random_.below(65536));
    if (random_.one_in(8)) bus::store_big(bytes, 12, 2, random_.below(11));
    for (uint64_t edits = random_.below(3); edits > 0; --edits) {
      bytes[random_.below(bytes.size())] = static_cast<char>(random_.next());
    }
    // Ids of the tape's nodes as primaries, and in the body: who failed, who is gossiped of, whose slots an
    // UPDATE gives away (behind its epoch).
    if (random_.one_in(3)) bytes.replace(2128, 40, some_id());
    if (random_.one_in(2) && bytes.size() >= bus::kHeaderBytes + 40)
      bytes.replace(bus::kHeaderBytes, 40, some_id());
    for (size_t at = bus::kHeaderBytes + 104; at + 104 <= bytes.size() && random_.one_in(2); at += 104)
      bytes.replace(at, 40, some_id());
    if (random_.one_in(4) && bytes.size() >= bus::kHeaderBytes + 48) {
      bus::store_big(bytes, bus::kHeaderBytes, 8, epoch());
      bytes.replace(bus::kHeaderBytes + 8, 40, some_id());
    }
    return bytes;
  }
  std::string some_id() { return std::string(39, '0') + static_cast<char>('0' + random_.below(7)); }
  uint64_t epoch() {
    const uint64_t kinds[] = {0,
                              random_.below(12),
                              random_.next(),
                              UINT64_MAX,
                              UINT64_MAX - random_.below(4),
                              uint64_t{1} << random_.below(64)};
    return kinds[random_.below(std::size(kinds))];
  }

  Random random_;
  std::vector<bus::Capture> captures_;
};

TEST(BusPlay, HostileTapes) {
  const uint64_t seed = test_seed("BusPlay.HostileTapes");
  const char* wanted = std::getenv("TESSERA_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(wanted ? std::atoi(wanted) : 3);
  Tapes tapes(seed);
  ASSERT_FALSE(tapes.empty());
  size_t messages = 0, known = 0, sent = 0, events = 0, tape_count = 0;
  while (std::chrono::steady_clock::now() < end) {
    const Played played = play(tapes.next());
    ++tape_count;
    messages += played.message_count;
    known += played.known_count;
    sent += played.sent_count;
    events += played.event_count;
  }
  std::printf("%zu tapes, %zu events, %zu messages understood, %zu of them of known nodes, %zu sent\n",
              tape_count, events, messages, known, sent);
  EXPECT_GT(known, messages / 2) << "they are to be taken apart, not only turned away";
  EXPECT_GT(messages, 100u);
  EXPECT_GT(sent, 100u);
}

// MEET after MEET from strangers that announce ever other addresses.
TEST(BusPlay, MeetsWithoutEnd) {
  std::string meet;
  for (const bus::Capture& capture :
       bus::read_captures(std::string(TESSERA_SOURCE_DIR) + "/tests/data/bus-messages.jsonl")) {
    if (capture.type == "MEET") meet = capture.bytes;
  }
  ASSERT_FALSE(meet.empty());
  std::string tape;
  for (unsigned i = 0; i < 180; ++i) {
    bus::store_big(meet, 2248, 2, 20000 + i);
    tape += record(Kind::kInbound, 31 << 2, meet);
  }
  const Played played = play(tape);
  EXPECT_GT(played.most_nodes, 100u) << "they are looked at";
}

}  // namespace
}  // namespace tessera::fuzz
