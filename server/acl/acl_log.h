// Role: what was refused lately and to whom (ACL LOG). Thread: control; other threads post what they refused.
// Invariant: at most `limit` entries, newest first; the same refusal within a minute counts up instead of
// piling up.
#pragma once

#include <cstdint>
#include <list>
#include <string>

#include "common/base/units.h"
#include "common/resp/writer.h"

namespace tessera::acl {

enum class Reason : uint8_t { kAuth, kCommand, kKey, kChannel };
enum class Context : uint8_t { kTopLevel, kMulti, kLua, kModule };

struct LogEntry {
  Reason reason = Reason::kCommand;
  Context context = Context::kTopLevel;
  std::string object;  // command, key, channel; for kAuth the command as it was sent
  std::string user_name;
  std::string client_info;  // as CLIENT INFO
  WallMs when;
  int64_t count = 1;
};

class AclLog {
 public:
  static constexpr int64_t kGroupMs = 60'000;

  void set_limit(size_t limit);  // acllog-max-len
  void add(LogEntry entry);
  void clear() { entries_.clear(); }
  const std::list<LogEntry>& entries() const { return entries_; }
  // Up to `max` entries as ACL LOG replies them.
  void write(int64_t max, WallMs now, resp::Writer& out) const;

 private:
  size_t limit_ = 128;
  std::list<LogEntry> entries_;
};

}  // namespace tessera::acl
