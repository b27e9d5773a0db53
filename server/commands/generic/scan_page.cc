#include "server/commands/generic/scan_page.h"

#include <algorithm>
#include <cstring>

#include "common/text/glob.h"
#include "common/text/strings.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

std::optional<uint64_t> parse_scan_cursor(std::string_view arg) {
  const std::string_view text = c_text(arg);
  if (text.empty()) return 0;
  const bool negative = text[0] == '-';
  size_t i = negative || text[0] == '+';
  if (i == text.size()) return std::nullopt;
  uint64_t value = 0;
  for (; i < text.size(); ++i) {
    if (!text::is_digit(text[i])) return std::nullopt;
    if (__builtin_mul_overflow(value, uint64_t{10}, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, static_cast<uint64_t>(text[i] - '0'), &value)) return std::nullopt;
  }
  return negative ? uint64_t{0} - value : value;
}

bool read_scan_options(const registry::Args& args, size_t first, resp::Writer& reply, ScanCall& call,
                       const std::function<bool(std::string_view name, std::string_view value)>& other,
                       bool knows_type) {
  for (size_t i = first; i < args.size(); i += 2) {
    const bool has_value = i + 1 < args.size();
    if (has_value && token_is(args[i], "COUNT")) {
      int64_t count = 0;
      if (!read_int64(args[i + 1], reply, count)) return false;
      if (count < 1) {
        syntax_error(reply);
        return false;
      }
      call.count = static_cast<uint64_t>(count);
    } else if (has_value && token_is(args[i], "MATCH")) {
      call.pattern.reset();
      if (!text::matches_all(args[i + 1])) call.pattern = args[i + 1];
    } else if (has_value && knows_type && token_is(args[i], "TYPE")) {
      call.type = args[i + 1];
    } else if (!has_value || !other || !other(args[i], args[i + 1])) {
      if (reply.last_error_code().empty()) syntax_error(reply);
      return false;
    }
  }
  return true;
}

bool read_scan(const registry::Args& args, resp::Writer& reply, ScanCall& call) {
  const auto cursor = parse_scan_cursor(args[1]);
  if (!cursor) {
    reply.error("ERR invalid cursor");
    return false;
  }
  call.cursor = *cursor;
  return read_scan_options(args, 2, reply, call);
}

std::string scan_item(uint64_t position, std::string_view key) {
  std::string item(sizeof position + key.size(), '\0');
  std::memcpy(item.data(), &position, sizeof position);
  std::memcpy(item.data() + sizeof position, key.data(), key.size());
  return item;
}

uint64_t scan_item_position(std::string_view item) {
  uint64_t position = 0;
  std::memcpy(&position, item.data(), sizeof position);
  return position;
}

std::string_view scan_item_key(std::string_view item) {
  return item.substr(sizeof(uint64_t));
}

ScanPage merge_scan_pages(std::span<const registry::Part> parts) {
  ScanPage page;
  for (const registry::Part& part : parts) {
    const auto cursor = static_cast<uint64_t>(part.number);
    if (cursor != 0) page.cursor = page.cursor == 0 ? cursor : std::min(page.cursor, cursor);
  }
  for (const registry::Part& part : parts) {
    for (const std::string& item : part.items) {
      if (page.cursor == 0 || scan_item_position(item) < page.cursor)
        page.keys.push_back(scan_item_key(item));
    }
  }
  return page;
}

}  // namespace tessera::commands
