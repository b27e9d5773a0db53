// Role: the append only file on a disk that forgets, fails and fills: what was said to be durable is there
// after every crash, once and in order; manifests and commands read back as they were written. Thread: one.
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>
#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/io/sim_world.h"
#include "common/text/integers.h"
#include "server/persist/aof/aof.h"
#include "server/persist/aof/commands.h"

namespace tessera::persist {

namespace {

using aof::CommandReader;
using aof::Manifest;
using journal::Durability;

const AofPlace kPlace{"/data", "appendonlydir", "appendonly.aof"};

// The numbers that the files hold, in order; the last file is cut behind its last whole transaction.
std::vector<int64_t> read_back(io::SimEnv& host, const Manifest& manifest) {
  std::vector<int64_t> numbers;
  std::vector<aof::ManifestFile> files = manifest.increments;
  if (manifest.base && manifest.base->name.ends_with(".aof")) files.insert(files.begin(), *manifest.base);
  for (const aof::ManifestFile& file : files) {
    const auto text = host.files().read_all(kPlace.path(file.name));
    EXPECT_TRUE(text.ok()) << text.error().message;
    if (!text.ok()) return numbers;
    CommandReader reader;
    reader.give(*text);
    bool inside = false;
    uint64_t good = 0;
    size_t good_numbers = numbers.size();
    CommandReader::Next next;
    while ((next = reader.next()) == CommandReader::Next::kCommand ||
           next == CommandReader::Next::kAnnotation) {
      if (next == CommandReader::Next::kCommand) {
        const auto& args = reader.args();
        if (args[0] == "MULTI") inside = true;
        if (args[0] == "EXEC") inside = false;
        if (args[0] == "RPUSH") numbers.push_back(text::parse_int64(args[2]).value_or(-1));
      }
      if (inside) continue;
      good = reader.offset();
      good_numbers = numbers.size();
    }
    numbers.resize(good_numbers);
    if (good == text->size()) continue;
    EXPECT_EQ(file.name, manifest.increments.back().name) << "torn in the middle, at " << good;
    auto opened = host.files().open(kPlace.path(file.name), io::OpenMode::kReadWrite);
    EXPECT_TRUE(opened.ok() && (*opened)->truncate(good).ok());
  }
  return numbers;
}

class Story {
 public:
  explicit Story(uint64_t seed)
      : random_(seed), world_(io::SimOptions{.seed = seed}), host_(world_.add_host("host", "10.0.0.1")) {
    host_.files().make_dirs("/data");
    log_.set_level(LogLevel::kNothing);
    host_.files().set_hook([this](const io::DiskOp& op) {
      io::DiskFault fault;
      size_t& left = faults_[static_cast<size_t>(op.kind)];
      if (left > 0) {
        --left;
        fault.code = EIO;
        fault.keep_bytes = random_.below(op.bytes + 1);
      }
      return fault;
    });
  }

  void run(int lives) {
    for (int life = 0; life < lives && !testing::Test::HasFailure(); ++life) {
      if (begin()) live();
      if (host_.alive()) world_.crash(host_);
      faults_ = {};
      aof_.reset();
      journal_.reset();
      world_.restart(host_);
      host_.files().set_capacity(UINT64_MAX);
    }
    ASSERT_TRUE(begin() || testing::Test::HasFailure());
    world_.crash(host_);
    aof_.reset();
    journal_.reset();
  }

 private:
  // What was durable is there, once and in order.
  bool begin() {
    journal_ = std::make_unique<journal::Journal>();
    aof_ = std::make_unique<Aof>(host_, log_, *journal_, kPlace);
    AofSettings settings;
    settings.policy = Durability::Policy::kAlways;
    settings.timestamps = random_.below(2) == 0;
    settings.snapshot_base = false;
    base_.reset();
    aof_->set_base_maker([this](BaseRequest request) { base_ = Base{std::move(request)}; });
    aof_->set_settings_at_start(settings);
    EXPECT_TRUE(aof_->lock().ok());
    const auto found = aof_->find_files();
    EXPECT_TRUE(found.ok()) << found.error().message;
    if (!found.ok()) return false;
    const std::vector<int64_t> numbers = read_back(host_, aof_->manifest());
    EXPECT_GE(static_cast<int64_t>(numbers.size()), durable_number_);
    for (size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_EQ(numbers[i], static_cast<int64_t>(i) + 1);
      if (numbers[i] != static_cast<int64_t>(i) + 1) return false;
    }
    last_number_ = static_cast<int64_t>(numbers.size());
    ends_.clear();
    const auto opened = aof_->open_loaded();
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    if (!opened.ok()) return false;
    durable_number_ = last_number_;  // what was read is synced before anything else is written
    aof_->start_thread();
    aof_->turn_on_at_start();
    return true;
  }

