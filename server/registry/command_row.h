// Role: what a command is: the one row that feeds lookup, arity, gates, routing, COMMAND INFO and DOCS, ACL,
// the fuzzer and the differential test. Thread: any (immutable). Cost: rows are constants, nothing is built
// per call. Adding a command is one handler and one row in one file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/resp/writer.h"
#include "server/registry/args.h"

namespace tessera::shard {
class Ctx;
}
namespace tessera::dispatch {
class ConnCtx;
class ThreadCtx;
}  // namespace tessera::dispatch
namespace tessera::control {
class ControlCtx;
}

namespace tessera::registry {

// Names in COMMAND INFO: write, readonly, ... (order there: command_info.cc).
enum CommandFlag : uint32_t {
  kWrite = 1u << 0,
  kReadonly = 1u << 1,
  kDenyOom = 1u << 2,
  kAdmin = 1u << 3,
  kPubsub = 1u << 4,
  kNoscript = 1u << 5,
  kBlocking = 1u << 6,
  kLoading = 1u << 7,
  kStale = 1u << 8,
  kSkipMonitor = 1u << 9,
  kSkipSlowlog = 1u << 10,
  kAsking = 1u << 11,
  kFast = 1u << 12,
  kNoAuth = 1u << 13,
  kMayReplicate = 1u << 14,
  kNoMulti = 1u << 15,
  kMovableKeys = 1u << 16,
  kAllowBusy = 1u << 17,
  kNoAsyncLoading = 1u << 18,
  kNoMandatoryKeys = 1u << 19,
  kProtected =
      1u << 20,  // refused unless enable-protected-configs / enable-debug-command allow it; not shown
  // Its handler may go on over several ticks (server/shard/long_work.h); not shown.
  kMayTakeLong = 1u << 21,
  kMayTakeLongGathered = 1u << 22,  // only when its keys lie on several shards
};

// ACL categories. Those that follow from flags (write, read, fast, slow, admin, dangerous, pubsub, blocking)
// are added by acl_categories().
enum AclCategory : uint32_t {
  kCatKeyspace = 1u << 0,
  kCatRead = 1u << 1,
  kCatWrite = 1u << 2,
  kCatSet = 1u << 3,
  kCatSortedSet = 1u << 4,
  kCatList = 1u << 5,
  kCatHash = 1u << 6,
  kCatString = 1u << 7,
  kCatBitmap = 1u << 8,
  kCatHyperloglog = 1u << 9,
  kCatGeo = 1u << 10,
  kCatStream = 1u << 11,
  kCatPubsub = 1u << 12,
  kCatAdmin = 1u << 13,
  kCatFast = 1u << 14,
  kCatSlow = 1u << 15,
  kCatBlocking = 1u << 16,
  kCatDangerous = 1u << 17,
  kCatConnection = 1u << 18,
  kCatTransaction = 1u << 19,
  kCatScripting = 1u << 20,
};

enum KeyFlag : uint16_t {
  kKeyRO = 1u << 0,
  kKeyRW = 1u << 1,
  kKeyOW = 1u << 2,
  kKeyRM = 1u << 3,
  kKeyAccess = 1u << 4,
  kKeyUpdate = 1u << 5,
  kKeyInsert = 1u << 6,
  kKeyDelete = 1u << 7,
  kKeyNotKey = 1u << 8,
  kKeyIncomplete = 1u << 9,
  kKeyVariableFlags = 1u << 10,
};

// How to find keys among the arguments: as COMMAND INFO's key specifications.
struct KeySpec {
  enum class Begin : uint8_t { kNone, kIndex, kKeyword, kUnknown };
  enum class Find : uint8_t { kRange, kKeynum, kUnknown };
  Begin begin = Begin::kNone;
  Find find = Find::kRange;
  uint16_t flags = 0;
  int16_t index = 0;  // kIndex: position; kKeyword: where to start looking (negative: from the end)
  const char* keyword = nullptr;
  int16_t a = 0, b = 0, c = 0;  // kRange: lastkey, keystep, limit; kKeynum: keynumidx, firstkey, keystep
  const char* notes = nullptr;
};

// Keys at argument `first` .. `last` (relative to first; negative: from the end, -1 the last one), every
// `step`.
constexpr KeySpec keys_range(int first, int last, int step, uint16_t flags, int limit = 0) {
  return {KeySpec::Begin::kIndex,
          KeySpec::Find::kRange,
          flags,
          static_cast<int16_t>(first),
          nullptr,
          static_cast<int16_t>(last),
          static_cast<int16_t>(step),
          static_cast<int16_t>(limit),
          nullptr};
}
// A count of keys at argument `index` + keynumidx, the first key at `index` + first, every `step`.
constexpr KeySpec keys_counted(int index, int keynumidx, int first, int step, uint16_t flags) {
  return {KeySpec::Begin::kIndex,
          KeySpec::Find::kKeynum,
          flags,
          static_cast<int16_t>(index),
          nullptr,
          static_cast<int16_t>(keynumidx),
          static_cast<int16_t>(first),
          static_cast<int16_t>(step),
          nullptr};
}
// Keys behind the word `keyword`, which is looked for from argument `start` on (negative: from the end,
// backwards).
constexpr KeySpec keys_after(const char* keyword, int start, int last, int step, uint16_t flags,
                             int limit = 0) {
  return {KeySpec::Begin::kKeyword,
          KeySpec::Find::kRange,
          flags,
          static_cast<int16_t>(start),
          keyword,
          static_cast<int16_t>(last),
          static_cast<int16_t>(step),
          static_cast<int16_t>(limit),
          nullptr};
}
// Keys that no specification describes: the row's key_hook finds them.
constexpr KeySpec keys_unknown(uint16_t flags) {
  return {KeySpec::Begin::kUnknown, KeySpec::Find::kUnknown, flags, 0, nullptr, 0, 0, 0, nullptr};
}

struct KeySpecs {
  KeySpec spec[4] = {};
  constexpr KeySpecs() = default;
  constexpr KeySpecs(KeySpec one) : spec{one} {}
  constexpr KeySpecs(KeySpec one, KeySpec two) : spec{one, two} {}
  constexpr KeySpecs(KeySpec one, KeySpec two, KeySpec three) : spec{one, two, three} {}
  constexpr int count() const {
    int n = 0;
    while (n < 4 && spec[n].begin != KeySpec::Begin::kNone) ++n;
    return n;
  }
};

// Who runs the handler. It fixes the context type: a handler cannot reach what it does not own.
enum class Route : uint8_t {
  kShard,    // the shard of its keys; keys on several shards (standalone) are gathered, or split for reads
  kConn,     // the thread of the connection
  kControl,  // the control thread
  kFanout,   // one part on every shard, merged at home
  kThreads,  // one part on every thread that has connections, merged at home
  kGather,   // all shards parked, the shard handler run once
};

// What a part of a fan-out hands home.
struct Part {
  int64_t number = 0;
  int64_t second = 0;
  std::vector<std::string> items;
  std::string error;  // a part that fails makes the whole reply this error
};

// A read over keys of several shards in standalone mode: the handler runs on each shard with that shard's
// keys, and the replies are put together.
enum class Split : uint8_t {
  kNone,    // gather
  kSum,     // integers are added (EXISTS, TOUCH)
  kPerKey,  // one reply element per key, in order (MGET)
};

// Which arguments are channels of pub/sub, for ACL.
enum class Channels : uint8_t {
  kNone,
  kFirst,        // PUBLISH
  kAll,          // SUBSCRIBE
  kAllPatterns,  // PSUBSCRIBE
};

struct CommandRow;

// Chooses another route for particular arguments (SCAN's cursor, OBJECT HELP ...). Return row.route for the
// usual one.
using RouteHook = Route (*)(const CommandRow& row, const Args& args);
// For kUnknown key specs (incomplete specs): appends the positions of keys; false: wrong syntax.
using KeyHook = bool (*)(const Args& args, std::vector<int>& positions);
// For rows with a variable_flags specification or a key_hook: the KeyFlags of the key at argument `position`
// in this very call (SET with GET reads, SET without only writes). Common ones: key_hooks.h.
using KeyFlagsHook = uint16_t (*)(const Args& args, int position);
// Whether argument `position` is a secret (a password), which no log shows.
using SecretHook = bool (*)(const Args& args, size_t position);

struct CommandRow {
  const char* name =
      nullptr;    // lower case; a subcommand's own name ("list"), its parent is known by the table
  int arity = 0;  // as redis-server counts; negative: at least
  uint32_t flags = 0;
  uint32_t acl = 0;  // explicit categories; see acl_categories()
  KeySpecs keys = {};
  Route route = Route::kShard;
  Split split = Split::kNone;

