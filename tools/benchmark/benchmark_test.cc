// Role: the pure parts of tessera-benchmark: replies in any pieces, percentiles, commands, nodes, options.
#include <gtest/gtest.h>

#include <set>

#include "tools/benchmark/histogram.h"
#include "tools/benchmark/options.h"
#include "tools/benchmark/reply_counter.h"
#include "tools/benchmark/run.h"
#include "tools/benchmark/targets.h"
#include "tools/benchmark/workload.h"

namespace tessera::benchmark {
namespace {

constexpr std::string_view kStream =
    "+OK\r\n:12\r\n$5\r\na\r\nb\n\r\n$-1\r\n*3\r\n$1\r\nx\r\n*0\r\n*2\r\n:1\r\n$0\r\n\r\n*-1\r\n"
    ">2\r\n+push\r\n:1\r\n%1\r\n+k\r\n*1\r\n:5\r\n|1\r\n+a\r\n:1\r\n#t\r\n,1.5\r\n_\r\n";
constexpr int kReplies = 10;

TEST(ReplyCounter, CountsTheSameHoweverTheBytesAreCut) {
  for (size_t piece = 1; piece <= kStream.size(); ++piece) {
    ReplyCounter counter;
    int count = 0;
    for (size_t at = 0; at < kStream.size(); at += piece) count += counter.feed(kStream.substr(at, piece));
    EXPECT_EQ(count, kReplies) << "pieces of " << piece;
    EXPECT_FALSE(counter.has_error() || counter.broken());
  }
}

TEST(ReplyCounter, TellsErrorsAndNonsense) {
  ReplyCounter counter;
  EXPECT_EQ(counter.feed("*1\r\n-inner\r\n-ERR a"), 1);
  EXPECT_FALSE(counter.has_error());
  EXPECT_EQ(counter.feed("b\r\n-ERR c\r\n"), 2);
  EXPECT_EQ(counter.error(), "ERR ab");
  EXPECT_EQ(counter.feed("HTTP/1.1 200\r\n"), 0);
  EXPECT_TRUE(counter.broken());
}

TEST(ReplyCounter, TellsRedirectionsApart) {
  ReplyCounter plain;
  EXPECT_EQ(plain.feed("-MOVED 1 1.1.1.1:1\r\n"), 1);
  EXPECT_TRUE(plain.has_error());
  ReplyCounter counter;
  counter.tell_redirections_apart();
  EXPECT_EQ(counter.feed("-MOVED 1 1.1.1.1:1\r\n+OK\r\n-ASK 1 1.1.1.1:2\r\n-TRYAGAIN later\r\n"), 4);
  EXPECT_FALSE(counter.has_error());
  auto redirections = counter.take_redirections();
  EXPECT_EQ(redirections.count, 3);
  EXPECT_FALSE(redirections.cluster_down);
  EXPECT_EQ(redirections.last, "TRYAGAIN later");
  EXPECT_EQ(counter.take_redirections().count, 0);
  EXPECT_EQ(counter.feed("-CLUSTERDOWN x\r\n*1\r\n-MOVED inside\r\n-ERR MOVED \r\n"), 3);
  EXPECT_TRUE(counter.take_redirections().cluster_down);
  EXPECT_EQ(counter.error(), "ERR MOVED ");
}

TEST(Map, NewsAreAskedForOnce) {
  const auto targets = [](int port) {
    Target target;
    target.address.port = port;
    return std::make_shared<const std::vector<Target>>(std::vector<Target>{target});
  };
  Map map(targets(1));
  const uint64_t first = map.version();
  EXPECT_FALSE(map.take_question());
  map.ask_for_news(first, {2, false, "MOVED 1"});
  map.ask_for_news(first, {1, true, "CLUSTERDOWN"});
  const auto question = map.take_question();
  ASSERT_TRUE(question);
  EXPECT_TRUE(question->cluster_down);
  EXPECT_FALSE(map.take_question());
  map.replace(targets(2));
  EXPECT_NE(map.version(), first);
  map.ask_for_news(first, {1, false, "MOVED 2"});  // it was wrong, and it is known
  EXPECT_FALSE(map.take_question());
  EXPECT_EQ(map.redirected(), 4);
  EXPECT_EQ((*map.targets())[0].address.port, 2);
}

TEST(Run, RequestsAreTakenOnce) {
  Options options;
  options.requests = 10;
  options.pipeline = 4;
  const Workload workload;
  benchmark::Run run(options, workload, std::make_shared<const std::vector<Target>>(), nullptr);
  EXPECT_EQ(run.take(), 4);
  EXPECT_EQ(run.take(), 4);
  EXPECT_EQ(run.take(), 2);
  EXPECT_EQ(run.take(), 0);
  EXPECT_EQ(run.take(), 0);
  run.give_back(3);
  EXPECT_EQ(run.take(), 3);
  EXPECT_EQ(run.take(), 0);
}

TEST(Run, PacedRequestsAreDueOneAfterTheOther) {
  Options options;
  options.requests_per_second = 20000;
  const Workload workload;
  benchmark::Run run(options, workload, std::make_shared<const std::vector<Target>>(), nullptr);
  int64_t first = -1;
  EXPECT_EQ(run.take(&first), 1);
  EXPECT_EQ(first, 0);
  EXPECT_EQ(run.due_us(0, 5000), 5000);
  EXPECT_EQ(run.take(&first), 1);
  EXPECT_EQ(run.due_us(first, 9000), 5050);
  EXPECT_EQ(run.due_us(20000, 9000), 1005000);
}

TEST(Histogram, PercentilesOfKnownValues) {
  Histogram h;
  for (int us = 1; us <= 1000; ++us) h.add(us);
  EXPECT_EQ(h.percentile_us(50), 500);
  EXPECT_EQ(h.percentile_us(99), 990);
  EXPECT_EQ(h.percentile_us(0), 1);
  EXPECT_EQ(h.percentile_us(100), 1000);
  EXPECT_EQ(h.count_up_to(250), 250);
  EXPECT_DOUBLE_EQ(h.average_us(), 500.5);
}

TEST(Histogram, LargeValuesKeepThreeDigits) {
  for (int64_t us : {2047, 2048, 4095, 4096, 123456, 98765432}) {
    Histogram h;
    h.add(1);
    h.add(us, 8);
    h.add(us * 3);
    EXPECT_NEAR(static_cast<double>(h.percentile_us(50)), static_cast<double>(us),
                static_cast<double>(us) / 1000);
    EXPECT_EQ(h.max_us(), us * 3);
    Histogram sum;
    sum.merge(h);
    sum.merge(h);
    EXPECT_EQ(sum.count(), 20);
  }
}

TEST(Workload, TagsLieInTheirSlots) {
  const TagTable table;
  for (int slot = 0; slot < hash::kSlotCount; ++slot)
    ASSERT_EQ(hash::key_slot("key:{" + std::string(table.tag(slot), kTagBytes) + "}:1"), slot);
}

TEST(Workload, PlacesOfNumbersTagsAndData) {
  Options options;
  options.random_keys = options.cluster = true;
  options.data_bytes = 32;
  options.tests = ",set,mset,";
  auto tests = selected_tests(options);
  ASSERT_EQ(tests.size(), 2u);
  Workload& set = tests[0];
  ASSERT_EQ(set.randoms.size(), 1u);
  ASSERT_EQ(set.tags.size(), 1u);
  EXPECT_EQ(set.bytes.substr(set.tags[0] - 1, 5), "{tag}");
  write_digits(set.bytes.data() + set.randoms[0], 42);
  EXPECT_NE(set.bytes.find("key:{tag}:000000000042\r\n$32\r\n"), std::string::npos) << set.bytes;
  EXPECT_EQ(tests[1].randoms.size(), 10u);
  options.cluster = false;
  const Workload own = command_workload({"setex", "key:__rand_int__", "9", "__data__"}, options);
  EXPECT_TRUE(own.tags.empty());
  EXPECT_EQ(own.title, "setex key:__rand_int__ 9 __data__");
  EXPECT_EQ(own.bytes.find("*4\r\n$5\r\nsetex\r\n$16\r\n"), 0u) << own.bytes;
}

TEST(Targets, PrimariesWithSlots) {
  const auto nodes = parse_nodes(
      "a 10.0.0.1:7000@17000,host myself,master - 0 0 1 connected 0-1 5 [7->-b]\n"
      "b 10.0.0.2:7001@17001 slave a 0 0 1 connected\n"
      "c :7002@17002 master - 0 0 2 connected 16383\n"
      "d 10.0.0.4:7003@17003 master,fail - 0 0 3 connected 9\n",
      "127.0.0.1");
  ASSERT_TRUE(nodes.ok());
  ASSERT_EQ(nodes->size(), 2u);
  EXPECT_EQ((*nodes)[0].slots, (std::vector<int>{0, 1, 5}));
  EXPECT_EQ((*nodes)[0].address.text(), "10.0.0.1:7000");
  EXPECT_EQ((*nodes)[1].address.text(), "127.0.0.1:7002");
  EXPECT_FALSE(parse_nodes("a 1.1.1.1:1@2 master - 0 0 1 connected 99999\n", "").ok());
}

TEST(Options, LikeRedisBenchmark) {
  const auto line =
      parse_options({"-h", "h", "-p", "7", "-P", "16", "-r", "10", "-q", "-t", "SET,get", "--threads", "2"});
  ASSERT_FALSE(line.exit_code) << line.print;
  EXPECT_EQ(line.options.tests, ",set,get,");
  EXPECT_EQ(line.options.pipeline, 16);
  EXPECT_TRUE(line.options.random_keys && line.options.quiet);
  EXPECT_EQ(parse_options({"eval", "-q", "0"}).command.size(), 3u);
  EXPECT_EQ(parse_options({"-P"}).exit_code, 1);
  EXPECT_EQ(
      parse_options({"--bogus"}).print.rfind("Invalid option \"--bogus\" or option argument missing", 0), 0u);
  EXPECT_EQ(parse_options({"-c", "0"}).exit_code, 1);
  EXPECT_EQ(parse_options({"--rps", "-1"}).exit_code, 1);
  EXPECT_EQ(parse_options({"--rps", "20000"}).options.requests_per_second, 20000);
  Options uri;
  EXPECT_FALSE(apply_uri("redis://me:s%40crt@[::1]:7000/3", uri));
  EXPECT_EQ(uri.user + "|" + uri.password + "|" + uri.host, "me|s@crt|::1");
  EXPECT_EQ(uri.port * 10 + uri.database, 70003);
}

}  // namespace
}  // namespace tessera::benchmark
