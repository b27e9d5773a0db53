// Role: values of every type: what is accepted, how refusals are worded, what is printed. The expectations
// were observed on redis-server 7.0.15.
#include <gtest/gtest.h>

#include <string>

#include "server/config/config.h"
#include "server/config/editor.h"

namespace tessera::config {
namespace {

class Values : public ::testing::Test {
 protected:
  // What CONFIG GET says after CONFIG SET, or the reason of the refusal.
  std::string set(std::string_view name, std::string_view value) {
    const std::pair<std::string_view, std::string_view> pair{name, value};
    const auto result = editor_.set(std::span(&pair, 1), SetOptions{});
    if (result) return editor_.current()->printed(name);
    const std::string prefix =
        "CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - ";
    const std::string& message = result.error().message;
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    return "! " + message.substr(std::min(prefix.size(), message.size()));
  }

  Editor editor_{
      std::make_shared<const Config>(std::make_shared<const ParameterTable>(all_sections()), "/", 2)};
};

TEST_F(Values, Integers) {
  EXPECT_EQ(set("timeout", "1"), "1");
  for (const char* bad : {"01", "+1", " 1", "1 ", "", "0x1", "1.0", "zzz", "9223372036854775808"}) {
    EXPECT_EQ(set("timeout", bad), "! argument couldn't be parsed into an integer") << bad;
  }
  EXPECT_EQ(set("timeout", "-1"), "! argument must be between 0 and 2147483647 inclusive");
  EXPECT_EQ(set("maxclients", "4294967296"), "! argument must be between 1 and 4294967295 inclusive");
  EXPECT_EQ(set("slowlog-log-slower-than", "-1"), "-1");
  EXPECT_EQ(set("slowlog-log-slower-than", "-2"),
            "! argument must be between -1 and 9223372036854775807 inclusive");
  EXPECT_EQ(set("list-max-listpack-size", "-2147483649"),
            "! argument must be between -2147483648 and 2147483647 inclusive");
}

TEST_F(Values, NumbersAreBroughtIntoTheRangeThatIsServed) {
  EXPECT_EQ(set("hz", "0"), "1");
  EXPECT_EQ(set("hz", "1000"), "500");
  EXPECT_EQ(set("repl-backlog-size", "1"), "16384");
  EXPECT_EQ(set("watchdog-period", "1"), "200");
  EXPECT_EQ(set("watchdog-period", "0"), "0");
}

TEST_F(Values, Memory) {
  EXPECT_EQ(set("maxmemory", "1kb"), "1024");
  EXPECT_EQ(set("maxmemory", "1KB"), "1024");
  EXPECT_EQ(set("maxmemory", "1k"), "1000");
  EXPECT_EQ(set("maxmemory", "1gB"), "1073741824");
  EXPECT_EQ(set("maxmemory", ""), "0");
  EXPECT_EQ(set("maxmemory", "01"), "1");
  EXPECT_EQ(set("maxmemory", "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(set("maxmemory", "18446744073709551616"), "18446744073709551615");
  for (const char* bad : {"1 kb", "1tb", "-1", "0x10", "+1", "50%"}) {
    EXPECT_EQ(set("maxmemory", bad), "! argument must be a memory value") << bad;
  }
  EXPECT_EQ(set("client-query-buffer-limit", "1"),
            "! argument must be between 1048576 and 9223372036854775807 inclusive");
  EXPECT_EQ(set("auto-aof-rewrite-min-size", "18446744073709551615"),
            "! argument must be between 0 and 9223372036854775807 inclusive");
}

TEST_F(Values, MemoryOrPercent) {
  EXPECT_EQ(set("maxmemory-clients", "100%"), "100%");
  EXPECT_EQ(editor_.current()->integer("maxmemory-clients"), -100);
  EXPECT_EQ(set("maxmemory-clients", "0%"), "0");
  EXPECT_EQ(set("maxmemory-clients", "1mb"), "1048576");
  EXPECT_EQ(set("maxmemory-clients", "101%"), "! percentage argument must be less or equal to 100");
  EXPECT_EQ(set("maxmemory-clients", "9223372036854775808"),
            "! percentage argument must be less or equal to 100");
  EXPECT_EQ(set("maxmemory-clients", "18446744073709551615"), "1%");
  for (const char* bad : {"-1%", "5 %", "%", "-1", "1.5%", "050%"}) {
    EXPECT_EQ(set("maxmemory-clients", bad), "! argument must be a memory or percent value") << bad;
  }
}

TEST_F(Values, BoolsAndEnums) {
  EXPECT_EQ(set("rdbcompression", "NO"), "no");
  EXPECT_EQ(set("rdbcompression", "1"), "! argument must be 'yes' or 'no'");
  EXPECT_EQ(set("maxmemory-policy", "ALLKEYS-LRU"), "allkeys-lru");
  EXPECT_EQ(set("maxmemory-policy", "lru"),
            "! argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, "
            "volatile-ttl, "
            "allkeys-lru, allkeys-lfu, allkeys-random, noeviction");
  EXPECT_EQ(set("oom-score-adj", "relative"), "yes");
  EXPECT_EQ(set("shutdown-on-sigterm", "force now save"), "save now force");
  EXPECT_EQ(editor_.current()->integer("shutdown-on-sigterm"), kShutdownSave | kShutdownNow | kShutdownForce);
  EXPECT_EQ(set("shutdown-on-sigterm", "default now"), "now");
  EXPECT_EQ(set("shutdown-on-sigterm", "save nosave"),
            "! shutdown options SAVE and NOSAVE can't be used simultaneously");
  EXPECT_EQ(set("shutdown-on-sigterm", "now  force"),
            "! argument(s) must be one of the following: default, save, nosave, now, force");
  EXPECT_EQ(set("shutdown-on-sigterm", ""),
            "! argument(s) must be one of the following: default, save, nosave, now, force");
}

TEST_F(Values, SavePoints) {
  EXPECT_EQ(set("save", "060 1"), "60 1");
  EXPECT_EQ(set("save", "60 0"), "60 0");
  EXPECT_EQ(set("save", "3600 1 300 100"), "3600 1 300 100");
  EXPECT_EQ(editor_.current()->save_rules(), (std::vector<SaveRule>{{3600, 1}, {300, 100}}));
  for (const char* bad : {" ", "60", "60 1 ", "60  1", "0 1", "60 -1", "60 1 x 2", "-5 2", "1.5 2"}) {
    EXPECT_EQ(set("save", bad), "! Invalid save parameters") << bad;
  }
  EXPECT_EQ(set("save", ""), "");
  EXPECT_TRUE(editor_.current()->save_rules().empty());
}

TEST_F(Values, OutputBufferLimits) {
  constexpr const char* kName = "client-output-buffer-limit";
  EXPECT_EQ(set(kName, "normal 1mb 2mb 3 pubsub 5 6 7"),
            "normal 1048576 2097152 3 slave 268435456 67108864 60 pubsub 5 6 7");
  EXPECT_EQ(set(kName, "replica 2 2 2"), "normal 1048576 2097152 3 slave 2 2 2 pubsub 5 6 7");
  EXPECT_EQ(set(kName, "NORMAL 1 2 3 normal 4 5 6"), "normal 4 5 6 slave 2 2 2 pubsub 5 6 7");
  const auto limits = editor_.current()->output_buffer_limits();
  EXPECT_EQ(limits[0], (OutputBufferLimit{4, 5, 6}));
  EXPECT_EQ(limits[static_cast<int>(ClientClass::kPubsub)], (OutputBufferLimit{5, 6, 7}));
  for (const char* bad : {"normal 1 2", "normal  1 2 3", "zzz"}) {
    EXPECT_EQ(set(kName, bad), "! Wrong number of arguments in buffer limit configuration.") << bad;
  }
  for (const char* bad : {"client 1 1 1", "master 1 2 3", "normal 1 2 3 foo 1 2 3"}) {
    EXPECT_EQ(set(kName, bad), "! Invalid client class specified in buffer limit configuration.") << bad;
  }
  for (const char* bad : {"normal -1 0 0", "normal 0 0 -1", "normal 1 2 x"}) {
    EXPECT_EQ(set(kName, bad), "! Error in hard, soft or soft_seconds setting in buffer limit configuration.")
        << bad;
  }
  EXPECT_EQ(set(kName, ""), "normal 4 5 6 slave 2 2 2 pubsub 5 6 7");
}

TEST_F(Values, NotifyEvents) {
  constexpr const char* kName = "notify-keyspace-events";
  for (const auto& [given, printed] :
       std::vector<std::pair<std::string, std::string>>{{"KEA", "AKE"},
                                                        {"", ""},
                                                        {"g$lshzxet", "g$lshzxet"},
                                                        {"A", "A"},
                                                        {"Km", "Km"},
                                                        {"Kn", "nK"},
                                                        {"Kd", "dK"},
                                                        {"xK", "xK"},
                                                        {"KEAmn", "AKEm"},
                                                        {"Kt", "tK"},
                                                        {"KEg$lshzxetd", "AKE"},
                                                        {"KEg$lshzxetn", "g$lshzxetnKE"}}) {
    EXPECT_EQ(set(kName, given), printed) << given;
  }
  EXPECT_EQ(set(kName, "KEgq"), "! Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  EXPECT_EQ(set(kName, "KAn"), "AK");
  EXPECT_EQ(editor_.current()->text(kName), "g$lshzxetdnK");
}

TEST_F(Values, OtherLists) {
  EXPECT_EQ(set("oom-score-adj-values", "-2000 0 2000"), "-2000 0 2000");
  EXPECT_EQ(set("oom-score-adj-values", "1  2"), "1 0 2");
  EXPECT_EQ(editor_.current()->oom_score_adj_values(), (std::array<int, 3>{1, 0, 2}));
  EXPECT_EQ(set("oom-score-adj-values", "1 2"), "! wrong number of arguments");
  EXPECT_EQ(set("oom-score-adj-values", ""), "! wrong number of arguments");
  EXPECT_EQ(set("oom-score-adj-values", "0 200 2001"),
            "! Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
  constexpr const char* kPercentiles = "latency-tracking-info-percentiles";
  EXPECT_EQ(set(kPercentiles, "99 1e1 33.3333333333 0.001 99.9999"), "99 10 33.333333 0.001 99.9999");
  EXPECT_EQ(editor_.current()->latency_percentiles()[1], 10.0);
  EXPECT_EQ(set(kPercentiles, "inf"),
            "! latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
  EXPECT_EQ(set(kPercentiles, "50  60"), "! Invalid latency-tracking-info-percentiles parameters");
  EXPECT_EQ(set(kPercentiles, ""), "");
  EXPECT_EQ(set("bind", "127.0.0.1 -::1"), "127.0.0.1 -::1");
  EXPECT_EQ(editor_.current()->bind_addresses(), (std::vector<std::string>{"127.0.0.1", "-::1"}));
  EXPECT_EQ(set("bind", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7"), "! Too many bind addresses specified.");
  EXPECT_EQ(set("bind", ""), "");
  EXPECT_TRUE(editor_.current()->bind_addresses().empty());
}

TEST_F(Values, Texts) {
  EXPECT_EQ(set("cluster-announce-hostname", "a.b-c"), "a.b-c");
  EXPECT_EQ(set("cluster-announce-hostname", "a_b"),
            "! Hostnames may only contain alphanumeric characters, hyphens or dots");
  EXPECT_EQ(set("cluster-announce-hostname", std::string(256, 'a')),
            "! Hostnames must be less than 256 characters");
  EXPECT_EQ(set("proc-title-template", "{title} x"), "{title} x");
  for (const char* bad : {"{foo}", "", "{title"}) {
    EXPECT_EQ(set("proc-title-template", bad), "! template format is invalid or contains unknown variables")
        << bad;
  }
  EXPECT_EQ(set("cluster-announce-ip", "fe80::1%eth0"), "fe80::1%eth0");
  for (const char* bad : {"a b", "a\n", "a,b", "a=b"}) {
    EXPECT_EQ(set("cluster-announce-ip", bad), "! Announced address contains an invalid character") << bad;
    EXPECT_EQ(set("availability-zone", bad), "! availability-zone contains an invalid character") << bad;
    EXPECT_EQ(set("cluster-announce-client-ipv4", bad), "! Invalid IPv4 address") << bad;
    EXPECT_EQ(set("cluster-announce-client-ipv6", bad), "! Invalid IPv6 address") << bad;
    EXPECT_EQ(set("cluster-announce-human-nodename", bad),
              "! Announced human node name contained invalid character")
        << bad;
  }
  EXPECT_EQ(set("cluster-announce-ip", std::string(46, 'a')),
            "! Announced addresses must be less than 46 characters");
  EXPECT_EQ(set("cluster-announce-client-ipv4", "1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(set("cluster-announce-client-ipv4", "::1"), "! Invalid IPv4 address");
  EXPECT_EQ(set("cluster-announce-client-ipv6", "::1"), "::1");
  EXPECT_EQ(set("cluster-announce-client-ipv6", "1.2.3.4"), "! Invalid IPv6 address");
  EXPECT_EQ(set("cluster-announce-ip", ""), "");
  EXPECT_EQ(set("availability-zone", "eu-1a"), "eu-1a");
  EXPECT_EQ(set("requirepass", "a b"), "a b");
}

}  // namespace
}  // namespace tessera::config
