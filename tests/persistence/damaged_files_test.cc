// Role: files of all kinds with a few bytes changed: a start finds it, naming file and offset, or what it
// loads is sound; never a crash, never much more memory than the files are long. Thread: one.
// TESSERA_DAMAGED_FILES: how many; TESSERA_SEED: which.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/hash/crc64.h"
#include "common/text/quoting.h"
#include "server/persist/aof/aof.h"
#include "server/persist/aof/commands.h"
#include "server/persist/rdb/framer.h"
#include "tests/persistence/loaded_node.h"

namespace tessera::server {
namespace {

const char* const kServers[] = {"redis-7.0.15", "redis-8.0.6", "valkey-9.1.2"};
// One of them is in what a refused start says; the last three are about files as a whole.
const char* const kPlaces[] = {"offset ", "at line ", "which is not there", "no RDB file",
                               "empty AOF manifest"};
constexpr size_t kLongestPart = 6000;  // of what small files are made of

std::string data_file(const std::string& name) {
  std::ifstream file(std::string(TESSERA_SOURCE_DIR) + "/tests/data/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string mutated(std::string bytes, Random& random) {
  for (uint64_t edits = 1 + random.below(random.one_in(3) ? 6 : 1); edits > 0 && !bytes.empty(); --edits) {
    const size_t at = random.below(bytes.size());
    switch (random.below(8)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, 1 + random.below(4), static_cast<char>(random.next()));
        break;
      case 2:
        bytes.erase(at, 1 + random.below(4));
        break;
      case 3:
        bytes[at] = static_cast<char>(random.one_in(2) ? 0xff : 0);
        break;
      case 4:
        bytes[at] = static_cast<char>(random.next());
        break;
      default:
        bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << random.below(8)));
    }
  }
  return bytes;
}

// A file as a head, parts of which any may be left out, and what goes before every part of a database.
struct Parts {
  std::string head;
  std::vector<std::string> parts;
};

Parts snapshot_parts(const std::string& bytes) {
  Parts out;
  rdb::Framer framer;
  std::string_view input = bytes;
  rdb::Record record;
  while (framer.next(input, record) == rdb::Framer::Next::kRecord) {
    using What = rdb::Record::What;
    const std::string one = bytes.substr(record.offset, framer.offset() - record.offset);
    if (record.what == What::kHeader) out.head = one;
    if (record.what == What::kKey || record.what == What::kFunction || record.what == What::kAux ||
        record.what == What::kSelectDb) {
      out.parts.push_back(one);
    }
  }
  EXPECT_GT(out.parts.size(), 20U);
  return out;
}

