#include "server/registry/command_row.h"

namespace tessera::registry {

uint32_t acl_categories(const CommandRow& row) {
  uint32_t categories = row.acl;
  if (row.flags & kWrite) categories |= kCatWrite;
  // Scripts are read only or not by what they call, so being one says nothing about access.
  if ((row.flags & kReadonly) && !(row.acl & kCatScripting)) categories |= kCatRead;
  if (row.flags & kAdmin) categories |= kCatAdmin | kCatDangerous;
  if (row.flags & kPubsub) categories |= kCatPubsub;
  if (row.flags & kBlocking) categories |= kCatBlocking;
  categories |= row.flags & kFast ? kCatFast : kCatSlow;
  return categories;
}

}  // namespace tessera::registry
