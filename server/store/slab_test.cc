// Role: the slab alone: no object overlaps another, pages go back, remote frees arrive, sparse pages empty
// out.
#include "server/store/slab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

struct Object {
  unsigned char* at;
  size_t size;
  unsigned char mark;
};

void fill(const Object& object) {
  std::memset(object.at, object.mark, object.size);
}
bool intact(const Object& object) {
  return std::all_of(object.at, object.at + object.size, [&](unsigned char c) { return c == object.mark; });
}

TEST(Slab, ClassesAreTight) {
  EXPECT_EQ(Slab::class_bytes(1), 8u);
  EXPECT_EQ(Slab::class_bytes(56), 56u);
  EXPECT_EQ(Slab::class_bytes(57), 64u);
  EXPECT_EQ(Slab::class_bytes(512), 512u);
  EXPECT_EQ(Slab::class_bytes(513), 576u);
  EXPECT_EQ(Slab::class_bytes(1024), 1024u);
  EXPECT_EQ(Slab::class_bytes(1025), 1168u);
  EXPECT_EQ(Slab::class_bytes(4088), 4088u);
}

TEST(Slab, ObjectsKeepTheirBytes) {
  const uint64_t seed = test::test_seed();
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  Slab slab;
  std::vector<Object> objects;
  for (int step = 0; step < 200000; ++step) {
    const bool grow = (step / 40000) % 2 == 0;
    if (objects.empty() || random.below(10) < (grow ? 7u : 3u)) {
      const size_t size = 1 + random.below(random.one_in(3) ? Slab::kMaxBytes : 100);
      Object object{static_cast<unsigned char*>(slab.alloc(size, Slab::kEntries)), size,
                    static_cast<unsigned char>(random.next())};
      ASSERT_EQ(reinterpret_cast<uintptr_t>(object.at) % 8, 0u);
      fill(object);
      objects.push_back(object);
    } else {
      std::swap(objects[random.below(objects.size())], objects.back());
      ASSERT_TRUE(intact(objects.back()));
      slab.free(objects.back().at, objects.back().size);
      objects.pop_back();
    }
  }
  for (const Object& object : objects) {
    ASSERT_TRUE(intact(object));
    slab.free(object.at, object.size);
  }
}

#ifndef TESSERA_PLAIN_MALLOC

TEST(Slab, EmptyPagesGoBack) {
  Slab slab;
  std::vector<void*> objects;
  for (int i = 0; i < 500000; ++i) objects.push_back(slab.alloc(56, Slab::kEntries));
  const size_t full = slab.resident_bytes();
  EXPECT_GE(full, 500000u * 56);
  EXPECT_LE(full, 500000u * 56 + 2 * Slab::kPageBytes);
  for (void* object : objects) slab.free(object, 56);
  EXPECT_LE(slab.resident_bytes(), 10 * Slab::kPageBytes);
}

TEST(Slab, OthersGiveObjectsBack) {
  Slab slab;
  for (int round = 0; round < 3; ++round) {
    std::vector<void*> given[3];
    for (int i = 0; i < 300000; ++i)
      given[i % 3].push_back(slab.alloc(static_cast<size_t>(40 + i % 4 * 8), Slab::kEntries));
    std::vector<std::thread> threads;
    for (auto& objects : given) {
      threads.emplace_back([&objects] {
        for (void* object : objects) Slab::free_remote(object, 40);
      });
    }
    // The owner goes on allocating, freeing and collecting.
    for (int i = 0; i < 100000; ++i) {
      void* object = slab.alloc(48, Slab::kEntries);
      std::memset(object, 1, 48);
      slab.free(object, 48);
      if (i % 1000 == 0) slab.collect(2);
    }
    for (std::thread& thread : threads) thread.join();
    while (!slab.collect(100)) {
    }
    EXPECT_LE(slab.resident_bytes(), 16 * Slab::kPageBytes);
  }
}

TEST(Slab, EvacuationEmptiesSparsePages) {
  const uint64_t seed = test::test_seed();
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  Slab slab;
  std::vector<Object> objects;
  for (int i = 0; i < 200000; ++i) {
    Object object{static_cast<unsigned char*>(slab.alloc(64, Slab::kLeaves)), 64,
                  static_cast<unsigned char>(i)};
    fill(object);
    objects.push_back(object);
  }
  EXPECT_EQ(slab.plan_evacuation(), 0u) << "nothing was freed";
  for (size_t i = objects.size(); i > 1; --i) std::swap(objects[i - 1], objects[random.below(i)]);
  while (objects.size() > 20000) {
    slab.free(objects.back().at, 64);
    objects.pop_back();
  }
  const size_t before = slab.resident_bytes();
  EXPECT_GT(before, 20000u * 64 * 5);
  ASSERT_EQ(slab.plan_evacuation(), 1u << Slab::kLeaves);
  for (Object& object : objects) {
    if (!Slab::evacuating(object.at)) continue;
    auto* moved = static_cast<unsigned char*>(slab.alloc(64, Slab::kLeaves));
    std::memcpy(moved, object.at, 64);
    slab.free(object.at, 64);
    object.at = moved;
  }
  EXPECT_FALSE(slab.end_evacuation(1));
  EXPECT_TRUE(slab.end_evacuation(100000));
  EXPECT_LT(slab.resident_bytes(), 20000u * 64 * 5 / 4 + 10 * Slab::kPageBytes);
  for (const Object& object : objects) {
    ASSERT_TRUE(intact(object));
    slab.free(object.at, 64);
  }
}

#endif

}  // namespace
}  // namespace tessera::store
