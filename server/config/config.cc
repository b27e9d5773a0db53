// Role: reading one version of all parameters. Thread: any; immutable.
#include "server/config/config.h"

#include "common/base/check.h"

namespace tessera::config {

using registry::ParameterType;

Config::Config(std::shared_ptr<const ParameterTable> table, std::string directory, int cores)
    : table_(std::move(table)), defaults_(table_->defaults()) {
  if (const int dir = table_->find("dir").index; dir >= 0) {
    defaults_[static_cast<size_t>(dir)].text = std::move(directory);
  }
  if (const int shards = table_->find("shards").index; shards >= 0) {
    // Marked: whoever names that number all the same has set it.
    defaults_[static_cast<size_t>(shards)] = {cores, kAutomatic};
  }
  values_ = defaults_;
}

int Config::index_of(std::string_view name) const {
  const int index = table_->find(name).index;
  TESSERA_CHECK(index >= 0 && "no parameter of that name");
  return index;
}

int64_t Config::integer(std::string_view name) const {
  const int index = index_of(name);
  const ParameterType type = table_->row(index).type;
  TESSERA_CHECK(type == ParameterType::kInt || type == ParameterType::kOctal ||
                type == ParameterType::kEnum || type == ParameterType::kMemoryOrPercent);
  return value(index).number;
}

uint64_t Config::bytes(std::string_view name) const {
  const int index = index_of(name);
  TESSERA_CHECK(table_->row(index).type == ParameterType::kMemory);
  return static_cast<uint64_t>(value(index).number);
}

bool Config::boolean(std::string_view name) const {
  const int index = index_of(name);
  TESSERA_CHECK(table_->row(index).type == ParameterType::kBool);
  return value(index).number != 0;
}

const std::string& Config::text(std::string_view name) const {
  const int index = index_of(name);
  const ParameterType type = table_->row(index).type;
  TESSERA_CHECK(type == ParameterType::kString || type == ParameterType::kEnum ||
                type == ParameterType::kSpecial);
  return value(index).text;
}

std::string Config::printed(int index) const {
  return print_value(table_->row(index), value(index));
}

std::string Config::printed(std::string_view name) const {
  return printed(index_of(name));
}

bool Config::is_default(int index) const {
  return value(index) == default_value(index);
}

std::shared_ptr<const Config> Draft::finish() && {
  if (const int shards = config_.table_->find("shards").index; shards >= 0) {
    Value& value = config_.values_[static_cast<size_t>(shards)];
    if (value.number == 0) value = config_.default_value(shards);
  }
  return std::make_shared<const Config>(std::move(config_));
}

}  // namespace tessera::config
