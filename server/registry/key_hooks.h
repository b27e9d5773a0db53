// Role: keys and access flags that no key specification can express, for rows to name as .key_hook and
// .key_flags_hook. Thread: any, pure. They read syntax only as far as needed, and in doubt claim more access.
#pragma once

#include <cstdint>
#include <vector>

#include "server/registry/args.h"

namespace tessera::registry {

// SET: with GET or a comparison with the old value it reads too.
uint16_t set_key_flags(const Args& args, int position);
// BITFIELD: only GET subcommands: read only.
uint16_t bitfield_key_flags(const Args& args, int position);
// SORT: the key, and the last STORE's destination.
bool sort_keys(const Args& args, std::vector<int>& positions);
uint16_t sort_key_flags(const Args& args, int position);
// SORT_RO: the key.
bool sort_ro_keys(const Args& args, std::vector<int>& positions);
// MIGRATE: one key, or what follows KEYS when that one is empty.
bool migrate_keys(const Args& args, std::vector<int>& positions);
uint16_t migrate_key_flags(const Args& args, int position);

}  // namespace tessera::registry
