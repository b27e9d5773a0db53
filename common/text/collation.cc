// Role: see collation.h.
#include "common/text/collation.h"

#include <locale.h>
#include <string.h>

#include <cstdlib>

#include "common/text/strings.h"

namespace tessera::text {

namespace {

// What the system takes for LC_COLLATE when no name is given.
std::string name_of_environment() {
  for (const char* variable : {"LC_ALL", "LC_COLLATE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return "C";
}

std::string_view up_to_zero(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

}  // namespace

std::shared_ptr<const Collation> Collation::make(const std::string& name) {
  const std::string wanted = name.empty() ? name_of_environment() : name;
  const bool by_bytes =
      wanted == "C" || wanted == "POSIX" || iequals(wanted, "C.UTF-8") || iequals(wanted, "C.utf8");
  locale_t locale = newlocale(LC_COLLATE_MASK, wanted.c_str(), nullptr);
  if (locale == nullptr) return nullptr;
  return std::shared_ptr<const Collation>(new Collation(locale, by_bytes));
}

Collation::~Collation() {
  freelocale(static_cast<locale_t>(locale_));
}

int Collation::compare(std::string_view a, std::string_view b) const {
  a = up_to_zero(a);
  b = up_to_zero(b);
  if (by_bytes_) return a.compare(b);
  return strcoll_l(std::string(a).c_str(), std::string(b).c_str(), static_cast<locale_t>(locale_));
}

}  // namespace tessera::text