std::string sealed_snapshot(std::string bytes) {
  const uint64_t sum = hash::crc64(0, bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  return bytes;
}

// Transactions as one.
std::vector<std::string> commands_of(const std::string& bytes) {
  std::vector<std::string> commands;
  aof::CommandReader reader;
  reader.give(bytes);
  bool inside = false;
  for (uint64_t at = 0; reader.next() == aof::CommandReader::Next::kCommand; at = reader.offset()) {
    const std::string one = bytes.substr(at, reader.offset() - at);
    if (inside) {
      commands.back() += one;
    } else {
      commands.push_back(one);
    }
    if (reader.args()[0] == "MULTI") inside = true;
    if (reader.args()[0] == "EXEC") inside = false;
  }
  EXPECT_GT(commands.size(), 50U);
  return commands;
}

std::string some_of(const std::vector<std::string>& parts, Random& random) {
  std::string out;
  const uint64_t one_in = 1 + random.below(6);
  for (const std::string& part : parts) {
    if (part.size() < kLongestPart && random.one_in(one_in)) out += part;
  }
  return out;
}

class DamagedFiles : public testing::Test {
 protected:
  DamagedFiles() {
    for (const char* server : kServers) {
      const std::string name = server;
      whole_snapshots_.push_back(data_file("rdb/" + name + ".rdb"));
      snapshots_.push_back(snapshot_parts(whole_snapshots_.back()));
      logs_.push_back(commands_of(data_file("aof/" + name + "/appendonly.aof.1.incr.aof")));
    }
    const char* wanted = std::getenv("TESSERA_DAMAGED_FILES");
#ifdef TESSERA_PLAIN_MALLOC
    rounds_ = wanted != nullptr ? std::atoi(wanted) : 100;
#else
    rounds_ = wanted != nullptr ? std::atoi(wanted) : 300;
#endif
  }

  // A small snapshot of some server's keys.
  std::string snapshot(Random& random) {
    const Parts& parts = snapshots_[random.below(snapshots_.size())];
    return parts.head + some_of(parts.parts, random) + '\xff';
  }
  std::string log(Random& random) {
    return some_of(logs_[random.below(logs_.size())], random);
  }

  // All that commands can see of what was loaded.
  static void look(LoadedNode::Visit& here) {
    for (const auto& [db, key] : here.keys()) {
      for (const char* command : {"DUMP", "TYPE", "PTTL"}) (void)here.call(db, {command, key});
      (void)here.call(db, {"OBJECT", "ENCODING", key});
    }
  }

  // Loads what is in the folder. What is wrong; empty: nothing.
  std::string play(LoadedNode& node, const std::string& file, [[maybe_unused]] size_t file_bytes,
                   bool& loaded) {
    forget_peak();
    const auto outcome = node.load(look);
    loaded = outcome.loaded;
    if (!outcome.problem.empty()) return outcome.problem;
    if (!loaded) {
      if (outcome.error.find(file) == std::string::npos) return "no file in: " + outcome.error;
      const bool says_where = std::any_of(std::begin(kPlaces), std::end(kPlaces), [&](const char* word) {
        return outcome.error.find(word) != std::string::npos;
      });
      if (!says_where) {
        return "no offset in: " + outcome.error;
      }
    }
    const size_t growth = peak_growth_bytes();
    most_ = std::max(most_, growth);
#ifndef TESSERA_PLAIN_MALLOC
    if (growth > kMemoryBytes + 16 * file_bytes) return std::to_string(growth) + " bytes of memory";
#endif
    return {};
  }

  static constexpr size_t kMemoryBytes = size_t{8} << 20;  // of a node with two shards that reads a file

  std::vector<std::string> whole_snapshots_;
  std::vector<Parts> snapshots_;
  std::vector<std::vector<std::string>> logs_;
  int rounds_ = 0;
  size_t most_ = 0;
  ScratchFolder folder_;
};

TEST_F(DamagedFiles, Snapshots) {
  Random random(test_seed("DamagedFiles.Snapshots"));
  LoadedNode node(folder_.path(), {"--shards", "2"});
  int accepted = 0;
  for (int i = 0; i < rounds_; ++i) {
    std::string bytes;
    if (random.one_in(20)) {
      bytes = mutated(whole_snapshots_[random.below(whole_snapshots_.size())], random);
    } else if (random.one_in(4)) {
      bytes = mutated(sealed_snapshot(snapshot(random)), random);
    } else {
      bytes = sealed_snapshot(
          mutated(snapshot(random), random));  // only what lies below the checksum can find it
    }
    folder_.write("dump.rdb", bytes);
    bool loaded = false;
    const std::string problem = play(node, "/dump.rdb", bytes.size(), loaded);
    ASSERT_EQ(problem, "") << "round " << i << "\n" << text::repr(bytes.substr(0, 20000));
    accepted += loaded ? 1 : 0;
  }
  std::printf("%d files, %d loaded, most memory %zu\n", rounds_, accepted, most_);
  EXPECT_GT(accepted, rounds_ / 50);
  EXPECT_LT(accepted, rounds_);
}

TEST_F(DamagedFiles, Logs) {
  Random random(test_seed("DamagedFiles.Logs"));
  LoadedNode node(folder_.path(), {"--shards", "2", "--appendonly", "yes", "--appendfsync", "no"});
  int accepted = 0;
  for (int i = 0; i < rounds_; ++i) {
    std::string manifest =
        "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.1.incr.aof seq 1 type h\n"
        "file appendonly.aof.2.incr.aof seq 2 type i\nfile appendonly.aof.3.incr.aof seq 3 type i\n";
    std::string base = sealed_snapshot(snapshot(random)), first = log(random), last = log(random);
    const uint64_t which = random.below(8);
    std::string* damaged = which < 3 ? &last : which < 5 ? &first : which < 6 ? &base : &manifest;
    *damaged = mutated(*damaged, random);
    folder_.clear();
    folder_.write("appendonlydir/appendonly.aof.2.base.rdb", base);
    folder_.write("appendonlydir/appendonly.aof.2.incr.aof", first);
    folder_.write("appendonlydir/appendonly.aof.3.incr.aof", last);
    folder_.write("appendonlydir/appendonly.aof.manifest", manifest);
    bool loaded = false;
    const std::string problem =
        play(node, "/appendonlydir/appendonly.aof.", base.size() + first.size() + last.size(), loaded);
    ASSERT_EQ(problem, "") << "round " << i << "\n" << text::repr(damaged->substr(0, 20000));
    accepted += loaded ? 1 : 0;
  }
  std::printf("%d folders, %d loaded, most memory %zu\n", rounds_, accepted, most_);
  EXPECT_GT(accepted, rounds_ / 50);
  EXPECT_LT(accepted, rounds_);
}

}  // namespace
}  // namespace tessera::server
