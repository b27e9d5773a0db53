// Role: the numbers of RDB files and DUMP payloads: kinds of objects by type byte, opcodes, and how the bytes
// of each kind are built. Thread: any, pure. Invariant: Redis and Valkey gave the numbers from 22 on
// different meanings, so a type byte means nothing without its family, which a file's magic or a payload's
// version tells.
#pragma once

#include <cstdint>
#include <string_view>

namespace tessera::rdb {

enum class Family : uint8_t { kRedis, kValkey };

// Versions. Below kCommonMax both families mean the same.
constexpr int kPlainVersion = 10;       // what is written as a rule: Redis 7.0 reads it
constexpr int kFieldTimesVersion = 12;  // hashes whose fields have times: Redis 7.4
constexpr int kRedisMax = 12;
constexpr int kValkeyMin = 80;
constexpr int kValkeyMax = 80;
constexpr int kChecksumSince = 5;

// Whether files and payloads of that version are read, and whose it is. `relaxed`: later ones are tried,
// since what is in them may be known all the same.
bool version_is_read(int version, Family family, bool relaxed = false);
inline Family family_of_version(int version) {
  return version >= kValkeyMin ? Family::kValkey : Family::kRedis;
}

enum class Kind : uint8_t {
  kUnknown,
  kString,
  kList,
  kListZiplist,
  kListQuicklist,
  kListQuicklist2,
  kSet,
  kSetIntset,
  kSetListpack,
  kZset,
  kZset2,
  kZsetZiplist,
  kZsetListpack,
  kHash,
  kHashZipmap,
  kHashZiplist,
  kHashListpack,
  kHashTimesPre,     // fields with absolute times, as release candidates of Redis 7.4 wrote them
  kHashTimes,        // times as differences to the soonest one
  kHashListpackPre,  // listpack of field, value, time; without the soonest time in front
  kHashListpackTimes,
  kHashValkey,  // field, value, time of 8 bytes
  kStream,
  kStream2,
  kStream3,
  kModulePre,  // without marks: nobody but the module can tell where it ends
  kModule,
};

enum TypeByte : uint8_t {
  kTypeString = 0,
  kTypeSet = 2,
  kTypeHash = 4,
  kTypeZset2 = 5,
  kTypeSetIntset = 11,
  kTypeHashListpack = 16,
  kTypeZsetListpack = 17,
  kTypeListQuicklist2 = 18,
  kTypeStream2 = 19,
  kTypeHashTimes = 24,
};

enum Opcode : uint8_t {
  kOpSlotImport = 243,  // Valkey: slots that were on their way in
  kOpSlotInfo = 244,
  kOpFunction = 245,
  kOpFunctionPre = 246,
  kOpModuleAux = 247,
  kOpIdle = 248,
  kOpFreq = 249,
  kOpAux = 250,
  kOpResizeDb = 251,
  kOpExpireMs = 252,
  kOpExpireS = 253,
  kOpSelectDb = 254,
  kOpEnd = 255,
};

// First bytes of lengths and strings.
constexpr uint8_t kLength32 = 0x80;
constexpr uint8_t kLength64 = 0x81;
enum StringForm : uint8_t { kInt8 = 0, kInt16 = 1, kInt32 = 2, kLzf = 3 };

// Marks inside a module's value.
enum ModuleMark : uint8_t {
  kModuleEnd = 0,
  kModuleSigned = 1,
  kModuleUnsigned = 2,
  kModuleFloat = 3,
  kModuleDouble = 4,
  kModuleString = 5,
};

Kind kind_of(uint8_t type, Family family);
// The lowest version that has what we write as that type.
constexpr int version_of_type(uint8_t type) {
  return type == kTypeHashTimes ? kFieldTimesVersion : kPlainVersion;
}
// What follows the type byte and the key: S a string, L a length, C, F, B, I 1, 4, 8
// and 16 bytes, D a double as text,
// M a module's marked values; "(...)" a length, and what is inside as often as it says.
const char* grammar_of(Kind kind);
// What a checker calls a type byte, as redis-check-rdb does; "" for unknown ones.
std::string_view type_name(uint8_t type, Family family);

}  // namespace tessera::rdb