  void append() {
    journal::BatchBuilder builder;
    builder.begin_command();
    for (uint64_t i = 0, n = 1 + random_.below(3); i < n; ++i) {
      const std::string number = text::to_text(++last_number_);
      const std::string_view args[] = {"RPUSH", "list", number};
      builder.effect(static_cast<int>(random_.below(3)), 7, args);
    }
    builder.end_command();
    ends_.emplace_back(journal_->append(builder.take()), last_number_);
  }

  // A base has the numbers up to its cut. It may fail, or its disk.
  void go_on_with_base() {
    if (!base_) return;
    if (base_->numbers < 0) {
      base_->numbers = last_number_;
      base_->request.at_cut(journal_->end_offset());
      if (random_.below(2) == 0) append();
      return;
    }
    const Base base = *std::exchange(base_, std::nullopt);
    if (random_.below(8) == 0) return base.request.done(Error{"given up"});
    std::string text;
    for (int64_t number = 1; number <= base.numbers; ++number) {
      const std::string word = text::to_text(number);
      text += "*3\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n$" + text::to_text(word.size()) + "\r\n" + word + "\r\n";
    }
    // A new file: the name may be an old one of what became a base since.
    (void)host_.files().remove(base.request.path).ok();
    auto file = host_.files().open(base.request.path, io::OpenMode::kCreateExcl);
    Result<void> made = file.ok() ? (*file)->write(text) : Result<void>(file.error());
    if (made.ok()) made = (*file)->sync();
    if (!host_.alive()) return;
    base.request.done(made.ok() ? Result<uint64_t>(text.size()) : Result<uint64_t>(made.error()));
    ++rewrites_;
  }

  void note_durable() {
    const uint64_t durable = journal_->durability().durable();
    for (const auto& [end, number] : ends_) {
      if (end <= durable) durable_number_ = std::max(durable_number_, number);
    }
  }

  void live() {
    if (random_.below(3) == 0) host_.files().crash_at(1 + random_.below(200));
    for (uint64_t i = 0, n = 20 + random_.below(60); i < n && host_.alive(); ++i) {
      switch (random_.below(20)) {
        case 0:
          faults_[static_cast<size_t>(io::DiskOpKind::kSync)] = 1 + random_.below(3);
          break;
        case 1:
          faults_[static_cast<size_t>(io::DiskOpKind::kWrite)] = 1 + random_.below(3);
          break;
        case 2:
          host_.files().set_capacity(random_.below(20000));
          break;
        case 3:
          host_.files().set_capacity(UINT64_MAX);
          break;
        case 4:
          faults_[static_cast<size_t>(io::DiskOpKind::kTruncate)] = 1 + random_.below(3);
          break;
        case 5:
          faults_[static_cast<size_t>(io::DiskOpKind::kSyncDir)] = 1 + random_.below(3);
          break;
        case 6:
          aof_->rewrite("/data", random_.below(2) == 0, [](const Result<std::string>&) {});
          break;
        case 7:
        case 8:
        case 9:
          go_on_with_base();
          break;
        default:
          append();
      }
      world_.run_for(millis(static_cast<int64_t>(random_.below(random_.below(8) == 0 ? 3000 : 20))));
      if (host_.alive()) note_durable();
    }
    if (!host_.alive() || random_.below(3) != 0) return;
    // A disk that works again: everything becomes durable by itself.
    host_.files().set_capacity(UINT64_MAX);
    faults_ = {};
    world_.run_for(seconds(20));
    if (!host_.alive()) return;
    note_durable();
    EXPECT_EQ(durable_number_, last_number_);
    EXPECT_TRUE(journal_->aof().write_ok.load());
  }

