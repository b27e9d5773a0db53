// Role: the order of texts in one locale, for SORT ALPHA. Thread: any; immutable. Invariant: the process'
// own locale is neither read nor changed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tessera::text {

class Collation {
 public:
  // By the name of a locale; empty: the environment's (LC_ALL, LC_COLLATE, LANG). nullptr: the system has
  // none of that name.
  static std::shared_ptr<const Collation> make(const std::string& name);
  ~Collation();
  Collation(const Collation&) = delete;
  Collation& operator=(const Collation&) = delete;

  // Below 0, 0, above 0; texts end at their first zero byte.
  int compare(std::string_view a, std::string_view b) const;

 private:
  Collation(void* locale, bool by_bytes) : locale_(locale), by_bytes_(by_bytes) {}
  void* locale_;
  bool by_bytes_;  // as C and POSIX do
};

}  // namespace tessera::text
