#include "server/registry/command_table.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/base/random.h"
#include "common/text/strings.h"
#include "server/registry/command_keys.h"

namespace tessera::registry {
namespace {

// Lower case of eight ASCII letters at once; other bytes, also those above 127, stay.
uint64_t lower8(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  const uint64_t low7 = word & (kOnes * 0x7f);
  const uint64_t from_a = low7 + kOnes * (0x80 - 'A');
  const uint64_t beyond_z = low7 + kOnes * (0x7f - 'Z');
  const uint64_t upper = (from_a ^ beyond_z) & ~word & (kOnes * 0x80);
  return word | upper >> 2;
}

template <typename T>
uint64_t load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// What printf's %.*s shows: it ends at a zero byte.
std::string_view printed(std::string_view text, size_t limit) {
  text = text.substr(0, limit);
  return text.substr(0, text.find('\0'));
}

constexpr size_t kShownBytes = 128;

}  // namespace

CommandTable::NameKey CommandTable::key_of(std::string_view name) {
  const char* p = name.data();
  const size_t n = name.size();
  if (n >= 8) return {lower8(load<uint64_t>(p)), lower8(load<uint64_t>(p + n - 8))};
  if (n >= 4) return {lower8(load<uint32_t>(p) | load<uint32_t>(p + n - 4) << 32), 0};
  if (n == 0) return {};
  const auto byte = [p](size_t i) { return uint64_t{static_cast<unsigned char>(p[i])}; };
  return {lower8(byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16), 0};
}

const CommandRow* CommandTable::lookup(std::string_view name, uint16_t parent) const {
  const NameKey key = key_of(name);
  const size_t mask = slots_.size() - 1;
  for (size_t i = place_of(key, name.size(), parent);; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id == kEmpty) return nullptr;
    if (slot.key.head != key.head || slot.key.tail != key.tail || slot.length != name.size() ||
        slot.parent != parent) {
      continue;
    }
    // Up to 16 bytes the key is the name; the middle of longer ones has still to be compared.
    if (name.size() <= 16 || text::iequals(names_[slot.id], name)) return &rows_[slot.id];
  }
}

const CommandRow* CommandTable::find_full(std::string_view name) const {
  const size_t bar = name.find('|');
  if (bar == std::string_view::npos) return find(name);
  const CommandRow* container = find(name.substr(0, bar));
  return container == nullptr ? nullptr : find_subcommand(*container, name.substr(bar + 1));
}

const CommandRow* CommandTable::find_original(std::string_view name) const {
  const size_t bar = name.find('|');
  for (const CommandRow& row : top_level()) {
    if (!text::iequals(row.name, name.substr(0, bar))) continue;
    return bar == std::string_view::npos ? &row : find_subcommand(row, name.substr(bar + 1));
  }
  return nullptr;
}

size_t CommandTable::enabled_count() const {
  return static_cast<size_t>(
      std::count(enabled_.begin(), enabled_.begin() + static_cast<ptrdiff_t>(top_level_count_), true));
}

std::string CommandTable::error_text(const Resolved& resolved, const Args& args) {
  std::string text;
  if (resolved.what == Resolution::kUnknownCommand) {
    text = "ERR unknown command '";
    text += printed(args[0], kShownBytes);
    text += "', with args beginning with: ";
    std::string shown;
    for (size_t i = 1; i < args.size() && shown.size() < kShownBytes; ++i) {
      shown += '\'';
      // The limit counts what stands there without the quote just added: so redis-server does.
      shown += printed(args[i], kShownBytes - (shown.size() - 1));
      shown += "' ";
    }
    text += shown;
  } else if (resolved.what == Resolution::kUnknownSubcommand) {
    text = "ERR unknown subcommand '";
    text += printed(args[1], kShownBytes);
    text += "'. Try ";
    text += printed(text::to_upper(args[0]), args[0].size());
    text += " HELP.";
  } else {
    text = "ERR wrong number of arguments for '";
    text += resolved.row->full_name;
    text += "' command";
  }
  return text;
}

void CommandTable::write_error(const Resolved& resolved, const Args& args, resp::Writer& out) {
  out.error(error_text(resolved, args));
}

// ---- building

