// Role: the versions this server calls itself. Thread: constants.
#pragma once

namespace tessera {

inline constexpr const char* kTesseraVersion = "0.1.0";
// What clients are told, since they choose what they use by it: encodings and commands are those of this
// version.
inline constexpr const char* kRedisVersion = "7.2.4";
inline constexpr int kRedisVersionNumber = 0x00070204;

}  // namespace tessera