  struct Base {
    BaseRequest request;
    int64_t numbers = -1;  // once it is cut
  };

  std::optional<Base> base_;
  int rewrites_ = 0;
  Random random_;
  std::array<size_t, io::kDiskOpKinds> faults_{};
  io::SimWorld world_;
  io::SimEnv& host_;
  Log log_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<Aof> aof_;
  std::vector<std::pair<uint64_t, int64_t>> ends_;  // of batches: offset, last number
  int64_t last_number_ = 0, durable_number_ = 0;
};

TEST(Aof, WhatIsDurableSurvivesEveryCrash) {
  const uint64_t first = test_seed("Aof.WhatIsDurableSurvivesEveryCrash");
  for (uint64_t i = 0; i < 1000; ++i) {
    SCOPED_TRACE("seed " + std::to_string(first + i));
    Story(first + i).run(6);
    if (HasFailure()) return;
  }
}

// A node's log and its file, on a disk whose syncs take a time.
struct Running {
  Running(uint64_t seed, Durability::Policy policy, Micros sync) : world(io::SimOptions{.seed = seed}) {
    host.files().make_dirs("/data");
    host.files().set_hook([sync](const io::DiskOp& op) {
      io::DiskFault fault;
      if (op.kind == io::DiskOpKind::kSync) fault.delay = sync;
      return fault;
    });
    log.set_level(LogLevel::kNothing);
    settings.policy = policy;
    aof.set_settings_at_start(settings);
    aof.set_base_maker([this](BaseRequest request) { base = std::move(request); });
  }
  bool start() {
    if (!aof.lock().ok() || !aof.find_files().ok() || !aof.open_loaded().ok()) return false;
    aof.start_thread();
    aof.turn_on_at_start();
    return true;
  }
  uint64_t append(std::string_view value) {
    journal::BatchBuilder builder;
    builder.begin_command();
    const std::string_view args[] = {"SET", "key", value};
    builder.effect(0, 7, args);
    builder.end_command();
    return journal.append(builder.take());
  }
  MonoTime now() const { return host.clock().mono(); }

