// Role: one value of each type from and to text. Thread: any, pure.
// Reasons of refusals are worded as redis-server 7.0.15 words them.
#include <cstdio>
#include <cstdlib>

#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "common/text/sizes.h"
#include "common/text/strings.h"
#include "server/config/table.h"

namespace tessera::config {

namespace {

using registry::EnumName;
using registry::ParameterRow;
using registry::ParameterType;
using registry::SpecialLine;

Error out_of_bounds(const std::string& min, const std::string& max) {
  return Error{"argument must be between " + min + " and " + max + " inclusive"};
}

std::string octal(int64_t number) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%llo", static_cast<unsigned long long>(number));
  return buffer;
}

Result<Value> number_value(const ParameterRow& row, int64_t number) {
  if (row.hook_table && row.hook_table->adjust) number = row.hook_table->adjust(number);
  return Value{number, {}};
}

Result<Value> parse_integer(const ParameterRow& row, const std::string& word) {
  const auto number = text::parse_int64(word);
  if (!number) return Error{"argument couldn't be parsed into an integer"};
  if (*number < row.min || *number > row.max) {
    return out_of_bounds(text::to_text(row.min), text::to_text(row.max));
  }
  return number_value(row, *number);
}

Result<Value> parse_memory(const ParameterRow& row, const std::string& word) {
  const auto bytes = text::parse_memory_bytes(word);
  if (!bytes) return Error{"argument must be a memory value"};
  const auto min = static_cast<uint64_t>(row.min);
  const auto max = static_cast<uint64_t>(row.max);
  if (*bytes < min || *bytes > max) return out_of_bounds(text::to_text(min), text::to_text(max));
  return number_value(row, static_cast<int64_t>(*bytes));
}

Result<Value> parse_memory_or_percent(const std::string& word) {
  int64_t number = 0;
  if (const auto percent = text::parse_percent(word)) {
    number = -*percent;
  } else if (const auto bytes = text::parse_memory_bytes(word)) {
    number = static_cast<int64_t>(*bytes);  // beyond 2^63 it is taken for a percentage, as redis-server does
  } else {
    return Error{"argument must be a memory or percent value"};
  }
  if (number < -100) return Error{"percentage argument must be less or equal to 100"};
  return Value{number, {}};
}

Result<Value> parse_octal(const ParameterRow& row, const std::string& word) {
  char* end = nullptr;
  const long long number = std::strtoll(word.c_str(), &end, 8);
  if (word.empty() || *end != '\0' || number == INT64_MAX || number == INT64_MIN) {
    return Error{"argument couldn't be parsed as an octal number"};
  }
  if (number < row.min || number > row.max) return out_of_bounds(octal(row.min), octal(row.max));
  return number_value(row, number);
}

const EnumName* find_name(const ParameterRow& row, const std::string& word) {
  for (const EnumName& name : row.names) {
    if (text::iequals(name.name, word)) return &name;
  }
  return nullptr;
}

// Several names are bits; the one with value 0 is said only when no other is.
std::string enum_text(const ParameterRow& row, int64_t number) {
  if (!row.is(registry::kMulti) || number == 0) {
    for (const EnumName& name : row.names) {
      if (name.value == number) return name.name;
    }
    return "unknown";
  }
  std::string out;
  for (const EnumName& name : row.names) {
    if (!name.value || (number & name.value) != name.value) continue;
    if (!out.empty()) out += ' ';
    out += name.name;
  }
  return out;
}

Result<Value> parse_enum(const ParameterRow& row, std::span<const std::string> words) {
  Value value;
  bool known = !words.empty();
  for (const std::string& word : words) {
    const EnumName* name = find_name(row, word);
    if (name) value.number |= name->value;
    known = known && name;
  }
  if (!known) {
    std::string reason = "argument(s) must be one of the following: ";
    for (size_t i = 0; i < row.names.size(); ++i) {
      if (i) reason += ", ";
      reason += row.names[i].name;
    }
    return Error{std::move(reason)};
  }
  value.text = enum_text(row, value.number);
  return value;
}

Result<Value> parse_word(const ParameterRow& row, const std::string& word) {
  switch (row.type) {
    case ParameterType::kBool:
      if (text::iequals(word, "yes")) return Value{1, {}};
      if (text::iequals(word, "no")) return Value{0, {}};
      return Error{"argument must be 'yes' or 'no'"};
    case ParameterType::kInt:
      return parse_integer(row, word);
    case ParameterType::kMemory:
      return parse_memory(row, word);
    case ParameterType::kMemoryOrPercent:
      return parse_memory_or_percent(word);
    case ParameterType::kOctal:
      return parse_octal(row, word);
    default:
      return Value{0, word};
  }
}

std::string memory_text(uint64_t bytes) {
  if (bytes && bytes % (1ULL << 30) == 0) return text::to_text(bytes >> 30) + "gb";
  if (bytes && bytes % (1ULL << 20) == 0) return text::to_text(bytes >> 20) + "mb";
  if (bytes && bytes % (1ULL << 10) == 0) return text::to_text(bytes >> 10) + "kb";
  return text::to_text(bytes);
}

}  // namespace

