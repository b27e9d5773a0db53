// Role: who may touch a keyspace: its owner, or, while it is parked, the holder alone. Debug builds and
// sanitizer builds end the process at the first touch by anybody else; each door into the keyspace is tried
// here.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "common/base/check.h"
#include "server/store/detached.h"
#include "server/store/keyspace.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

// Runs `f` on a thread of its own, to the end.
template <class F>
void elsewhere(F f) {
  std::thread(f).join();
}

// What a thread does to a keyspace of two databases with the string "k" in the first of them.
struct Touch {
  const char* name;
  void (*run)(Keyspace& keyspace);
};

Key k(const Keyspace& keyspace) {
  return keyspace.make_key("k");
}

const Touch kTouches[] = {
    {"prefetch_bucket", [](Keyspace& s) { s.prefetch_bucket(0, k(s)); }},
    {"prefetch_entry", [](Keyspace& s) { s.prefetch_entry(0, k(s)); }},
    {"find", [](Keyspace& s) { s.find(0, k(s)); }},
    {"size", [](Keyspace& s) { s.size(0); }},
    {"expires_count", [](Keyspace& s) { s.expires_count(0); }},
    {"average_ttl_ms", [](Keyspace& s) { s.average_ttl_ms(0, 1); }},
    {"slot_size", [](Keyspace& s) { s.slot_size(0, k(s).slot); }},
    {"slot_keys",
     [](Keyspace& s) {
       std::vector<std::string> keys;
       s.slot_keys(0, k(s).slot, 1, keys);
     }},
    {"for_each", [](Keyspace& s) { s.for_each(0, -1, [](const Entry&) { return true; }); }},
    {"random_entry",
     [](Keyspace& s) {
       Random random(1);
       s.random_entry(0, random);
     }},
    {"scan", [](Keyspace& s) { s.scan(0, 0, 10, -1, [](const Entry&) {}); }},
    {"set_string", [](Keyspace& s) { s.set_string(0, k(s), "v", kNoExpire); }},
    {"set_int", [](Keyspace& s) { s.set_int(0, k(s), 1, kNoExpire); }},
    {"set_raw", [](Keyspace& s) { s.set_raw(0, k(s), "v", kNoExpire); }},
    {"set_text", [](Keyspace& s) { s.set_text(0, k(s), "v", kNoExpire); }},
    {"write_range", [](Keyspace& s) { s.write_range(0, k(s), 1, 0, "w"); }},
    {"append", [](Keyspace& s) { s.append(0, k(s), "w"); }},
    {"set_packed",
     [](Keyspace& s) { s.set_packed(0, k(s), Type::kSet, Encoding::kIntset, std::string(8, 0), kNoExpire); }},
    {"memory", [](Keyspace& s) { s.memory(); }},
    {"packed_scratch", [](Keyspace& s) { s.packed_scratch(); }},
    {"set_expire", [](Keyspace& s) { s.set_expire(0, k(s), 1); }},
    {"erase", [](Keyspace& s) { s.erase(0, k(s)); }},
    {"move_entry", [](Keyspace& s) { s.move_entry(0, k(s), 1, k(s)); }},
    {"swap_databases", [](Keyspace& s) { s.swap_databases(0, 1); }},
    {"detach", [](Keyspace& s) { s.detach(-1); }},
    {"detach_slot", [](Keyspace& s) { s.detach_slot(0, k(s).slot); }},
    {"take_garbage", [](Keyspace& s) { s.take_garbage(); }},
    {"tidy", [](Keyspace& s) { s.tidy(); }},
    {"soonest_expire_ms", [](Keyspace& s) { s.soonest_expire_ms(); }},
    {"expire_due",
     [](Keyspace& s) {
       s.expire_due(
           1, [] { return false; }, [](int, const Key&, const Entry&) {});
     }},
    {"resident_bytes", [](Keyspace& s) { s.resident_bytes(); }},
    {"table_bytes", [](Keyspace& s) { s.table_bytes(0); }},
    {"bump_write_count", [](Keyspace& s) { s.bump_write_count(0); }},
    {"self_check", [](Keyspace& s) { s.self_check(); }},
    {"digest",
     [](Keyspace& s) {
       unsigned char out[20] = {};
       s.digest(out);
     }},
    {"park_for", [](Keyspace& s) { s.park_for(Keyspace::this_thread_token()); }},
};

struct Filled {
  Filled() : keyspace(test::two_databases()) { keyspace.set_string(0, k(keyspace), "v", kNoExpire); }
  Keyspace keyspace;
};

class Touching : public testing::TestWithParam<Touch> {};

TEST_P(Touching, TheOwnerMay) {
  Filled filled;
  GetParam().run(filled.keyspace);
}

TEST_P(Touching, AnotherThreadMayWhenItOwnsItNow) {
  Filled filled;
  elsewhere([&] {
    filled.keyspace.set_owner_thread();
    GetParam().run(filled.keyspace);
  });
  filled.keyspace.set_owner_thread();
}

// A death test is a process of its own: release builds have no check, so there it would go on.
#if TESSERA_DEBUG_CHECKS
class TouchingDeathTest : public Touching {
 protected:
  TouchingDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  Filled filled_;
};

TEST_P(TouchingDeathTest, AStrangerIsCaught) {
  EXPECT_DEATH(elsewhere([this] { GetParam().run(filled_.keyspace); }), "check failed");
}

TEST_P(TouchingDeathTest, TheOwnerIsCaughtWhileAnotherThreadHoldsItParked) {
  EXPECT_DEATH(
      {
        uint64_t holder = 0;
        elsewhere([&] { holder = Keyspace::this_thread_token(); });
        filled_.keyspace.park_for(holder);
        GetParam().run(filled_.keyspace);
      },
      "check failed");
}
INSTANTIATE_TEST_SUITE_P(Doors, TouchingDeathTest, testing::ValuesIn(kTouches),
                         [](const auto& touch) { return touch.param.name; });

TEST(OwnershipDeathTest, OnlyTheOwnerUnparks) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Filled filled;
  EXPECT_DEATH(
      {
        filled.keyspace.park_for(Keyspace::this_thread_token());
        elsewhere([&] { filled.keyspace.unpark(); });
      },
      "check failed");
}
#endif

INSTANTIATE_TEST_SUITE_P(Doors, Touching, testing::ValuesIn(kTouches),
                         [](const auto& touch) { return touch.param.name; });

TEST(Ownership, AHolderMayTouchItUntilUnparked) {
  Filled filled;
  Keyspace& keyspace = filled.keyspace;
  std::atomic<uint64_t> token{0};
  std::atomic<bool> parked{false};
  std::thread holder([&] {
    token = Keyspace::this_thread_token();
    while (!parked) std::this_thread::yield();
    keyspace.erase(0, k(keyspace));
    EXPECT_EQ(keyspace.size(0), 0u);
  });
  while (token == 0) std::this_thread::yield();
  keyspace.park_for(token);
  parked = true;
  holder.join();
  keyspace.unpark();
  EXPECT_EQ(keyspace.size(0), 0u);
}

}  // namespace
}  // namespace tessera::store
