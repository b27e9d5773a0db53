// Role: the tables behind format.h.
#include "server/persist/rdb/format.h"

namespace tessera::rdb {

namespace {

struct TypeRow {
  uint8_t type;
  Kind kind;
  const char* name;
};

constexpr TypeRow kCommon[] = {
    {0, Kind::kString, "string"},
    {1, Kind::kList, "list-linked"},
    {2, Kind::kSet, "set-hashtable"},
    {3, Kind::kZset, "zset-v1"},
    {4, Kind::kHash, "hash-hashtable"},
    {5, Kind::kZset2, "zset-v2"},
    {6, Kind::kModulePre, "module-pre-release"},
    {7, Kind::kModule, "module-value"},
    {9, Kind::kHashZipmap, "hash-zipmap"},
    {10, Kind::kListZiplist, "list-ziplist"},
    {11, Kind::kSetIntset, "set-intset"},
    {12, Kind::kZsetZiplist, "zset-ziplist"},
    {13, Kind::kHashZiplist, "hash-ziplist"},
    {14, Kind::kListQuicklist, "quicklist"},
    {15, Kind::kStream, "stream"},
    {16, Kind::kHashListpack, "hash-listpack"},
    {17, Kind::kZsetListpack, "zset-listpack"},
    {18, Kind::kListQuicklist2, "quicklist-v2"},
    {19, Kind::kStream2, "stream-v2"},
    {20, Kind::kSetListpack, "set-listpack"},
    {21, Kind::kStream3, "stream-v3"},
};
constexpr TypeRow kRedisOnly[] = {
    {22, Kind::kHashTimesPre, "hash-hashtable-md-pre-release"},
    {23, Kind::kHashListpackPre, "hash-listpack-md-pre-release"},
    {24, Kind::kHashTimes, "hash-hashtable-md"},
    {25, Kind::kHashListpackTimes, "hash-listpack-md"},
};
constexpr TypeRow kValkeyOnly[] = {
    {22, Kind::kHashValkey, "hash-volatile-items"},
};

template <size_t N>
const TypeRow* find(const TypeRow (&rows)[N], uint8_t type) {
  for (const TypeRow& row : rows) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

const TypeRow* row_of(uint8_t type, Family family) {
  if (const TypeRow* row = find(kCommon, type)) return row;
  return family == Family::kRedis ? find(kRedisOnly, type) : find(kValkeyOnly, type);
}

}  // namespace

bool version_is_read(int version, Family family, bool relaxed) {
  if (family == Family::kRedis) return version >= 1 && (relaxed || version <= kRedisMax);
  return version >= kValkeyMin && (relaxed || version <= kValkeyMax);
}

Kind kind_of(uint8_t type, Family family) {
  const TypeRow* row = row_of(type, family);
  return row != nullptr ? row->kind : Kind::kUnknown;
}

std::string_view type_name(uint8_t type, Family family) {
  const TypeRow* row = row_of(type, family);
  return row != nullptr ? row->name : "";
}

const char* grammar_of(Kind kind) {
  switch (kind) {
    case Kind::kList:
    case Kind::kListQuicklist:
    case Kind::kSet:
      return "(S)";
    case Kind::kListQuicklist2:
      return "(LS)";
    case Kind::kZset:
      return "(SD)";
    case Kind::kZset2:
      return "(SB)";
    case Kind::kHash:
      return "(SS)";
    case Kind::kHashTimesPre:
      return "(LSS)";
    case Kind::kHashTimes:
      return "B(LSS)";
    case Kind::kHashListpackTimes:
      return "BS";
    case Kind::kHashValkey:
      return "(SSB)";
    case Kind::kStream:
      return "(SS)LLL(SLL(IBL)(SB(I)))";
    case Kind::kStream2:
      return "(SS)LLLLLLLL(SLLL(IBL)(SB(I)))";
    case Kind::kStream3:
      return "(SS)LLLLLLLL(SLLL(IBL)(SBB(I)))";
    case Kind::kModule:
      return "LM";
    case Kind::kUnknown:
    case Kind::kModulePre:
      return nullptr;
    default:
      return "S";
  }
}

}  // namespace tessera::rdb