Result<Value> parse_value(const ParameterRow& row, std::span<const std::string> words, const Value& before,
                          ValueSource source) {
  const registry::ParameterHooks* hooks = row.hook_table;
  if (!row.is(registry::kMulti) && words.size() != 1) return Error{"wrong number of arguments"};
  if (row.type == ParameterType::kSpecial) {
    Result<std::string> text = hooks->parse({words, before.text, source.from_file, source.first});
    if (!text) return text.error();
    return Value{0, std::move(*text)};
  }
  Result<Value> value = row.type == ParameterType::kEnum ? parse_enum(row, words) : parse_word(row, words[0]);
  if (value && hooks && hooks->check) {
    if (const char* reason = hooks->check(value->text)) return Error{reason};
  }
  if (value && hooks && hooks->check_number) {
    if (const char* reason = hooks->check_number(value->number)) return Error{reason};
  }
  return value;
}

std::string print_value(const ParameterRow& row, const Value& value) {
  switch (row.type) {
    case ParameterType::kBool:
      return value.number ? "yes" : "no";
    case ParameterType::kInt:
      return text::to_text(value.number);
    case ParameterType::kMemory:
      return text::to_text(static_cast<uint64_t>(value.number));
    case ParameterType::kMemoryOrPercent:
      return value.number < 0 ? text::to_text(-value.number) + '%' : text::to_text(value.number);
    case ParameterType::kOctal:
      return octal(value.number);
    case ParameterType::kSpecial:
      if (row.hook_table->print) return row.hook_table->print(value.text);
      return value.text;
    default:
      return value.text;
  }
}

std::vector<SpecialLine> value_lines(const ParameterRow& row, const Value& value,
                                     const Value& default_value) {
  const bool is_default = value == default_value;
  switch (row.type) {
    case ParameterType::kSpecial:
      if (row.hook_table->lines) return row.hook_table->lines(value.text, default_value.text);
      return {{text::repr(value.text), is_default}};
    case ParameterType::kString:
      // An empty text is "not set" to redis-server: no line, and those of the file go.
      if (value.text.empty() && default_value.text.empty()) return {};
      return {{text::repr(value.text), is_default}};
    case ParameterType::kMemory:
      return {{memory_text(static_cast<uint64_t>(value.number)), is_default}};
    case ParameterType::kMemoryOrPercent:
      if (value.number >= 0) return {{memory_text(static_cast<uint64_t>(value.number)), is_default}};
      return {{print_value(row, value), is_default}};
    case ParameterType::kInt:
      if (value.text == kAutomatic) return {{"0", is_default}};
      return {{print_value(row, value), is_default}};
    default:
      return {{print_value(row, value), is_default}};
  }
}

}  // namespace tessera::config
