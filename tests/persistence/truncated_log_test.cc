// Role: append only files that end anywhere within their last 4,096 bytes, in and out of transactions: what
// came whole before is loaded and the file cut behind it, or the start is refused, naming file and offset.
// Thread: one. TESSERA_EVERY_CUT=1: every byte, else some.
#include <gtest/gtest.h>

#include <cstdlib>

#include "server/persist/aof/aof.h"
#include "tests/persistence/loaded_node.h"

namespace tessera::server {
namespace {

constexpr size_t kTailBytes = 4096;
const std::string kAnnotation = "#TS:1700000000\r\n";
const char* const kIncrement = "appendonlydir/appendonly.aof.1.incr.aof";

std::string command(const std::vector<std::string>& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return text;
}

// Commands and transactions in turn; each sets the counters that tell how far a load came.
struct Written {
  std::string bytes;
  struct End {
    size_t at;
    int plain, inside;
  };
  std::vector<End> ends;  // where the file may end

  explicit Written(std::string front = {}) : bytes(std::move(front)) {
    bytes += command({"SELECT", "0"});
    ends.push_back({bytes.size(), 0, 0});
    const size_t wanted = bytes.size() + 2 * kTailBytes;
    for (int i = 1; bytes.size() < wanted; ++i) {
      if (i % 3 == 0) bytes += kAnnotation;
      bytes += command({"SET", "plain", std::to_string(i)});
      ends.push_back({bytes.size(), i, i - 1});
      bytes += command({"MULTI"}) + command({"SET", "a", std::to_string(i)});
      bytes += command({"RPUSH", "list", std::string(static_cast<size_t>(i % 7) * 30, 'x')});
      bytes += command({"SET", "b", std::to_string(i)}) + command({"EXEC"});
      ends.push_back({bytes.size(), i, i});
    }
  }
  // The last place at or before `size` where the file may end; annotations belong to what follows.
  const End& last_before(size_t size) const {
    size_t i = 0;
    while (i + 1 < ends.size() && ends[i + 1].at <= size) ++i;
    return ends[i];
  }
};

class TruncatedLog : public testing::Test {
 protected:
  std::vector<std::string> args(bool load_truncated) const {
    return {"--appendonly", "yes", "--shards", "2", "--aof-load-truncated", load_truncated ? "yes" : "no"};
  }
  void put(std::string_view increment, bool another_behind = false) {
    folder_.clear();
    folder_.write("appendonlydir/appendonly.aof.1.base.rdb", persist::empty_snapshot(1700000000));
    folder_.write(kIncrement, increment);
    if (another_behind) folder_.write("appendonlydir/appendonly.aof.2.incr.aof", command({"PING"}));
    folder_.write("appendonlydir/appendonly.aof.manifest",
                  std::string("file appendonly.aof.1.base.rdb seq 1 type b\n") +
                      "file appendonly.aof.1.incr.aof seq 1 type i\n" +
                      (another_behind ? "file appendonly.aof.2.incr.aof seq 2 type i\n" : ""));
  }
  static std::vector<size_t> cuts(size_t step) {
    const char* every = std::getenv("TESSERA_EVERY_CUT");
    std::vector<size_t> all;
    for (size_t cut = 1; cut <= kTailBytes; cut += every != nullptr || cut < 60 ? 1 : step)
      all.push_back(cut);
    return all;
  }
  static void expect_state(LoadedNode::Visit& here, const Written::End& end) {
    const auto number = [&](const char* key, int wanted) {
      const std::string text = std::to_string(wanted);
      EXPECT_EQ(here.call(0, {"GET", key}),
                wanted == 0 ? "$-1\r\n" : "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n")
          << key;
    };
    number("plain", end.plain);
    number("a", end.inside);
    number("b", end.inside);
    EXPECT_EQ(here.call(0, {"LLEN", "list"}), ":" + std::to_string(end.inside) + "\r\n");
  }