  io::SimWorld world;
  io::SimEnv& host = world.add_host("host", "10.0.0.1");
  Log log;
  journal::Journal journal;
  AofSettings settings;
  std::optional<BaseRequest> base;
  Aof aof{host, log, journal, kPlace};
};

// What `appendfsync no` let through is synced when the policy wants that, though nothing more is written.
TEST(Aof, WhatWasLetThroughIsSyncedLater) {
  Running node(test_seed("Aof.WhatWasLetThroughIsSyncedLater"), Durability::Policy::kNo, Micros{0});
  ASSERT_TRUE(node.start());
  const std::string name = kPlace.path(node.aof.manifest().increments.back().name);
  node.append("12345");
  node.world.run_for(seconds(5));
  EXPECT_EQ(node.host.files().durable(name).value_or("").find("12345"), std::string::npos);
  node.settings.policy = Durability::Policy::kEverysec;
  node.aof.set_settings(node.settings);
  node.world.run_for(seconds(5));
  EXPECT_NE(node.host.files().durable(name).value_or("").find("12345"), std::string::npos);
  node.world.crash(node.host);
}

// A sync that fails while the first base is being made: the increment, which nothing names yet, has all of
// it, each once, when it is.
TEST(Aof, ASyncThatFailsBeforeTheFirstBase) {
  Running node(test_seed("Aof.ASyncThatFailsBeforeTheFirstBase"), Durability::Policy::kAlways, Micros{0});
  int failures = 0;
  bool fails = false;
  node.host.files().set_hook([&](const io::DiskOp& op) {
    io::DiskFault fault;
    if (!fails || op.kind != io::DiskOpKind::kSync || op.path.find(".incr.aof") == std::string::npos)
      return fault;
    fault.code = EIO;
    ++failures;
    return fault;
  });
  node.settings.snapshot_base = false;
  node.aof.set_settings_at_start(node.settings);
  node.aof.start_thread();
  node.aof.turn_on("/data", [](const Result<void>&) {});
  node.world.run_for(millis(50));
  ASSERT_TRUE(node.base);
  node.base->at_cut(node.journal.end_offset());
  node.world.run_for(millis(50));
  node.append("durable");
  node.world.run_for(seconds(2));
  fails = true;
  node.append("first");
  node.world.run_for(seconds(3));
  node.append("second");
  node.world.run_for(seconds(3));
  EXPECT_GT(failures, 1);
  fails = false;
  node.world.run_for(seconds(3));
  const BaseRequest request = *std::exchange(node.base, std::nullopt);
  auto file = node.host.files().open(request.path, io::OpenMode::kCreateExcl);
  ASSERT_TRUE(file.ok() && (*file)->sync().ok());
  request.done(0);
  node.world.run_for(seconds(1));
  EXPECT_EQ(node.journal.durability().policy(), Durability::Policy::kAlways);
  const auto text = node.host.files().read_all(kPlace.manifest_path());
  ASSERT_TRUE(text.ok());
  const auto manifest = Manifest::parse(*text);
  ASSERT_TRUE(manifest.ok());
  std::string all;
  for (const auto& each : manifest->increments)
    all += node.host.files().durable(kPlace.path(each.name)).value_or("");
  size_t at = 0;
  for (const char* value : {"durable", "first", "second"}) {
    const size_t found = all.find(value, at);
    ASSERT_NE(found, std::string::npos) << value << " in " << all;
    EXPECT_EQ(all.find(value, found + 1), std::string::npos) << value << " twice in " << all;
    at = found;
  }
  EXPECT_LT(node.journal.live_bytes(), 4096) << "what is durable is kept no more";
  node.world.crash(node.host);
}

// Turned on at run time, a first manifest is renamed into its place, but the folder's sync fails: the start
// is tried again, and what the manifest on disk names is left as it is until another one is there.
TEST(Aof, WhatAManifestMayNameIsNotWrittenAgain) {
  for (const bool loses_power : {false, true}) {
    SCOPED_TRACE(loses_power);
    io::SimWorld world(io::SimOptions{.seed = test_seed("Aof.WhatAManifestMayNameIsNotWrittenAgain")});
    io::SimEnv& host = world.add_host("host", "10.0.0.1");
    host.files().make_dirs("/data");
    std::string fails;  // the sync of the folder behind a rename of this
    bool renamed = false;
    host.files().set_hook([&](const io::DiskOp& op) {
      io::DiskFault fault;
      if (!fails.empty() && op.kind == io::DiskOpKind::kRename && op.path.find(fails) != std::string::npos)
        renamed = true;
      if (renamed && op.kind == io::DiskOpKind::kSyncDir) {
        fault.code = EIO;
        renamed = false;
        fails.clear();
      }
      return fault;
    });
    Log log;
    log.set_level(LogLevel::kNothing);
    auto journal_owner = std::make_unique<journal::Journal>();
    journal::Journal& journal = *journal_owner;
    auto aof_owner = std::make_unique<Aof>(host, log, journal, kPlace);
    Aof& aof = *aof_owner;
    std::optional<BaseRequest> base;
    aof.set_base_maker([&](BaseRequest request) { base = std::move(request); });
    AofSettings settings;
    settings.policy = Durability::Policy::kAlways;
    settings.snapshot_base = false;
    aof.set_settings_at_start(settings);
    aof.start_thread();
    int64_t last = 0;
    const auto append = [&] {
      const std::string number = text::to_text(++last);
      if (!journal.wanted()) return;
      journal::BatchBuilder builder;
      builder.begin_command();
      const std::string_view args[] = {"RPUSH", "list", number};
      builder.effect(0, 7, args);
      builder.end_command();
      journal.append(builder.take());
      world.run_for(millis(50));
    };
    const auto make_base = [&] {
      const int64_t numbers = last;
      base->at_cut(journal.end_offset());
      world.run_for(millis(50));
      for (int i = 0; i < 3; ++i) append();
      std::string text;
      for (int64_t number = 1; number <= numbers; ++number) {
        const std::string word = text::to_text(number);
        text += "*3\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n$" + text::to_text(word.size()) + "\r\n" + word + "\r\n";
      }
      const BaseRequest request = *std::exchange(base, std::nullopt);
      auto file = host.files().open(request.path, io::OpenMode::kCreateExcl);
      ASSERT_TRUE(file.ok() && (*file)->write(text).ok() && (*file)->sync().ok());
      request.done(text.size());
      world.run_for(millis(50));
    };
    const auto check = [&](size_t at_least) {
      const auto text = host.files().read_all(kPlace.manifest_path());
      ASSERT_TRUE(text.ok());
      const auto manifest = Manifest::parse(*text);
      ASSERT_TRUE(manifest.ok());
      const std::vector<int64_t> numbers = read_back(host, *manifest);
      for (size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], static_cast<int64_t>(i) + 1);
      EXPECT_GE(numbers.size(), at_least);
    };
    aof.turn_on("/data", [](const Result<void>&) {});
    world.run_for(millis(50));
    for (int i = 0; i < 5; ++i) append();
    fails = "appendonly.aof.manifest";
    make_base();
    EXPECT_TRUE(fails.empty());
    EXPECT_EQ(journal.durability().policy(), Durability::Policy::kOff);
    for (int i = 0; i < 5; ++i) append();  // into no file
    world.run_for(seconds(3));
    ASSERT_TRUE(base);
    // The cut of the next try, and what comes behind it.
    base->at_cut(journal.end_offset());
    world.run_for(millis(50));
    for (int i = 0; i < 3; ++i) append();
    check(0);
    base->at_cut = [](uint64_t) {};
    base->done(Error{"given up"});
    world.run_for(seconds(3));
    ASSERT_TRUE(base);
    make_base();
    EXPECT_EQ(journal.durability().policy(), Durability::Policy::kAlways);
    append();
    check(static_cast<size_t>(last));
    world.run_for(seconds(1));
    for (const char* name : {"appendonly.aof.1.base.aof", "appendonly.aof.1.incr.aof"})
      EXPECT_FALSE(host.files().stat(kPlace.path(name)).ok()) << name;
    if (loses_power) {
      world.crash(host);
    } else {
      world.kill(host);
    }
    aof_owner.reset();
    journal_owner.reset();
    world.restart(host);
    check(static_cast<size_t>(last));
  }
}

// `always`, a sync takes 4 ms: twenty who write again as soon as they may share most syncs, and a log that is
// never without something new is not taken for one that does not get on.
TEST(Aof, WhoWasLetGoTogetherIsSyncedTogether) {
  const uint64_t seed = test_seed("Aof.WhoWasLetGoTogetherIsSyncedTogether");
  Running node(seed, Durability::Policy::kAlways, millis(4));
  ASSERT_TRUE(node.start());
  struct Writer {
    uint64_t end = 0;    // of the log, with what it waits for
    MonoTime writes_at;  // again
  };
  std::array<Writer, 20> writers;
  Random random(seed);
  int64_t count = 0;
  const MonoTime stop = node.now() + seconds(15);
  while (node.now() < stop) {
    node.world.run_for(Micros{50});
    const MonoTime now = node.now();
    for (Writer& writer : writers) {
      if (writer.end > node.journal.durability().durable()) continue;
      if (writer.end != 0) {
        ++count;
        writer = {0, now + Micros{static_cast<int64_t>(random.below(400))}};
      }
      if (now < writer.writes_at) continue;
      writer.end = node.append(std::string(random.below(1000), 'x'));  // bytes tell nothing
    }
    ASSERT_FALSE(node.journal.durability().state(now).refuses_writes);
  }
  // 15 s / 4.4 ms = 3,409 rounds of 20 at most; two groups in turn would be half of that.
  EXPECT_GT(count, 54000);
  node.world.crash(node.host);
}

// A cut comes while a sync waits for company, and the company behind the cut: the switch writes it, and it is
// synced at once, not when something else happens.
TEST(Aof, WhatASwitchWritesWhileASyncWaitsIsSynced) {
  Running node(test_seed("Aof.WhatASwitchWritesWhileASyncWaitsIsSynced"), Durability::Policy::kAlways,
               millis(4));
  ASSERT_TRUE(node.start());
  const auto runs_until = [&](uint64_t end) {
    const MonoTime stop = node.now() + millis(200);
    while (node.journal.durability().durable() < end && node.now() < stop) node.world.run_for(Micros{50});
    return node.journal.durability().durable() >= end;
  };
  node.aof.rewrite("/data", false, [](const Result<std::string>&) {});
  node.world.run_for(millis(50));
  ASSERT_TRUE(node.base);
  uint64_t end = 0;
  for (int i = 0; i < 10; ++i) end = node.append("value");
  ASSERT_TRUE(runs_until(end));
  node.base->at_cut(node.journal.end_offset());
  EXPECT_TRUE(runs_until(node.append("value")));
  node.world.crash(node.host);
}

// What could not be named for certain is in the history, newer than the node.base.
TEST(Manifest, GivesNoNameOfTheHistoryToABase) {
  auto manifest = Manifest::parse(
      "file a.1.base.rdb seq 1 type b\nfile a.2.base.rdb seq 2 type h\nfile a.1.incr.aof seq 1 type i\n");
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->next_base("a", true).name, "a.3.base.rdb");
}

