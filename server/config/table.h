// Role: all parameters of a server by name, and how a value of each is read, printed and written into a file.
// Thread: any; immutable once made. Cost of a look-up: one hash.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "server/config/params.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

// The text of a number that the machine has decided: the one of cores for "shards 0".
inline constexpr const char* kAutomatic = "automatic";

// One value. Which part counts follows from the row's type: number for kBool (0/1), kInt, kMemory (bits of an
// unsigned number), kMemoryOrPercent (negative: percent), kOctal, kEnum (the name's value, or'ed when several
// are allowed); text for kString, kSpecial and, canonical, kEnum.
struct Value {
  int64_t number = 0;
  std::string text;
  bool operator==(const Value&) const = default;
};

class ParameterTable {
 public:
  // CHECKs that names are unique and that defaults can be read.
  explicit ParameterTable(const std::vector<ParameterSection>& sections);

  struct Found {
    int index = -1;
    bool by_alias = false;
  };
  // Any case. index -1: no such parameter.
  Found find(std::string_view name) const;

  size_t size() const { return rows_.size(); }
  const registry::ParameterRow& row(int index) const { return *rows_[static_cast<size_t>(index)]; }
  const std::vector<Value>& defaults() const { return defaults_; }
  const std::vector<ParameterSection>& sections() const { return sections_; }

 private:
  std::vector<ParameterSection> sections_;
  std::vector<const registry::ParameterRow*> rows_;
  std::unordered_map<std::string_view, Found> by_name_;  // views of the rows' own names
  std::vector<Value> defaults_;
};

// How a value is asked for: see registry::SpecialInput.
struct ValueSource {
  bool from_file = false;
  bool first = false;
};

// The value that `words` ask for; the error is the reason as redis-server words it.
Result<Value> parse_value(const registry::ParameterRow& row, std::span<const std::string> words,
                          const Value& before, ValueSource source);

// As CONFIG GET prints it.
std::string print_value(const registry::ParameterRow& row, const Value& value);

// The lines of a file for it, without the name.
std::vector<registry::SpecialLine> value_lines(const registry::ParameterRow& row, const Value& value,
                                               const Value& default_value);

}  // namespace tessera::config