  const char* group = "";  // as in COMMAND DOCS
  const char* since = "";
  const char* summary = "";
  const char* complexity = "";
  const char* tips = "";  // separated by blanks
  // COMMAND DOCS' arguments in the notation of server/registry/README.md, parsed when somebody asks.
  const char* arguments = "";

  void (*run)(shard::Ctx&, const Args&, resp::Writer&) = nullptr;                   // kShard, kGather
  void (*run_conn)(dispatch::ConnCtx&, const Args&, resp::Writer&) = nullptr;       // kConn
  void (*run_control)(control::ControlCtx&, const Args&, resp::Writer&) = nullptr;  // kControl
  void (*part)(shard::Ctx&, const Args&, Part&) = nullptr;                          // kFanout
  void (*part_threads)(dispatch::ThreadCtx&, const Args&, Part&) = nullptr;         // kThreads
  // kFanout and kThreads; parts come in the order of shards or threads. For kSum and kPerKey nothing is
  // needed.
  void (*merge)(std::span<Part> parts, const Args&, resp::Writer&) = nullptr;

  std::span<const CommandRow> subcommands = {};
  RouteHook route_hook = nullptr;
  KeyHook key_hook = nullptr;
  const char* deprecated_since = nullptr;
  const char* replaced_by = nullptr;
  const char* doc_flags = "";       // "deprecated", "syscmd"
  const char* history = "";         // "6.0.0\tAdded ...\n..."
  const char* full_name = nullptr;  // "client|list"; for top level commands may stay null (= name)
  KeyFlagsHook key_flags_hook = nullptr;
  Channels channels = Channels::kNone;
  // For rows with kBlocking that wait with some arguments only (XREAD without BLOCK does not); nullptr:
  // always.
  bool (*may_block)(const Args& args) = nullptr;
  SecretHook is_secret = nullptr;  // none
  // The argument, from the end when below 0, that is a member of the collection at its one key: fetched ahead
  // for a pipeline's commands. 0: none.
  int8_t member_at = 0;

  // Filled in by CommandTable in its own copy of the row: leave them out of the tables of rows.
  uint16_t id = 0;           // dense, 0 .. CommandTable::size() - 1, subcommands included
  uint16_t parent = 0xffff;  // id of the container, for subcommands
  int16_t first_key_at =
      0;  // > 0: exactly one key, at this argument; 0: never any key; -1: get_keys() finds out
  uint32_t categories = 0;  // acl_categories()
};

// Explicit categories and those that follow from the flags, as redis-server derives them.
uint32_t acl_categories(const CommandRow& row);

}  // namespace tessera::registry