Result<std::unique_ptr<CommandTable>> CommandTable::build(std::span<const std::span<const CommandRow>> tables,
                                                          std::span<const Rename> renames) {
  std::unique_ptr<CommandTable> table(new CommandTable());
  if (auto done = table->copy_rows(tables); !done) return done.error();
  if (auto done = table->apply(renames); !done) return done.error();
  if (auto done = table->index(); !done) return done.error();
  return table;
}

Result<void> CommandTable::copy_rows(std::span<const std::span<const CommandRow>> tables) {
  for (const auto& rows : tables) rows_.insert(rows_.end(), rows.begin(), rows.end());
  top_level_count_ = rows_.size();
  for (size_t i = 0; i < top_level_count_; ++i) {
    const auto subcommands = rows_[i].subcommands;
    rows_.insert(rows_.end(), subcommands.begin(), subcommands.end());
  }
  if (rows_.size() >= kEmpty) return Error{"too many commands"};

  full_names_.resize(rows_.size());
  size_t next = top_level_count_;
  for (size_t i = 0; i < rows_.size(); ++i) {
    CommandRow& row = rows_[i];
    row.id = static_cast<uint16_t>(i);
    if (row.parent == kTopLevel) full_names_[i] = row.name;
    if (i < top_level_count_ && !row.subcommands.empty()) {
      const size_t count = row.subcommands.size();
      row.subcommands = std::span<const CommandRow>(rows_).subspan(next, count);
      for (size_t j = next; j < next + count; ++j) {
        rows_[j].parent = row.id;
        full_names_[j] = std::string(row.name) + "|" + rows_[j].name;
      }
      next += count;
    }
    fill_in(row);
    names_.emplace_back(row.name);
  }
  for (CommandRow& row : rows_) row.full_name = full_names_[row.id].c_str();
  enabled_.assign(rows_.size(), true);
  return {};
}

void CommandTable::fill_in(CommandRow& row) {
  row.categories = acl_categories(row);
  row.first_key_at = static_cast<int16_t>(single_key_of_specs(row));
}

Result<void> CommandTable::apply(std::span<const Rename> renames) {
  const auto named = [this](std::string_view name) {
    for (size_t i = 0; i < top_level_count_; ++i) {
      if (enabled_[i] && text::iequals(names_[i], name)) return i;
    }
    return top_level_count_;
  };
  for (const Rename& rename : renames) {
    const size_t id = named(rename.from);
    if (id == top_level_count_) return Error{"No such command in rename-command"};
    if (rename.to.empty()) {
      enabled_[id] = false;
      names_[id].clear();
      continue;
    }
    if (named(rename.to) != top_level_count_) return Error{"Target command name already exists"};
    names_[id] = rename.to;
  }
  return {};
}

// Open addressing at a quarter full; among a few multipliers the one with the shortest ways wins.
Result<void> CommandTable::index() {
  int bits = 6;
  while ((size_t{1} << bits) < rows_.size() * 4) ++bits;
  shift_ = 64 - bits;
  Random random(2);
  size_t best = SIZE_MAX;
  uint64_t best_seed = 0;
  const auto fill = [this, bits](size_t& steps) -> bool {
    slots_.assign(size_t{1} << bits, Slot{});
    steps = 0;
    for (const CommandRow& row : rows_) {
      if (!enabled_[row.id]) continue;
      const std::string& name = names_[row.id];
      const NameKey key = key_of(name);
      size_t i = place_of(key, name.size(), row.parent);
      for (; slots_[i].id != kEmpty; i = (i + 1) & (slots_.size() - 1), ++steps) {
        if (slots_[i].parent == row.parent && text::iequals(names_[slots_[i].id], name)) return false;
      }
      slots_[i] = {key, static_cast<uint32_t>(name.size()), row.parent, row.id};
    }
    return true;
  };
  for (int attempt = 0; attempt < 16; ++attempt) {
    size_t steps = 0;
    seed_ = random.next() | 1;
    if (!fill(steps)) return Error{"two commands have the same name"};
    if (steps < best) {
      best = steps;
      best_seed = seed_;
    }
  }
  seed_ = best_seed;
  size_t steps = 0;
  TESSERA_CHECK(fill(steps));
  return {};
}

}  // namespace tessera::registry