  ScratchFolder folder_;
};

TEST_F(TruncatedLog, IsCutBehindWhatCameWhole) {
  const Written written;
  LoadedNode node(folder_.path(), args(true));
  for (const size_t cut : cuts(61)) {
    SCOPED_TRACE("without the last " + std::to_string(cut) + " bytes");
    const std::string increment = written.bytes.substr(0, written.bytes.size() - cut);
    const Written::End& end = written.last_before(increment.size());
    put(increment);
    const auto outcome = node.load([&](LoadedNode::Visit& here) { expect_state(here, end); });
    ASSERT_TRUE(outcome.loaded) << outcome.error;
    ASSERT_EQ(outcome.problem, "");
    const std::string left = folder_.read(kIncrement);
    // An annotation that came whole may stay.
    ASSERT_GE(left.size(), end.at);
    ASSERT_EQ(left, increment.substr(0, left.size()));
    ASSERT_TRUE(left.size() == end.at || left.substr(end.at) == kAnnotation) << left.substr(end.at);
    if (left.size() < increment.size()) {
      EXPECT_NE(outcome.log.find("Truncating the AOF appendonly.aof.1.incr.aof at offset " +
                                 std::to_string(left.size())),
                std::string::npos);
    }
    if (HasFailure()) return;
  }
}

TEST_F(TruncatedLog, IsRefusedWhereItMayNotBeCut) {
  const Written written;
  LoadedNode node(folder_.path(), args(false)), cutting_node(folder_.path(), args(true));
  for (const size_t cut : cuts(331)) {
    SCOPED_TRACE("without the last " + std::to_string(cut) + " bytes");
    const std::string increment = written.bytes.substr(0, written.bytes.size() - cut);
    const Written::End& end = written.last_before(increment.size());
    const std::string rest = increment.substr(end.at);
    const bool is_whole = rest.empty() || rest == kAnnotation;
    // An annotation that came whole belongs to what stays.
    const size_t valid =
        end.at + (rest.compare(0, kAnnotation.size(), kAnnotation) == 0 ? kAnnotation.size() : 0);
    for (const bool another_behind : {false, true}) {
      put(increment, another_behind);
      const auto outcome = (another_behind ? cutting_node : node).load();
      ASSERT_EQ(outcome.loaded, is_whole) << outcome.error;
      ASSERT_EQ(folder_.read(kIncrement), increment) << "it is left as it is";
      if (is_whole) continue;
      EXPECT_NE(outcome.error.find("/appendonlydir/appendonly.aof.1.incr.aof ends within a command"),
                std::string::npos)
          << outcome.error;
      EXPECT_NE(outcome.error.find("offset " + std::to_string(valid)), std::string::npos) << outcome.error;
    }
    if (HasFailure()) return;
  }
}

// Of before there were folders: a snapshot with commands behind it.
TEST_F(TruncatedLog, BehindASnapshotInTheSameFile) {
  const std::string snapshot = persist::empty_snapshot(1700000000);
  const Written written(snapshot);
  LoadedNode node(folder_.path(), args(true));
  for (const size_t cut : cuts(201)) {
    SCOPED_TRACE("without the last " + std::to_string(cut) + " bytes");
    const std::string file = written.bytes.substr(0, written.bytes.size() - cut);
    const Written::End& end = written.last_before(file.size());
    folder_.clear();
    folder_.write("appendonly.aof", file);
    const auto outcome = node.load([&](LoadedNode::Visit& here) { expect_state(here, end); });
    ASSERT_TRUE(outcome.loaded) << outcome.error;
    const std::string left = folder_.read("appendonlydir/appendonly.aof");
    ASSERT_TRUE(left.size() >= end.at && left == file.substr(0, left.size()));
    if (HasFailure()) return;
  }
  for (size_t size = 9; size < snapshot.size(); ++size) {
    folder_.clear();
    folder_.write("appendonly.aof", written.bytes.substr(0, size));
    const auto outcome = node.load();
    ASSERT_FALSE(outcome.loaded) << "a snapshot of " << size << " bytes";
    EXPECT_NE(outcome.error.find("/appendonlydir/appendonly.aof: "), std::string::npos) << outcome.error;
    EXPECT_NE(outcome.error.find("offset"), std::string::npos) << outcome.error;
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace tessera::server
