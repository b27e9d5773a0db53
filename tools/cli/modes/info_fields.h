// Role: the fields of an INFO reply by name. Thread: any, pure.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "common/text/strings.h"

namespace tessera::cli {

class InfoFields {
 public:
  explicit InfoFields(std::string_view text) {
    for (const std::string_view line : text::split(text, '\n')) {
      const std::string_view field = text::trim(line);
      const size_t colon = field.find(':');
      if (field.starts_with("#") || colon == std::string_view::npos) continue;
      fields_.emplace(field.substr(0, colon), field.substr(colon + 1));
    }
  }
  // 0 when it is missing.
  int64_t number(const std::string& name) const {
    const auto found = fields_.find(name);
    return found != fields_.end() ? std::atoll(found->second.c_str()) : 0;
  }
  const std::map<std::string, std::string>& fields() const { return fields_; }

 private:
  std::map<std::string, std::string> fields_;
};

}  // namespace tessera::cli
