#include "server/registry/key_hooks.h"

#include "common/text/strings.h"
#include "server/registry/command_row.h"

namespace tessera::registry {

using text::iequals;

uint16_t set_key_flags(const Args& args, int) {
  for (size_t i = 3; i < args.size(); ++i) {
    const std::string_view word = args[i];
    // A comparison tells something about the old value, so it needs read access as GET does.
    if (iequals(word, "get") || iequals(word, "ifeq") || iequals(word, "ifne") || iequals(word, "ifdeq") ||
        iequals(word, "ifdne")) {
      return kKeyRW | kKeyAccess | kKeyUpdate;
    }
  }
  return kKeyOW | kKeyUpdate;
}

uint16_t bitfield_key_flags(const Args& args, int) {
  size_t i = 2;
  while (i < args.size()) {
    const size_t behind = args.size() - i - 1;
    if (iequals(args[i], "get") && behind >= 2) {
      i += 3;
    } else if (iequals(args[i], "overflow") && behind >= 1) {
      i += 2;
    } else {
      return kKeyRW | kKeyAccess | kKeyUpdate;  // SET, INCRBY, or wrong syntax
    }
  }
  return kKeyRO | kKeyAccess;
}

bool sort_keys(const Args& args, std::vector<int>& positions) {
  positions.push_back(1);
  int store = 0;
  for (size_t i = 2; i < args.size(); ++i) {
    if (iequals(args[i], "limit")) {
      i += 2;
    } else if (iequals(args[i], "get") || iequals(args[i], "by")) {
      ++i;
    } else if (iequals(args[i], "store") && i + 1 < args.size()) {
      store = static_cast<int>(i) + 1;
      ++i;
    }
  }
  if (store > 0) positions.push_back(store);
  return true;
}

uint16_t sort_key_flags(const Args&, int position) {
  return position == 1 ? kKeyRO | kKeyAccess : kKeyOW | kKeyUpdate;
}

bool sort_ro_keys(const Args&, std::vector<int>& positions) {
  positions.push_back(1);
  return true;
}

bool migrate_keys(const Args& args, std::vector<int>& positions) {
  for (size_t i = 6; i < args.size(); ++i) {
    if (iequals(args[i], "auth")) {
      ++i;
    } else if (iequals(args[i], "auth2")) {
      i += 2;
    } else if (iequals(args[i], "keys") && i + 1 < args.size()) {
      if (!args[3].empty()) return false;
      for (size_t key = i + 1; key < args.size(); ++key) positions.push_back(static_cast<int>(key));
      return true;
    }
  }
  positions.push_back(3);
  return true;
}

uint16_t migrate_key_flags(const Args&, int) {
  return kKeyRW | kKeyAccess | kKeyDelete;
}

}  // namespace tessera::registry
