// Role: all commands of a node, looked up by name: what turns the first words of a request into its row.
// Thread: built once at start, then immutable and read by all threads.
// Invariants: the table owns copies of the rows it was built from, so that rows carry dense ids; a row's
// address is stable as long as the table lives. Renaming changes by what name a command is found, never its
// row.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/resp/writer.h"
#include "server/registry/command_row.h"

namespace tessera::registry {

// rename-command: an empty `to` takes the command away.
struct Rename {
  std::string from;
  std::string to;
};

enum class Resolution : uint8_t { kFound, kUnknownCommand, kUnknownSubcommand, kWrongArity };

struct Resolved {
  const CommandRow* row = nullptr;  // of the subcommand where there is one; kWrongArity: the row it breaks
  Resolution what = Resolution::kUnknownCommand;
};

class CommandTable {
 public:
  // Fails on a name that exists twice and on renames redis-server would refuse.
  static Result<std::unique_ptr<CommandTable>> build(std::span<const std::span<const CommandRow>> tables,
                                                     std::span<const Rename> renames = {});

  // A top level command by the name clients use for it, in any case. About 7 ns. nullptr: there is none.
  const CommandRow* find(std::string_view name) const { return lookup(name, kTopLevel); }
  const CommandRow* find_subcommand(const CommandRow& container, std::string_view name) const {
    return lookup(name, container.id);
  }
  // "get", "client|list".
  const CommandRow* find_full(std::string_view name) const;
  // As find_full(), but by the names commands were born with, renamed or disabled: what ACL rules speak of.
  const CommandRow* find_original(std::string_view name) const;

  // The row that runs for these arguments. REQUIRES: args.size() > 0
  Resolved resolve(const Args& args) const {
    const CommandRow* row = lookup(args[0], kTopLevel);
    if (__builtin_expect(row == nullptr, 0)) return {nullptr, Resolution::kUnknownCommand};
    if (__builtin_expect(!row->subcommands.empty(), 0) && args.size() > 1) {
      row = lookup(args[1], row->id);
      if (row == nullptr) return {nullptr, Resolution::kUnknownSubcommand};
    }
    return {row, arity_fits(*row, args.size()) ? Resolution::kFound : Resolution::kWrongArity};
  }
  // The error redis-server replies. REQUIRES: what != kFound
  static void write_error(const Resolved& resolved, const Args& args, resp::Writer& out);
  static std::string error_text(const Resolved& resolved, const Args& args);

  static bool arity_fits(const CommandRow& row, size_t argc) {
    const auto n = static_cast<int64_t>(argc);
    return row.arity >= 0 ? n == row.arity : n >= -row.arity;
  }

  // Rows by id. Top level commands come first, in the order of the tables; each one's subcommands stand
  // together.
  size_t size() const { return rows_.size(); }
  const CommandRow& row(uint16_t id) const { return rows_[id]; }
  std::span<const CommandRow> all() const { return rows_; }
  std::span<const CommandRow> top_level() const { return std::span(rows_).first(top_level_count_); }
  // False for a top level command that rename-command took away.
  bool enabled(const CommandRow& row) const { return enabled_[row.id]; }
  size_t enabled_count() const;  // of top level commands: COMMAND COUNT
  // "client|list"; as INFO commandstats, ACL and errors name it.
  static std::string_view full_name(const CommandRow& row) { return row.full_name; }

 private:
  // First and last bytes of a name as they came: with the length they are the whole name up to 16 bytes.
  struct NameKey {
    uint64_t head = 0;
    uint64_t tail = 0;
  };
  // A name in lower case. The masks hold the case bit where it has a letter: a byte with that bit set equals
  // the letter exactly when it is the letter in either case, so that words compare without being lowered
  // first.
  struct Slot {
    uint64_t head = 0, head_case = 0;
    uint64_t tail = 0, tail_case = 0;
    const CommandRow* row = nullptr;
    uint32_t length = 0;
    uint16_t parent = 0;
  };
  static constexpr uint16_t kTopLevel = 0xffff;
  static constexpr uint64_t kCaseBits = 0x2020202020202020ULL;

  CommandTable() = default;

  static NameKey key_of(std::string_view name) {
    const char* p = name.data();
    const size_t n = name.size();
    if (n >= 8) return {load<uint64_t>(p), load<uint64_t>(p + n - 8)};
    if (n >= 4) return {load<uint32_t>(p) | load<uint32_t>(p + n - 4) << 32, 0};
    if (n == 0) return {};
    return {load<uint8_t>(p) | load<uint8_t>(p + n / 2) << 8 | load<uint8_t>(p + n - 1) << 16, 0};
  }
  template <typename T>
  static uint64_t load(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  // Where the search for a name begins; the same for its upper and lower case.
  size_t place_of(const NameKey& key, size_t length, uint16_t parent) const {
    const uint64_t tail = key.tail | kCaseBits;
    const uint64_t mixed =
        (key.head | kCaseBits) ^ (tail << 23 | tail >> 41) ^ length ^ uint64_t { parent } << 40;
    return static_cast<size_t>(mixed * seed_ >> shift_);
  }
  const CommandRow* lookup(std::string_view name, uint16_t parent) const {
    const NameKey key = key_of(name);
    for (size_t i = place_of(key, name.size(), parent);; i = (i + 1) & slot_mask_) {
      const Slot& slot = slots_[i];
      if (slot.row == nullptr) return nullptr;
      if ((key.head | slot.head_case) != slot.head || (key.tail | slot.tail_case) != slot.tail ||
          slot.length != name.size() || slot.parent != parent) {
        continue;
      }
      if (name.size() <= 16 || same_middle(slot, name)) return slot.row;
    }
  }
  bool same_middle(const Slot& slot, std::string_view name) const;
  Result<void> copy_rows(std::span<const std::span<const CommandRow>> tables);
  void fill_in(CommandRow& row);
  Result<void> apply(std::span<const Rename> renames);
  Result<void> index();

  std::vector<CommandRow> rows_;
  std::vector<std::string> full_names_;  // of subcommands, by id; rows point into them
  std::vector<std::string> names_;       // by id: what clients call it; empty when taken away
  std::vector<bool> enabled_;
  size_t top_level_count_ = 0;
  std::vector<Slot> slots_;
  size_t slot_mask_ = 0;
  uint64_t seed_ = 0;
  int shift_ = 0;
};

}  // namespace tessera::registry
