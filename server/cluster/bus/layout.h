// Role: where the fields of a bus message are, for this folder only. Thread: any; constants.
// Source: observed messages of Redis 7.0.15 and Valkey 9.1.2 (tests/data/bus-messages.jsonl). Offsets in
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera::cluster::bus::layout {

constexpr uint16_t kProtocolVersion = 1;
constexpr uint16_t kLightBit = 0x8000;  // of the type
constexpr size_t kSlotBytes = 2048;

// The full header.
constexpr size_t kVersion = 8;
constexpr size_t kPort = 10;
constexpr size_t kType = 12;
constexpr size_t kCount = 14;
constexpr size_t kCurrentEpoch = 16;
constexpr size_t kConfigEpoch = 24;
constexpr size_t kOffset = 32;
constexpr size_t kSender = 40;
constexpr size_t kSlots = 80;
constexpr size_t kPrimary = 2128;
constexpr size_t kAnnouncedIp = 2168;
constexpr size_t kExtensions = 2214;
constexpr size_t kUnused = 2216;
constexpr size_t kUnusedBytes = 30;
constexpr size_t kOtherPort = 2246;
constexpr size_t kBusPort = 2248;
constexpr size_t kFlags = 2250;
constexpr size_t kState = 2252;
constexpr size_t kMessageFlags = 2253;

// The light header has version and type at the same places.
constexpr size_t kLightUnused1 = 10;
constexpr size_t kLightUnused2 = 14;

// A gossip entry.
constexpr size_t kGossipBytes = 104;
constexpr size_t kGossipId = 0;
constexpr size_t kGossipPing = 40;
constexpr size_t kGossipPong = 44;
constexpr size_t kGossipIp = 48;
constexpr size_t kGossipPort = 94;
constexpr size_t kGossipBusPort = 96;
constexpr size_t kGossipFlags = 98;
constexpr size_t kGossipOtherPort = 100;
constexpr size_t kGossipUnused = 102;

// An extension: length of the whole record, type, unused, data.
constexpr size_t kExtensionHeaderBytes = 8;
constexpr size_t kExtensionType = 4;
constexpr size_t kExtensionUnused = 6;

constexpr size_t kFailBytes = 40;
constexpr size_t kUpdateBytes = 8 + 40 + kSlotBytes;
constexpr size_t kPublishLengthsBytes = 8;
constexpr size_t kModuleHeadBytes = 13;  // id 8, length 4, kind 1

}  // namespace tessera::cluster::bus::layout
