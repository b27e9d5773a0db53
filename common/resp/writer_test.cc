// Replies in both protocols, byte for byte, and the chain that carries them.
#include "common/resp/writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace tessera::resp {
namespace {

template <typename F>
std::string written(int proto, F f) {
  ChunkPool pool;
  OutChain out(pool);
  Writer writer(out, proto);
  f(writer);
  EXPECT_EQ(out.size(), out.to_string().size());
  return out.to_string();
}

template <typename F>
void expect_both(F f, std::string_view resp2, std::string_view resp3) {
  EXPECT_EQ(written(2, f), resp2);
  EXPECT_EQ(written(3, f), resp3);
}

TEST(Writer, Shapes) {
  expect_both([](Writer& w) { w.ok(); }, "+OK\r\n", "+OK\r\n");
  expect_both([](Writer& w) { w.null(); }, "$-1\r\n", "_\r\n");
  expect_both([](Writer& w) { w.null_array(); }, "*-1\r\n", "_\r\n");
  expect_both([](Writer& w) { w.array(0); }, "*0\r\n", "*0\r\n");
  expect_both([](Writer& w) { w.map(3); }, "*6\r\n", "%3\r\n");
  expect_both([](Writer& w) { w.set(12); }, "*12\r\n", "~12\r\n");
  expect_both([](Writer& w) { w.push(123); }, "*123\r\n", ">123\r\n");
  expect_both([](Writer& w) { w.boolean(true); }, ":1\r\n", "#t\r\n");
  expect_both([](Writer& w) { w.boolean(false); }, ":0\r\n", "#f\r\n");
  expect_both([](Writer& w) { w.big_number("-12345678901234567890"); }, "$21\r\n-12345678901234567890\r\n",
              "(-12345678901234567890\r\n");
  expect_both([](Writer& w) { w.verbatim("txt", "ab\r\nc"); }, "$5\r\nab\r\nc\r\n", "=9\r\ntxt:ab\r\nc\r\n");
  expect_both([](Writer& w) { w.bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n");
  expect_both([](Writer& w) { w.bulk_int(-42); }, "$3\r\n-42\r\n", "$3\r\n-42\r\n");
  expect_both([](Writer& w) { w.simple("QUEUED"); }, "+QUEUED\r\n", "+QUEUED\r\n");
  EXPECT_EQ(written(3, [](Writer& w) { w.attribute(1); }), "|1\r\n");
}

TEST(Writer, Numbers) {
  for (const int64_t n : {int64_t{0}, int64_t{9}, int64_t{10}, int64_t{99}, int64_t{100}, int64_t{999},
                          int64_t{1000}, int64_t{-1}, int64_t{1234567890123},
                          std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(written(2, [n](Writer& w) { w.integer(n); }), ":" + std::to_string(n) + "\r\n");
  }
  expect_both([](Writer& w) { w.real(3.0); }, "$1\r\n3\r\n", ",3\r\n");
  expect_both([](Writer& w) { w.real(0.1); }, "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n");
  expect_both([](Writer& w) { w.real(-INFINITY); }, "$4\r\n-inf\r\n", ",-inf\r\n");
  expect_both([](Writer& w) { w.human_real(10.5L); }, "$4\r\n10.5\r\n", "$4\r\n10.5\r\n");
  expect_both([](Writer& w) { w.human_double(10.5L); }, "$4\r\n10.5\r\n", ",10.5\r\n");
}

TEST(Writer, Errors) {
  ChunkPool pool;
  OutChain out(pool);
  Writer writer(out, 2);
  writer.error("WRONGTYPE some text");
  EXPECT_EQ(writer.last_error_code(), "WRONGTYPE");
  writer.error("\r\nERR a\r\nb\n");
  EXPECT_EQ(writer.last_error_code(), "ERR");
  writer.error("EXECABORT");
  EXPECT_EQ(writer.last_error_code(), "ERR");  // as redis-server: a code is what stands before a space
  writer.errorf("ERR %s %d", std::string(600, 'x').c_str(), 7);
  EXPECT_EQ(writer.error_count(), 4u);
  EXPECT_EQ(out.to_string(),
            "-WRONGTYPE some text\r\n-ERR a  b\r\n-EXECABORT\r\n-ERR " + std::string(600, 'x') + " 7\r\n");
}

TEST(Writer, DeferredLengths) {
  ChunkPool pool;
  OutChain out(pool);
  Writer writer(out, 3);
  Chunk* const outer = writer.deferred();
  writer.integer(1);
  Chunk* const inner = writer.deferred();
  writer.bulk("x");
  Chunk* const empty = writer.deferred();
  writer.finish_set(empty, 0);
  writer.finish_map(inner, 1);
  writer.bulk("y");
  writer.finish_array(outer, 3);
  EXPECT_EQ(out.to_string(), "*3\r\n:1\r\n%1\r\n$1\r\nx\r\n~0\r\n$1\r\ny\r\n");
  EXPECT_EQ(out.size(), out.to_string().size());
  out.consume(out.size());
  EXPECT_EQ(out.memory_bytes(), 0u);
}

TEST(OutChain, SharedWindowsAreNotCopied) {
  ChunkPool pool;
  OutChain out(pool);
  const SharedBytes value = SharedBytes::copy_of(std::string(100000, 'v'));
  Writer writer(out, 2);
  writer.bulk_shared(value, 10, 50000);
  io::Slice slices[8];
  ASSERT_EQ(out.slices(slices), 3u);
  EXPECT_EQ(slices[1].data, value.data() + 10);
  EXPECT_EQ(out.to_string(), "$50000\r\n" + std::string(50000, 'v') + "\r\n");
  EXPECT_FALSE(value.unique());
  out.clear();
  EXPECT_TRUE(value.unique());
  EXPECT_EQ(out.chunk_count(), 0u);
}

TEST(OutChain, ChainsMove) {
  ChunkPool pool, other_pool;
  OutChain all(pool);
  OutChain small(other_pool), large(other_pool);
  all.append("head ");
  small.append("small ");
  large.append(std::string(40000, 'l'));
  const size_t chunks = all.chunk_count();
  all.append_chain(std::move(small));
  EXPECT_EQ(all.chunk_count(), chunks);  // copied
  io::Slice before[4];
  ASSERT_EQ(large.slices(before), 1u);
  all.append_chain(std::move(large));
  io::Slice after[4];
  ASSERT_EQ(all.slices(after), 2u);
  EXPECT_EQ(after[1].data, before[0].data);
  EXPECT_TRUE(large.empty());
  all.append(" tail");
  EXPECT_EQ(all.to_string(), "head small " + std::string(40000, 'l') + " tail");
  OutChain moved(std::move(all));
  EXPECT_TRUE(all.empty());
  EXPECT_EQ(moved.size(), 40016u);
  all = std::move(moved);
  EXPECT_EQ(all.size(), 40016u);
}

// Whatever is appended and consumed in whatever pieces, the bytes are those of a plain string.
TEST(OutChain, RandomOperations) {
  const uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  ChunkPool pool, other_pool;
  for (int round = 0; round < 100; ++round) {
    OutChain out(pool);
    std::string expected;
    for (int step = 0; step < 100; ++step) {
      std::string bytes(random() % 20 == 0 ? random() % 60000 : random() % 200, '\0');
      for (auto& c : bytes) c = static_cast<char>(random());
      switch (random() % 5) {
        case 0:
          out.append(bytes);
          break;
        case 1:
          out.append_shared(SharedBytes::copy_of(bytes), bytes.size() / 3, bytes.size() - bytes.size() / 3);
          bytes.erase(0, bytes.size() / 3);
          break;
        case 2: {
          OutChain other(other_pool);
          other.append_shared(SharedBytes::copy_of(bytes), 0, bytes.size());
          other.append("x");
          bytes += 'x';
          out.append_chain(std::move(other));
          break;
        }
        case 3: {
          // Nested up to four deep, bytes or none in front of each, counted buffers among them.
          const size_t depth = 1 + random() % 4;
          std::vector<Chunk*> places;
          std::string all;
          for (size_t i = 0; i < depth; ++i) {
            const std::string front = bytes.substr(0, random() % 3 == 0 ? 0 : random() % (bytes.size() + 1));
            out.append(front);
            all += front;
            places.push_back(out.placeholder());
            all += "*123\r\n";
          }
          if (random() % 4 == 0) {
            out.append_shared(SharedBytes::copy_of(bytes), 0, bytes.size());
          } else {
            out.append(bytes);
          }
          all += bytes;
          for (; !places.empty(); places.pop_back()) {
            out.fill(places.back(), "*123\r\n");
            if (random() % 3 == 0) {
              out.append("end");
              all += "end";
            }
          }
          bytes = all;
          break;
        }
        default: {
          bytes.clear();
          const size_t n = out.size() > 0 ? random() % (out.size() + 1) : 0;
          out.consume(n);
          expected.erase(0, n);
        }
      }
      expected += bytes;
      ASSERT_EQ(out.size(), expected.size());
    }
    ASSERT_EQ(out.to_string(), expected);
    std::string sliced;
    while (!out.empty()) {
      io::Slice slices[3];
      const size_t n = out.slices(slices);
      ASSERT_GT(n, 0u);
      size_t bytes = 0;
      for (size_t i = 0; i < n; ++i) {
        sliced.append(slices[i].data, slices[i].size);
        bytes += slices[i].size;
      }
      out.consume(bytes);
    }
    EXPECT_EQ(sliced, expected);
    EXPECT_EQ(out.memory_bytes(), 0u);
  }
}

// Each short array that is counted at its end took a chunk of its own once.
TEST(OutChain, ShortArraysShareChunks) {
  ChunkPool pool;
  OutChain out(pool);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    out.append("*2\r\n");
    Chunk* outer = out.placeholder();
    Chunk* empty = out.placeholder();
    out.fill(empty, "*0\r\n");
    out.append("+a\r\n");
    Chunk* inner = out.placeholder();
    out.append("+b\r\n");
    out.fill(inner, "*1\r\n");
    out.fill(outer, "*3\r\n");
    expected += "*2\r\n*3\r\n*0\r\n+a\r\n*1\r\n+b\r\n";
  }
  EXPECT_EQ(out.to_string(), expected);
  EXPECT_LE(out.chunk_count(), 3 * (expected.size() / ChunkPool::kChunkBytes + 1));
  const size_t most = (expected.size() / ChunkPool::kChunkBytes + 2) * (ChunkPool::kChunkBytes + 1000);
  EXPECT_LE(out.memory_bytes(), 2 * most);
  out.clear();
  EXPECT_EQ(out.memory_bytes(), 0u);
}

// A reply of a script may be thousands of arrays deep: open places take little, and the filled ones nothing.
TEST(OutChain, DeepPlacesTakeLittle) {
  ChunkPool pool;
  OutChain out(pool);
  std::vector<Chunk*> places;
  for (int i = 0; i < 7000; ++i) places.push_back(out.placeholder());
  EXPECT_LE(out.memory_bytes(), 7000u * 600);
  std::string expected;
  for (; !places.empty(); places.pop_back()) {
    out.fill(places.back(), "*1\r\n");
    expected += "*1\r\n";
  }
  EXPECT_EQ(out.to_string(), expected);
  out.append("+end\r\n");
  EXPECT_EQ(out.to_string(), expected + "+end\r\n");
}

}  // namespace
}  // namespace tessera::resp
