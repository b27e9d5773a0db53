// Role: tests of nodes.conf's text: what redis-server 7.0.15 reads and refuses (asked, case by case), files
// of newer servers, and that what is printed reads back.
#include "server/cluster/nodes_conf/nodes_file.h"

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "common/base/test_seed.h"

namespace tessera::cluster::nodes_conf {
namespace {

const std::string kA(40, 'a'), kB(40, 'b'), kC(40, 'c');
const std::string kMe = kA + " 127.0.0.1:7600@17600 myself,master - 0 0 1 connected 0-100";
const std::string kVars = "vars currentEpoch 5 lastVoteEpoch 2";

std::string file(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string other(const std::string& address, const std::string& flags = "master",
                  const std::string& primary = "-", const std::string& slots = "") {
  return kB + " " + address + " " + flags + " " + primary + " 0 0 2 connected" +
         (slots.empty() ? "" : " " + slots);
}
std::string plain_other(const std::string& slots = "") {
  return other("127.0.0.1:7601@17601", "master", "-", slots);
}

NodesFile must_parse(const std::string& text, bool tls_cluster = false) {
  auto parsed = parse(text, tls_cluster);
  EXPECT_TRUE(parsed.ok()) << parsed.error().message << "\n" << text;
  if (!parsed.ok() || !*parsed) return {};
  return **std::move(parsed);
}

std::string why_not(const std::string& text) {
  const auto parsed = parse(text, false);
  return parsed ? "" : parsed.error().message;
}

const StoredNode& node(const NodesFile& file, const std::string& id) {
  for (const StoredNode& one : file.stored.nodes) {
    if (one.id == id) return one;
  }
  static const StoredNode kNone{};
  ADD_FAILURE() << "no node " << id;
  return kNone;
}

TEST(NodesFile, APlainFile) {
  const NodesFile read = must_parse(file({kMe, kVars}));
  ASSERT_EQ(read.stored.nodes.size(), 1u);
  const StoredNode& me = read.stored.nodes[0];
  EXPECT_EQ(me.id, kA);
  EXPECT_EQ(me.ip, "127.0.0.1");
  EXPECT_EQ(me.port, 7600);
  EXPECT_EQ(me.bus_port, 17600);
  EXPECT_EQ(me.flags, bus::kFlagMyself | bus::kFlagPrimary);
  EXPECT_EQ(me.config_epoch, 1u);
  EXPECT_EQ(me.slots.count(), 101u);
  EXPECT_TRUE(me.connected);
  EXPECT_EQ(read.stored.current_epoch, 5u);
  EXPECT_EQ(read.stored.last_vote_epoch, 2u);
  EXPECT_EQ(read.dialect, Dialect::kRedis70);
  EXPECT_TRUE(read.notes.empty());
}

TEST(NodesFile, AnEmptyFileIsNone) {
  const auto parsed = parse("", false);
  ASSERT_TRUE(parsed.ok());
  EXPECT_FALSE(parsed->has_value());
}

TEST(NodesFile, TakenAsRedisTakesIt) {
  EXPECT_EQ(must_parse("\n\n" + file({kMe, kVars}) + "\n\n\n").stored.nodes.size(), 1u) << "padding";
  EXPECT_EQ(must_parse(file({kMe, kVars, "vars foo bar"})).notes.size(), 1u);
  EXPECT_EQ(must_parse(file({kMe, "VARS currentepoch 5 LASTVOTEEPOCH 2"})).stored.last_vote_epoch, 2u);
  EXPECT_EQ(
      must_parse(file({kVars, "  \"" + kA + "\"\t'127.0.0.1:7600@17600'   MYSELF,Master - 0 0 1 whatever\r"}))
          .stored.nodes[0]
          .flags,
      bus::kFlagMyself | bus::kFlagPrimary);
  EXPECT_EQ(must_parse(file({kA + " 127.0.0.1:7600 myself,master - 0 0 9 connected", kVars}))
                .stored.nodes[0]
                .bus_port,
            17600);
  EXPECT_EQ(must_parse(file({kA + " :0@0 myself,master - 0 0 9 connected", kVars})).stored.current_epoch, 9u)
      << "an epoch that is taken";
  EXPECT_EQ(must_parse(file({std::string(40, 'z') + kMe.substr(40), kVars})).stored.nodes[0].id.view()[0],
            'z');
  EXPECT_EQ(must_parse(file({kMe, other("127.0.0.1:7601@17601", "noflags"), kVars})).stored.nodes[1].flags,
            0);
  EXPECT_EQ(must_parse(file({kMe, other("::1:7601@17601"), kVars})).stored.nodes[1].ip, "::1");
}

TEST(NodesFile, FlagsAndTimes) {
  const NodesFile read =
      must_parse(file({kMe,
                       kB + " 127.0.0.1:7601@17601,host.b master,fail,nofailover - 1790000000000 "
                            "1790000000001 2 disconnected 200",
                       kC + " :0@0 slave,fail?,handshake,noaddr " + kB + " 0 0 2 disconnected", kVars}));
  const StoredNode& b = node(read, kB);
  EXPECT_EQ(b.flags, bus::kFlagPrimary | bus::kFlagFail | bus::kFlagNoFailover);
  EXPECT_EQ(b.ping_sent.ms, 1790000000000);
  EXPECT_EQ(b.pong_received.ms, 1790000000001);
  EXPECT_FALSE(b.connected);
  EXPECT_EQ(b.hostname, "host.b");
  const StoredNode& c = node(read, kC);
  EXPECT_EQ(c.flags, bus::kFlagReplica | bus::kFlagPfail | bus::kFlagHandshake | bus::kFlagNoAddress);
  EXPECT_EQ(c.primary, kB);
  EXPECT_EQ(print(read.stored, {}).find(kC), std::string::npos) << "nodes in handshake are not kept";
}

TEST(NodesFile, SlotsOnceAndOpenOnes) {
  const NodesFile twice = must_parse(file({kMe, plain_other("50-150 100-102"), kVars}));
  EXPECT_EQ(node(twice, kA).slots.count(), 101u) << "who comes first has them";
  EXPECT_EQ(node(twice, kB).slots.count(), 50u);
  EXPECT_EQ(twice.notes.size(), 51u + 1u) << "50-100, and 100 again";

  const NodesFile open =
      must_parse(file({kMe + " [7->-" + kB + "] [700-<-" + kC + "]", plain_other("700"), kVars}));
  ASSERT_EQ(open.stored.migrating.size(), 1u);
  EXPECT_EQ(open.stored.migrating[0], std::make_pair(7, bus::NodeId(kB)));
  ASSERT_EQ(open.stored.importing.size(), 1u);
  EXPECT_EQ(open.stored.importing[0], std::make_pair(700, bus::NodeId(kC)));
  EXPECT_EQ(node(open, kC).flags, bus::kFlagNoAddress) << "only spoken of";

  const NodesFile orphan = must_parse(file({kMe, other("127.0.0.1:7601@17601", "slave", kC), kVars}));
  EXPECT_EQ(node(orphan, kB).primary, kC);
  EXPECT_EQ(orphan.stored.nodes.size(), 3u);
}

TEST(NodesFile, RefusedAsRedisRefusesIt) {
  EXPECT_EQ(why_not("\n"), "no node is 'myself'");
  EXPECT_EQ(why_not(file({plain_other(), kVars})), "no node is 'myself'");
  EXPECT_EQ(why_not(file({"# hello", kMe, kVars})), "line 1: fewer than 8 fields");
  EXPECT_EQ(why_not(file({"# a b c d e f g h i", kMe, kVars})), "line 1: not a node's id: '#'");
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1:7601@17601", "myself,master"), kVars})),
            "line 2: a second node is 'myself'");
  EXPECT_EQ(why_not(file({kMe, "vars currentEpoch 5 lastVo"})), "line 2: a variable without its value");
  EXPECT_EQ(why_not(file({kA + " 127.0.0.1:7600@17600 myself,master - 0 0 1"})),
            "line 1: fewer than 8 fields");
  for (const std::string& id : {std::string(40, 'A'), std::string(39, 'a'), std::string(41, 'a')}) {
    EXPECT_EQ(why_not(file({id + kMe.substr(40), kVars})), "line 1: not a node's id: '" + id + "'");
  }
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1:7601@17601", "mister")})), "line 2: unknown flag 'mister'");
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1:7601@17601", "master,")})), "line 2: unknown flag ''");
  EXPECT_EQ(why_not(file({kMe + " 16384"})), "line 1: not a slot: '16384'");
  EXPECT_EQ(why_not(file({kMe + " 16380-16384"})), "line 1: not a range of slots: '16380-16384'");
  EXPECT_EQ(why_not(file({kMe + " [7->-bbb]"})), "line 1: not an open slot: '[7->-bbb]'");
  EXPECT_EQ(why_not(file({kMe + " [7->-" + kB})), "line 1: not an open slot: '[7->-" + kB + "'");
  EXPECT_EQ(why_not(file({kMe + " [99999->-" + kB + "]"})),
            "line 1: not an open slot: '[99999->-" + kB + "]'");
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1")})), "line 2: address without port: '127.0.0.1'");
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1:7601@17601", "slave", "xyz")})),
            "line 2: not a primary: 'xyz'");
  EXPECT_EQ(why_not(file({kMe + " \"0", kVars})), "line 1: a quote is not closed");
  EXPECT_EQ(why_not(file({kMe, kVars}) + kB + " 127.0.0.1:7601@17"), "line 3: fewer than 8 fields");
}

TEST(NodesFile, RefusedThoughRedisGuesses) {
  const std::string cut = "currentEpoch or lastVoteEpoch is missing";
  EXPECT_EQ(why_not(file({kMe})), cut) << "the end of the file is missing";
  EXPECT_EQ(why_not(file({kMe, "vars"})), cut);
  EXPECT_EQ(why_not(file({kMe, "vars currentEpoch 5"})), cut);
  EXPECT_EQ(why_not(kMe + "\n" + kVars), "line 2: the file ends in the middle of its variables");
  EXPECT_EQ(why_not(file({kMe, "vars currentEpoch 18446744073709551615 lastVoteEpoch 0"})),
            "line 2: currentEpoch is no number");
  EXPECT_EQ(why_not(file({kMe, "vars currentEpoch x lastVoteEpoch 12"})),
            "line 2: currentEpoch is no number");
  EXPECT_EQ(why_not(file({kMe, "vars currentEpoch 1 lastVoteEpoch -1"})),
            "line 2: lastVoteEpoch is no number");
  EXPECT_EQ(why_not(file({kMe + " abc"})), "line 1: not a slot: 'abc'");
  EXPECT_EQ(why_not(file({kMe + " -5"})), "line 1: not a slot: '-5'");
  EXPECT_EQ(why_not(file({kMe + " \"\""})), "line 1: not a slot: ''");
  EXPECT_EQ(why_not(file({kMe + " 300-200"})), "line 1: not a range of slots: '300-200'");
  EXPECT_EQ(why_not(file({kMe + " [7-x-" + kB + "]"})), "line 1: not an open slot: '[7-x-" + kB + "]'");
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1:x@y")})), "line 2: not a port: 'x@y'");
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1:70000@1")})), "line 2: not a port: '70000@1'");
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1:7000@90000")})), "line 2: not a bus port: '7000@90000'");
  EXPECT_EQ(why_not(file({kMe, other(std::string(60, '1') + ":7000@17000")})).substr(0, 23),
            "line 2: not an address:");
  EXPECT_EQ(why_not(file({kMe, other("127.0.0.1:7601@17601", "master,slave")})),
            "line 2: both master and slave");
  EXPECT_EQ(why_not(file({kMe, plain_other(), plain_other()})), "line 3: node " + kB + " comes twice");
  EXPECT_EQ(why_not(file({kMe + std::string("\0 5000", 6), kVars})), "line 1: holds zero bytes");
  EXPECT_EQ(why_not(std::string(100, '\0')), "line 1: holds zero bytes");
  EXPECT_EQ(why_not(kVars + "\n" + kMe), "line 2: the file ends in the middle of a node's line");
  EXPECT_EQ(why_not(file({kMe, kB + " 127.0.0.1:7601@17601 master - x 0 2 connected"})),
            "line 2: not a time: 'x'");
  EXPECT_EQ(why_not(file({kMe, kB + " 127.0.0.1:7601@17601 master - 0 0 2x connected"})),
            "line 2: not an epoch: '2x'");
}

TEST(NodesFile, EveryCutIsRefusedOrWhole) {
  const std::string text = file({kMe + " [7->-" + kB + "]", plain_other("200-300 400"), kVars});
  const NodesFile whole = must_parse(text);
  for (size_t size = 1; size < text.size(); ++size) {
    const auto parsed = parse(text.substr(0, size), false);
    if (!parsed) continue;
    // Whole lines only, or digits of the last number are missing, which no reader can see.
    ASSERT_TRUE(parsed->has_value());
    EXPECT_EQ((*parsed)->stored.nodes[0].slots, whole.stored.nodes[0].slots) << size;
    if (size > text.size() - kVars.size() - 1) {
      EXPECT_EQ((*parsed)->stored.nodes[1].slots, whole.stored.nodes[1].slots) << size;
    }
  }
}

TEST(NodesFile, NewerServers) {
  const std::string redis72 = file(
      {kA + " 127.0.0.1:7600@17600,,tls-port=0,shard-id=" + kC + " myself,master - 0 0 1 connected 0-100",
       kB + " 10.0.0.2:7601@17601,host.b,tls-port=7701,nodename=zone/b,shard-id=" + kC + " slave " + kA +
           " 0 1790000000001 1 connected",
       kVars});
  const NodesFile read = must_parse(redis72);
  EXPECT_EQ(read.dialect, Dialect::kRedis72);
  const StoredNode& b = node(read, kB);
  EXPECT_EQ(b.hostname, "host.b");
  EXPECT_EQ(b.human_name, "zone/b");
  EXPECT_EQ(b.shard_id, kC);
  EXPECT_EQ(b.port, 7601);
  EXPECT_EQ(b.tls_port, 7701);
  EXPECT_EQ(print(read.stored, {Dialect::kRedis72, false}), redis72);

  const std::string tls =
      file({kA + " 127.0.0.1:7700@17700,,tcp-port=7600,shard-id=" + kC + " myself,master - 0 0 1 connected",
            kVars});
  const NodesFile encrypted = must_parse(tls);
  EXPECT_EQ(encrypted.stored.nodes[0].port, 7600);
  EXPECT_EQ(encrypted.stored.nodes[0].tls_port, 7700);
  EXPECT_EQ(print(encrypted.stored, {Dialect::kRedis72, true}), tls);
  EXPECT_EQ(must_parse(file({kMe, kVars}), true).stored.nodes[0].tls_port, 7600)
      << "an old file under tls-cluster";

  const std::string valkey =
      file({kA +
                " 127.0.0.1:7600@17600,,availability-zone=eu-1a,client-tls-port=2,client-tcp-port=1,"
                "client-ipv6=2001:db8::1,client-ipv4=192.0.2.1,tls-port=0,shard-id=" +
                kC + " myself,master - 0 0 1 connected",
            kVars});
  const NodesFile zones = must_parse(valkey);
  EXPECT_EQ(zones.dialect, Dialect::kValkey9);
  EXPECT_EQ(zones.stored.nodes[0].client_ipv6, "2001:db8::1");
  EXPECT_EQ(zones.stored.nodes[0].client_port, 1);
  EXPECT_EQ(zones.stored.nodes[0].client_tls_port, 2);
  EXPECT_EQ(print(zones.stored, {Dialect::kValkey9, false}), valkey);

  EXPECT_EQ(must_parse(file({kMe, other("h:1@2,,colour=red"), kVars})).notes.size(), 1u)
      << "a field of the future";
  EXPECT_EQ(why_not(file({kMe, other("h:1@2,,colour")})), "line 2: a field without value: 'colour'");
  EXPECT_EQ(why_not(file({kMe, other("h:1@2,,shard-id=x")})), "line 2: damaged shard-id");
  EXPECT_EQ(why_not(file({kMe, other("h:1@2,,tls-port=70000")})), "line 2: damaged tls-port");

  // A replica's shard is its primary's, whatever its line says.
  const NodesFile strayed =
      must_parse(file({kA + " h:1@2,,shard-id=" + kA + " myself,master - 0 0 1 connected",
                       kB + " h:1@2,,shard-id=" + kB + " slave " + kA + " 0 0 1 connected", kVars}));
  EXPECT_EQ(node(strayed, kB).shard_id, kA);
}

TEST(NodesFile, Redis70sLines) {
  Stored stored =
      must_parse(file({kMe + " [7->-" + kB + "]", other("::1:7601@17601,host.b", "slave", kA), kVars}))
          .stored;
  EXPECT_EQ(print(stored, {}),
            file({kMe + " [7->-" + kB + "]", other("::1:7601@17601,host.b", "slave", kA), kVars}));
  stored.nodes[0].shard_id = kC;
  stored.nodes[1].shard_id = kC;
  stored.nodes[1].human_name = "gone in this dialect";
  const std::string text = print(stored, {});
  EXPECT_NE(text.find("vars tessera-shards " + kA + ":" + kC + "," + kB + ":" + kC + "\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("gone"), std::string::npos);
  EXPECT_EQ(node(must_parse(text), kB).shard_id, kC);
  EXPECT_EQ(must_parse(text).dialect, Dialect::kRedis70);
  EXPECT_EQ(why_not(file({kMe, "vars tessera-shards " + kA + ":short"})), "line 2: a shard's id is damaged");
}

TEST(NodesFile, NothingGetsInByATextOfAPeer) {
  Stored stored = must_parse(file({kMe, plain_other(), kVars})).stored;
  for (const std::string& bad :
       {std::string("a\nb"), std::string("a b"), std::string("a,shard-id=x"), std::string("\"")}) {
    stored.nodes[1].hostname = stored.nodes[1].human_name = stored.nodes[1].availability_zone = bad;
    stored.nodes[1].ip = bad;
    for (const Dialect dialect : {Dialect::kRedis70, Dialect::kRedis72, Dialect::kValkey9}) {
      const NodesFile read = must_parse(print(stored, {dialect, false}));
      ASSERT_EQ(read.stored.nodes.size(), 2u);
      EXPECT_EQ(read.stored.nodes[1].hostname, "");
      EXPECT_EQ(read.stored.nodes[1].ip, "");
    }
  }
}

Stored random_stored(Random& random, uint64_t one_slot_in = 5) {
  Stored stored;
  const auto id = [&] {
    std::string made;
    for (int i = 0; i < 40; ++i) made += "0123456789abcdef"[random.below(16)];
    return made;
  };
  const size_t count = 1 + random.below(12);
  for (size_t i = 0; i < count; ++i) {
    StoredNode made;
    made.id = id();
    made.shard_id = id();
    made.ip = random.one_in(3) ? "fe80::1" : "10.1.2.3";
    if (random.one_in(3)) made.hostname = "node-" + std::to_string(i) + ".example.org";
    if (random.one_in(3)) made.human_name = "name_" + std::to_string(i);
    made.port = static_cast<int>(random.below(65536));
    made.bus_port = static_cast<int>(random.below(65536));
    made.flags = random.one_in(2) || i == 0 ? bus::kFlagPrimary : bus::kFlagReplica;
    if (random.one_in(4)) made.flags |= bus::kFlagFail;
    if (random.one_in(4)) made.flags |= bus::kFlagNoAddress;
    if (i + 1 == count) made.flags |= bus::kFlagMyself;
    made.connected = random.one_in(2) || i + 1 == count;
    made.ping_sent.ms = static_cast<int64_t>(random.below(1u << 30));
    made.pong_received.ms = static_cast<int64_t>(random.below(1u << 30));
    made.config_epoch = random.below(1000);
    if ((made.flags & bus::kFlagReplica) != 0) {
      made.primary = stored.nodes[0].id;
      made.shard_id = stored.nodes[0].shard_id;
    }
    stored.nodes.push_back(made);
  }
  for (size_t slot = 0; slot < bus::SlotSet().size(); ++slot) {
    if (random.one_in(one_slot_in)) stored.nodes[random.below(count)].slots.set(slot);
  }
  if (random.one_in(2)) stored.migrating.emplace_back(random.below(16384), stored.nodes[0].id);
  if (random.one_in(2)) stored.importing.emplace_back(random.below(16384), stored.nodes[0].id);
  stored.current_epoch = 1000 + random.below(INT64_MAX - 1000);
  stored.last_vote_epoch = random.below(INT64_MAX);
  return stored;
}

TEST(NodesFile, WhatIsPrintedReadsBack) {
  Random random(test_seed("NodesFile.WhatIsPrintedReadsBack"));
  for (int round = 0; round < 300; ++round) {
    const Stored stored = random_stored(random);
    for (const Dialect dialect : {Dialect::kRedis70, Dialect::kRedis72, Dialect::kValkey9}) {
      const std::string text = print(stored, {dialect, false});
      const NodesFile read = must_parse(text);
      ASSERT_EQ(print(read.stored, {dialect, false}), text);
      ASSERT_EQ(read.stored.nodes.size(), stored.nodes.size());
      ASSERT_TRUE(read.notes.empty());
      for (size_t i = 0; i < stored.nodes.size(); ++i) {
        ASSERT_EQ(read.stored.nodes[i].slots, stored.nodes[i].slots);
        ASSERT_EQ(read.stored.nodes[i].shard_id, stored.nodes[i].shard_id);
      }
      ASSERT_EQ(read.stored.current_epoch, stored.current_epoch);
      ASSERT_EQ(read.stored.last_vote_epoch, stored.last_vote_epoch);
    }
  }
}

TEST(NodesFile, APortWithoutRoomForABusPort) {
  for (const int port : {55535, 55536, 65535}) {
    const std::string id(40, 'a');
    const NodesFile read =
        must_parse(id + " 127.0.0.1:" + std::to_string(port) + " myself,master - 0 0 1 connected\n" +
                   "vars currentEpoch 1 lastVoteEpoch 0\n");
    EXPECT_EQ(read.stored.nodes.at(0).bus_port, port == 55535 ? 65535 : 0);
    must_parse(print(read.stored, {Dialect::kRedis70, false}));
  }
}

TEST(NodesFile, MutatedNeverCrashes) {
  Random random(test_seed("NodesFile.MutatedNeverCrashes"));
  constexpr std::string_view kBytes = " \n,-[]<>@:\"'=0159azv\\\0";
#ifdef TESSERA_PLAIN_MALLOC
  constexpr int kRounds = 500;  // sanitizers are slow
#else
  constexpr int kRounds = 5000;
#endif
  int taken = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string text = print(random_stored(random, 2000), {static_cast<Dialect>(random.below(3)), false});
    for (uint64_t edits = random.below(3); edits > 0; --edits) {
      text[random.below(text.size())] = kBytes[random.below(kBytes.size())];
    }
    const auto parsed = parse(text, random.one_in(2));
    if (!parsed || !*parsed) continue;
    ++taken;
    const std::string again = print((*parsed)->stored, {(*parsed)->dialect, false});
    ASSERT_TRUE(parse(again, false).ok()) << again;
  }
  EXPECT_GT(taken, kRounds / 10);
  EXPECT_LT(taken, kRounds / 10 * 9);
}

}  // namespace
}  // namespace tessera::cluster::nodes_conf
