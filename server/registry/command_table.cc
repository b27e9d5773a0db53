#include "server/registry/command_table.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/base/random.h"
#include "common/text/strings.h"
#include "server/registry/command_keys.h"

namespace tessera::registry {
namespace {

// The case bit of every byte of `word` that is a lower case letter.
uint64_t case_bits_of(uint64_t word) {
  uint64_t bits = 0;
  for (int shift = 0; shift < 64; shift += 8) {
    const auto byte = static_cast<unsigned char>(word >> shift);
    if (byte >= 'a' && byte <= 'z') bits |= uint64_t{0x20} << shift;
  }
  return bits;
}

// What printf's %.*s shows: it ends at a zero byte.
std::string_view printed(std::string_view text, size_t limit) {
  text = text.substr(0, limit);
  return text.substr(0, text.find('\0'));
}

constexpr size_t kShownBytes = 128;

}  // namespace

// Longer names than two words: what lies between them has still to be compared.
bool CommandTable::same_middle(const Slot& slot, std::string_view name) const {
  return text::iequals(names_[slot.row->id], name);
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
  if (rows_.size() >= kTopLevel) return Error{"too many commands"};

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
  std::string twin;
  const auto fill = [this, bits, &twin](size_t& steps) -> bool {
    slots_.assign(size_t{1} << bits, Slot{});
    slot_mask_ = slots_.size() - 1;
    steps = 0;
    for (const CommandRow& row : rows_) {
      if (!enabled_[row.id]) continue;
      const std::string name = text::to_lower(names_[row.id]);
      const NameKey key = key_of(name);
      size_t i = place_of(key, name.size(), row.parent);
      for (; slots_[i].row != nullptr; i = (i + 1) & slot_mask_, ++steps) {
        if (slots_[i].parent == row.parent && same_middle(slots_[i], name)) {
          twin = full_names_[row.id];
          return false;
        }
      }
      slots_[i] = {key.head,  case_bits_of(key.head),
                   key.tail,  case_bits_of(key.tail),
                   &row,      static_cast<uint32_t>(name.size()),
                   row.parent};
    }
    return true;
  };
  for (int attempt = 0; attempt < 16; ++attempt) {
    size_t steps = 0;
    seed_ = random.next() | 1;
    if (!fill(steps)) return Error{"two commands are called '" + twin + "'"};
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