TEST(Manifest, ReadsWhatItPrintsAndWhatRedis8Adds) {
  const std::string text =
      "file a.2.base.rdb seq 2 type b\nfile a.1.incr.aof seq 1 type h\nfile \"a b\" seq 2 type i\n";
  const auto manifest = Manifest::parse(text);
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->text(), text);
  EXPECT_EQ(manifest->increments[0].name, "a b");
  const auto later =
      Manifest::parse("# a comment\nfile x.incr.aof seq 1 type i startoffset 0 endoffset 575\n");
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(later->increments[0].name, "x.incr.aof");
  EXPECT_FALSE(Manifest::parse("file x seq 2 type i\nfile y seq 1 type i\n").ok());
  EXPECT_FALSE(Manifest::parse("file x seq 2 type i").ok());
}

// A file of the past is about to be removed: its name is not given again.
TEST(Manifest, NewNamesAreNotThoseOfThePast) {
  auto manifest = Manifest::parse(
      "file a.2.base.rdb seq 2 type b\nfile a.1.base.rdb seq 1 type h\nfile a.3.incr.aof seq 3 type h\n");
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->next_increment("a").name, "a.4.incr.aof");
  auto mixed = Manifest::parse(
      "file a.7.base.rdb seq 7 type b\nfile a.6.base.rdb seq 6 type h\nfile a.3.incr.aof seq 3 type i\n");
  ASSERT_TRUE(mixed.ok()) << "only increments have to be in order";
  EXPECT_EQ(mixed->next_base("a", true).name, "a.8.base.rdb");
}

TEST(CommandReader, TakesBytesInAnyParts) {
  const std::string text = "#TS:5\r\n*2\r\n$3\r\nGET\r\n$5\r\na\r\nb\n\r\n*1\r\n$0\r\n\r\n";
  for (size_t part = 1; part <= text.size(); ++part) {
    CommandReader reader;
    std::string seen;
    for (size_t at = 0; at < text.size(); at += part) {
      reader.give(std::string_view(text).substr(at, part));
      for (CommandReader::Next next; (next = reader.next()) != CommandReader::Next::kMore;) {
        ASSERT_NE(next, CommandReader::Next::kBad) << reader.error();
        if (next == CommandReader::Next::kAnnotation) seen += reader.text();
        for (std::string_view arg : reader.args()) seen += "<" + std::string(arg) + ">";
      }
    }
    EXPECT_EQ(seen, "#TS:5<GET><a\r\nb\n><>");
    EXPECT_EQ(reader.offset(), text.size());
  }
  CommandReader bad;
  bad.give("*1\r\n$4\r\nPINGxx");
  EXPECT_EQ(bad.next(), CommandReader::Next::kBad);
  EXPECT_EQ(bad.error_offset(), 12U);
}

}  // namespace

}  // namespace tessera::persist
